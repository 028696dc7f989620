"""Draws from the joint Gaussian of a tree's latents, downward: correlated over actions and over segments alike."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64
from tactful.kernels import messages as kernels
from tactful.models.likelihood import Likelihood
from tactful.models.messages import Tree

JITTER = 1e-12  # of the prior variance: where data leave nothing of it, rounding may leave less than nothing
BLOCK = 1 << 7  # nodes whose factors are taken at once


def draw(tree: Tree, K: F64, M: F64, f: F64, like: Likelihood, *, m: int, seed: int, stream: int) -> F64:
    """(m, s, k) draws of the response: f + e with e_v = (I − KM) e_parent + chol((I − KM)K) ε, joint over the tree.

    ε is Philox at (seed, stream, node, action, draw), so that a draw is a function of its indices alone. Cost
    O(m · nodes · k²).
    """
    s, k = f.shape
    out = np.empty((m, s, k))
    above: dict[int, F64] = {-1: np.zeros((m, k))}
    for depth, level in enumerate(tree.levels):
        below: dict[int, F64] = {}
        for start in range(0, level.nodes.size, BLOCK):
            nodes = level.nodes[start : start + BLOCK]
            pull, root = _factors(K[depth], M[nodes])
            for i, v in enumerate(nodes.tolist()):
                e = normals((m, k), seed, stream, v) @ root[i].T
                if depth:
                    e += above[int(level.parents[start + i])] @ pull[i].T
                if level.inner[start + i]:
                    below[v] = e.copy()
                e += f[v]
                out[:, v] = like.response(e)
        above = below
    return out


def normals(shape: tuple[int, int], seed: int, stream: int, node: int) -> F64:
    """(m, k) standard normals of one node (Box and Muller 1958): the first half cosines, the second sines."""
    m, k = shape
    half = (k + 1) // 2
    u, v = np.empty((m, half)), np.empty((m, half))
    kernels.uniform_pairs(np.uint64(seed), np.uint64(stream), np.uint64(node), u, v)
    np.log(u, out=u)
    u *= -2.0
    np.sqrt(u, out=u)
    v *= 2 * np.pi
    out = np.empty((m, k))
    np.multiply(u, np.cos(v), out=out[:, :half])
    np.multiply(u[:, : k - half], np.sin(v[:, : k - half]), out=out[:, half:])
    return out


def _factors(K: F64, M: F64) -> tuple[F64, F64]:
    """I − KM and the Cholesky factor of (I − KM)K, both (n, k, k)."""
    pull = np.eye(len(K)) - K @ M
    left = pull @ K
    left = 0.5 * (left + left.swapaxes(1, 2))
    for jitter in (JITTER, 1e-9, 1e-6):
        try:
            return pull, np.linalg.cholesky(left + jitter * np.diag(K.diagonal()))
        except np.linalg.LinAlgError:
            continue
    values, vectors = np.linalg.eigh(left)
    return pull, vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
