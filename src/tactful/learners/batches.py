"""When a learner publishes anew: the batches of a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US
from tactful.core.arrays import I64
from tactful.core.log import Log
from tactful.errors import SpecError


@dataclass(frozen=True)
class Rounds:
    """Batches: ``batch`` (n,) of each row from 0, and the time ``start_us`` (b,), µs UTC, at which its policy is made.

    ``log`` is the log with times, which are its periods where it had none. ``order`` (n,) are the rows in time; ties by
    user, so that the order of the file does not matter.
    """

    log: Log
    batch: I64
    start_us: I64
    order: I64

    @classmethod
    def of(cls, log: Log, batch_days: float | None) -> Rounds:
        """By time where there are times, by period otherwise (then a period is a unit of time without windows)."""
        if log.decided_at is None and batch_days is not None:
            raise SpecError("batches of days need the times of decisions", "[columns] decided_at", "map it")
        at: Any = log.period if log.decided_at is None else log.decided_at
        earliest = int(at.min())
        if log.decided_at is None:
            log, first, length = replace(log, decided_at=at), earliest, 1
        elif batch_days is None and log.actions.period_us is not None:
            length = log.actions.period_us
            first = log.actions.period_start_us(log.actions.period(earliest))
        else:
            length = round((7.0 if batch_days is None else batch_days) * DAY_US)
            first = earliest
        order = _ordered(log, at)
        span: I64 = (at[order] - first) // max(length, 1)
        new = np.append(False, span[1:] != span[:-1])
        batch = np.empty(log.n, np.int64)
        batch[order] = np.cumsum(new)
        return cls(log, batch, first + np.append(span[:1], span[new]) * length, order)

    def __iter__(self) -> Iterator[tuple[int, I64]]:
        """Each batch: when its policy is made, and its rows in time order."""
        edges = np.searchsorted(self.batch[self.order], np.arange(self.start_us.size + 1))
        for now, start, stop in zip(self.start_us.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            yield now, self.order[start:stop]


def _ordered(log: Log, at: I64) -> I64:
    """(n,) rows by time, user, period and scope."""
    keys = [log.period, log.user_key[log.user], at]
    if len(log.scope.names) > 1:
        keys.insert(0, np.argsort(np.argsort(log.scope.names))[log.scope.code])
    return np.lexsort(keys)
