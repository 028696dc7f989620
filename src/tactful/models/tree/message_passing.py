"""Exact Gaussian solves on the segment tree, by messages in information form: upward, then downward.

Each node has f_v = f_parent + δ_v, δ_v ~ N(0, K_level). With J_v = W_v + Σ_children M and h_v likewise, what a node
tells its parent of f_parent is the precision M = (J⁻¹ + K)⁻¹ and the vector m = h − M K h, and at the solution
K⁻¹δ_v = α_v = m − M f_parent. Cost O(nodes · k³); nothing is larger than (nodes, k, k).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.parallel import blocks, each
from tactful.core.segments import Segments
from tactful.kernels import message_passing as kernels

LEAVES, NODES = 2 * kernels.LANES, 32  # to a block


class Level(NamedTuple):
    """The nodes (n,) of one depth and their parents (n,); which of them are ``inner``; and the ``families`` (g,).

    A family is named by its parent; they are in order.
    """

    nodes: I64
    parents: I64
    inner: Bool
    families: I64


class Tree(NamedTuple):
    """Levels from the root downward."""

    levels: tuple[Level, ...]

    @classmethod
    def of(cls, segments: Segments) -> Tree:
        """The levels of a segment tree."""
        parents, depths = segments.parents, segments.depths
        inner = np.zeros(len(segments), np.bool_)
        inner[parents[1:]] = True
        levels: list[Level] = []
        for depth in range(int(depths.max()) + 1):
            nodes = np.flatnonzero(depths == depth)
            levels.append(Level(nodes, parents[nodes], inner[nodes], np.unique(parents[nodes])))
        return cls(tuple(levels))


class Upward(NamedTuple):
    """Messages M (s, k, k) of every node to its parent, and Σ_v ln|I + K_v J_v|."""

    precision: F64
    log_det: float


def upward(tree: Tree, K: F64, W: F64) -> Upward:
    """The messages of every node, given the precisions W (s, k) of the cells and K (levels, k, k).

    Leaves use B = I + W^½ K W^½, which is well conditioned and admits empty cells; inner nodes B = I + Lᵀ J L with
    K = L Lᵀ. Reference: Rasmussen & Williams 2006, eq. 3.26 and 3.27.
    """
    s, k = W.shape
    M = np.empty((s, k, k))
    above, told, log_det = np.empty(0, np.int64), M[:0], 0.0
    for depth in range(len(tree.levels) - 1, -1, -1):
        level = tree.levels[depth]
        leaves = level.nodes[~level.inner]
        log_det += _leaves(K[depth], W, leaves, M)
        inner = level.nodes[level.inner]
        log_det += _inner(K[depth], told[np.searchsorted(above, inner)] + W[inner][:, :, None] * np.eye(k), inner, M)
        if depth:
            above, told = level.families, np.zeros((level.families.size, k, k))
            kernels.gather(M, level.nodes, np.searchsorted(above, level.parents), told)
    return Upward(M, log_det)


def solve(tree: Tree, K: F64, M: F64, h: F64) -> tuple[F64, F64]:
    """The solution f (s, k) of (Σ⁻¹ + W) f = h, with Σ the prior covariance of the tree, and its α = K⁻¹δ (s, k)."""
    h = h.copy()
    alpha, f = np.empty_like(h), np.empty_like(h)
    for depth in range(len(tree.levels) - 1, -1, -1):
        level = tree.levels[depth]
        kernels.collect(K[depth], M, level.nodes, level.parents, h, alpha)
    for depth, level in enumerate(tree.levels):
        kernels.settle(K[depth], M, level.nodes, level.parents, alpha, f)
    return f, alpha


def _leaves(K: F64, W: F64, nodes: I64, M: F64) -> float:
    """Fill the messages of leaves; the sum of their ln|B|."""
    if not nodes.size:
        return 0.0
    log_det = np.empty(nodes.size)
    each(lambda at: kernels.leaves(K, W, nodes[at], log_det[at], M), nodes.size, LEAVES)
    return float(log_det.sum())


def _inner(K: F64, J: F64, nodes: I64, M: F64) -> float:
    """Fill the messages of inner nodes from J (n, k, k); the sum of their ln|B|.

    M = L⁻ᵀ(I − B⁻¹)L⁻¹, which does not cancel where J is large.
    """
    if not nodes.size:
        return 0.0
    L = np.linalg.cholesky(K)
    C = np.linalg.cholesky(np.eye(len(K)) + L.T @ J @ L)
    root = np.linalg.inv(L)
    Y = np.linalg.solve(C, np.broadcast_to(root, J.shape))
    M[nodes] = root.T @ root - Y.swapaxes(1, 2) @ Y
    return 2 * float(np.log(np.diagonal(C, axis1=1, axis2=2)).sum())


class Spread(NamedTuple):
    """Marginal variances (s, k) of the latents, and per level Σ_v (K⁻¹ − K⁻¹ Cov(δ_v) K⁻¹), (levels, k, k)."""

    variance: F64
    pull: F64


def spread(tree: Tree, K: F64, M: F64) -> Spread:
    """Marginal variances, downward: C_v = (I − KM)K + (I − KM) C_parent (I − KM)ᵀ; Σ_v M − M C_parent M beside them."""
    variance, pull = np.empty(M.shape[:2]), np.empty(K.shape)
    above, known = np.array([-1]), np.zeros((1, *K.shape[1:]))
    for depth, level in enumerate(tree.levels):
        order = np.argsort(~level.inner, kind="stable")
        nodes, family = level.nodes[order], np.searchsorted(above, level.parents[order])
        out = np.empty((int(level.inner.sum()), *K.shape[1:]))
        pull[depth] = _spread(K[depth], M, (nodes, family, known), variance, out)
        sort = np.argsort(nodes[: len(out)])
        above, known = nodes[sort], out[sort]
    return Spread(variance, pull)


def _spread(K: F64, M: F64, at: tuple[I64, I64, F64], variance: F64, out: F64) -> F64:
    """One level: fill ``variance``, and ``out`` (i, k, k) for its first i nodes; the level's pull (k, k)."""
    nodes, family, known = at
    parts = np.zeros((len(blocks(nodes.size, NODES)), *K.shape))

    def work(rows: slice) -> None:
        pull = parts[rows.start // NODES]
        kernels.spread(K, M, nodes[rows], known, family[rows], pull, variance, out[rows])

    each(work, nodes.size, NODES)
    return parts.sum(0)
