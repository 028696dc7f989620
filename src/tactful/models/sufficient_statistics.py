"""Sufficient sums of one outcome per (segment, action): they add over rows, partitions and time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments


class Sums(NamedTuple):
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
    def empty(cls, s: int, k: int) -> Sums:
        """No rows."""
        return cls._make(np.zeros((s, k)) for _ in cls._fields)

    @classmethod
    def of(cls, log: Log, outcome: str, rows: Bool, weight: F64 | None = None) -> Sums:
        """The sums of the chosen rows (n,), over the nodes of ``log.segments``.

        ``weight`` (r,) of each chosen row; a user's total in a cell has the mean weight of its rows.
        """
        s, k = len(log.segments), log.actions.k
        cell = log.segment[rows] * k + log.action[rows]
        measured = log.outcomes[outcome]
        value = measured.value[rows]
        size = np.ones(value.size) if measured.trials is None else measured.trials[rows]
        group = log.user[rows] * (s * k) + cell
        order = np.argsort(group, kind="stable")
        first = np.flatnonzero(np.diff(group[order], prepend=-1))
        held = cell[order[first]]
        rows_w = np.ones(value.size) if weight is None else weight
        m, g, w, r = (
            np.add.reduceat(x[order], first) if first.size else x for x in (size, value, rows_w, np.ones(value.size))
        )

        def cells(index: I64, x: F64) -> F64:
            return np.bincount(index, x, s * k).astype(np.float64).reshape(s, k)

        over_rows = (cells(cell, rows_w * x) for x in (np.ones(value.size), size, value, value * value))
        return cls(*over_rows, *(cells(held, w / r * x) for x in (m * m, m * g, g * g)))

    def plus(self, other: Sums) -> Sums:
        """The sums of both parts, over the same nodes."""
        return Sums._make(a + b for a, b in zip(self, other, strict=True))

    def minus(self, other: Sums) -> Sums:
        """The sums without a part, over the same nodes."""
        return Sums._make(a - b for a, b in zip(self, other, strict=True))

    def times(self, share: float) -> Sums:
        """The sums of rows that count a share each."""
        return Sums._make(share * a for a in self)

    def clipped(self) -> Sums:
        """Without the rounding errors that a subtraction leaves where nothing is left."""
        gone = self.n <= 1e-9 * max(float(self.n.max()), 1.0)
        left = Sums._make(np.where(gone, 0.0, a) for a in self)
        return left._replace(mm=np.maximum(left.mm, 0), gg=np.maximum(left.gg, 0))

    def moved(self, to: I64, s: int) -> Sums:
        """The same sums over a larger tree of s nodes; ``to`` (old s,) says where each node went."""
        grown = Sums.empty(s, self.n.shape[1])
        for new, old in zip(grown, self, strict=True):
            new[to] = old
        return grown

    def dispersion(self, outcome: Outcome) -> float:
        """Variance of users' summed residuals in a cell over what independent rows would give; at least 1.

        φ = Σ_{u, cell} (Σ_i r_i)² / Σ_i Var r_i with residuals from the cell means: by how much users who repeat in a
        cell, and users who differ, inflate the variance of its mean. The sums are divided by it (quasi-likelihood).
        Reference: McCullagh & Nelder 1989, section 4.5.
        """
        mu = self.y / np.maximum(self.t, 1e-300)
        clustered = self.gg - 2 * self.my * mu + self.mm * mu * mu
        if outcome.kind == "binary" or outcome.has_trials:
            alone = self.y * (1 - mu)
        elif outcome.kind == "count":
            alone = self.y
        else:
            alone = self.yy - self.y * mu
        expected = float(alone.sum())
        return max(1.0, float(clustered.sum()) / expected) if expected > 1e-12 else 1.0

    def noise(self) -> float:
        """Pooled variance of one observation within cells; 1 where no cell has two."""
        within = float(np.sum(self.yy - self.y**2 / np.maximum(self.n, 1e-300)))
        free = float(self.n.sum() - np.count_nonzero(self.n))
        return within / free if within > 0 and free > 0 else 1.0

    def mean_trials(self, segments: Segments, actions: ActionSpace) -> F64:
        """(s, k) mean trials per decision, each node shrunk to its parent by one decision; 0 for ``none``."""
        return mean_trials(self.n, self.t, segments, actions)


def mean_trials(n: F64, t: F64, segments: Segments, actions: ActionSpace) -> F64:
    """(s, k) mean trials per decision from decisions n and trials t (s, k), shrunk as :meth:`Sums.mean_trials` says."""
    n, t = up(n, segments.parents), up(t, segments.parents)
    overall = t[0].sum() / max(n[0].sum(), 1.0)
    prior = np.array([overall if f is None else float(f) for f in actions.frequencies])
    mean = np.empty_like(t)
    for node, above in enumerate(segments.parents):
        mean[node] = ((prior if above < 0 else mean[above]) + t[node]) / (1 + n[node])
    mean[:, [f == 0 for f in actions.frequencies]] = 0.0
    return mean


def up(tree_sums: F64, parents: I64) -> F64:
    """Each node's sum with those of all nodes below it: parents stand before children."""
    total = tree_sums.copy()
    for node in range(len(parents) - 1, 0, -1):
        total[parents[node]] += total[node]
    return total
