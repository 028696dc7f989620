"""Values: realised and expected agree, differences are paired, populations add up, and errors are errors."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import stats

from tactful.errors import SpecError
from tactful.policies.table import always
from tactful.simulate.engine import MEASURES
from tactful.simulate.hours import leaf_slots
from tactful.simulate.optimal import Search
from tactful.simulate.people import draw_people
from tactful.simulate.plans import ANY, ByFatigue, Fixed, bucket
from tactful.simulate.world import World

WORLD = World()
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="too many users for plain Python")


@pytest.fixture(scope="module")
def people():
    return WORLD.people(6000, seed=21)


def test_populations_add_up():
    whole = WORLD.value(Fixed(5.0), 14, 70, seed=3, cuts=(7,))
    parts = [WORLD.value(Fixed(5.0), 14, 10, seed=3, first_user=10 * i, cuts=(7,)) for i in range(7)]
    np.testing.assert_array_equal(whole.totals, np.concatenate([p.totals for p in parts]))
    np.testing.assert_array_equal(whole.alive, np.concatenate([p.alive for p in parts]))


def test_windows_add_up_and_plans_that_look_weekly_agree_with_those_that_do_not():
    cut, whole = (WORLD.value(Fixed(6.0), 28, 60, seed=3, cuts=c) for c in ((7, 21), ()))
    leaves = len(WORLD.config.leaves)
    shape = (leaves, 2)
    weekly = WORLD.value(ByFatigue(np.array([3.0]), np.full(shape, 6.0), np.full(shape, ANY)), 28, 60, seed=3)
    for name in MEASURES:
        np.testing.assert_allclose(cut.of_users(name), whole.of_users(name), rtol=1e-12)
        np.testing.assert_allclose(weekly.of_users(name), whole.of_users(name), rtol=1e-12)
        parts = [cut.of_users(name, days) for days in ((0, 7), (7, 21), (21, 28))]
        np.testing.assert_allclose(sum(parts), whole.of_users(name), rtol=1e-12)


def test_a_policy_is_worth_what_its_draws_bring():
    """``always`` draws the same cadence every week: the plan of that cadence, user by user."""
    value = WORLD.value(always(WORLD.actions, "3x@16:00"), 21, 80, seed=4)
    plan = WORLD.value(Fixed(3.0, 2), 21, 80, seed=4)
    np.testing.assert_allclose(value.totals, plan.totals, rtol=1e-12)


def test_the_best_slot_by_leaf_and_by_user_beats_any_slot(people):
    by_user = np.argmax(WORLD.slot_log_odds(people), axis=1)
    some = people.take(np.arange(people.n) < 600)
    plans = (Fixed(5.0), Fixed(5.0, leaf_slots(WORLD.config)), Fixed(5.0, by_user[:600], by="user"))
    opens = [WORLD.value(plan, 7, some, seed=21).mean("expected_opens").value for plan in plans]
    assert opens[0] < opens[1] < opens[2]


def test_uplift_is_smallest_for_those_who_come_anyway(people):
    lift, visits = WORLD.uplift(people), people.visits
    busy = visits >= np.quantile(visits, 0.9)
    assert lift[busy].mean() < 0.6 * lift[~busy].mean()


def test_people_who_are_given_are_not_moved(people):
    before = people.state.copy()
    WORLD.value(Fixed(5.0), 7, people, seed=21)
    np.testing.assert_array_equal(before, people.state)


@compiled
def test_expected_figures_are_the_realised_with_less_noise(people):
    """Paired z tests at 28 days, false-alarm rate 1e-4; the errors of a difference shrink as issue 3 says."""
    base, half = (WORLD.value(plan, 28, people, seed=21) for plan in (Fixed(5.0), Fixed(5.0, kept=0.5)))
    for name in ("opens", "sessions", "opt_outs"):
        gap = base.of_users(name) - base.of_users(f"expected_{name}")
        assert abs(gap.mean()) < stats.norm.isf(1e-4 / 6) * gap.std() / np.sqrt(gap.size)
    realised, expected = (half.minus(base, f"{kind}opt_outs") for kind in ("", "expected_"))
    assert expected.se**2 < realised.se**2 / 20
    apart = np.hypot(half.mean("sessions").se, base.mean("sessions").se)
    assert half.minus(base, "sessions").se < apart / 5
    assert half.relative(base, "sends").value == pytest.approx(-0.5, abs=0.02)


@compiled
def test_doubling_the_users_halves_the_variance():
    """Variance of the mean over 200 populations of n and of 2n: their ratio is F-distributed; false alarms 1e-3."""
    means = {
        n: [WORLD.value(Fixed(5.0), 7, n, seed=5, first_user=n * i).mean("sessions").value for i in range(200)]
        for n in (100, 200)
    }
    logs = {n: np.log(m) for n, m in means.items()}  # the mean of a heavy tail is skewed
    ratio = logs[100].var(ddof=1) / logs[200].var(ddof=1) / 2
    assert stats.f.ppf(5e-4, 199, 199) < ratio < stats.f.isf(5e-4, 199, 199)
    one, two = (WORLD.value(Fixed(5.0), 7, n, seed=6) for n in (4000, 8000))
    assert two.mean("sends").se ** 2 == pytest.approx(one.mean("sends").se ** 2 / 2, rel=0.15)


def test_one_step_values_by_segment_and_action():
    few = WORLD.people(400, seed=2)
    table = WORLD.one_step(few)
    assert table.shape == (24, WORLD.actions.k, 4)
    filled = ~np.isnan(table[:, 0, 0])
    assert (table[filled, 0, 0] == 0).all()
    assert (table[filled][:, 5, 3] > table[filled][:, 1, 3]).all()  # 7 a week against 1
    paces = WORLD.one_step(few, per_week=(0, 0.25, 5), days=28)
    share = np.bincount(few.leaf, minlength=24) / few.n
    value = WORLD.value(Fixed(0.0), 28, few, seed=2)
    assert share @ np.nan_to_num(paces[:, 0, 2]) == pytest.approx(value.mean("expected_sessions").value, rel=1e-3)


def test_means_by_leaf_and_what_is_refused(people):
    value = WORLD.value(Fixed(5.0), 7, people, seed=21)
    share = np.bincount(value.leaf, minlength=24) / value.n
    assert share @ value.by_leaf("sends", 24) == pytest.approx(value.mean("sends").value)
    assert 0.9 < value.reachable.value < 1
    drawn = WORLD.plan(always(WORLD.actions, "none"), people)
    asked = (
        ("unknown measure", lambda: value.mean("joy")),
        ("no cuts", lambda: value.mean("sends", (0, 5))),
        ("week by week", lambda: drawn.weeks(people, 0, 2)),
    )
    for message, ask in asked:
        with pytest.raises(SpecError, match=message):
            ask()


def test_fatigue_is_told_in_buckets():
    people = draw_people(WORLD.config, 5, 0, 1)
    people.state[:, 0] = [0, 1.0, 1.5, 2.0, 9.0]
    assert bucket(people, np.array([1.0, 2.0])).tolist() == [0, 1, 1, 2, 2]


@compiled
def test_the_stationary_plan_beats_the_one_step_plan_and_the_status_quo_on_other_people(people):
    """Worth at a price of ten sessions an opt-out, over half a year; paired, by three standard errors."""
    search = Search(world=WORLD, price=10.0, horizon=182, rounds=2)
    plans = {"short": search.one_step(people), "long": search.stationary(people, 21), "quo": WORLD.status_quo}
    others = WORLD.people(20_000, seed=22)
    worth = {}
    for name, plan in plans.items():
        value = WORLD.value(plan, 182, others, seed=22)
        worth[name] = value.of_users("expected_sessions") - 10 * value.of_users("expected_opt_outs")
    assert plans["long"].per_week.shape == (24, 6)
    for other in ("short", "quo"):
        gap = worth["long"] - worth[other]
        assert gap.mean() > 3 * gap.std() / np.sqrt(gap.size)
