"""How much a policy sends, and when: exact functions of its pmf on the rows of a log."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.batch.served import ROW_BLOCK, served_pmf
from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.errors import SpecError
from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy


class Volume(NamedTuple):
    """What a policy sends on average over the rows of a log.

    Attributes
    ----------
    actions
        The k actions.
    share
        (k,) mean probability of each action.
    largest
        The greatest probability that any action has in any row.
    """

    actions: ActionSpace
    share: F64
    largest: float

    @property
    def sends(self) -> float:
        """Mean sends per user and period."""
        return float(self.share @ self.actions.sends)

    def in_slot(self, slot: str) -> float:
        """Share of the sends that go out at a slot; 0 where nothing is sent.

        Raises
        ------
        SpecError
            The actions do not have this slot.
        """
        if slot not in self.actions.slots:
            raise SpecError(f"unknown slot {slot!r}", "[limits] slot_share", "name a slot of the grid")
        members = np.array([name == slot for name in self.actions.slots])
        return float(self.share @ (self.actions.sends * members)) / self.sends if self.sends else 0.0


def volume(policy: TargetPolicy, log: Log) -> Volume:
    """Average a policy's pmf over the rows of a log; that of ``logging`` is its logged vectors, or what was drawn."""
    k = log.actions.k
    if isinstance(policy, LoggingPolicy):
        if log.propensities is not None:
            return Volume(log.actions, log.propensities.mean(0), float(log.propensities.max()))
        return Volume(log.actions, np.bincount(log.action, minlength=k) / log.n, 1.0)
    total, largest = np.zeros(k), 0.0
    for start in range(0, log.n, ROW_BLOCK):
        pmf = served_pmf(policy, log, slice(start, start + ROW_BLOCK))
        total += pmf.sum(0)
        largest = max(largest, float(pmf.max()))
    return Volume(log.actions, total / log.n, largest)
