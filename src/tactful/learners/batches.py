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


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of a log. Iterating gives, for each, when its policy is made and its rows in time order."""

    log: Log
    """The log with times, which are its periods where it had none."""
    batch: I64
    """(n,) the batch of each row, from 0."""
    start_us: I64
    """(b,) when the policy of each batch is made, µs UTC."""
    order: I64
    """(n,) rows in time; ties by user, so that the order of the file does not matter."""

    @classmethod
    def divide(cls, log: Log, batch_days: float | None) -> Batches:
        """By time where there are times, by period otherwise (then a period is a unit of time without windows).

        Raises
        ------
        SpecError
            Days are asked for, and the log has no times.
        """
        if log.decided_at is None and batch_days is not None:
            raise SpecError("batches of days need the times of decisions", "[columns] decided_at", "map it")
        time: Any = log.period if log.decided_at is None else log.decided_at
        earliest = int(time.min())
        if log.decided_at is None:
            log, first, length = replace(log, decided_at=time), earliest, 1
        elif batch_days is None and log.actions.period_us is not None:
            length = log.actions.period_us
            first = log.actions.period_start_us(log.actions.period(earliest))
        else:
            length = round((7.0 if batch_days is None else batch_days) * DAY_US)
            first = earliest
        order = _time_order(log, time)
        span: I64 = (time[order] - first) // max(length, 1)
        opens_batch = np.append(False, span[1:] != span[:-1])
        batch = np.empty(log.n, np.int64)
        batch[order] = np.cumsum(opens_batch)
        return cls(log, batch, first + np.append(span[:1], span[opens_batch]) * length, order)

    def __iter__(self) -> Iterator[tuple[int, I64]]:
        """Each batch: when its policy is made, and its rows in time order."""
        edges = np.searchsorted(self.batch[self.order], np.arange(self.start_us.size + 1))
        for now_us, start, stop in zip(self.start_us.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            yield now_us, self.order[start:stop]


def _time_order(log: Log, time: I64) -> I64:
    """(n,) rows by time, user, period and scope."""
    keys = [log.period, log.user_key[log.user], time]
    if len(log.scope.names) > 1:
        keys.insert(0, np.argsort(np.argsort(log.scope.names))[log.scope.code])
    return np.lexsort(keys)
