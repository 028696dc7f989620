"""What a world, or anything that decides, asks of a policy."""

from __future__ import annotations

from typing import Protocol

from tactful.core.arrays import F64, I64
from tactful.core.segments import Segments


class Policy(Protocol):
    """A frozen pmf over actions, given a node of its segment tree and the context.

    What is served is this pmf masked, mixed with the share ``uniform`` of the uniform pmf over the eligible actions,
    and rounded (``core.draw.serve``).
    """

    @property
    def segments(self) -> Segments:
        """The tree that ``nodes`` point into."""
        ...

    @property
    def uniform(self) -> float:
        """The share of the uniform pmf that is mixed in."""
        ...

    @property
    def version(self) -> str:
        """What the log's column ``policy`` says."""
        ...

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:
        """(n, k) probabilities before the uniform share is mixed in."""
        ...
