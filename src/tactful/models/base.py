"""What publishing and evaluation ask of any posterior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, Self

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments


class Posterior(Protocol):
    """The joint posterior of outcome means, per decision, for every node (s,) and action (k,)."""

    @property
    def actions(self) -> ActionSpace: ...
    @property
    def segments(self) -> Segments: ...
    @property
    def outcomes(self) -> Mapping[str, Outcome]: ...
    @property
    def lineage(self) -> Lineage: ...
    @property
    def decisions(self) -> F64:
        """(s,) decisions logged at each node itself."""
        ...

    def counted(self, outcome: str) -> F64:
        """(s, k) decisions whose outcome was counted, at each node itself."""
        ...

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean of an outcome per decision."""
        ...

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of that mean."""
        ...

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of that mean: the same for the same seed.

        A model with many nodes may also have ``visit_draws``, as ``HierarchicalPosterior`` does: then no explorer asks
        for this array.
        """
        ...

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size of that mean, prior included."""
        ...

    def update(self, log: Log) -> Self:
        """The posterior after more decisions."""
        ...


Link = Literal["identity", "logistic", "log"]


class ContextualPosterior(Posterior, Protocol):
    """A posterior that also depends on a context: the mean of an outcome is scale · link⁻¹(z · θ).

    z (d,) is the design of ``features``. As a :class:`Posterior`, its (s, k) means, deviations and draws are averages
    over ``sample``, the contexts kept from the log.
    """

    @property
    def features(self) -> Features: ...
    @property
    def independent(self) -> bool:
        """Whether the actions' coefficients are independent of each other, given the data."""
        ...

    @property
    def sample(self) -> tuple[I64, F64]:
        """Nodes (r,) and raw contexts (r, d − 1): a keyed sample of the decisions that were counted."""
        ...

    def link(self, outcome: str) -> Link:
        """Of the outcome's mean per trial."""
        ...

    def scale(self, outcome: str) -> F64:
        """(s, k) mean trials per decision; 1 where the outcome has none."""
        ...

    def coefficients(self, outcome: str) -> F64:
        """(s, k, d) posterior mean of θ."""
        ...

    def roots(self, outcome: str) -> F64:
        """(s, k, d, d) R with Cov θ[s, a] = R Rᵀ, lower triangular."""
        ...

    def bank(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k, d) joint draws of θ: the same for the same seed."""
        ...
