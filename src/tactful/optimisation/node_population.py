"""The population of a table: its nodes, weighted by the decisions of the log at each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import Objective
from tactful.models.base import Posterior
from tactful.optimisation.constraints import Limit
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.population import expected
from tactful.policies.table import Table
from tactful.policies.terms import Terms

POSTERIOR_DRAWS = 1024


@dataclass(frozen=True, eq=False)
class TableDraft:
    """A table in the making."""

    posterior: Posterior
    """Has the actions and the segments."""
    probabilities: F64
    """(s, k) of each node."""

    def pmf(self) -> F64:
        """(s, k) probabilities of each node."""
        return self.probabilities

    def mixed(self, optimum: F64, share: float) -> TableDraft:
        """The draft with a share of another pmf (s, k) mixed in."""
        return replace(self, probabilities=(1 - share) * self.probabilities + share * optimum)

    def policy(self, terms: Terms) -> Table:
        """The table that can be served."""
        return Table.of(self.posterior.actions, self.posterior.segments, self.probabilities, terms)


@dataclass(frozen=True, eq=False)
class NodePopulation:
    """A row for every node of the segment tree, with the decisions logged at the node itself as its weight."""

    posterior: Posterior
    """What is known of the outcomes at every node."""

    @property
    def nodes(self) -> I64:
        """(s,) all nodes in order."""
        return np.arange(len(self.posterior.segments))

    @property
    def context(self) -> None:
        """None: a table does not look at contexts."""
        return None

    @property
    def price_factors(self) -> tuple[float, ...]:
        """The prices as they are: the optimum that is mixed in decides by node too, so that mixing costs little."""
        return (1.0,)

    @property
    def node_weight(self) -> F64:
        """(s,) the share of decisions at each node itself."""
        return self.posterior.decisions / self.posterior.decisions.sum()

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean of an outcome per decision."""
        return self.posterior.mean(outcome)

    def by_node(self, values: F64) -> F64:
        """The values (s, k) themselves."""
        return values

    def node_draws(self, outcome: str, seed: int) -> F64:
        """(m, s, k) posterior draws of an outcome."""
        return self.posterior.draws(outcome, POSTERIOR_DRAWS, seed)

    def rates(self, limit: Limit, pmf: F64, seed: int) -> F64:  # noqa: ARG002 - its limits hold the draws
        """(m,) posterior draws of what a served pmf (s, k) costs; one number where it is exact."""
        return limit.rates(self.node_weight[:, None] * pmf)

    def explore(self, explorer: Explorer, objective: Objective, offset: F64 | None, seed: int) -> TableDraft:
        """The explorer's pmf of every node."""
        return TableDraft(self.posterior, explorer.pmf(self.posterior, objective, seed, offset))

    def expected(self, objective: Objective, pmf: F64) -> dict[str, float]:
        """Means over the decisions of the log, at its own mix of segments."""
        weight = self.posterior.decisions
        by_node = expected(self.posterior, objective, pmf)
        return {name: float(values @ weight / weight.sum()) for name, values in by_node.items()}
