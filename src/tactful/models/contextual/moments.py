"""Sufficient statistics of a contextual model per (segment, action): second moments of (features, outcome)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.models.contextual.context_rows import ContextRows, LogRows, context_error
from tactful.models.sufficient_statistics import EMPTY_SHARE


class ContextMoments(NamedTuple):
    """Sums over rows: decisions ``n``, trials ``t`` (n where there are none) and values ``y``, all (s, k).

    ``rows`` (s, k, d + 1, d + 1) holds Σ w·wᵀ of w = (z, r), with the design z and the response r: Σ zzᵀ, Σ z r and
    Σ r². ``pairs``, of that shape, holds the same sums over pairs of *different* rows of one user in one cell, from
    which the variance of a user's total follows for any coefficients. Where nodes are pooled both lack the axis s.
    """

    n: F64
    t: F64
    y: F64
    rows: F64
    pairs: F64

    @classmethod
    def empty(cls, s: int, k: int, size: int, *, pooled: bool, pairs: int | None = None) -> ContextMoments:
        """No rows.

        Parameters
        ----------
        s, k
            Nodes and actions.
        size
            d + 1, the length of w.
        pooled
            Whether ``rows`` and ``pairs`` lack the axis s.
        pairs
            The length of the last axes of ``pairs``: ``size`` unless given.
        """
        nodes = () if pooled else (s,)
        n, t, y = np.zeros((3, s, k))
        lengths = size, size if pairs is None else pairs
        return cls(n, t, y, *(np.zeros((*nodes, k, length, length)) for length in lengths))

    def plus(self, addend: ContextMoments) -> ContextMoments:
        """The sums of two disjoint sets of rows, over the same nodes."""
        return ContextMoments._make(a + b for a, b in zip(self, addend, strict=True))

    def minus(self, subtrahend: ContextMoments) -> ContextMoments:
        """The sums without a part of their rows, over the same nodes."""
        return ContextMoments._make(a - b for a, b in zip(self, subtrahend, strict=True))

    def times(self, share: float) -> ContextMoments:
        """The sums of rows that each count ``share``."""
        return ContextMoments._make(share * a for a in self)

    def clipped(self) -> ContextMoments:
        """The sums without the rounding errors that a subtraction leaves in cells that have no rows any more."""
        threshold = EMPTY_SHARE * max(float(self.n.max()), 1.0)
        empty = self.n <= threshold
        pooled = self.rows.ndim == 3
        empty_matrix = (self.n.sum(0) <= threshold)[:, None, None] if pooled else empty[..., None, None]
        n, t, y = (np.where(empty, 0.0, a) for a in self[:3])
        return ContextMoments(n, t, y, *(np.where(empty_matrix, 0.0, a) for a in self[3:]))

    def moved(self, position: I64, s: int) -> ContextMoments:
        """The same sums over a larger tree of s nodes; ``position`` (old s,) is the new index of each node."""

        def grown(old: F64) -> F64:
            new = np.zeros((s, *old.shape[1:]))
            new[position] = old
            return new

        return ContextMoments._make(x if x.ndim == 3 else grown(x) for x in self)

    def with_counts(self, log_rows: LogRows, outcome: str) -> ContextMoments:
        """With the decisions, trials and values of the chosen rows of a log on the same tree in place of these."""
        log, rows, weight = log_rows
        measured = log.outcomes[outcome]
        cell = log.segment[rows] * log.actions.k + log.action[rows]
        value = measured.value[rows]
        ones = np.ones(value.size) if weight is None else weight
        size = ones if measured.trials is None else ones * measured.trials[rows]
        n, t, y = (np.bincount(cell, x, self.n.size).reshape(self.n.shape) for x in (ones, size, ones * value))
        return self._replace(n=n, t=t, y=y)

    @property
    def nodes(self) -> ContextMoments:
        """With the axis s, of length 1 where nodes are pooled; n, t and y summed accordingly."""
        if self.rows.ndim > 3:
            return self
        n, t, y = (x.sum(0, keepdims=True) for x in self[:3])
        return ContextMoments(n, t, y, self.rows[None], self.pairs[None])


@final
@dataclass(frozen=True, slots=True)
class ContextCounter:
    """Counts rows by their design and value: Gaussian sums."""

    features: Features
    """Names, centres and scales of the context columns."""
    pooled: bool = False
    """Whether all nodes have one matrix an action."""
    clustered: bool = True
    """Whether the pairs of each user are counted too; otherwise ``pairs`` ends in (1, 1) and is 0."""

    def empty(self, s: int, k: int) -> ContextMoments:
        """The sums of no rows."""
        return ContextMoments.empty(s, k, self.features.d + 1, pooled=self.pooled, pairs=None if self.clustered else 1)

    def from_rows(self, log: Log, outcome: str, rows: Bool, weight: F64 | None = None) -> ContextMoments:
        """The moments of the chosen rows of a log.

        Parameters
        ----------
        log
            Its tree has the s nodes of the sums.
        outcome
            The outcome whose values are summed.
        rows
            (n,) the rows that count.
        weight
            (r,) of each chosen row, 1 by default.

        Raises
        ------
        LogError
            Other context columns than the features', or a context that is not finite.
        """
        log_rows = LogRows(log, rows, weight)
        context_rows = ContextRows.from_log(log_rows, outcome, self.features, pooled=self.pooled)
        moments = self.empty(len(log.segments), log.actions.k)
        context_rows.add(context_rows.value, context_rows.weight, moments.rows)
        if not np.isfinite(moments.rows).all():
            raise context_error(context_rows.context, rows)
        if self.clustered:
            context_rows.add_pairs(context_rows.value, moments.pairs)
        return moments.with_counts(log_rows, outcome)
