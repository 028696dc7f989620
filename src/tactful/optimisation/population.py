"""The decisions over which a policy's limits and expectations run: rows of a node, a context and a weight."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.models.base import Posterior
from tactful.optimisation.constraints import SENDS, Limit
from tactful.optimisation.explorers import Explorer
from tactful.policies.codec import Saved
from tactful.policies.terms import Terms


class Draft(Protocol):
    """A policy in the making, on the rows of its population."""

    def pmf(self) -> F64:
        """(r, k) probabilities on the rows, before the uniform share is mixed in."""
        ...

    def mixed(self, optimum: F64, share: float) -> Draft:
        """The draft with a share of another pmf by node (s, k) mixed in."""
        ...

    def policy(self, terms: Terms) -> Saved:
        """The policy that can be served."""
        ...


class Population(Protocol):
    """r rows over which limits and expectations run, and what a posterior knows on them.

    The population of a table is its nodes, weighted by their decisions (``NodePopulation``); that of a contextual
    policy is the sample of contexts that its posterior keeps (``ContextPopulation``).
    """

    @property
    def posterior(self) -> Posterior:
        """What is known of the outcomes."""
        ...

    @property
    def nodes(self) -> I64:
        """(r,) the node of each row."""
        ...

    @property
    def context(self) -> F64 | None:
        """(r, d) raw contexts; None where rows are nodes."""
        ...

    @property
    def node_weight(self) -> F64:
        """(s,) the share of decisions at each node itself; they sum to 1."""
        ...

    @property
    def price_factors(self) -> tuple[float, ...]:
        """Multiples of the prices that are tried, from 1 upward."""
        ...

    def mean(self, outcome: str) -> F64:
        """(r, k) posterior mean of an outcome per decision."""
        ...

    def by_node(self, values: F64) -> F64:
        """(s, k) means of values (r, k) over the rows of each node itself; 0 where there are none."""
        ...

    def node_draws(self, outcome: str, seed: int) -> F64:
        """(m, s, k) posterior draws of the mean of an outcome over the rows of each node itself."""
        ...

    def rates(self, limit: Limit, pmf: F64, seed: int) -> F64:
        """(m,) posterior draws of what a served pmf (r, k) costs over all rows; one number where it is exact."""
        ...

    def explore(self, explorer: Explorer, objective: Objective, offset: F64 | None, seed: int) -> Draft:
        """What an explorer makes of the posterior, without limits.

        Parameters
        ----------
        explorer
            How to explore.
        objective
            Values of the outcomes.
        offset
            (k,) is added to the utility of each action; None adds nothing.
        seed
            Of the posterior draws.
        """
        ...

    def expected(self, objective: Objective, pmf: F64) -> dict[str, float]:
        """What the model expects per decision under a served pmf (r, k): every outcome, the objective and the sends."""
        ...


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
