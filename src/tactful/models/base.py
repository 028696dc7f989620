"""What publishing and evaluation ask of any posterior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.policies.base import Lineage


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
        """(m, s, k) draws of that mean: the same for the same seed."""
        ...

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size of that mean, prior included."""
        ...

    def update(self, log: Log) -> Self:
        """The posterior after more decisions."""
        ...
