"""What limits ask: each a cost of every action at every node, and its bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.models.base import Posterior


class Limit(NamedTuple):
    """One bound on what is served: Σ_s w_s Σ_a π[s, a] cost[s, a] ≤ bound, also over posterior ``draws`` (m, s, k)."""

    name: str
    bound: float
    cost: F64
    draws: F64 | None = None


def limited_outcomes(posterior: Posterior, limits: Limits) -> Mapping[str, float]:
    """The bounds of outcomes, each of them known.

    Raises
    ------
    SpecError
        A limit on an outcome that is not measured.
    NothingToSayError
        No decision's value is known yet for one.
    """
    for o in limits.outcomes:
        if o not in posterior.outcomes:
            raise SpecError(f"unknown outcome {o!r}", "[limits]", f"the outcomes are {', '.join(posterior.outcomes)}")
        if not posterior.counted(o).any():
            raise NothingToSayError(f"no value of {o} is mature yet", "[limits]", "wait, or set a later [log] as_of")
    return limits.outcomes


def send_limits(posterior: Posterior, limits: Limits) -> list[Limit]:
    """The limits on volume and on the load of slots.

    Raises
    ------
    SpecError
        An unknown slot, or an action without a frequency.
    """
    actions, s = posterior.actions, len(posterior.segments)
    if limits.sends_per_period is None and not limits.slot_share:
        return []
    if None in actions.frequencies:
        raise SpecError("a limit on sends needs a frequency for every action", "[limits]", "use a grid of actions")
    sends = actions.sends
    found: list[Limit] = []
    if limits.sends_per_period is not None:
        found.append(Limit("sends_per_period", limits.sends_per_period, np.tile(sends, (s, 1))))
    for slot, share in limits.slot_share.items():
        if slot not in actions.slots:
            raise SpecError(f"unknown slot {slot!r}", "[limits] slot_share", "name a slot of the grid")
        here = np.array([x == slot for x in actions.slots], np.float64)
        found.append(Limit(f"slot_share {slot}", 0.0, np.tile(sends * (here - share), (s, 1))))
    return found


def priced_values(
    posterior: Posterior, objective: Objective, found: list[Limit], prices: Mapping[str, float]
) -> tuple[dict[str, float], F64]:
    """The outcomes' values less their prices, and the offset (k,) of what else is limited."""
    values = {o: objective.values.get(o, 0.0) - prices.get(o, 0.0) for o in posterior.outcomes}
    offset = -sum((prices[x.name] * x.cost[0] for x in found if x.draws is None), np.zeros(posterior.actions.k))
    return values, offset
