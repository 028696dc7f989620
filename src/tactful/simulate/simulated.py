"""What a simulation returns: a log with the truth behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.arrays import F64, U64, Text
from tactful.core.log import Coded, Log, Measured
from tactful.core.outcomes import Objective, Outcome
from tactful.core.segments import Segments
from tactful.policies.base import POLICY

WINDOW_US = 7 * DAY_US
CONTEXT = "recent_sends"
OUTCOMES = (
    Outcome("engaged", "count", WINDOW_US),
    Outcome("opens", "count", WINDOW_US, has_trials=True),
    Outcome("opted_out", "binary", WINDOW_US, absorbing=True),
)


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A log, and the expected value (n, k) of each outcome in the state of each row under each action.

    It is the one-step truth: what a choice does to later weeks shows in the states of later rows alone.
    """

    log: Log
    truth: Mapping[str, F64]

    def value(self, pmf: F64, outcome: str | Objective) -> F64:
        """(n,) Σ_a pmf·truth of an outcome, or of an objective, under a pmf (n, k) or (k,)."""
        if isinstance(outcome, Objective):
            return np.sum([w * self.value(pmf, o) for o, w in outcome.values.items()], axis=0)
        return np.sum(pmf * self.truth[outcome], axis=1)


def assemble(
    rows: dict[str, Any], space: tuple[ActionSpace, Segments, Text, U64], version: str, as_of: int
) -> Simulated:
    """Columns of a simulation as a log, by user and period, as it stands at ``as_of`` (µs UTC).

    ``space`` is the action space, the segments, and the ids and keys of the users.
    """
    actions, segments, ids, keys = space
    order = np.argsort(rows["user"], kind="stable")
    order = order[rows["decided_at"][order] <= as_of]
    rows = {c: v[order] for c, v in rows.items()}
    n, mature = order.size, rows["decided_at"] + WINDOW_US <= as_of
    measured = {
        o.name: Measured(o, np.where(mature, rows[o.name], np.nan), mature, rows["sends"] if o.has_trials else None)
        for o in OUTCOMES
    }
    log = Log(
        actions=actions,
        segments=segments,
        user=rows["user"],
        user_ids=ids,
        user_key=keys,
        period=rows["period"],
        segment=rows["segment"],
        action=rows["action"],
        arm=Coded.constant(POLICY, n),
        policy=Coded.constant(version, n),
        scope=Coded.constant("", n),
        outcomes=measured,
        decided_at=rows["decided_at"],
        propensity=rows["propensity"],
        propensities=rows["propensities"],
        context=rows["dose"][:, None],
        context_names=(CONTEXT,),
        as_of=as_of,
        provenance="logged",
    )
    return Simulated(log, {o.name: rows[f"truth {o.name}"] for o in OUTCOMES})
