"""Sufficient statistics: sums over rows by (segment, action), which add over rows, partitions and time."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments

EMPTY_SHARE = 1e-9  # of the largest cell's decisions: a cell with less has lost all of its rows
NO_VARIANCE = 1e-12  # residuals that independent rows would give: below that there is nothing to compare with
SMALLEST_SIZE = 1e-300  # a divisor of empty cells, whose sums are 0


class SufficientStatistics(Protocol):
    """Sums of one outcome over rows, for the s nodes of a tree and k actions."""

    @property
    def n(self) -> F64:
        """(s, k) decisions, or the sum of their weights."""
        ...

    def plus(self, addend: Self) -> Self:
        """The sums of two disjoint sets of rows, over the same nodes."""
        ...

    def minus(self, subtrahend: Self) -> Self:
        """The sums without a part of their rows, over the same nodes."""
        ...

    def times(self, share: float) -> Self:
        """The sums of rows that each count ``share``."""
        ...

    def clipped(self) -> Self:
        """The sums without the rounding errors that a subtraction leaves in cells that have no rows any more."""
        ...

    def moved(self, position: I64, s: int) -> Self:
        """The same sums over a larger tree of s nodes; ``position`` (old s,) is the new index of each node."""
        ...


S = TypeVar("S", bound=SufficientStatistics)
S_co = TypeVar("S_co", bound=SufficientStatistics, covariant=True)


class RowCounter(Protocol[S_co]):
    """How rows of a log become sums."""

    def empty(self, s: int, k: int) -> S_co:
        """The sums of no rows."""
        ...

    def from_rows(self, log: Log, outcome: str, rows: Bool, weight: F64 | None = None) -> S_co:
        """The sums of the chosen rows of a log.

        Parameters
        ----------
        log
            Its tree has the s nodes of the sums.
        outcome
            The outcome whose values are summed.
        rows
            (n,) the rows that count; their values are known.
        weight
            (r,) of each chosen row, 1 by default.
        """
        ...


class CellSums(NamedTuple):
    """Sums over rows: decisions ``n``, trials ``t`` (n where there are none), values ``y``, squares ``yy``: all (s, k).

    ``mm``, ``my`` and ``gg`` (s, k) are sums over users of m², m·g and g², with m the user's trials in the cell and g
    its total there: from them Σ_u (g − m μ)² follows for any cell mean μ.
    """

    n: F64
    t: F64
    y: F64
    yy: F64
    mm: F64
    my: F64
    gg: F64

    @classmethod
    def empty(cls, s: int, k: int) -> CellSums:
        """No rows."""
        return cls._make(np.zeros((s, k)) for _ in cls._fields)

    @classmethod
    def from_rows(cls, log: Log, outcome: str, rows: Bool, weight: F64 | None = None) -> CellSums:
        """The sums of the chosen rows (n,) of a log.

        Parameters
        ----------
        log
            Its tree has the s nodes of the sums.
        outcome
            The outcome whose values are summed.
        rows
            (n,) the rows that count; their values are known.
        weight
            (r,) of each chosen row, 1 by default. A user's total in a cell has the mean weight of its rows.
        """
        s, k = len(log.segments), log.actions.k
        cell = log.segment[rows] * k + log.action[rows]
        measured = log.outcomes[outcome]
        value = measured.value[rows]
        trials = np.ones(value.size) if measured.trials is None else measured.trials[rows]
        ones = np.ones(value.size)
        row_weight = ones if weight is None else weight

        # Rows of one user in one cell lie together, so that their totals are sums over runs.
        group = log.user[rows] * (s * k) + cell
        order = np.argsort(group, kind="stable")
        first = np.flatnonzero(np.diff(group[order], prepend=-1))
        group_cell = cell[order[first]]
        m, g, weights, count = (
            np.add.reduceat(x[order], first) if first.size else x for x in (trials, value, row_weight, ones)
        )

        def cells(index: I64, x: F64) -> F64:
            return np.bincount(index, x, s * k).astype(np.float64).reshape(s, k)

        over_rows = (cells(cell, row_weight * x) for x in (ones, trials, value, value * value))
        return cls(*over_rows, *(cells(group_cell, weights / count * x) for x in (m * m, m * g, g * g)))

    def plus(self, addend: CellSums) -> CellSums:
        """The sums of two disjoint sets of rows, over the same nodes."""
        return CellSums._make(a + b for a, b in zip(self, addend, strict=True))

    def minus(self, subtrahend: CellSums) -> CellSums:
        """The sums without a part of their rows, over the same nodes."""
        return CellSums._make(a - b for a, b in zip(self, subtrahend, strict=True))

    def times(self, share: float) -> CellSums:
        """The sums of rows that each count ``share``."""
        return CellSums._make(share * a for a in self)

    def clipped(self) -> CellSums:
        """The sums without the rounding errors that a subtraction leaves in cells that have no rows any more."""
        empty = self.n <= EMPTY_SHARE * max(float(self.n.max()), 1.0)
        sums = CellSums._make(np.where(empty, 0.0, a) for a in self)
        return sums._replace(mm=np.maximum(sums.mm, 0), gg=np.maximum(sums.gg, 0))

    def moved(self, position: I64, s: int) -> CellSums:
        """The same sums over a larger tree of s nodes; ``position`` (old s,) is the new index of each node."""
        grown = CellSums.empty(s, self.n.shape[1])
        for new, old in zip(grown, self, strict=True):
            new[position] = old
        return grown

    def dispersion(self, outcome: Outcome) -> float:
        """Variance of users' summed residuals in a cell over what independent rows would give; at least 1.

        φ = Σ_{u, cell} (Σ_i r_i)² / Σ_i Var r_i with residuals from the cell means: by how much users who repeat in a
        cell, and users who differ, inflate the variance of its mean. The sums are divided by it (quasi-likelihood).
        Reference: McCullagh & Nelder 1989, section 4.5.
        """
        mu = self.y / np.maximum(self.t, SMALLEST_SIZE)
        clustered = self.gg - 2 * self.my * mu + self.mm * mu * mu
        if outcome.kind == "binary" or outcome.has_trials:
            independent = self.y * (1 - mu)
        elif outcome.kind == "count":
            independent = self.y
        else:
            independent = self.yy - self.y * mu
        expected = float(independent.sum())
        return max(1.0, float(clustered.sum()) / expected) if expected > NO_VARIANCE else 1.0

    def noise(self) -> float:
        """Pooled variance of one observation within cells; 1 where no cell has two."""
        within = float(np.sum(self.yy - self.y**2 / np.maximum(self.n, SMALLEST_SIZE)))
        freedom = float(self.n.sum() - np.count_nonzero(self.n))
        return within / freedom if within > 0 and freedom > 0 else 1.0

    def mean_trials(self, segments: Segments, actions: ActionSpace) -> F64:
        """(s, k) mean trials per decision, each node shrunk to its parent by one decision; 0 for ``none``."""
        return mean_trials(self.n, self.t, segments, actions)


def mean_trials(n: F64, t: F64, segments: Segments, actions: ActionSpace) -> F64:
    """Mean trials per decision, each node shrunk to its parent by one decision.

    Parameters
    ----------
    n, t
        (s, k) decisions and trials at each node itself.
    segments
        The tree of s nodes. The root is shrunk to the frequency of the action, or to the mean over all actions.
    actions
        The k actions; one of frequency 0 makes no trials.

    Returns
    -------
    F64
        (s, k).
    """
    n, t = subtree_sums(n, segments.parents), subtree_sums(t, segments.parents)
    overall = t[0].sum() / max(n[0].sum(), 1.0)
    prior = np.array([overall if f is None else float(f) for f in actions.frequencies])
    mean = np.empty_like(t)
    for node, parent in enumerate(segments.parents):
        mean[node] = ((prior if parent < 0 else mean[parent]) + t[node]) / (1 + n[node])
    mean[:, [f == 0 for f in actions.frequencies]] = 0.0
    return mean


def subtree_sums(sums: F64, parents: I64) -> F64:
    """(s, …) each node's sum with those of all nodes below it: parents stand before children."""
    total = sums.copy()
    for node in range(len(parents) - 1, 0, -1):
        total[parents[node]] += total[node]
    return total
