"""Sufficient sums of one outcome per (segment, action): they add over rows, partitions and time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.kernels import sums as kernels


class Sums(NamedTuple):
    """Sums over rows: decisions ``n``, trials ``t`` (n where there are none), values ``y``, squares ``yy``: (s, k).

    ``square`` (s, k, k), ``cross`` (s, k) and ``total`` (s,) are sums over (user, segment) of m mᵀ, y·m and y², with
    m (k,) the user's trials by action and y its total: from them Σ_u (y − m·μ)² follows for any cell means μ.
    """

    n: F64
    t: F64
    y: F64
    yy: F64
    square: F64
    cross: F64
    total: F64

    @classmethod
    def empty(cls, s: int, k: int) -> Sums:
        """No rows."""
        shapes = [(s, k)] * 4 + [(s, k, k), (s, k), (s,)]
        return cls._make(np.zeros(shape) for shape in shapes)

    @classmethod
    def of(cls, log: Log, outcome: str, rows: Bool) -> Sums:
        """The sums of the chosen rows (n,), over the nodes of ``log.segments``."""
        s, k = len(log.segments), log.actions.k
        order = np.flatnonzero(rows)
        cluster = log.user[order] * s + log.segment[order]
        order = order[np.argsort(cluster, kind="stable")]
        segment, action = log.segment[order], log.action[order]
        measured = log.outcomes[outcome]
        value = measured.value[order]
        size = np.ones(order.size) if measured.trials is None else measured.trials[order]
        cell = segment * k + action

        def cells(weight: F64 | None) -> F64:
            return np.bincount(cell, weight, s * k).astype(np.float64).reshape(s, k)

        out = cls.empty(s, k)._replace(n=cells(None), t=cells(size), y=cells(value), yy=cells(value * value))
        kernels.by_cluster(
            log.user[order] * s + segment, segment, action, size, value, out.square, out.cross, out.total
        )
        return out

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
        """Variance of users' summed residuals over what independent rows would give; at least 1.

        φ = Σ_{(u,s)} (Σ_i r_i)² / Σ_i Var r_i with residuals from the cell means. Quasi-likelihood: the sums
        are divided by it. Reference: McCullagh & Nelder 1989, section 4.5.
        """
        mu = self.y / np.maximum(self.t, 1e-300)
        clustered = self.total - 2 * np.sum(self.cross * mu, 1) + np.einsum("sa,sab,sb->s", mu, self.square, mu)
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
