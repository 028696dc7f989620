"""Monitors: e-values by their definition and by enumeration, sums that add, and errors however often one looks."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import monitor as reference
from tactful.errors import LogError, SpecError
from tactful.ope.e_process import Monitor, bets

outcomes = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.25, 1.0]), max_size=60)
ceilings = st.sampled_from([0.004, 0.1, 0.5, 0.9])


@given(outcomes, ceilings)
def test_e_values_equal_the_reference(seen, ceiling):
    monitor = Monitor.start(ceiling).update(np.array(seen))
    assert (monitor.e_back, monitor.e_widen) == pytest.approx(reference.e_values(seen, ceiling), rel=1e-10)
    assert (monitor.n, monitor.total) == (len(seen), sum(seen))


@pytest.mark.parametrize("ceiling", [0.004, 0.3, 0.95])
def test_at_the_ceiling_both_e_values_have_mean_1_by_enumeration(ceiling):
    back = widen = 0.0
    for seen in product((0.0, 1.0), repeat=8):
        chance = np.prod([ceiling if c else 1 - ceiling for c in seen])
        monitor = Monitor.start(ceiling).update(np.array(seen))
        back, widen = back + chance * monitor.e_back, widen + chance * monitor.e_widen
    assert (back, widen) == pytest.approx((1, 1), abs=1e-12)


@pytest.mark.parametrize("ceiling", [1e-6, 0.004, 0.5, 0.999])
def test_no_factor_can_be_negative(ceiling):
    back, widen = bets(ceiling)
    assert (1 - back * ceiling > 0).all()
    assert (1 - widen * (1 - ceiling) > 0).all()


def close(one, other):
    assert (one.n, one.total) == (other.n, pytest.approx(other.total))
    np.testing.assert_allclose(one.log_back, other.log_back, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(one.log_widen, other.log_widen, rtol=1e-12, atol=1e-12)


@given(outcomes, outcomes, ceilings)
def test_batch_is_stream_is_merge(first, second, ceiling):
    start = Monitor.start(ceiling)
    batch = start.update(np.array(first + second))
    close(batch, start.update(np.array(second)).update(np.array(first)))
    close(batch, start.update(np.array(first)).merge(start.update(np.array(second))))
    stream = start
    for c in first + second:
        stream = stream.update(np.array([c]))
    close(batch, stream)


@given(outcomes, ceilings)
def test_saving_and_loading_is_the_identity(seen, ceiling):
    monitor = Monitor.start(ceiling, 0.01).update(np.array(seen))
    loaded = Monitor.from_dict(json.loads(json.dumps(monitor.to_dict())))
    assert loaded.to_dict() == monitor.to_dict()
    assert (loaded.e_back, loaded.advice) == (monitor.e_back, monitor.advice)


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"n": "many"},
        {"n": -1},
        {"total": float("nan")},
        {"log_back": [0.0]},
        {"log_widen": None},
        {"log_widen": [float("inf")] * 5},
        {"ceiling": 0},
        {"delta": None},
    ],
)
def test_a_damaged_monitor_is_refused(damage):
    plain = Monitor.start(0.1).to_dict()
    with pytest.raises(SpecError, match="monitor"):
        Monitor.from_dict(plain | damage)
    missing = {name: value for name, value in plain.items() if name not in damage}
    with pytest.raises(SpecError, match="monitor"):
        Monitor.from_dict(missing)


def test_bad_input_is_refused():
    with pytest.raises(LogError, match=r"2 outcomes are unknown or outside \[0, 1\] \(rows 0, 2\)"):
        Monitor.start(0.1).update(np.array([np.nan, 0.0, 2.0]))
    with pytest.raises(SpecError, match="different questions"):
        Monitor.start(0.1).merge(Monitor.start(0.2))


def test_advice():
    start = Monitor.start(0.1)
    assert start.advice == "go on"
    assert start.update(np.zeros(200)).advice == "widen"
    assert start.update(np.ones(10)).advice == "roll back"
    assert Monitor.start(0.5).update(np.ones(100_000)).e_back > 1e300


def looked_at(seed, rate, runs, n, looks=60, ceiling=0.004):
    """Shares of runs in which some look says "roll back" and "widen", and the decisions until the first word."""
    rng = np.random.default_rng(seed)
    said, delays = {"roll back": 0, "widen": 0}, []
    for _ in range(runs):
        monitor, words = Monitor.start(ceiling), {}
        for part in np.array_split((rng.random(n) < rate).astype(float), looks):
            monitor = monitor.update(part)
            words.setdefault(monitor.advice, monitor.n)
        for word in said:
            said[word] += word in words
        delays.append(min((at for word, at in words.items() if word in said), default=np.inf))
    return said["roll back"] / runs, said["widen"] / runs, float(np.median(delays))


@pytest.mark.slow
def test_at_the_ceiling_neither_word_is_said_often_in_60_looks():
    """1,000 runs of 20,000 decisions: shares above .071 once in 1,000 studies of a monitor that spends all its .05."""
    back, widen, _ = looked_at(1, 0.004, 1000, 20_000)
    print(f"at the ceiling, 60 looks: roll back {back:.4f}, widen {widen:.4f}")
    assert back <= 0.071
    assert widen <= 0.071


@pytest.mark.slow
@pytest.mark.parametrize("multiple", [0.5, 1.5, 2.0])
def test_needed_says_when_a_verdict_comes(multiple):
    """400 runs of the length that promises .8: the share with a verdict is within .72 and .95 (mixtures do better)."""
    rate = 0.004 * multiple
    needed = Monitor.start(0.004).needed(rate)
    back, widen, median = looked_at(2, rate, 400, needed)
    print(f"{multiple} × the ceiling: needed {needed:,}, verdicts {max(back, widen):.3f}, median delay {median:,.0f}")
    assert 0.72 <= (back if multiple > 1 else widen) <= 0.95
    assert min(back, widen) <= 0.05


def test_nothing_is_needed_where_there_is_no_verdict():
    assert Monitor.start(0.004).needed(0.004) is None
    assert Monitor.start(0.004).needed(0.0) < Monitor.start(0.004).needed(0.002)
