"""What publishing and evaluation ask of a posterior: what every posterior offers, and what only some offer.

Optional powers are protocols of their own. A caller asks for one with ``isinstance``:

>>> from tactful.models.hierarchical.posterior import HierarchicalPosterior
>>> issubclass(HierarchicalPosterior, ProvidesLevels), issubclass(HierarchicalPosterior, DrawsInBlocks)
(True, True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol, Self, runtime_checkable

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments

Link = Literal["identity", "logistic", "log"]
"""From the linear predictor of an outcome to its mean per trial."""

DrawVisitor = Callable[[I64, Mapping[str, F64]], None]
"""Takes b nodes (b,) and, by outcome, their draws (b, m, k); it may write to the draws."""


class Posterior(Protocol):
    """The joint posterior of outcome means per decision, for every node (s,) of a segment tree and action (k,)."""

    @property
    def actions(self) -> ActionSpace:
        """The k actions."""
        ...

    @property
    def segments(self) -> Segments:
        """The tree of s nodes; parents stand before their children."""
        ...

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The outcomes by name."""
        ...

    @property
    def lineage(self) -> Lineage:
        """The log and the model that the posterior comes from."""
        ...

    @property
    def decisions(self) -> F64:
        """(s,) decisions logged at each node itself, without those of the nodes below."""
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

        A posterior that also :class:`DrawsInBlocks` is never asked for this array by an explorer.
        """
        ...

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size of that mean, prior included."""
        ...

    def update(self, log: Log) -> Self:
        """The posterior after more decisions; this one stays as it is."""
        ...


@runtime_checkable
class ProvidesLevels(Protocol):
    """A posterior that says from how high in the tree each node takes what it knows."""

    def level(self, outcome: str) -> I64:
        """(s,) the depth at which each node was learnt: its own, or that of an ancestor."""
        ...


@runtime_checkable
class DrawsInBlocks(Protocol):
    """A posterior that hands its draws over some nodes at a time, so that no array holds all of them."""

    def visit_draws(self, outcomes: Iterable[str], m: int, seed: int, visitor: DrawVisitor) -> None:
        """Call ``visitor`` in threads until it had every node once; together these are the draws of ``draws``.

        Parameters
        ----------
        outcomes
            Names of the outcomes to draw.
        m
            Draws of each mean.
        seed
            Of the draws: the same seed gives the same draws.
        visitor
            Takes nodes (b,) and, by outcome, draws (b, m, k).
        """
        ...


@runtime_checkable
class ProvidesWatermarks(Protocol):
    """A posterior that remembers up to when it has counted each outcome."""

    @property
    def watermarks(self) -> Mapping[str, int]:
        """The newest decision time that was counted, by outcome: µs UTC."""
        ...


@runtime_checkable
class ProvidesFeatures(Protocol):
    """A posterior that was fitted with features of a context, of which there may be none."""

    @property
    def features(self) -> Features:
        """Names, centres and scales of the context columns."""
        ...


@runtime_checkable
class ContextualPosterior(Posterior, ProvidesFeatures, Protocol):
    """A posterior that also depends on a context: the mean of an outcome is scale · link⁻¹(z · θ).

    z (d,) is the design of ``features``. As a :class:`Posterior`, its (s, k) means, deviations and draws are averages
    over ``sample``, the contexts kept from the log. ``isinstance`` looks at every member, which computes the posterior
    of one outcome on Python 3.11; where that is too much, ask for :class:`ProvidesFeatures`.
    """

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
