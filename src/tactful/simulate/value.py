"""What a plan brings, with Monte Carlo errors by user and paired differences under common random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.errors import SpecError
from tactful.simulate.engine import MEASURES


class Figure(NamedTuple):
    """A mean over users and its Monte Carlo standard error."""

    value: float
    se: float


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """Totals of each user: ``totals`` (n, windows, 9), of the ``MEASURES``, over the days between ``cuts``.

    ``expected_…`` are conditional expectations given the state of each day: the same means as the realised figures with
    a fraction of their noise. Everybody counts, opted out or not. ``alive`` (n,) is the state after the last day.
    """

    cuts: tuple[int, ...]
    leaf: I64
    totals: F64
    alive_at_start: Bool
    alive: Bool

    @property
    def n(self) -> int:
        """The number of users."""
        return self.leaf.size

    def of_users(self, measure: str, days: tuple[int, int] | None = None) -> F64:
        """(n,) total of each user over ``days`` (from, to), which must be cuts; the whole horizon by default.

        Raises
        ------
        SpecError
            There is no such measure, or no cut at these days.
        """
        if measure not in MEASURES:
            raise SpecError(f"unknown measure {measure!r}", "value", f"choose one of {', '.join(MEASURES)}")
        start, stop = days or (self.cuts[0], self.cuts[-1])
        if start not in self.cuts or stop not in self.cuts:
            raise SpecError(f"no cuts at days {start} and {stop}", "value", "give them as cuts")
        windows = slice(self.cuts.index(start), self.cuts.index(stop))
        return self.totals[:, windows, MEASURES.index(measure)].sum(1)

    def mean(self, measure: str, days: tuple[int, int] | None = None) -> Figure:
        """Mean per user."""
        return _mean(self.of_users(measure, days))

    def minus(self, other: Value, measure: str, days: tuple[int, int] | None = None) -> Figure:
        """Mean paired difference; both values must be of the same users, with common random numbers."""
        return _mean(self.of_users(measure, days) - other.of_users(measure, days))

    def relative(self, other: Value, measure: str, days: tuple[int, int] | None = None) -> Figure:
        """Relative change of the mean, this / other − 1, with the error of the paired ratio."""
        mine, theirs = self.of_users(measure, days), other.of_users(measure, days)
        ratio, base = mine.mean() / theirs.mean(), theirs.mean()
        return Figure(float(ratio - 1), float(_mean(mine - ratio * theirs).se / base))

    def by_leaf(self, measure: str, leaves: int, days: tuple[int, int] | None = None) -> F64:
        """(leaves,) mean per user of each leaf; NaN where a leaf has no user."""
        total = np.bincount(self.leaf, self.of_users(measure, days), leaves)
        with np.errstate(invalid="ignore"):
            return total / np.bincount(self.leaf, minlength=leaves)

    @property
    def reachable(self) -> Figure:
        """Share of the users reachable at the start who still are after the last day."""
        return _mean(self.alive[self.alive_at_start].astype(np.float64))


def _mean(x: F64) -> Figure:
    return Figure(float(x.mean()), float(x.std(ddof=1) / np.sqrt(x.size)) if x.size > 1 else float("nan"))
