"""What limits ask of a policy: each costs something for every action at every node, and has a bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.models.base import Posterior

SENDS = "sends_per_period"
SLACK = 1e-7  # of a bound: room for the rounding of a pmf to integer shares


class Limit(NamedTuple):
    """One bound on what is served: Σ_s w_s Σ_a π[s, a] cost[s, a] ≤ bound.

    Its methods take the weighted pmf w_s π[s, a] (s, k) of what is served.
    """

    name: str
    """Outcome, ``sends_per_period``, or ``slot_share`` with the slot."""
    bound: float
    """Largest value that may be served, per decision."""
    cost: F64
    """(s, k) mean cost of an action at a node."""
    draws: F64 | None = None
    """(m, s, k) posterior draws of the cost; None where it is known exactly."""

    @property
    def target(self) -> float:
        """The bound, less what rounding may add."""
        return self.bound - SLACK * abs(self.bound)

    def mean(self, weighted: F64) -> float:
        """The expected cost of what is served."""
        return float(np.sum(weighted * self.cost))

    def rates(self, weighted: F64) -> F64:
        """(m,) posterior draws of the cost of what is served; one number where it is known exactly."""
        if self.draws is None:
            return np.array([self.mean(weighted)])
        return np.tensordot(self.draws, weighted, 2)


def check_outcomes(posterior: Posterior, limits: Limits) -> None:
    """Refuse limits on outcomes of which nothing is known.

    Raises
    ------
    SpecError
        A limit on an outcome that is not measured.
    NothingToSayError
        No decision's value is known yet for a limited outcome.
    """
    for o in limits.outcomes:
        if o not in posterior.outcomes:
            raise SpecError(f"unknown outcome {o!r}", "[limits]", f"the outcomes are {', '.join(posterior.outcomes)}")
        if not posterior.counted(o).any():
            raise NothingToSayError(f"no value of {o} is mature yet", "[limits]", "wait, or set a later [log] as_of")


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
    costs: list[Limit] = []
    if limits.sends_per_period is not None:
        costs.append(Limit(SENDS, limits.sends_per_period, np.tile(sends, (s, 1))))
    for slot, share in limits.slot_share.items():
        if slot not in actions.slots:
            raise SpecError(f"unknown slot {slot!r}", "[limits] slot_share", "name a slot of the grid")
        in_slot = np.array([x == slot for x in actions.slots], np.float64)
        costs.append(Limit(f"slot_share {slot}", 0.0, np.tile(sends * (in_slot - share), (s, 1))))
    return costs


def priced(
    posterior: Posterior, objective: Objective, limits: list[Limit], prices: Mapping[str, float]
) -> tuple[Objective, F64]:
    """The objective with what limits cost subtracted.

    Parameters
    ----------
    posterior
        Names the outcomes and the k actions.
    objective
        What the outcomes are worth.
    limits
        Every limit that has a price.
    prices
        Of one unit of each limit by name, in units of the objective.

    Returns
    -------
    objective
        Values of all outcomes, less the prices of those that are limited.
    offset
        (k,) what is added to each action's utility for the limits on sends.
    """
    values = {o: objective.values.get(o, 0.0) - prices.get(o, 0.0) for o in posterior.outcomes}
    offset = -sum((prices[x.name] * x.cost[0] for x in limits if x.draws is None), np.zeros(posterior.actions.k))
    return Objective(values), offset
