"""The evidence about one limit: whole periods, once each, in units of the outcome."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logs import ABSORBING, PLAIN, log_of, measured
from tactful.errors import LogError, SpecError
from tactful.ope.e_process import Monitor
from tactful.promotion.limit_monitor import LimitMonitor, count_periods

START = LimitMonitor(Monitor.start(0.1), 2.0, (1.0, 11.0))


def two_periods(users=20):
    """A log of two periods; the outcome is known in the first alone."""
    period = np.repeat([0, 1], users)
    value = np.where(period == 0, np.arange(2 * users) % 10 == 0, np.nan)
    ids = [f"u{i}" for i in np.arange(2 * users) % users]
    columns = {"action": np.zeros(2 * users, int), "actions": PLAIN}
    return log_of(users=ids, period=period, outcomes=[measured(ABSORBING, value)], **columns)


def test_rows_are_counted_by_period_in_any_order():
    log = two_periods()
    order = np.random.default_rng(1).permutation(log.n)
    counts, shuffled = count_periods(log), count_periods(log.take(order))
    assert {p: c.period_count for p, c in counts.items()} == {p: c.period_count for p, c in shuffled.items()}
    assert [c.rows.size for c in counts.values()] == [20, 20]
    assert counts[0].period_count.mark != counts[1].period_count.mark


def test_a_period_is_added_once_and_whole():
    log, left_out = two_periods(), {}
    monitor = LimitMonitor(Monitor.start(0.1), 0.1)
    counted = monitor.update("opted_out", log, count_periods(log), left_out)
    assert monitor.rate is None
    assert (counted.rate, counted.monitor.n, sorted(counted.periods)) == (pytest.approx(0.1), 20, [0])
    assert left_out == {"opted_out: period 1 is not wholly mature yet": 20}
    assert counted.update("opted_out", log, count_periods(log), left_out).monitor.n == 20
    with pytest.raises(LogError, match="no outcome 'refunds'"):
        monitor.update("refunds", log, count_periods(log), left_out)


def test_values_are_mapped_from_their_range():
    log = two_periods()
    counted = START.add(np.array([1.0, 11.0]), 0, count_periods(log)[0].period_count)
    assert counted.monitor.total == 1.0
    assert counted.rate == pytest.approx(6.0)


def test_it_comes_back_from_json_and_merges_other_rows_alone():
    counts = count_periods(two_periods())
    first, second = (START.add(np.array([2.0, 3.0]), p, counts[p].period_count) for p in (0, 1))
    assert LimitMonitor.from_dict(json.loads(json.dumps(first.to_dict()))).to_dict() == first.to_dict()
    assert first.merge(second).monitor.n == 4
    assert sorted(first.merge(second).periods) == [0, 1]
    with pytest.raises(SpecError, match="counted the same rows"):
        first.merge(first)
