"""The exact Gaussian posterior of coefficients on the segment tree, by messages upward, then downward.

φ_v = φ_parent + δ_v with δ_v ~ N(0, P⁻¹), P the diagonal precision of the level, and φ_root ~ N(0, P₀⁻¹); data say
J_v, h_v of φ_v: −½ φᵀJφ + hᵀφ. What a node tells its parent is P − P B⁻¹ P and P B⁻¹ h with B = J + P. Only
triangular roots are kept: B⁻¹ = WᵀW. Cost O(nodes · b · p³) for b independent blocks of p coefficients.
Reference: Bishop 2006, section 3.3, for one node; the tree adds its parent's posterior as a prior.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.kernels import cholesky
from tactful.models.tree.draws import normals
from tactful.models.tree.message_passing import Level, Tree

DRAW_BLOCK = 256  # draws at once
NODES_PER_BLOCK = 1 << 24  # by which the node in the key of a draw moves from block to block


class Prior(NamedTuple):
    """Diagonal precisions (b, p) of the root and of every node's difference from its parent."""

    root: F64
    below: F64

    def precision(self, depth: int) -> F64:
        """(b, p) of one level."""
        return self.below if depth else self.root


class Solution(NamedTuple):
    """Inverse roots W (v, b, p, p) of B and B⁻¹h (v, b, p), of a node and those below it; posterior means (v, b, p).

    ``evidence`` is ln p(data) up to what does not depend on the prior; ``repaired`` counts pivots that rounding had
    made useless.
    """

    roots: F64
    shift: F64
    mean: F64
    evidence: float
    repaired: int


def solve(tree: Tree, J: F64, h: F64, prior: Prior) -> Solution:
    """The posterior of the coefficients.

    Parameters
    ----------
    tree
        The levels of the v nodes.
    J
        (v, b, p, p) precisions that the data of each node say.
    h
        (v, b, p) vectors that they say.
    prior
        Precisions of the levels.
    """
    precision, vector = J.copy(), h.copy()
    roots, shift = np.empty_like(J), np.empty_like(h)
    evidence, repaired = 0.0, 0
    diagonal: I64 = np.arange(J.shape[-1], dtype=np.int64)
    for depth in range(len(tree.levels) - 1, -1, -1):
        level, P = tree.levels[depth], prior.precision(depth)
        # B = J + P, and its inverse by its root.
        B, g = precision[level.nodes], vector[level.nodes]
        B[..., diagonal, diagonal] += P
        W, log_det, lifted = inverse_roots(B)
        half = _times(W, g)
        roots[level.nodes], shift[level.nodes] = W, _times(W.swapaxes(-1, -2), half)
        # ½(Σ ln P − ln|B| + gᵀB⁻¹g).
        evidence += 0.5 * float(np.log(P).sum() * level.nodes.size - log_det + np.sum(half * half))
        repaired += lifted
        # What the parents are told.
        if depth:
            np.add.at(precision, level.parents, messages(W, P))
            np.add.at(vector, level.parents, P * shift[level.nodes])
    return Solution(roots, shift, means(tree, roots, shift, prior), evidence, repaired)


def inverse_roots(B: F64) -> tuple[F64, float, int]:
    """W (…, p, p) with B⁻¹ = WᵀW, Σ ln|B|, and the number of repaired pivots."""
    flat = np.ascontiguousarray(B.reshape(-1, *B.shape[-2:]))
    W, log_det, lifted = np.empty_like(flat), np.empty(len(flat)), np.empty(len(flat), np.int64)
    cholesky.inverse_roots(flat, W, log_det, lifted)
    return W.reshape(B.shape), float(log_det.sum()), int(lifted.sum())


def messages(W: F64, P: F64) -> F64:
    """(v, b, p, p) P − P WᵀW P, by a kernel: BLAS would start threads for every small product."""
    out = np.empty_like(W)
    flat = W.reshape(-1, *W.shape[-2:])
    cholesky.messages(flat, np.tile(P, (len(W), 1)), out.reshape(flat.shape))
    return out


def means(tree: Tree, roots: F64, shift: F64, prior: Prior) -> F64:
    """Posterior means, downward: B⁻¹(h + P·mean of the parent).

    Parameters
    ----------
    tree
        The levels of the v nodes.
    roots, shift
        W (v, b, p, p) and B⁻¹h (v, b, p) of each node.
    prior
        Precisions of the levels.

    Returns
    -------
    F64
        (v, b, p).
    """
    mean = shift.copy()
    for depth, level in enumerate(tree.levels[1:], 1):
        W = roots[level.nodes]
        half = _times(W, prior.precision(depth) * mean[level.parents])
        mean[level.nodes] += _times(W.swapaxes(-1, -2), half)
    return mean


def covariances(tree: Tree, solution: Solution, prior: Prior) -> F64:
    """(v, b, p, p) posterior covariances: B⁻¹ + B⁻¹P·Cov of the parent·PB⁻¹."""
    out = np.matmul(solution.roots.swapaxes(-1, -2), solution.roots)
    for depth, level in enumerate(tree.levels[1:], 1):
        pull = out[level.nodes] * prior.precision(depth)[:, None, :]
        out[level.nodes] += np.matmul(np.matmul(pull, out[level.parents]), pull.swapaxes(-1, -2))
    return out


def draw(
    tree: Tree, solution: Solution, prior: Prior, *, m: int, seed: int, stream: int
) -> Iterator[tuple[slice, F64]]:
    """Joint draws of the coefficients over the tree, a block of draws at a time.

    Parameters
    ----------
    tree, solution, prior
        The posterior.
    m
        How many draws.
    seed, stream
        A draw is a function of these, of its number, the node and the coefficient.

    Yields
    ------
    tuple[slice, F64]
        Which of the draws, and (…, v, b, p).
    """
    for start in range(0, m, DRAW_BLOCK):
        block = slice(start, min(start + DRAW_BLOCK, m))
        out = np.empty((block.stop - start, *solution.mean.shape))
        for depth, level in enumerate(tree.levels):
            key = seed, stream, start // DRAW_BLOCK * NODES_PER_BLOCK
            _draw_level(out, level, solution, prior.precision(depth), key)
        yield block, out


def _draw_level(out: F64, level: Level, solution: Solution, P: F64, key: tuple[int, int, int]) -> None:
    """Fill the draws (m, v, b, p) of one level; the key is (seed, stream, number of the first node)."""
    seed, stream, first_node = key
    m, _, b, p = out.shape
    for v, parent in zip(level.nodes.tolist(), level.parents.tolist(), strict=True):
        e = normals((m, b * p), seed, stream, first_node + v).reshape(m, b, p).swapaxes(0, 1)
        W = solution.roots[v]
        if parent >= 0:  # Wᵀ(ε + W P φ_parent)
            e = e + np.matmul((P * out[:, parent]).swapaxes(0, 1), W.swapaxes(-1, -2))
        out[:, v] = np.matmul(e, W).swapaxes(0, 1) + solution.shift[v]


def log_prior(tree: Tree, phi: F64, prior: Prior) -> float:
    """The logarithm of p(φ) of φ (v, b, p), up to a constant."""
    total = 0.0
    for depth, level in enumerate(tree.levels):
        delta = phi[level.nodes] - (phi[level.parents] if depth else 0.0)
        total -= 0.5 * float(np.sum(prior.precision(depth) * delta * delta))
    return total


def lower_roots(covariance: F64) -> F64:
    """Lower triangular R (…, d, d) with RRᵀ the covariances; a direction that is known exactly keeps a trace."""
    W, _, _ = inverse_roots(covariance)
    return np.tril(np.matmul(covariance, W.swapaxes(-1, -2)))


def _times(W: F64, x: F64) -> F64:
    """(…, p) W x for each W (…, p, p) and x (…, p)."""
    return np.matmul(W, x[..., None])[..., 0]
