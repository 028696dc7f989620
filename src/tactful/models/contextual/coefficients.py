"""The exact Gaussian posterior of coefficients on the segment tree, by messages upward, then downward.

φ_v = φ_parent + δ_v with δ_v ~ N(0, P⁻¹), P the diagonal precision of the level, and φ_root ~ N(0, P₀⁻¹); data say
J_v, h_v of φ_v: −½ φᵀJφ + hᵀφ. What a node tells its parent is P − P B⁻¹ P and P B⁻¹ h with B = J + P. Only
triangular roots are kept: B⁻¹ = WᵀW. Cost O(nodes · b · p³) for b independent blocks of p coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.kernels import cholesky
from tactful.models.tree.draws import normals
from tactful.models.tree.message_passing import Level, Tree

ROWS = 256  # draws at once
CHUNK = 1 << 24  # nodes to a chunk of draws in the key


class Prior(NamedTuple):
    """Diagonal precisions (b, p) of the root and of every node's difference from its parent."""

    root: F64
    below: F64

    def at(self, depth: int) -> F64:
        """Of one level."""
        return self.below if depth else self.root


class Solved(NamedTuple):
    """Inverse roots W (v, b, p, p) of B, and B⁻¹h (v, b, p), with what the nodes below say; the means (v, b, p).

    ``evidence`` is ln p(data) up to what does not depend on the prior; ``repaired`` counts pivots that rounding had
    made useless.
    """

    roots: F64
    own: F64
    mean: F64
    evidence: float
    repaired: int


def solve(tree: Tree, J: F64, h: F64, prior: Prior) -> Solved:
    """The posterior, given precisions J (v, b, p, p) and vectors h (v, b, p) of every node."""
    below, pull = J.copy(), h.copy()
    roots, own = np.empty_like(J), np.empty_like(h)
    evidence, repaired = 0.0, 0
    diagonal: I64 = np.arange(J.shape[-1], dtype=np.int64)
    for depth in range(len(tree.levels) - 1, -1, -1):
        level, P = tree.levels[depth], prior.at(depth)
        B, g = below[level.nodes], pull[level.nodes]
        B[..., diagonal, diagonal] += P
        W, log_det, lifted = inverse_roots(B)
        half = _times(W, g)
        roots[level.nodes], own[level.nodes] = W, _times(W.swapaxes(-1, -2), half)
        evidence += 0.5 * float(np.log(P).sum() * level.nodes.size - log_det + np.sum(half * half))
        repaired += lifted
        if depth:
            np.add.at(below, level.parents, messages(W, P))
            np.add.at(pull, level.parents, P * own[level.nodes])
    return Solved(roots, own, means(tree, roots, own, prior), evidence, repaired)


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


def means(tree: Tree, roots: F64, own: F64, prior: Prior) -> F64:
    """(v, b, p) posterior means: B⁻¹(h + P·mean of the parent)."""
    mean = own.copy()
    for depth, level in enumerate(tree.levels[1:], 1):
        W = roots[level.nodes]
        half = _times(W, prior.at(depth) * mean[level.parents])
        mean[level.nodes] += _times(W.swapaxes(-1, -2), half)
    return mean


def covariances(tree: Tree, solved: Solved, prior: Prior) -> F64:
    """(v, b, p, p) posterior covariances: B⁻¹ + B⁻¹P·Cov of the parent·PB⁻¹."""
    out = np.matmul(solved.roots.swapaxes(-1, -2), solved.roots)
    for depth, level in enumerate(tree.levels[1:], 1):
        pull = out[level.nodes] * prior.at(depth)[:, None, :]
        out[level.nodes] += np.matmul(np.matmul(pull, out[level.parents]), pull.swapaxes(-1, -2))
    return out


def draw(tree: Tree, solved: Solved, prior: Prior, m: int, seed: int, stream: int) -> Iterator[tuple[slice, F64]]:
    """Joint draws over the tree, some at once, (…, v, b, p): functions of seed, stream, node, coefficient and draw."""
    for start in range(0, m, ROWS):
        at = slice(start, min(start + ROWS, m))
        out = np.empty((at.stop - start, *solved.mean.shape))
        for depth, level in enumerate(tree.levels):
            _draw(out, level, solved, prior.at(depth), (seed, stream, start // ROWS * CHUNK))
        yield at, out


def _draw(out: F64, level: Level, solved: Solved, P: F64, key: tuple[int, int, int]) -> None:
    seed, stream, base = key
    m, _, b, p = out.shape
    for v, above in zip(level.nodes.tolist(), level.parents.tolist(), strict=True):
        e = normals((m, b * p), seed, stream, base + v).reshape(m, b, p).swapaxes(0, 1)
        W = solved.roots[v]
        if above >= 0:  # Wᵀ(ε + W P φ_parent)
            e = e + np.matmul((P * out[:, above]).swapaxes(0, 1), W.swapaxes(-1, -2))
        out[:, v] = np.matmul(e, W).swapaxes(0, 1) + solved.own[v]


def log_prior(tree: Tree, phi: F64, prior: Prior) -> float:
    """The logarithm of p(φ) of φ (v, b, p), up to a constant."""
    total = 0.0
    for depth, level in enumerate(tree.levels):
        delta = phi[level.nodes] - (phi[level.parents] if depth else 0.0)
        total -= 0.5 * float(np.sum(prior.at(depth) * delta * delta))
    return total


def lower_roots(cov: F64) -> F64:
    """Lower triangular R (…, d, d) with RRᵀ the covariances; a direction that is known exactly keeps a trace."""
    W, _, _ = inverse_roots(cov)
    return np.tril(np.matmul(cov, W.swapaxes(-1, -2)))


def _times(W: F64, x: F64) -> F64:
    return np.matmul(W, x[..., None])[..., 0]
