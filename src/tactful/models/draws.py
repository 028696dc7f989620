"""Draws from the joint Gaussian of a tree's latents, downward: correlated over actions and over segments alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.parallel import each
from tactful.kernels import normals as kernels
from tactful.models.likelihood import Likelihood
from tactful.models.messages import Level, Tree

Drawn = dict[int, F64]

JITTER = 1e-12  # of the prior variance: where data leave nothing of it, rounding may leave less than nothing
BLOCK = 32  # nodes at once
SMALL = 1 << 18  # multiply-adds of a product that BLAS leaves to one thread: two would wait for each other


def draw(tree: Tree, K: F64, M: F64, f: F64, like: Likelihood, *, m: int, seed: int, stream: int) -> F64:
    """(m, s, k) draws of the response: f + e with e_v = (I − KM) e_parent + chol((I − KM)K) ε, joint over the tree.

    ε is Philox at (seed, stream, node, action, draw), so that a draw is a function of its indices alone. Cost
    O(m · nodes · k²).
    """
    s, k = f.shape
    rows = max(1, min(m, SMALL // (k * k)))
    out = np.empty((m, s, k))
    above: Drawn = {-1: np.zeros((-(-m // rows), rows, k))}
    for depth, level in enumerate(tree.levels):
        below: Drawn = {}

        def work(at: slice, level: Level = level, K: F64 = K[depth], up: Drawn = above, down: Drawn = below) -> None:
            nodes = level.nodes[at]
            block = _deviations(K, M[nodes], [up[p] for p in level.parents[at].tolist()], (seed, stream, nodes))
            down.update((v, block[i].copy()) for i, v in enumerate(nodes.tolist()) if level.inner[at][i])
            block = block.reshape(nodes.size, -1, k)[:, :m]
            block += f[nodes][:, None, :]
            out[:, nodes] = like.response(block).swapaxes(0, 1)

        each(work, level.nodes.size, BLOCK)
        above = below
    return out


def _deviations(K: F64, M: F64, above: list[F64], key: tuple[int, int, I64]) -> F64:
    """(n, …, k) e of some nodes, from those of their parents."""
    seed, stream, nodes = key
    pull, root = _factors(K, M)
    out = np.empty((nodes.size, *above[0].shape))
    shape = above[0].shape
    buffers = Buffers.of(shape)  # used again for every node: fresh pages cost more than the arithmetic
    moved = np.empty(shape)
    for i, v in enumerate(nodes.tolist()):
        np.matmul(normals(shape, seed, stream, v, buffers), root[i].T, out=out[i])
        out[i] += np.matmul(above[i], pull[i].T, out=moved)
    return out


class Buffers(NamedTuple):
    """Room for the normals (d, k) of one node: radius, cosine and sine (d, ⌈k/2⌉) of their pairs, and themselves."""

    radius: F64
    cos: F64
    sin: F64
    out: F64

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Buffers:
        """For normals of a shape (…, k)."""
        rows, k = int(np.prod(shape[:-1])), shape[-1]
        radius, cos, sin = np.empty((3, rows, (k + 1) // 2))
        return cls(radius, cos, sin, np.empty((rows, k)))


def normals(shape: tuple[int, ...], seed: int, stream: int, node: int, buffers: Buffers | None = None) -> F64:
    """(…, k) standard normals of one node (Box and Muller 1958): the first half cosines, the second sines."""
    radius, cos, sin, out = buffers or Buffers.of(shape)
    kernels.pairs(np.uint64(seed), np.uint64(stream), np.uint64(node), radius, cos)
    kernels.circle(cos.reshape(-1), sin.reshape(-1))
    np.log(radius, out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    kernels.join(radius, cos, sin, out)
    return out.reshape(shape)


def _factors(K: F64, M: F64) -> tuple[F64, F64]:
    """I − KM and the Cholesky factor of (I − KM)K, both (n, k, k)."""
    pull = np.eye(len(K)) - K @ M
    left = pull @ K
    left = 0.5 * (left + left.swapaxes(1, 2))
    for jitter in (JITTER, 1e-9, 1e-6):
        try:
            return pull, np.linalg.cholesky(left + jitter * np.diag(K.diagonal())).astype(np.float64, copy=False)
        except np.linalg.LinAlgError:
            continue
    values, vectors = np.linalg.eigh(left)
    return pull, (vectors * np.sqrt(np.maximum(values, 0))[:, None, :]).astype(np.float64)
