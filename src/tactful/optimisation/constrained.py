"""Limits at publish: prices by a linear programme, and the smallest mixture that keeps every limit.

Exploring on priced utilities alone does not keep a limit, and raising prices by bisection is not monotone; so the
published pmf is (1 − α) π_explore + α π_LP with the smallest α that meets every limit: linear in α, always feasible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, kron

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import Limits, Objective
from tactful.errors import SpecError
from tactful.models.base import Posterior
from tactful.optimisation.constraints import Limit, limited_outcomes, priced_values, send_limits
from tactful.optimisation.explorers import Explorer, mean_utility

_linprog: Any = linprog  # its stubs do not know sparse constraints

CERTAINTY = 0.95
DRAWS = 1024
ROUNDS = 40
SLACK = 1e-7  # relative; for rounding to integer shares


class Constrained(NamedTuple):
    """A pmf (s, k) before the uniform mix that keeps its limits when served.

    ``prices`` are in units of the objective for one unit of each limit (0 where it does not bind); ``share`` is α, how
    much of the linear programme's solution was mixed in; ``quantiles`` are those of the limited rates, as checked.
    """

    pmf: F64
    prices: Mapping[str, float]
    share: float
    quantiles: Mapping[str, float]


class Served(NamedTuple):
    """Aggregates of what is served: weights (s,) that sum to 1, the total uniform share, and the certainty wanted."""

    weight: F64
    uniform: float
    certainty: float = CERTAINTY

    def mean(self, pmf: F64, limit: Limit) -> float:
        return float(np.sum(self._mixed(pmf) * limit.cost))

    def quantile(self, pmf: F64, limit: Limit) -> float:
        """The quantile ``certainty`` over posterior draws of the aggregate rate; the mean where nothing varies."""
        return float(np.quantile(self.rates(pmf, limit), self.certainty))

    def rates(self, pmf: F64, limit: Limit) -> F64:
        """(m,) draws of the aggregate rate; one where nothing varies."""
        if limit.draws is None:
            return np.array([self.mean(pmf, limit)])
        return np.tensordot(limit.draws, self._mixed(pmf), 2)

    def _mixed(self, pmf: F64) -> F64:
        k = pmf.shape[1]
        return self.weight[:, None] * ((1 - self.uniform) * pmf + self.uniform / k)


def constrain(
    posterior: Posterior,
    objective: Objective,
    limits: Limits,
    explorer: Explorer,
    *,
    uniform: float,
    seed: int,
    certainty: float = CERTAINTY,
) -> Constrained:
    """The explorer's pmf, moved just far enough towards the constrained optimum to keep every limit.

    Every limit is on what is served, with the log's own mix of segments and all actions eligible. Limits on outcomes
    hold for the quantile ``certainty`` of the aggregate rate over posterior draws; volume and slot shares are exact.

    Raises
    ------
    SpecError
        A limit on an unknown outcome or slot, on sends where an action has no frequency, or one that no policy keeps.
    NothingToSayError
        No decision's value is known yet for a limited outcome.
    """
    found = [*_outcome_limits(posterior, limits, seed), *send_limits(posterior, limits)]
    weight = posterior.decisions / posterior.decisions.sum()
    on = Served(weight, uniform, certainty)
    utility = mean_utility(posterior, objective)
    best, prices = tightened(found, utility, on, posterior.segments.parents)
    values, offset = priced_values(posterior, objective, found, prices)
    explored = explorer.pmf(posterior, Objective(values), seed, offset)
    share = _smallest_share(explored, best, found, on)
    pmf = (1 - share) * explored + share * best
    return Constrained(pmf, prices, share, {x.name: on.quantile(pmf, x) for x in found})


def _outcome_limits(posterior: Posterior, limits: Limits, seed: int) -> list[Limit]:
    return [
        Limit(o, bound, posterior.mean(o), posterior.draws(o, DRAWS, seed))
        for o, bound in limited_outcomes(posterior, limits).items()
    ]


def tightened(limits: list[Limit], utility: F64, on: Served, parents: I64) -> tuple[F64, dict[str, float]]:
    """The constrained optimum whose quantiles keep every limit, and the prices of the limits there."""
    bounds = [x.bound - SLACK * abs(x.bound) for x in limits]
    least = [on.mean(np.eye(x.cost.shape[1])[x.cost.argmin(1)], x) for x in limits]
    over: list[float] = []
    for _ in range(ROUNDS):
        best, prices = optimum(limits, bounds, utility, on)
        over = [on.quantile(best, x) - (x.bound - SLACK * abs(x.bound)) for x in limits]
        if max(over) <= 1e-12:
            return _filled(best, on.weight, parents), prices
        bounds = [_lower(b, o, f) if o > 1e-12 else b for b, o, f in zip(bounds, over, least, strict=True)]
    worst = limits[int(np.argmax(over))]
    raise SpecError(
        f"{worst.name} = {worst.bound:g} cannot be kept with {100 * on.certainty:g} % certainty on this little data",
        "[limits]",
        "raise the limit, lower --uniform or --certainty, or log more decisions",
    )


def _lower(bound: float, over: float, least: float) -> float:
    """A tighter bound on the mean, but never one below the ``least`` that a policy reaches."""
    tighter = bound - 1.01 * over
    return tighter if tighter > least else (bound + least) / 2


def optimum(limits: list[Limit], bounds: list[float], utility: F64, on: Served) -> tuple[F64, dict[str, float]]:
    """Maximise Σ w U π under the bounds on what is served: HiGHS; its duals are the prices."""
    s, k = utility.shape
    kept = np.flatnonzero(on.weight > 0)
    rest = 1 - on.uniform
    weight = rest * on.weight[kept, None]
    rows = np.array([(weight * x.cost[kept]).ravel() for x in limits])
    floor = [on.uniform / k * float(np.sum(on.weight[:, None] * x.cost)) for x in limits]
    room = np.array(bounds) - np.array(floor)
    # Rows of rare outcomes are tiny: scaled, so that the solver's tolerances are relative.
    scale = np.maximum(np.abs(rows).max(1), 1e-300) if rest > 0 else np.ones(len(limits))
    once = kron(eye_array(kept.size), np.ones((1, k)), format="csr")
    gain = (weight * utility[kept]).ravel()
    unit = max(float(np.abs(gain).max()), 1e-300)
    found = _linprog(
        -gain / unit, csr_array(rows / scale[:, None]), room / scale, once, np.ones(kept.size), method="highs"
    )
    if found.status != 0:
        raise _infeasible(limits, bounds, on)
    pmf = np.full((s, k), 1 / k)
    pmf[kept] = np.maximum(found.x.reshape(kept.size, k), 0)
    pmf /= pmf.sum(1, keepdims=True)
    prices = -np.asarray(found.ineqlin.marginals) * unit / scale
    return pmf, {x.name: max(float(p), 0.0) for x, p in zip(limits, prices, strict=True)}


def _infeasible(limits: list[Limit], bounds: list[float], on: Served) -> SpecError:
    """The error that names the limit no policy keeps, with the least that is possible."""
    for limit, bound in zip(limits, bounds, strict=True):
        cheapest = np.eye(limit.cost.shape[1])[limit.cost.argmin(1)]
        least = on.mean(cheapest, limit)
        if least > bound:
            possible = on.quantile(cheapest, limit)
            return SpecError(
                f"{limit.name} = {limit.bound:g} cannot be kept: the least that any policy reaches is {possible:.3g}",
                "[limits]",
                "raise the limit, or lower --uniform",
            )
    names = ", ".join(x.name for x in limits)
    return SpecError(f"no policy keeps all of {names} together", "[limits]", "raise one of them")


def _filled(best: F64, weight: F64, parents: I64) -> F64:
    """Nodes without decisions get the mean of the solutions below them, or their parent's where there are none."""
    total, mass = best * weight[:, None], weight.copy()
    for node in range(len(parents) - 1, 0, -1):
        total[parents[node]] += total[node]
        mass[parents[node]] += mass[node]
    out = best.copy()
    for node in range(len(parents)):
        if weight[node] == 0:
            out[node] = total[node] / mass[node] if mass[node] > 0 else out[parents[node]]
    return out


def _smallest_share(explored: F64, best: F64, limits: list[Limit], on: Served) -> float:
    """The least α at which (1 − α) explored + α best keeps every limit, in the mean and in the quantile."""
    share = 0.0
    for x in limits:
        bound = x.bound - SLACK * abs(x.bound)
        at_explored, at_best = on.mean(explored, x), on.mean(best, x)
        if at_explored > bound:
            share = max(share, (at_explored - bound) / (at_explored - at_best))

    ends = [(x.bound - SLACK * abs(x.bound) + 1e-12, on.rates(explored, x), on.rates(best, x)) for x in limits]

    def kept(a: float) -> bool:  # rates are linear in the pmf: those of the mixture need no look at the draws
        return all(float(np.quantile((1 - a) * e + a * b, on.certainty)) <= bound for bound, e, b in ends)

    return bisected(kept, min(share, 1.0))


def bisected(kept: Callable[[float], bool], share: float) -> float:
    """The least share from ``share`` upward that is kept."""
    if kept(share):
        return share
    # A quantile of a sum is convex enough to bisect; the upper end is kept, as it holds at 1.
    low, high = share, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if kept(middle) else (middle, high)
    return high
