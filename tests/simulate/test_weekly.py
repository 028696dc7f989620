"""The simulated week: exact propensities, known truth, and no dependence on how users are split."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from tactful.core.actions import ActionSpace, time_us
from tactful.core.draw import ONE, draw, draw_key, serve, uniform, user_key
from tactful.core.outcomes import Objective
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.simulate.chance import binomial, normal, poisson
from tactful.simulate.spec import spec_toml
from tactful.simulate.status_quo import StatusQuo, status_quo
from tactful.simulate.weekly import LIFECYCLES, START, WeeklyWorld

OUTCOMES = ("engaged", "opens", "opted_out")
OBJECTIVE = Objective({"engaged": 1.0, "opted_out": -15.0})
WORLD = WeeklyWorld()


@dataclass(frozen=True)
class Platform:
    """A policy by platform and recent dose, with a uniform share; new users share their platform's node."""

    segments: Segments = field(default_factory=lambda: Segments.of(["ios", "android"]))
    uniform: float = 0.2
    version: str = "platform"

    def pmf(self, nodes, context=None):
        assert context is not None
        pmf = np.zeros((nodes.size, WORLD.actions.k))
        rested = context[:, 0] < 2
        column = np.where(rested, 5, np.where(nodes == self.segments.index("ios"), 1, 7))
        pmf[np.arange(nodes.size), column] = 0.75
        pmf[:, 0] = 0.25
        return pmf


@pytest.fixture(scope="module")
def simulated():
    return WORLD.simulate(4000, 10, seed=11)


def columns(log):
    plain = [log.user_ids[log.user], log.period, log.segment, log.action, log.propensity, log.propensities]
    plain += [log.context, log.decided_at, *(m.value for m in log.outcomes.values())]
    return [*plain, *(log.outcomes[o].trials for o in ("opens",)), log.user_key[log.user]]


def test_the_same_seed_gives_the_same_log_and_another_does_not():
    a, b, c = (WORLD.simulate(50, 3, seed=s) for s in (3, 3, 4))
    assert a.log.fingerprint() == b.log.fingerprint() != c.log.fingerprint()
    assert WORLD.simulate(50, 3, seed=3, salt="other").log.fingerprint() != a.log.fingerprint()


@pytest.mark.parametrize("policy", [None, Platform()], ids=["status quo", "policy"])
def test_ranges_of_users_give_the_rows_of_the_whole(policy):
    whole = WORLD.simulate(301, 6, seed=5, policy=policy)
    parts = [WORLD.simulate(n, 6, seed=5, policy=policy, first_user=at) for at, n in ((0, 1), (1, 163), (164, 137))]
    for all_, *some in zip(columns(whole.log), *(columns(p.log) for p in parts), strict=True):
        np.testing.assert_array_equal(all_, np.concatenate(some))
    for o in OUTCOMES:
        np.testing.assert_array_equal(whole.truth[o], np.concatenate([p.truth[o] for p in parts]))


def test_the_log_is_canonical(simulated):
    log = simulated.log
    key = np.stack([log.user, log.period])
    assert (np.diff(log.user) >= 0).all()
    assert np.unique(key, axis=1).shape[1] == log.n
    assert log.period.min() == log.actions.period(time_us(START, ""))
    assert (log.actions.period(0) < log.period).all()
    assert {datetime.fromtimestamp(t / 1e6, UTC).weekday() for t in log.decided_at[:200]} == {0}
    assert ((log.decided_at - log.actions.origin_us) // log.actions.period_us == log.period).all()
    assert len({log.segments.paths[s] for s in np.unique(log.segment)}) == 24
    np.testing.assert_allclose(log.propensities.sum(1), 1, atol=1e-15)
    np.testing.assert_array_equal(log.propensities[np.arange(log.n), log.action], log.propensity)
    assert all(m.mature.all() and m.known.all() for m in log.outcomes.values())
    frequency = np.array(log.actions.frequencies)
    np.testing.assert_array_equal(log.outcomes["opens"].trials, frequency[log.action])
    assert (log.outcomes["opens"].value <= log.outcomes["opens"].trials).all()


def test_recent_sends_follow_from_the_log_alone(simulated):
    log, f = simulated.log, np.array(simulated.log.actions.frequencies, float)
    dose = 0.0
    for i in range(2000):
        dose = 0.0 if i == 0 or log.user[i] != log.user[i - 1] else (dose + f[log.action[i - 1]]) / 2
        assert log.context[i, 0] == dose


def test_an_opt_out_is_the_last_row_of_its_user_and_nobody_else_leaves(simulated):
    log = simulated.log
    gone = log.outcomes["opted_out"].value == 1
    last = np.append(log.user[1:] != log.user[:-1], True)
    assert gone.any()
    assert last[gone].all()
    assert (gone | (log.period == log.period.max()))[last].all()


@pytest.mark.parametrize("policy", [None, Platform()], ids=["status quo", "policy"])
def test_propensities_are_those_of_the_scalar_draw(policy):
    log = WORLD.simulate(60, 4, seed=2, policy=policy, salt="s").log
    acting = policy or StatusQuo(WORLD.actions)
    nodes = acting.segments.locate(log.segments)[log.segment]
    stored = np.round(acting.pmf(nodes, log.context) * ONE).astype(np.int64)
    for i in range(log.n):
        shares = serve(stored[i].tolist(), None, acting.uniform)
        a = draw(shares, uniform(user_key(log.user_ids[log.user[i]]), int(log.period[i]), draw_key("s")))
        assert (a, shares[a] / ONE) == (log.action[i], log.propensity[i])


def test_actions_are_drawn_as_often_as_they_say(simulated):
    """Pearson's χ² of pooled counts; false-alarm rate 1e-4."""
    log = simulated.log
    expected = log.propensities.sum(0)
    chi2 = ((np.bincount(log.action, minlength=log.actions.k) - expected) ** 2 / expected).sum()
    assert chi2 < stats.chi2.isf(1e-4, log.actions.k - 1)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_truth_is_the_mean_of_what_is_realised(simulated, outcome):
    """Residuals of the logged action average to zero overall, by frequency and by lifecycle.

    A residual has mean zero given the past, so rows of a user are uncorrelated; z tests, 9 each of three outcomes,
    false-alarm rate 1e-4 in all.
    """
    log = simulated.log
    residual = log.outcomes[outcome].value - simulated.truth[outcome][np.arange(log.n), log.action]
    frequency = np.array(log.actions.frequencies)[log.action]
    life = np.array([p.split("/")[1] if p.count("/") else "" for p in log.segments.paths])[log.segment]
    groups = [np.ones(log.n, bool), *(frequency == f for f in (1, 2, 3, 5, 7)), *(life == x for x in np.unique(life))]
    bound = stats.norm.isf(1e-4 / 27 / 2)
    for rows in groups:
        r = residual[rows]
        assert abs(r.mean()) < bound * r.std() / np.sqrt(r.size)


def test_value_of_the_logging_policy_and_of_an_objective(simulated):
    pmf = status_quo(WORLD.actions)
    v = simulated.value(pmf, OBJECTIVE)
    np.testing.assert_allclose(v, simulated.value(pmf, "engaged") - 15 * simulated.value(pmf, "opted_out"))
    one = np.eye(WORLD.actions.k)[simulated.log.action]
    np.testing.assert_array_equal(
        simulated.value(one, "opens"), simulated.truth["opens"][np.arange(v.size), one.argmax(1)]
    )


def test_segments_want_different_cadences_and_the_status_quo_can_be_beaten(simulated):
    log, actions = simulated.log, WORLD.actions
    value = OBJECTIVE.combine(simulated.truth)
    best = {p: actions.names[value[log.segment == s].mean(0).argmax()] for s, p in enumerate(log.segments.paths)
            if p.count("/") == 2}  # fmt: skip
    assert {a.split("@")[1] for a in best.values()} == {"08:00", "12:00", "18:00", "21:30"}
    life = np.array([p.split("/")[1] if p.count("/") == 2 else "" for p in log.segments.paths])[log.segment]
    sends = np.array(actions.frequencies)
    mine = {x: np.array([value[life == x][:, sends == f].max(1).mean() for f in (1, 2, 3, 5, 7)]) for x in LIFECYCLES}
    assert [int(mine[x].argmax()) for x in LIFECYCLES] == [1, 2, 4]  # 2, 3 and 7 a week
    assert all(mine[x][4] < mine[x].max() for x in ("new", "regular"))  # too many hurt
    leaves = np.unique(log.segment)
    by_leaf = np.zeros(len(log.segments))
    by_leaf[leaves] = [value[log.segment == s].mean(0).max() for s in leaves]
    gain = by_leaf[log.segment].mean() - simulated.value(status_quo(actions), OBJECTIVE).mean()
    assert 0.2 < gain < 0.3
    assert 0.002 < log.outcomes["opted_out"].value.mean() < 0.005
    assert 1.7 < log.outcomes["engaged"].value.mean() < 2.3


def test_every_action_of_the_status_quo_has_a_hundredth():
    pmf = status_quo(WORLD.actions)
    assert pmf.min() >= 0.01
    assert pmf.sum() == 1
    five = np.array([f == 5 for f in WORLD.actions.frequencies])
    assert pmf[five].sum() == pytest.approx(0.3 + 0.7 * 4 / 21)


def test_a_cut_hides_what_is_not_known_yet():
    whole = WORLD.simulate(40, 4, seed=9).log
    now = whole.actions.period_start_us(int(whole.period.max())) + 12 * 3600 * 1_000_000
    cut = WORLD.simulate(40, 4, seed=9, as_of=now).log
    assert cut.n == (whole.decided_at <= now).sum() < whole.n
    young = cut.decided_at + 7 * 86_400_000_000 > now
    assert young.any()
    for m in cut.outcomes.values():
        np.testing.assert_array_equal(np.isnan(m.value), young)
        np.testing.assert_array_equal(m.mature, ~young)


def test_progress_is_told_every_week():
    seen: list[tuple[int, int]] = []
    WORLD.simulate(3, 3, seed=1, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_makes_no_world_is_refused():
    with pytest.raises(SpecError, match="at least one"):
        WORLD.simulate(0, 3, seed=1)
    with pytest.raises(SpecError, match="cadences of a week"):
        WeeklyWorld(actions=ActionSpace.named(["none", "send"]))


def test_the_spec_describes_the_action_space():
    spec = tomllib.loads(spec_toml())
    a = spec["actions"]
    assert ActionSpace.grid(a["slots"], a["frequencies"], none=a["none"], period_days=a["period_days"]) == WORLD.actions
    assert set(spec["outcomes"]) == set(OUTCOMES)
    assert spec["objective"] == OBJECTIVE.values
    assert tomllib.loads(spec_toml(as_of=time_us(START, "")))["log"]["as_of"] == "2026-01-05T00:00:00+00:00"


def test_variates_have_their_distributions():
    """Inversion against scipy's own quantiles; a normal by Kolmogorov and Smirnov, false-alarm rate 1e-4."""
    u = (np.arange(2000) + 0.5) / 2000
    for mean in (0.01, 1.7, 20.0):
        np.testing.assert_array_equal(poisson(u, np.full(u.size, mean)), stats.poisson.ppf(u, mean))
    for n, p in ((7, 0.1), (5, 0.9), (0, 0.3)):
        np.testing.assert_array_equal(
            binomial(u, np.full(u.size, float(n)), np.full(u.size, p)), stats.binom.ppf(u, n, p)
        )
    assert stats.kstest(normal(1, np.arange(20_000, dtype=np.uint64), 0), "norm").pvalue > 1e-4
