"""What evidence is made of: sums that add, and what makes them of rows."""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log


class Adding(Protocol):
    """Sums over rows: what adds over rows, shards and time."""

    @property
    def n(self) -> F64:
        """(s, k) decisions, or what they count."""
        ...

    def plus(self, other: Self) -> Self: ...
    def minus(self, other: Self) -> Self: ...
    def times(self, share: float) -> Self: ...
    def clipped(self) -> Self: ...
    def moved(self, to: I64, s: int) -> Self: ...


S = TypeVar("S", bound=Adding)
Made = TypeVar("Made", bound=Adding, covariant=True)


class Counter(Protocol[Made]):
    """How rows become sums."""

    def empty(self, s: int, k: int) -> Made: ...
    def of(self, log: Log, outcome: str, rows: Bool, weight: F64 | None = None) -> Made: ...
