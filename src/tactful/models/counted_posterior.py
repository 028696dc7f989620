"""What every posterior of this package says of the evidence behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.evidence import Evidence
from tactful.models.sufficient_statistics import S


class CountedPosterior(ABC, Generic[S]):
    """Abstract: a posterior that follows from counted evidence."""

    evidence: Evidence[S]

    @abstractmethod
    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean of an outcome per decision."""

    @abstractmethod
    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of that mean."""

    @abstractmethod
    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size of that mean, prior included."""

    @abstractmethod
    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of that mean: the same for the same seed."""

    @property
    def actions(self) -> ActionSpace:
        """The k actions."""
        return self.evidence.actions

    @property
    def segments(self) -> Segments:
        """The tree of s nodes; parents stand before their children."""
        return self.evidence.segments

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The outcomes by name."""
        return self.evidence.outcomes

    @property
    def sums(self) -> Mapping[str, S]:
        """The sufficient statistics by outcome."""
        return self.evidence.sums

    @property
    def watermarks(self) -> Mapping[str, int]:
        """By outcome the newest decision time that was counted: µs UTC."""
        return self.evidence.watermarks

    @property
    def lineage(self) -> Lineage:
        """The log and the model that the posterior comes from."""
        return self.evidence.lineage

    @property
    def decisions(self) -> F64:
        """(s,) decisions that were counted at each node itself, without those of the nodes below."""
        return self.evidence.decisions

    def counted(self, outcome: str) -> F64:
        """(s, k) decisions whose outcome was counted, at each node itself."""
        return self.evidence.sums[outcome].n
