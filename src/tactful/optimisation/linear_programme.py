"""The best pmf by node within limits: a linear programme, tightened until posterior quantiles keep the limits too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, kron

from tactful.core.arrays import F64, I64
from tactful.errors import SpecError

_linprog: Any = linprog  # its stubs do not know sparse constraints

SLACK = 1e-7  # of a bound: room for the rounding of a pmf to integer shares
MAX_ROUNDS = 40
TOLERANCE = 1e-12
TINY = 1e-300


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


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearProgramme:
    """Maximise Σ_s w_s Σ_a U[s, a] π[s, a] over what is served, within limits."""

    utility: F64
    """(s, k) U, the mean utility of an action at a node."""
    limits: Sequence[Limit]
    """What must be kept."""
    weight: F64
    """(s,) w, the share of decisions at each node itself; they sum to 1."""
    parents: I64
    """(s,) the parent of each node; −1 for the root, which comes first."""
    uniform: float
    """Total share of the uniform pmf that is mixed into π."""
    certainty: float
    """Quantile of the posterior of a cost that must be within its limit."""

    def weighted(self, pmf: F64) -> F64:
        """(s, k) w π as served: with the uniform share mixed in."""
        return self.weight[:, None] * ((1 - self.uniform) * pmf + self.uniform / pmf.shape[1])

    def quantile(self, pmf: F64, limit: Limit) -> float:
        """The quantile ``certainty`` of what a pmf (s, k) costs when it is served."""
        return float(np.quantile(limit.rates(self.weighted(pmf)), self.certainty))

    def optimum(self) -> tuple[F64, dict[str, float]]:
        """The best pmf whose quantiles keep every limit.

        The programme bounds means. Where a quantile is above its limit, the bound on that mean is lowered by as much,
        and the programme is solved again.

        Returns
        -------
        pmf
            (s, k) the optimum. Nodes without decisions get the mean of the nodes below them, or their parent's.
        prices
            Of one unit of each limit by name, in units of the utility; 0 where it does not bind.

        Raises
        ------
        SpecError
            No policy keeps the limits.
        """
        bounds = [limit.target for limit in self.limits]
        least = [limit.mean(self.weighted(_cheapest(limit))) for limit in self.limits]
        excess: list[float] = []
        for _ in range(MAX_ROUNDS):
            pmf, prices = self.solve(bounds)
            excess = [self.quantile(pmf, limit) - limit.target for limit in self.limits]
            if max(excess) <= TOLERANCE:
                return _fill(pmf, self.weight, self.parents), prices
            bounds = [_tighten(*terms) for terms in zip(bounds, excess, least, strict=True)]
        worst = self.limits[int(np.argmax(excess))]
        raise SpecError(
            f"{worst.name} = {worst.bound:g} cannot be kept with {100 * self.certainty:g} % certainty "
            "on this little data",
            "[limits]",
            "raise the limit, lower --uniform or --certainty, or log more decisions",
        )

    def solve(self, bounds: Sequence[float]) -> tuple[F64, dict[str, float]]:
        """The best pmf (s, k) whose mean costs are within ``bounds``, and the prices of the limits.

        The solver is HiGHS, and the prices are its duals. Nodes without decisions get the uniform pmf.

        Raises
        ------
        SpecError
            No policy keeps the bounds.
        """
        s, k = self.utility.shape
        nodes = np.flatnonzero(self.weight > 0)
        chosen = 1 - self.uniform  # the share of what is served that π decides
        weight = chosen * self.weight[nodes, None]
        costs = np.array([(weight * limit.cost[nodes]).ravel() for limit in self.limits])
        floors = [self.uniform / k * float(np.sum(self.weight[:, None] * limit.cost)) for limit in self.limits]
        room = np.array(bounds) - np.array(floors)
        # Rows of rare outcomes are tiny: scaled, so that the solver's tolerances are relative.
        scale = np.maximum(np.abs(costs).max(1), TINY) if chosen > 0 else np.ones(len(self.limits))
        sums_to_one = kron(eye_array(nodes.size), np.ones((1, k)), format="csr")
        gain = (weight * self.utility[nodes]).ravel()
        unit = max(float(np.abs(gain).max()), TINY)
        solution = _linprog(
            -gain / unit,
            csr_array(costs / scale[:, None]),
            room / scale,
            sums_to_one,
            np.ones(nodes.size),
            method="highs",
        )
        if solution.status != 0:
            raise self._infeasible(bounds)
        pmf = np.full((s, k), 1 / k)
        pmf[nodes] = np.maximum(solution.x.reshape(nodes.size, k), 0)
        pmf /= pmf.sum(1, keepdims=True)
        prices = -np.asarray(solution.ineqlin.marginals) * unit / scale
        return pmf, {x.name: max(float(p), 0.0) for x, p in zip(self.limits, prices, strict=True)}

    def _infeasible(self, bounds: Sequence[float]) -> SpecError:
        """The error that names the limit that no policy keeps, with the smallest cost that is possible."""
        for limit, bound in zip(self.limits, bounds, strict=True):
            cheapest = _cheapest(limit)
            if limit.mean(self.weighted(cheapest)) > bound:
                possible = self.quantile(cheapest, limit)
                return SpecError(
                    f"{limit.name} = {limit.bound:g} cannot be kept: "
                    f"the least that any policy reaches is {possible:.3g}",
                    "[limits]",
                    "raise the limit, or lower --uniform",
                )
        names = ", ".join(limit.name for limit in self.limits)
        return SpecError(f"no policy keeps all of {names} together", "[limits]", "raise one of them")


def _cheapest(limit: Limit) -> F64:
    """(s, k) all mass on the action of the smallest cost."""
    return np.eye(limit.cost.shape[1])[limit.cost.argmin(1)]


def _tighten(bound: float, excess: float, least: float) -> float:
    """A lower bound on a mean whose quantile exceeds its limit, but never below the least mean that is possible."""
    if excess <= TOLERANCE:
        return bound
    tighter = bound - 1.01 * excess
    return tighter if tighter > least else (bound + least) / 2


def _fill(pmf: F64, weight: F64, parents: I64) -> F64:
    """Nodes without decisions get the mean of the solutions below them, or their parent's where there are none."""
    total, mass = pmf * weight[:, None], weight.copy()
    for node in range(len(parents) - 1, 0, -1):
        total[parents[node]] += total[node]
        mass[parents[node]] += mass[node]
    filled = pmf.copy()
    for node in range(len(parents)):
        if weight[node] == 0:
            filled[node] = total[node] / mass[node] if mass[node] > 0 else filled[parents[node]]
    return filled
