"""Monitors in use: each row once, shards that merge, files that come back, and advice."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import ABSORBING, BINARY, COUNT, PLAIN, log_of, measured
from tactful.core.outcomes import Limits, Outcome
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.promotion.monitor import PolicyMonitor, load_monitor, save_monitor

OUTCOMES = {"engaged": BINARY, "opted_out": ABSORBING}
LIMITS = Limits({"opted_out": 0.1})
START = PolicyMonitor.start("p0", OUTCOMES, LIMITS)


def served(seed=0, *, users=range(50), periods=3, rate=0.1, unknown=0, **more):
    """A log of policy p0 whose last ``unknown`` periods are not mature; the same user and period have the same rows."""
    n = len(users) * periods
    user, period = np.repeat(list(users), periods), np.tile(np.arange(periods), len(users))
    draws = np.array([np.random.default_rng([seed, u, p]).random() for u, p in zip(user, period, strict=True)])
    out = (draws < rate).astype(float)
    out[period >= periods - unknown] = np.nan
    return log_of(
        users=[f"u{u}" for u in user],
        period=period,
        action=np.zeros(n, int),
        outcomes=[measured(ABSORBING, out)],
        actions=PLAIN,
        **more,
    )


def same(one, other):
    plain, expected = one.to_dict(), other.to_dict()
    for name, w in plain["outcomes"].items():
        mine, theirs = w.pop("monitor"), expected["outcomes"][name].pop("monitor")
        for kind in ("log_back", "log_widen"):
            np.testing.assert_allclose(mine.pop(kind), theirs.pop(kind), rtol=1e-12, atol=1e-12)
        assert mine == theirs
    assert plain == expected


def test_a_log_that_is_read_again_adds_nothing():
    once = START.update(served())
    twice = once.update(served())
    assert once.outcomes["opted_out"].monitor.n == 150
    assert once.left_out == twice.left_out == {}
    same(twice, once)


@settings(max_examples=20)
@given(st.permutations(range(50)))
def test_the_order_of_rows_does_not_matter(order):
    same(START.update(served(users=order)), START.update(served()))


def test_a_growing_log_adds_its_new_periods():
    grown = START.update(served(periods=2)).update(served(periods=5))
    same(grown, START.update(served(periods=5)))


def test_periods_that_are_not_mature_wait():
    early = START.update(served(unknown=1))
    assert early.outcomes["opted_out"].monitor.n == 100
    assert early.left_out == {"opted_out: period 2 is not wholly mature yet": 50}
    same(early.update(served()), START.update(served()))


def test_rows_that_come_late_are_left_out_and_said():
    first = START.update(served(users=range(40), periods=1))
    late = first.update(served(periods=1))
    assert late.outcomes == first.outcomes
    assert late.left_out == {"opted_out: period 0 was counted with 40 rows; this log's are not added": 50}


def test_shards_of_users_merge():
    shards = [START.update(served(users=users)) for users in (range(20), range(20, 50))]
    same(shards[0].merge(shards[1]), START.update(served()))
    assert shards[0].merge(shards[1]).update(served()).left_out == {}


def test_the_same_rows_do_not_merge():
    with pytest.raises(SpecError, match="counted the same rows"):
        START.update(served()).merge(START.update(served()))
    with pytest.raises(SpecError, match="different questions"):
        START.merge(PolicyMonitor.start("p1", OUTCOMES, LIMITS))


def test_other_policies_and_arms_do_not_count():
    log = served()
    arms = replace(log, arm=replace(log.arm, code=(log.user % 2).astype(np.int64), names=("policy", "control")))
    assert START.update(arms).outcomes["opted_out"].monitor.n == 75
    with pytest.raises(NothingToSayError, match="no decision of policy p9; its policies are p0"):
        PolicyMonitor.start("p9", OUTCOMES, LIMITS).update(log)


@pytest.mark.parametrize(("rate", "advice"), [(0.0, "widen"), (0.4, "roll back"), (0.1, "go on")])
def test_advice(rate, advice):
    assert START.update(served(rate=rate)).advice == advice


def test_one_limit_that_is_passed_decides():
    two = PolicyMonitor.start(
        "p0", {"a": replace(BINARY, name="a"), "b": replace(BINARY, name="b")}, Limits({"a": 0.5, "b": 0.5})
    )
    log = served()
    zeros, ones = (measured(replace(BINARY, name=n), np.full(log.n, v)) for n, v in (("a", 0.0), ("b", 1.0)))
    both = two.update(replace(log, outcomes={"a": zeros, "b": ones}))
    assert [w.monitor.advice for w in both.outcomes.values()] == ["widen", "roll back"]
    assert both.advice == "roll back"
    assert two.update(replace(log, outcomes={"a": zeros, "b": replace(zeros, spec=ones.spec)})).advice == "widen"


def test_an_outcome_with_a_range_is_mapped():
    spec = replace(COUNT, range=(0.0, 10.0))
    log = served()
    log = replace(log, outcomes={"sessions": measured(spec, np.full(log.n, 4.0))})
    watch = PolicyMonitor.start("p0", {"sessions": spec}, Limits({"sessions": 2.0})).update(log)
    assert watch.outcomes["sessions"].rate == pytest.approx(4.0)
    assert watch.advice == "roll back"


def test_it_is_saved_and_comes_back(tmp_path):
    watch = START.update(served())
    save_monitor(watch, tmp_path / "m.json")
    assert load_monitor(tmp_path / "m.json").to_dict() == watch.to_dict()
    assert load_monitor(tmp_path / "m.json").advice == watch.advice


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"policy": 3},
        {"outcomes": {}},
        {"outcomes": []},
        {"outcomes": {"opted_out": {}}},
        {"outcomes": {"opted_out": {**START.to_dict()["outcomes"]["opted_out"], "periods": {"1": []}}}},
        {"outcomes": {"opted_out": {**START.to_dict()["outcomes"]["opted_out"], "monitor": {}}}},
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    place = tmp_path / "m.json"
    place.write_text(json.dumps(START.to_dict() | damage))
    with pytest.raises(SpecError, match=r"m\.json"):
        load_monitor(place)
    place.write_text("{")
    with pytest.raises(SpecError, match=r"m\.json"):
        load_monitor(place)


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(SpecError, match="nothing can be watched"):
        PolicyMonitor.start("p0", OUTCOMES, Limits())
    with pytest.raises(SpecError, match="unknown outcome 'refunds'"):
        PolicyMonitor.start("p0", OUTCOMES, Limits({"refunds": 0.1}))
    with pytest.raises(SpecError, match="set range"):
        PolicyMonitor.start("p0", {"spend": Outcome("spend", "real")}, Limits({"spend": 1.0}))
    log = served()
    with pytest.raises(LogError, match="no outcome 'opted_out'"):
        START.update(replace(log, outcomes={}))
    value = log.outcomes["opted_out"].value.copy()
    value[3] = np.nan
    lost = measured(ABSORBING, value, mature=np.ones(log.n, bool))
    with pytest.raises(LogError, match="1 outcomes are unknown although"):
        START.update(replace(log, outcomes={"opted_out": lost}))
