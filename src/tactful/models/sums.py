"""Sufficient sums of one outcome per (segment, action): they add over rows, partitions and time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Outcome


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
    def of(cls, log: Log, outcome: str, rows: Bool) -> Sums:
        """The sums of the chosen rows (n,), over the nodes of ``log.segments``."""
        s, k = len(log.segments), log.actions.k
        cell = log.segment[rows] * k + log.action[rows]
        measured = log.outcomes[outcome]
        value = measured.value[rows]
        size = np.ones(value.size) if measured.trials is None else measured.trials[rows]
        group = log.user[rows] * (s * k) + cell
        order = np.argsort(group, kind="stable")
        first = np.flatnonzero(np.diff(group[order], prepend=-1))
        held = cell[order[first]]
        m, g = (np.add.reduceat(x[order], first) if first.size else x for x in (size, value))

        def cells(index: I64, weight: F64 | None) -> F64:
            return np.bincount(index, weight, s * k).astype(np.float64).reshape(s, k)

        over_rows = (cells(cell, None), cells(cell, size), cells(cell, value), cells(cell, value * value))
        return cls(*over_rows, cells(held, m * m), cells(held, m * g), cells(held, g * g))

    def plus(self, other: Sums) -> Sums:
        """The sums of both parts, over the same nodes."""
        return Sums._make(a + b for a, b in zip(self, other, strict=True))

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


def up(tree_sums: F64, parents: I64) -> F64:
    """Each node's sum with those of all nodes below it: parents stand before children."""
    total = tree_sums.copy()
    for node in range(len(parents) - 1, 0, -1):
        total[parents[node]] += total[node]
    return total
