"""A policy that explores and keeps its limits: prices by a linear programme, and the smallest mixture that keeps them.

Exploring on priced utilities alone does not keep a limit, and raising prices by bisection is not monotone; so the
published pmf is (1 − α) π_explore + α π_optimum with the smallest α that meets every limit: always feasible, since the
optimum keeps them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.linear_programme import TOLERANCE, Limit, LinearProgramme
from tactful.optimisation.population import SENDS, Draft, Population

CERTAINTY = 0.95
BISECTIONS = 30


class Constrained(NamedTuple):
    """A draft, and what is mixed into it so that it keeps its limits when it is served."""

    draft: Draft
    """What the explorer makes of the objective less the prices."""
    optimum: F64
    """(s, k) the best pmf by node that keeps every limit."""
    share: float
    """α, how much of the optimum is mixed in: in [0, 1]."""
    prices: Mapping[str, float]
    """Of one unit of each limit, in units of the objective; 0 where it does not bind."""


class Ends(NamedTuple):
    """What one limit has to do with the two policies that are mixed."""

    explored: F64
    """(m,) draws of what the explorer's policy costs, as served; one number where it is exact."""
    optimum: F64
    """(m,) draws of what the optimum costs."""
    target: float
    """What their quantile may reach."""


def constrain(
    population: Population,
    objective: Objective,
    limits: Limits,
    explorer: Explorer,
    *,
    uniform: float,
    seed: int,
    certainty: float = CERTAINTY,
) -> Constrained:
    """The explorer's policy, moved just far enough towards the constrained optimum to keep every limit.

    Every limit is on what is served, over the population and with all actions eligible. Limits on outcomes hold for a
    quantile of the aggregate rate over posterior draws; volume and slot shares are exact. Where a population tries
    several prices, the policy of the highest expected objective is taken: all of them keep the limits.

    Parameters
    ----------
    population
        The rows over which the limits run.
    objective
        What the outcomes are worth.
    limits
        At least one bound.
    explorer
        Explores on the objective less the prices of the limits.
    uniform
        Total share of the uniform pmf in what is served.
    seed
        Of the posterior draws.
    certainty
        The quantile, between 0 and 1.

    Raises
    ------
    SpecError
        A limit on an unknown outcome or slot, on sends where an action has no frequency, or one that no policy keeps.
    NothingToSayError
        No decision's value is known yet for a limited outcome.
    """
    posterior, costs = population.posterior, costs_of(population, limits, seed)
    utility = objective.combine({o: population.mean(o) for o in objective.outcomes})
    programme = LinearProgramme(
        utility=population.by_node(utility),
        limits=costs,
        weight=population.node_weight,
        parents=posterior.segments.parents,
        uniform=uniform,
        certainty=certainty,
    )
    optimum, prices = programme.optimum()
    highest, best = -np.inf, None
    for factor in population.price_factors:
        raised = {name: factor * price for name, price in prices.items()}
        draft = population.explore(explorer, *priced(posterior, objective, costs, raised), seed)
        pmf = draft.pmf
        share = mixing_share(population, programme, pmf, optimum, seed)
        value = float(np.sum(((1 - share) * pmf + share * optimum[population.nodes]) * utility))
        if best is None or value > highest:
            highest, best = value, Constrained(draft, optimum, share, prices)
        if share == 0 or not any(prices.values()):
            break
    assert best is not None  # noqa: S101 - there is at least one factor
    return best


def costs_of(population: Population, limits: Limits, seed: int) -> list[Limit]:
    """Every limit, with what an action costs by node on average over the population.

    Raises
    ------
    SpecError, NothingToSayError
        As :func:`constrain`.
    """
    posterior = population.posterior
    for o in limits.outcomes:
        if o not in posterior.outcomes:
            raise SpecError(f"unknown outcome {o!r}", "[limits]", f"the outcomes are {', '.join(posterior.outcomes)}")
        if not posterior.counted(o).any():
            raise NothingToSayError(f"no value of {o} is mature yet", "[limits]", "wait, or set a later [log] as_of")
    costs = [population.limit(o, bound, seed) for o, bound in limits.outcomes.items()]
    return costs + _send_limits(posterior, limits)


def _send_limits(posterior: Posterior, limits: Limits) -> list[Limit]:
    """The limits on volume and on the load of slots."""
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


def mixing_share(population: Population, programme: LinearProgramme, pmf: F64, optimum: F64, seed: int) -> float:
    """The smallest share of the optimum (s, k) beside a pmf (r, k) at which every limit is kept.

    Parameters
    ----------
    population
        Its r rows.
    programme
        Has the limits, the uniform share and the certainty.
    pmf
        (r, k) the explorer's pmf on the rows.
    optimum
        (s, k) keeps every limit by itself.
    seed
        Of the posterior draws.
    """
    served = (1 - programme.uniform) * pmf + programme.uniform / pmf.shape[1]
    weighted = programme.weighted(optimum)
    explored = population.rates(programme.limits, served, seed)
    ends = [
        Ends(rates, limit.rates(weighted), limit.target + TOLERANCE)
        for rates, limit in zip(explored, programme.limits, strict=True)
    ]
    # On nodes the means are exact, and so is the share that they ask for; on a sample the search begins at 0.
    start = _share_of_means(programme, pmf, optimum) if population.context is None else 0.0
    return _bisect(ends, programme.certainty, start)


def _share_of_means(programme: LinearProgramme, explored: F64, optimum: F64) -> float:
    """The smallest share of the optimum at which the mean of every limit is kept; both pmfs are (s, k)."""
    share = 0.0
    for limit in programme.limits:
        cost, least = (limit.mean(programme.weighted(pmf)) for pmf in (explored, optimum))
        if cost > limit.target:
            share = max(share, (cost - limit.target) / (cost - least))
    return min(share, 1.0)


def _bisect(ends: Sequence[Ends], certainty: float, start: float) -> float:
    """The smallest share from ``start`` upward at which the quantiles of all mixtures are within their targets."""

    # Rates are linear in the pmf: those of a mixture need no look at the policies.
    def keeps(share: float) -> bool:
        mixtures = ((1 - share) * x.explored + share * x.optimum for x in ends)
        return all(float(np.quantile(rates, certainty)) <= x.target for rates, x in zip(mixtures, ends, strict=True))

    if keeps(start):
        return start
    # A quantile of a sum is convex enough to bisect; the upper end is kept, as it holds at 1.
    low, high = start, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high
