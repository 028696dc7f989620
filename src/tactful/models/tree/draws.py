"""Draws from the joint Gaussian of a tree's latents, downward: correlated over actions and over segments alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, final

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.parallel import each
from tactful.kernels import normals as kernels
from tactful.models.base import DrawVisitor
from tactful.models.likelihoods import Likelihood
from tactful.models.tree.message_passing import Level, Tree

JITTERS = (1e-12, 1e-9, 1e-6)  # of the prior variance: rounding may leave less than nothing where data leave nothing
DRAWN_NODE_BLOCK = 16  # nodes that one thread draws at once
SMALL_PRODUCT = 1 << 18  # multiply-adds that BLAS leaves to one thread: two threads would wait for each other

NodeDeviations = dict[int, F64]
"""By node the draws of its deviation from the mode, in chunks of a small product: (c, rows, k)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TreeGaussian:
    """What the draws of one outcome come from."""

    K: F64
    """(levels, k, k) prior covariance by level."""
    M: F64
    """(s, k, k) precisions of the messages."""
    f: F64
    """(s, k) mode of the latents."""
    likelihood: Likelihood
    """Takes latents to responses."""
    stream: int
    """Numbers the outcome in the key of its draws."""
    trials: F64 | None = None
    """(s, k) trials of a mean decision; None where the outcome has none."""


def draw(tree: Tree, latent: TreeGaussian, *, m: int, seed: int) -> F64:
    """(m, s, k) draws of the response: f + e with e_v = (I − KM) e_parent + chol((I − KM)K) ε, joint over the tree.

    ε is Philox at (seed, stream, node, action, draw), so that a draw is a function of its indices alone. Cost
    O(m · nodes · k²).

    Parameters
    ----------
    tree
        The levels of the segment tree.
    latent
        What the draws come from.
    m
        How many draws.
    seed
        The same seed gives the same draws.
    """
    out = np.empty((m, *latent.f.shape))

    def collect(nodes: I64, responses: Mapping[str, F64]) -> None:
        out[:, nodes] = responses[""].swapaxes(0, 1)

    draw_each(tree, {"": latent}, collect, m=m, seed=seed)
    return out


def draw_each(tree: Tree, latents: Mapping[str, TreeGaussian], visitor: DrawVisitor, *, m: int, seed: int) -> None:
    """Hand the draws of several outcomes over, some nodes at a time.

    What stays in memory meanwhile are the draws of the inner nodes of two levels.

    Parameters
    ----------
    tree
        The levels of the segment tree.
    latents
        By outcome what its draws come from.
    visitor
        Called in threads with nodes (b,) and, by outcome, their draws (b, m, k), which it may write to.
    m
        Draws of each response.
    seed
        The same seed gives the same draws.
    """
    above: dict[str, NodeDeviations] = {}
    for o, x in latents.items():
        k = x.f.shape[1]
        rows = max(1, min(m, SMALL_PRODUCT // (k * k)))
        above[o] = {-1: np.zeros((-(-m // rows), rows, k))}
    for depth, level in enumerate(tree.levels):
        below: dict[str, NodeDeviations] = {o: {} for o in latents}
        task = partial(_draw_block, latents, (depth, level), above, below, (m, seed), visitor=visitor)
        each(task, level.nodes.size, DRAWN_NODE_BLOCK)
        above = below


def _draw_block(
    latents: Mapping[str, TreeGaussian],
    level_at_depth: tuple[int, Level],
    above: Mapping[str, NodeDeviations],
    below: Mapping[str, NodeDeviations],
    draws_and_seed: tuple[int, int],
    block: slice,
    *,
    visitor: DrawVisitor,
) -> None:
    """Draw a block of a level's nodes, put into ``below`` what their children need, and hand the responses over."""
    (depth, level), (m, seed) = level_at_depth, draws_and_seed
    nodes, parents, inner = level.nodes[block], level.parents[block].tolist(), np.flatnonzero(level.inner[block])
    responses: dict[str, F64] = {}
    for o, x in latents.items():
        e = _deviations(x.K[depth], x.M[nodes], [above[o][p] for p in parents], (seed, x.stream, nodes))
        below[o].update((int(nodes[i]), e[i].copy()) for i in inner.tolist())
        f = e.reshape(nodes.size, -1, x.f.shape[1])[:, :m]
        f += x.f[nodes][:, None, :]
        responses[o] = x.likelihood.response(f)
        if x.trials is not None:
            responses[o] *= x.trials[nodes][:, None, :]
    visitor(nodes, responses)


def _deviations(K: F64, M: F64, above: list[F64], key: tuple[int, int, I64]) -> F64:
    """(n, …, k) e of some nodes, from those of their parents ``above``; the key is (seed, stream, nodes)."""
    seed, stream, nodes = key
    pull, root = _factors(K, M)
    out = np.empty((nodes.size, *above[0].shape))
    shape = above[0].shape
    buffers = Buffers.allocate(shape)  # used again for every node: fresh pages cost more than the arithmetic
    inherited = np.empty(shape)
    for i, v in enumerate(nodes.tolist()):
        np.matmul(normals(shape, seed, stream, v, buffers), root[i].T, out=out[i])
        out[i] += np.matmul(above[i], pull[i].T, out=inherited)
    return out


class Buffers(NamedTuple):
    """Room for the normals (d, k) of one node: radius, cosine and sine (d, ⌈k/2⌉) of their pairs, and themselves."""

    radius: F64
    cos: F64
    sin: F64
    out: F64

    @classmethod
    def allocate(cls, shape: tuple[int, ...]) -> Buffers:
        """For normals of a shape (…, k)."""
        rows, k = int(np.prod(shape[:-1])), shape[-1]
        radius, cos, sin = np.empty((3, rows, (k + 1) // 2))
        return cls(radius, cos, sin, np.empty((rows, k)))


def normals(shape: tuple[int, ...], seed: int, stream: int, node: int, buffers: Buffers | None = None) -> F64:
    """Standard normals of one node (Box and Muller 1958): the first half are cosines, the second sines.

    Parameters
    ----------
    shape
        (…, k) of the result.
    seed, stream, node
        The normals are a function of these and of their position.
    buffers
        Of this shape, where many nodes are drawn in turn; the result is then a view of ``buffers.out``.
    """
    radius, cos, sin, out = buffers or Buffers.allocate(shape)
    # Uniforms: u in ``radius``, v in ``cos``.
    kernels.pairs(np.uint64(seed), np.uint64(stream), np.uint64(node), radius, cos)
    # The point of the unit circle at v.
    kernels.circle(cos.reshape(-1), sin.reshape(-1))
    # Its distance √(−2 ln u).
    np.log(radius, out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    kernels.join(radius, cos, sin, out)
    return out.reshape(shape)


def _factors(K: F64, M: F64) -> tuple[F64, F64]:
    """I − KM and the Cholesky factor of (I − KM)K, both (n, k, k)."""
    pull = np.eye(len(K)) - K @ M
    covariance = pull @ K
    covariance = 0.5 * (covariance + covariance.swapaxes(1, 2))
    for jitter in JITTERS:
        try:
            root = np.linalg.cholesky(covariance + jitter * np.diag(K.diagonal()))
        except np.linalg.LinAlgError:
            continue
        return pull, root.astype(np.float64, copy=False)
    # Not positive definite even so: the symmetric root, without the negative part.
    values, vectors = np.linalg.eigh(covariance)
    return pull, (vectors * np.sqrt(np.maximum(values, 0))[:, None, :]).astype(np.float64)
