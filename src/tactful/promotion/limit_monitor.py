"""The evidence about one limit of a running policy: periods are counted whole, and never twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, U64
from tactful.core.log import Log
from tactful.errors import LogError, SpecError
from tactful.ope.e_process import Monitor

_MIX = np.uint64(0x9E3779B97F4A7C15)
_MARKS = 2**53  # integers that any reader of JSON keeps


@dataclass(frozen=True, slots=True)
class PeriodCount:
    """The rows of one period that were counted."""

    rows: int
    """How many."""
    mark: int
    """A sum of their keys, which tells them from other rows."""


class PeriodRows(NamedTuple):
    """The rows of one period in a log."""

    rows: I64
    """(m,) rows."""
    period_count: PeriodCount
    """What tells them from other rows."""


@dataclass(frozen=True, slots=True)
class LimitMonitor:
    """The evidence about one limited outcome."""

    monitor: Monitor
    """In units of ``bounds``, mapped to [0, 1]."""
    limit: float
    """In units of the outcome."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """The declared range of the outcome."""
    periods: Mapping[int, PeriodCount] = field(default_factory=dict[int, PeriodCount])
    """The periods that were counted."""

    @property
    def rate(self) -> float | None:
        """The mean so far, in units of the outcome; None before anything was counted."""
        if self.monitor.n == 0:
            return None
        return self.bounds[0] + (self.bounds[1] - self.bounds[0]) * self.monitor.total / self.monitor.n

    def update(self, name: str, log: Log, counts: Mapping[int, PeriodRows], left_out: dict[str, int]) -> LimitMonitor:
        """With the periods of a log that are wholly mature and were not counted before.

        Parameters
        ----------
        name
            The outcome.
        log
            Decisions of the policy.
        counts
            Its rows by period, as ``count_periods`` gives them.
        left_out
            Gets the rows that are not added, by reason.

        Raises
        ------
        LogError
            The log does not have the outcome, or values are unknown although their window has passed.
        """
        if name not in log.outcomes:
            raise LogError(f"no outcome {name!r}", "monitor", f"the outcomes are {', '.join(log.outcomes)}")
        if missing := int(log.missing((name,)).sum()):
            what = f"{missing:,} outcomes are unknown although their window has passed"
            raise LogError(what, name, 'complete the log, or set null = "zero" if nothing arrived means 0')
        monitor, measured = self, log.outcomes[name]
        for period, (rows, count) in counts.items():
            earlier = self.periods.get(period)
            if earlier is not None:
                if earlier != count:
                    late = f"{name}: period {period} was counted with {earlier.rows:,} rows; this log's are not added"
                    left_out[late] = rows.size
            elif measured.known[rows].all():
                monitor = monitor.add(measured.value[rows], period, count)
            else:
                left_out[f"{name}: period {period} is not wholly mature yet"] = rows.size
        return monitor

    def add(self, value: F64, period: int, count: PeriodCount) -> LimitMonitor:
        """With the values (m,) of a period, all of which are known."""
        low, high = self.bounds
        share = (value - low) / (high - low)
        return replace(self, monitor=self.monitor.update(share), periods={**self.periods, period: count})

    def merge(self, monitor: LimitMonitor) -> LimitMonitor:
        """With what another monitor saw of other users or periods.

        Raises
        ------
        SpecError
            They have counted the same rows.
        """
        shared = set(self.periods) & set(monitor.periods)
        if any(self.periods[p] == monitor.periods[p] for p in shared):
            raise SpecError("two watches have counted the same rows", "monitor", "merge watches of different users")
        periods = dict(self.periods)
        for p, count in monitor.periods.items():
            own_count = periods.get(p, PeriodCount(0, 0))
            periods[p] = PeriodCount(own_count.rows + count.rows, (own_count.mark + count.mark) % _MARKS)
        return replace(self, monitor=self.monitor.merge(monitor.monitor), periods=periods)

    def to_dict(self) -> dict[str, Any]:
        """The plain form, for JSON; ``from_dict`` gives the same monitor back."""
        return {
            "limit": self.limit,
            "bounds": list(self.bounds),
            "monitor": self.monitor.to_dict(),
            "periods": {str(p): [c.rows, c.mark] for p, c in sorted(self.periods.items())},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> LimitMonitor:
        """The monitor that ``to_dict`` wrote; whatever is damaged raises as plain Python does."""
        low, high = record["bounds"]
        periods = {int(p): PeriodCount(int(c[0]), int(c[1])) for p, c in record["periods"].items()}
        monitor = Monitor.from_dict(record["monitor"])
        return cls(monitor, float(record["limit"]), (float(low), float(high)), periods)


def count_periods(log: Log) -> dict[int, PeriodRows]:
    """By period, its rows and what tells them from other rows."""
    key = _row_keys(log)
    order = np.argsort(log.period, kind="stable")
    periods, starts = np.unique(log.period[order], return_index=True)
    return {
        period: PeriodRows(rows, PeriodCount(rows.size, int(key[rows].sum(dtype=np.uint64)) % _MARKS))
        for period, rows in zip(periods.tolist(), np.split(order, starts[1:]), strict=True)
    }


def _row_keys(log: Log) -> U64:
    """(n,) keys of (user, scope, period), whose sum over a set of rows is the same in any order."""
    key = log.user_key[log.user] ^ (log.period.astype(np.uint64) * _MIX)
    key = (key ^ (key >> np.uint64(31))) * _MIX
    return key ^ (key >> np.uint64(29))
