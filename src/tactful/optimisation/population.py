"""The decisions over which a policy's limits and expectations run: rows of a node, a context and a weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import Objective
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.linear_programme import Limit
from tactful.policies.codec import Saved
from tactful.policies.terms import Terms

SENDS = "sends_per_period"


class Draft(Protocol):
    """A policy in the making, on the rows of its population."""

    @property
    def pmf(self) -> F64:
        """(r, k) probabilities on the rows, before the uniform share is mixed in."""
        ...

    def policy(self, terms: Terms, optimum: F64 | None = None, share: float = 0.0) -> Saved:
        """The policy that can be served.

        Parameters
        ----------
        terms
            What it has beside its pmf.
        optimum
            (s, k) another pmf that is mixed in; None where nothing is.
        share
            Share of the optimum, in [0, 1].
        """
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

    def limit(self, outcome: str, bound: float, seed: int) -> Limit:
        """The limit on an outcome, with posterior draws of its mean over the rows of each node itself."""
        ...

    def rates(self, limits: Sequence[Limit], pmf: F64, seed: int) -> list[F64]:
        """For each limit (m,) draws of what a served pmf (r, k) costs over all rows; one number where it is exact."""
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
