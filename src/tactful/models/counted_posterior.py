"""What every posterior says of its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.counter import S
from tactful.models.evidence import Evidence


class Counting(Generic[S]):
    """Abstract: what every posterior says of its evidence."""

    evidence: Evidence[S]

    @property
    def actions(self) -> ActionSpace:
        """The actions."""
        return self.evidence.actions

    @property
    def segments(self) -> Segments:
        """The tree."""
        return self.evidence.segments

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The outcomes by name."""
        return self.evidence.outcomes

    @property
    def sums(self) -> Mapping[str, S]:
        """The sums by outcome."""
        return self.evidence.sums

    @property
    def watermarks(self) -> Mapping[str, int]:
        """The newest decision time counted, by outcome."""
        return self.evidence.watermarks

    @property
    def lineage(self) -> Lineage:
        """Where it comes from."""
        return self.evidence.lineage

    @property
    def decisions(self) -> F64:
        """(s,) decisions that were counted at each node itself."""
        return self.evidence.decisions

    def counted(self, outcome: str) -> F64:
        """(s, k) decisions whose outcome was counted, at each node itself."""
        return self.evidence.sums[outcome].n
