"""When a learner publishes anew: the batches of a log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US
from tactful.core.arrays import I64
from tactful.core.log import Log
from tactful.errors import SpecError


@dataclass(frozen=True)
class Rounds:
    """Batches: ``batch`` (n,) of each row from 0, and the time ``start_us`` (b,) at which its policy is made."""

    log: Log
    batch: I64
    start_us: I64

    @classmethod
    def of(cls, log: Log, batch_days: float | None) -> Rounds:
        """By time where there are times, by period otherwise (then a period is a unit of time without windows)."""
        if log.decided_at is None:
            if batch_days is not None:
                raise SpecError("batches of days need the times of decisions", "[columns] decided_at", "map it")
            log = replace(log, decided_at=log.period)
            first, length = int(log.period.min()), 1
        elif batch_days is None and log.actions.period_us is not None:
            length = log.actions.period_us
            first = log.actions.period_start_us(log.actions.period(int(log.decided_at[0])))
        else:
            length = round((7.0 if batch_days is None else batch_days) * DAY_US)
            first = int(log.decided_at[0])
        at: Any = log.decided_at
        batch = (at - first) // max(length, 1)
        distinct, batch = np.unique(batch, return_inverse=True)
        return cls(log, batch.astype(np.int64), first + distinct * length)
