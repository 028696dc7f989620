"""The population of a table: its nodes, weighted by the decisions of the log at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.linear_programme import Limit
from tactful.optimisation.population import SENDS
from tactful.policies.table import Table
from tactful.policies.terms import Terms

POSTERIOR_DRAWS = 1024


@dataclass(frozen=True, eq=False)
class TableDraft:
    """A table in the making."""

    posterior: Posterior
    """Has the actions and the segments."""
    pmf: F64
    """(s, k) probabilities of each node."""

    def policy(self, terms: Terms, optimum: F64 | None = None, share: float = 0.0) -> Table:
        """The table that can be served, with a share of another pmf (s, k) mixed in."""
        pmf = self.pmf if optimum is None else (1 - share) * self.pmf + share * optimum
        return Table.of(self.posterior.actions, self.posterior.segments, pmf, terms)


@dataclass(frozen=True, eq=False)
class NodePopulation:
    """A row for every node of the segment tree, with the decisions logged at the node itself as its weight."""

    posterior: Posterior
    """What is known of the outcomes at every node."""
    nodes: I64
    """(s,) all nodes in order."""
    node_weight: F64
    """(s,) the share of decisions at each node itself."""
    context: None = None
    """A table does not look at contexts."""
    price_factors: tuple[float, ...] = (1.0,)
    """The prices as they are: the optimum that is mixed in decides by node too, so that mixing costs little."""

    @classmethod
    def from_posterior(cls, posterior: Posterior) -> NodePopulation:
        """All nodes of a posterior that has counted a decision."""
        decisions = posterior.decisions
        return cls(posterior, np.arange(len(posterior.segments)), decisions / decisions.sum())

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean of an outcome per decision."""
        return self.posterior.mean(outcome)

    def by_node(self, values: F64) -> F64:
        """The values (s, k) themselves."""
        return values

    def limit(self, outcome: str, bound: float, seed: int) -> Limit:
        """The limit on an outcome, with posterior draws of its mean."""
        return Limit(outcome, bound, self.mean(outcome), self.posterior.draws(outcome, POSTERIOR_DRAWS, seed))

    def rates(self, limits: Sequence[Limit], pmf: F64, seed: int) -> list[F64]:  # noqa: ARG002 - limits hold the draws
        """For each limit (m,) draws of what a served pmf (s, k) costs; one number where it is exact."""
        weighted = self.node_weight[:, None] * pmf
        return [limit.rates(weighted) for limit in limits]

    def explore(self, explorer: Explorer, objective: Objective, offset: F64 | None, seed: int) -> TableDraft:
        """The explorer's pmf of every node."""
        return TableDraft(self.posterior, explorer.pmf(self.posterior, objective, seed, offset))

    def expected(self, objective: Objective, pmf: F64) -> dict[str, float]:
        """Means over the decisions of the log, at its own mix of segments."""
        weight = self.posterior.decisions
        by_node = expected(self.posterior, objective, pmf)
        return {name: float(values @ weight / weight.sum()) for name, values in by_node.items()}


def expected(posterior: Posterior, objective: Objective, pmf: F64) -> dict[str, F64]:
    """What the model expects per decision of a served pmf (s, k), for each node.

    Returns
    -------
    dict
        (s,) by name: every outcome, the objective, and the sends per period where all actions have a frequency.
    """
    means = {o: np.sum(pmf * posterior.mean(o), 1) for o in posterior.outcomes}
    means[OBJECTIVE] = objective.combine(means)
    if None not in posterior.actions.frequencies:
        means[SENDS] = pmf @ posterior.actions.sends
    return means
