"""Draws from the joint Gaussian of a tree's latents, downward: correlated over actions and over segments alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.parallel import each
from tactful.kernels import normals as kernels
from tactful.models.base import DrawVisitor
from tactful.models.likelihoods import Likelihood
from tactful.models.tree.message_passing import Level, Tree

Drawn = dict[int, F64]
Work = DrawVisitor

JITTER = 1e-12  # of the prior variance: where data leave nothing of it, rounding may leave less than nothing
BLOCK = 16  # nodes at once
SMALL = 1 << 18  # multiply-adds of a product that BLAS leaves to one thread: two would wait for each other


class Latent(NamedTuple):
    """What the draws of one outcome come from: prior K by level, precision M of the messages, mode f, and its stream.

    ``trials`` (s, k) are those of a mean decision, or None.
    """

    K: F64
    M: F64
    f: F64
    likelihood: Likelihood
    stream: int
    trials: F64 | None = None


def draw(tree: Tree, latent: Latent, *, m: int, seed: int) -> F64:
    """(m, s, k) draws of the response: f + e with e_v = (I − KM) e_parent + chol((I − KM)K) ε, joint over the tree.

    ε is Philox at (seed, stream, node, action, draw), so that a draw is a function of its indices alone. Cost
    O(m · nodes · k²).
    """
    out = np.empty((m, *latent.f.shape))

    def keep(nodes: I64, drawn: Mapping[str, F64]) -> None:
        out[:, nodes] = drawn[""].swapaxes(0, 1)

    draw_each(tree, {"": latent}, keep, m=m, seed=seed)
    return out


def draw_each(tree: Tree, latents: Mapping[str, Latent], visitor: DrawVisitor, *, m: int, seed: int) -> None:
    """Hand the draws of several outcomes over, some nodes (b,) at a time: (b, m, k) each, which are used up.

    ``visitor`` runs in threads. What is kept meanwhile are the draws of the inner nodes of two levels.
    """
    above: dict[str, Drawn] = {}
    for o, x in latents.items():
        k = x.f.shape[1]
        rows = max(1, min(m, SMALL // (k * k)))
        above[o] = {-1: np.zeros((-(-m // rows), rows, k))}
    for depth, level in enumerate(tree.levels):
        below: dict[str, Drawn] = {o: {} for o in latents}
        each(partial(_block, latents, (depth, level), above, below, visitor, (m, seed)), level.nodes.size, BLOCK)
        above = below


def _block(
    latents: Mapping[str, Latent],
    where: tuple[int, Level],
    above: Mapping[str, Drawn],
    below: Mapping[str, Drawn],
    visitor: DrawVisitor,
    key: tuple[int, int],
    at: slice,
) -> None:
    """Draw some nodes of a level, keep what their children need in ``below``, and hand the responses over."""
    (depth, level), (m, seed) = where, key
    nodes, parents, inner = level.nodes[at], level.parents[at].tolist(), np.flatnonzero(level.inner[at])
    drawn: dict[str, F64] = {}
    for o, x in latents.items():
        e = _deviations(x.K[depth], x.M[nodes], [above[o][p] for p in parents], (seed, x.stream, nodes))
        below[o].update((int(nodes[i]), e[i].copy()) for i in inner.tolist())
        f = e.reshape(nodes.size, -1, x.f.shape[1])[:, :m]
        f += x.f[nodes][:, None, :]
        drawn[o] = x.likelihood.response(f)
        if x.trials is not None:
            drawn[o] *= x.trials[nodes][:, None, :]
    visitor(nodes, drawn)


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
