"""Exact Gaussian solves on the segment tree, by messages in information form: upward, then downward.

Each node has f_v = f_parent + δ_v, δ_v ~ N(0, K_level). With J_v = W_v + Σ_children M and h_v likewise, what a node
tells its parent of f_parent is the precision M = (J⁻¹ + K)⁻¹ and the vector m = h − M K h, and at the solution
K⁻¹δ_v = α_v = m − M f_parent. Cost O(nodes · k³); nothing is larger than (nodes, k, k).
Reference: Pearl 1988, chapter 7, for messages on trees; Rasmussen & Williams 2006, section 3.4, for the solves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.parallel import blocks, each
from tactful.core.segments import Segments
from tactful.kernels import message_passing as kernels

LEAF_BLOCK = 2 * kernels.LANES  # leaves whose messages one thread computes at once
SPREAD_BLOCK = 32  # nodes whose variances one thread computes at once


class Level(NamedTuple):
    """The nodes (n,) of one depth and their parents (n,); which of them are ``inner``; and the ``families`` (g,).

    A family is named by its parent; families are in order.
    """

    nodes: I64
    parents: I64
    inner: Bool
    families: I64


class Tree(NamedTuple):
    """The levels of a segment tree, from the root downward."""

    levels: tuple[Level, ...]

    @classmethod
    def from_segments(cls, segments: Segments) -> Tree:
        """The levels of a segment tree."""
        parents, depths = segments.parents, segments.depths
        inner = np.zeros(len(segments), np.bool_)
        inner[parents[1:]] = True
        levels: list[Level] = []
        for depth in range(int(depths.max()) + 1):
            nodes = np.flatnonzero(depths == depth)
            levels.append(Level(nodes, parents[nodes], inner[nodes], np.unique(parents[nodes])))
        return cls(tuple(levels))


class Messages(NamedTuple):
    """Precisions M (s, k, k) of every node's message to its parent, and Σ_v ln|I + K_v J_v|."""

    precision: F64
    log_det: float


def upward(tree: Tree, K: F64, W: F64) -> Messages:
    """The messages of every node to its parent.

    Leaves use B = I + W^½ K W^½, which is well conditioned and admits empty cells; inner nodes B = I + Lᵀ J L with
    K = L Lᵀ. Reference: Rasmussen & Williams 2006, eq. 3.26 and 3.27.

    Parameters
    ----------
    tree
        The levels of the s nodes.
    K
        (levels, k, k) prior covariance of a node's difference from its parent, by level.
    W
        (s, k) precisions of the cells' own data.
    """
    s, k = W.shape
    M = np.empty((s, k, k))
    parents, family_sums, log_det = np.empty(0, np.int64), M[:0], 0.0
    for depth in range(len(tree.levels) - 1, -1, -1):
        level = tree.levels[depth]
        leaves = level.nodes[~level.inner]
        log_det += _leaves(K[depth], W, leaves, M)
        # J of an inner node: its own data, and what its children say.
        inner = level.nodes[level.inner]
        J = family_sums[np.searchsorted(parents, inner)] + W[inner][:, :, None] * np.eye(k)
        log_det += _inner(K[depth], J, inner, M)
        # Σ M over the children of each parent in the level above.
        if depth:
            parents, family_sums = level.families, np.zeros((level.families.size, k, k))
            kernels.gather(M, level.nodes, np.searchsorted(parents, level.parents), family_sums)
    return Messages(M, log_det)


def solve(tree: Tree, K: F64, M: F64, h: F64) -> tuple[F64, F64]:
    """The solution f (s, k) of (Σ⁻¹ + W) f = h, and its α = K⁻¹δ (s, k).

    Parameters
    ----------
    tree
        The levels of the s nodes; Σ is the prior covariance over all nodes and actions.
    K
        (levels, k, k) prior covariance by level.
    M
        (s, k, k) precisions of the messages, from :func:`upward` with W.
    h
        (s, k).
    """
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
    each(lambda rows: kernels.leaves(K, W, nodes[rows], log_det[rows], M), nodes.size, LEAF_BLOCK)
    return float(log_det.sum())


def _inner(K: F64, J: F64, nodes: I64, M: F64) -> float:
    """Fill the messages of inner nodes from J (n, k, k); the sum of their ln|B|.

    M = L⁻ᵀ(I − B⁻¹)L⁻¹, which does not cancel where J is large.
    """
    if not nodes.size:
        return 0.0
    L = np.linalg.cholesky(K)
    C = np.linalg.cholesky(np.eye(len(K)) + L.T @ J @ L)  # B = C Cᵀ
    root = np.linalg.inv(L)
    Y = np.linalg.solve(C, np.broadcast_to(root, J.shape))  # YᵀY = L⁻ᵀB⁻¹L⁻¹
    M[nodes] = root.T @ root - Y.swapaxes(1, 2) @ Y
    return 2 * float(np.log(np.diagonal(C, axis1=1, axis2=2)).sum())


class Spread(NamedTuple):
    """Marginal variances (s, k) of the latents, and per level Σ_v (K⁻¹ − K⁻¹ Cov(δ_v) K⁻¹), (levels, k, k)."""

    variance: F64
    pull: F64


def spread(tree: Tree, K: F64, M: F64) -> Spread:
    """Marginal variances, downward: C_v = (I − KM)K + (I − KM) C_parent (I − KM)ᵀ; Σ_v M − M C_parent M beside them.

    Parameters
    ----------
    tree
        The levels of the s nodes.
    K
        (levels, k, k) prior covariance by level.
    M
        (s, k, k) precisions of the messages.
    """
    variance, pull = np.empty(M.shape[:2]), np.empty(K.shape)
    parents, parent_covariance = np.array([-1]), np.zeros((1, *K.shape[1:]))
    for depth, level in enumerate(tree.levels):
        # Inner nodes first: only their covariances are needed at the next level.
        order = np.argsort(~level.inner, kind="stable")
        nodes, family = level.nodes[order], np.searchsorted(parents, level.parents[order])
        covariance = np.empty((int(level.inner.sum()), *K.shape[1:]))
        pull[depth] = _spread_level(K[depth], M, (nodes, family, parent_covariance), variance, covariance)
        by_number = np.argsort(nodes[: len(covariance)])
        parents, parent_covariance = nodes[by_number], covariance[by_number]
    return Spread(variance, pull)


def _spread_level(K: F64, M: F64, families: tuple[I64, I64, F64], variance: F64, covariance: F64) -> F64:
    """Fill one level's ``variance``, and ``covariance`` (i, k, k) of its first i nodes; its pull (k, k).

    ``families`` are the nodes (n,), the number of each node's family (n,), and the covariance of each family's parent.
    """
    nodes, family, parent_covariance = families
    pulls = np.zeros((len(blocks(nodes.size, SPREAD_BLOCK)), *K.shape))

    def work(rows: slice) -> None:
        pull = pulls[rows.start // SPREAD_BLOCK]
        kernels.spread(K, M, nodes[rows], parent_covariance, family[rows], pull, variance, covariance[rows])

    each(work, nodes.size, SPREAD_BLOCK)
    return pulls.sum(0)
