"""The world's logs: canonical, exact, the same for any split, with the truth behind them."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.draw import ONE, draw, draw_key, serve, uniform, user_key
from tactful.core.outcomes import Objective
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.simulate.hours import zone_names
from tactful.simulate.plans import Fixed
from tactful.simulate.status_quo import StatusQuo
from tactful.simulate.world import World
from tactful.simulate.world_config import Drift, Leaf, WorldConfig, lively
from tactful.simulate.world_spec import world_spec

WORLD = World()
BRISK = World(replace(WorldConfig(), hazard=0.01, openness=-1.0))
OUTCOMES = ("engaged", "opens", "opted_out")
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="too many users for plain Python")


@dataclass(frozen=True)
class ByDose:
    """A policy by platform and fatigue, with a uniform share."""

    segments: Segments = field(default_factory=lambda: Segments.of(["ios", "android"]))
    uniform: float = 0.2
    version: str = "by dose"

    def pmf(self, nodes, context=None):
        pmf = np.zeros((nodes.size, WORLD.actions.k))
        column = np.where(context[:, 0] < 1, 5, np.where(nodes == self.segments.index("ios"), 1, 7))
        pmf[np.arange(nodes.size), column] = 0.75
        pmf[:, 0] = 0.25
        return pmf


@pytest.fixture(scope="module")
def made():
    return BRISK.simulate(300, 6, seed=11, events=True)


def columns(made):
    log = made.log
    plain = [log.user_ids[log.user], log.period, log.segment, log.action, log.propensity, log.propensities]
    plain += [log.context, log.decided_at, *(m.value for m in log.outcomes.values()), log.outcomes["opens"].trials]
    events = made.events
    plain += [log.user_ids[events.user], events.sent_at, events.slot, events.opened_at, events.opted_out_at]
    order = np.lexsort((events.sent_at, log.user_key[events.user]))
    plain[-5:] = [c[order] for c in plain[-5:]]
    return plain + [made.truth[o] for o in OUTCOMES] + [made.known_at[o] for o in OUTCOMES]


@pytest.mark.parametrize("policy", [None, ByDose()], ids=["status quo", "policy"])
def test_one_and_seven_partitions_and_one_and_two_threads_give_the_same_rows(policy):
    def part(first, users, threads):
        return BRISK.simulate(users, 4, policy, seed=5, first_user=first, events=True, threads=threads)

    whole, again = (part(0, 210, threads) for threads in (1, 2))
    for a, b in zip(columns(whole), columns(again), strict=True):
        np.testing.assert_array_equal(a, b)
    parts = [part(30 * i, 30, 1) for i in range(7)]
    log = whole.log
    for name in ("period", "segment", "action", "propensity", "propensities", "context", "decided_at"):
        np.testing.assert_array_equal(getattr(log, name), np.concatenate([getattr(p.log, name) for p in parts]))
    np.testing.assert_array_equal(log.user_ids[log.user], np.concatenate([p.log.user_ids[p.log.user] for p in parts]))
    for o in OUTCOMES:
        value = np.concatenate([p.log.outcomes[o].value for p in parts])
        np.testing.assert_array_equal(log.outcomes[o].value, value)
        np.testing.assert_array_equal(whole.truth[o], np.concatenate([p.truth[o] for p in parts]))
    assert {p.log.as_of for p in parts} == {log.as_of}
    assert whole.events.user.size == sum(p.events.user.size for p in parts)


@compiled
def test_many_chunks_of_users_give_the_log_of_one_thread():
    one, two = (WORLD.simulate(5000, 2, seed=1, truth=False, threads=threads).log for threads in (1, 2))
    assert one.fingerprint() == two.fingerprint()


def test_another_seed_or_salt_gives_another_log():
    prints = {WORLD.simulate(40, 2, seed=s, salt=x).log.fingerprint() for s, x in ((1, "a"), (2, "a"), (1, "b"))}
    assert len(prints) == 3


def test_the_log_is_canonical(made):
    log = made.log
    assert (np.diff(log.user) >= 0).all()
    assert np.unique(np.stack([log.user, log.period]), axis=1).shape[1] == log.n
    assert ((log.decided_at - log.actions.origin_us) // log.actions.period_us == log.period).all()
    assert len({log.segments.paths[s] for s in np.unique(log.segment)}) == 24
    np.testing.assert_allclose(log.propensities.sum(1), 1, atol=1e-15)
    np.testing.assert_array_equal(log.propensities[np.arange(log.n), log.action], log.propensity)
    assert all(m.mature.all() and m.known.all() for m in log.outcomes.values())
    assert log.context_names == ("fatigue", "recent_dose")
    assert log.eligible is None


def test_sends_are_the_cadence_of_all_who_stay_and_nobody_returns(made):
    log = made.log
    gone, sends = log.outcomes["opted_out"].value == 1, log.outcomes["opens"].trials
    frequency = np.array(log.actions.frequencies)[log.action]
    assert (sends[~gone] == frequency[~gone]).all()
    assert (sends[gone] <= frequency[gone]).all()
    last = np.append(log.user[1:] != log.user[:-1], True)
    assert gone.sum() > 20
    assert last[gone].all()
    assert (gone | (log.period == log.period.max()))[last].all()


@pytest.mark.parametrize("policy", [None, ByDose()], ids=["status quo", "policy"])
def test_propensities_are_those_of_the_scalar_draw(policy):
    log = WORLD.simulate(40, 4, policy, seed=2, salt="s").log
    acting = policy or StatusQuo(WORLD.actions, WORLD.segments)
    nodes = acting.segments.locate(log.segments)[log.segment]
    stored = np.round(acting.pmf(nodes, log.context) * ONE).astype(np.int64)
    for i in range(log.n):
        shares = serve(stored[i].tolist(), None, acting.uniform)
        a = draw(shares, uniform(user_key(log.user_ids[log.user[i]]), int(log.period[i]), draw_key("s")))
        assert (a, shares[a] / ONE) == (log.action[i], log.propensity[i])


@compiled
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_truth_is_the_mean_of_what_is_realised(outcome):
    """Residuals average to zero overall, by frequency and by lifecycle; 27 z tests, false-alarm rate 1e-4 in all."""
    world = World(replace(WorldConfig(), hazard=0.003))
    made = world.simulate(6000, 8, seed=12, warm=True)
    log = made.log
    residual = log.outcomes[outcome].value - made.truth[outcome][np.arange(log.n), log.action]
    frequency = np.array(log.actions.frequencies)[log.action]
    life = np.array([p.split("/")[1] if p.count("/") else "" for p in log.segments.paths])[log.segment]
    groups = [np.ones(log.n, bool), *(frequency == f for f in (1, 2, 3, 5, 7)), *(life == x for x in np.unique(life))]
    for rows in groups:
        r = residual[rows]
        assert abs(r.mean()) < stats.norm.isf(1e-4 / 54) * r.std() / np.sqrt(r.size)


def test_events_are_the_sends_of_the_log(made):
    log, events = made.log, made.events
    weeks = np.bincount(log.user, log.outcomes["opens"].trials, log.user_key.size)
    np.testing.assert_array_equal(np.bincount(events.user, minlength=weeks.size), weeks)
    opened, left = events.opened_at >= 0, events.opted_out_at >= 0
    assert opened.sum() == log.outcomes["opens"].value.sum()
    assert left.sum() == log.outcomes["opted_out"].value.sum()
    assert (events.added <= opened).all()
    last = np.full(weeks.size, -1)
    np.maximum.at(last, events.user, events.sent_at)
    np.testing.assert_array_equal(events.sent_at[left], last[events.user[left]])
    decided = np.full(weeks.size, 2**62)
    np.minimum.at(decided, log.user, log.decided_at)
    assert (events.sent_at > decided[events.user]).all()


def test_outcomes_are_known_within_their_windows(made):
    log, events = made.log, made.events
    gone = log.outcomes["opted_out"].value == 1
    known = {o: made.known_at[o] - log.decided_at for o in OUTCOMES}
    assert (known["engaged"] == 14 * DAY_US).all()
    assert (known["opted_out"][~gone] == 21 * DAY_US).all()
    assert (known["opted_out"][gone] < 21 * DAY_US).all()
    assert (known["opted_out"][gone] > 0).all()
    start = log.actions.period_start_us(int(log.period.min()))
    week = (events.sent_at - start - DAY_US // 2) // (7 * DAY_US)
    late = events.opened_at - (start + week * 7 * DAY_US)
    assert (late[events.opened_at >= 0] < 14 * DAY_US).all()


def test_a_cut_hides_what_is_not_known_yet(made):
    now = made.log.actions.period_start_us(int(made.log.period.max())) + 5 * 3600 * 1_000_000
    cut = made.cut(now)
    assert cut.log.n == (made.log.decided_at <= now).sum() < made.log.n
    assert cut.log.as_of == now
    for o, m in cut.log.outcomes.items():
        young = cut.log.decided_at + m.spec.window_us > now
        assert young.any()
        np.testing.assert_array_equal(np.isnan(m.value), young)
        np.testing.assert_array_equal(m.mature, ~young)
        assert cut.truth[o].shape == (cut.log.n, 26)
    assert (cut.events.sent_at <= now).all()
    assert cut.events.opened_at.max() <= now
    again = BRISK.simulate(300, 6, seed=11, as_of=now)
    assert again.log.fingerprint() == cut.log.fingerprint()


def test_sends_are_at_local_slots_in_every_zone(made):
    events, config = made.events, WORLD.config
    people = BRISK.people(300, seed=11, warm=False)
    names = zone_names(config)
    for i in range(0, events.user.size, 7):
        zone = ZoneInfo(names[people.zone[events.user[i]]])
        local = np.datetime64(int(events.sent_at[i]), "us").item().replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
        assert f"{local:%H:%M}" == config.slots[events.slot[i]]


def test_nothing_is_sent_in_quiet_hours():
    world = World(replace(BRISK.config, quiet=(21.0, 9.0)))
    made = world.simulate(120, 3, seed=3, events=True)
    assert set(made.events.slot.tolist()) == {1, 2, 3}
    late = np.array([s in ("08:00", "22:00") for s in world.actions.slots])
    assert (made.log.eligible == ~late).all()
    assert not late[made.log.action].any()
    assert (made.log.propensities[:, late] == 0).all()
    value = world.value(Fixed(7.0), 14, 200, seed=3)
    assert 0.4 < value.mean("sends").value / 14 < 0.75
    day = World(replace(BRISK.config, quiet=(9.0, 17.0))).trial(50, 3, 0.5, seed=1).log
    assert (day.eligible[:, 1] == ~np.isin(day.period % 5, (1, 2))).all()
    assert not day.action[~day.eligible[:, 1]].any()
    assert (day.propensity[~day.eligible[:, 1]] == 1).all()


def test_progress_is_told_every_week():
    seen: list[tuple[int, int]] = []
    WORLD.simulate(3, 3, seed=1, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@compiled
def test_drift_does_what_it_says():
    def opens(drift, weeks):
        config = replace(WorldConfig(), drift=drift)
        value = World(config).value(Fixed(5.0), 7 * weeks, 4000, seed=2, cuts=(7 * (weeks - 1),))
        days = (7 * (weeks - 1), 7 * weeks)
        return value.mean("expected_opens", days).value, value.mean("expected_sessions", days).value

    base = opens(Drift(), 4)
    assert opens(Drift(abrupt_week=3, abrupt=-1.0), 4)[0] < 0.5 * base[0]
    assert opens(Drift(abrupt_week=4, abrupt=-1.0), 4) == base
    assert opens(Drift(level_per_year=5.2), 4)[0] == pytest.approx(1.4 * base[0], rel=0.1)
    assert opens(Drift(season=0.2, season_peak_week=3), 4)[1] == pytest.approx(np.exp(0.2) * base[1], rel=0.03)
    late = opens(Drift(hour_shift_per_year=52.0), 4)
    assert late[0] != base[0]
    assert late[0] == pytest.approx(base[0], rel=0.05)


def test_any_tree_and_channel():
    leaves = (
        Leaf("mail", 1.0, channel="email", chronotype=1),
        Leaf("app/ios", 2.0),
        Leaf("app/a%2Fb", 1.0, channel="android", chronotype=3),
    )
    made = World(replace(BRISK.config, leaves=leaves)).simulate(400, 2, seed=1, events=True)
    paths = np.array(made.log.segments.paths)[made.log.segment]
    assert set(paths) == {"mail", "app/ios", "app/a%2Fb"}
    assert 0.4 < (paths == "app/ios").mean() < 0.6


@compiled
def test_a_lively_audience_hears_twice_as_much_from_notifications():
    shares = [
        (v := World(config).value(Fixed(5.0), 28, 4000, seed=1)).mean("added_sessions").value / v.mean("sessions").value
        for config in (WorldConfig(), lively())
    ]
    assert 0.045 < shares[0] < 0.085
    assert 0.14 < shares[1] < 0.18


def test_what_makes_no_world_is_refused():
    config = WorldConfig()
    bad = [
        ("ask for at least one", lambda: WORLD.simulate(0, 1, seed=1)),
        ("0 periods", lambda: WORLD.simulate(1, 0, seed=1)),
        ("0 days", lambda: WORLD.trial(1, 0, seed=1)),
        ("probability", lambda: WORLD.trial(1, 1, 1.2, seed=1)),
        ("whole weeks", lambda: WORLD.value(Fixed(5.0), 10, 5, seed=1)),
        ("whole weeks", lambda: WORLD.value(Fixed(5.0), 14, 5, seed=1, cuts=(15,))),
        ("cadences of a week", lambda: replace(config, actions=ActionSpace.named(["none", "send"]))),
        ("add them to slots", lambda: replace(config, slots=("08:00",))),
        ("1 to 30 slots", lambda: replace(config, slots=())),
        ("unknown channel", lambda: replace(config, leaves=(Leaf("a", 1.0, channel="fax"),))),
        ("chronotypes are 0", lambda: replace(config, leaves=(Leaf("a", 1.0, chronotype=4),))),
        ("each once", lambda: replace(config, leaves=(Leaf("a", 1.0), Leaf("a", 1.0)))),
        ("share of users", lambda: replace(config, leaves=(Leaf("a", 0.0),))),
        ("sum to at most 1", lambda: replace(config, zones=(("UTC", 1.2),))),
        ("unknown timezone", lambda: World(replace(config, zones=(("Mars/Base", 1.0),))).simulate(1, 1, seed=1)),
    ]  # fmt: skip
    for message, make in bad:
        with pytest.raises(SpecError, match=message):
            make()


def test_the_spec_describes_the_log():
    spec = tomllib.loads(world_spec())
    a = spec["actions"]
    assert ActionSpace.grid(a["slots"], a["frequencies"], none=a["none"], period_days=a["period_days"]) == WORLD.actions
    assert set(spec["outcomes"]) == set(OUTCOMES)
    assert spec["objective"] == Objective({"engaged": 1.0, "opted_out": -15.0}).values
    at = tomllib.loads(world_spec(as_of=time_us("2026-01-05", "")))["log"]["as_of"]
    assert at == "2026-01-05T00:00:00+00:00"
