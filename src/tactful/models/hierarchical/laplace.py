"""Laplace's approximation on the segment tree: the mode by damped Newton, the marginal likelihood and its gradient.

Reference: Rasmussen & Williams 2006, sections 3.4 and 5.5.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.models.likelihoods import Likelihood
from tactful.models.tree.message_passing import Tree, Upward, solve, spread, upward

STEPS = 50
HALVINGS = 60
TOLERANCE = 1e-8


class Problem(NamedTuple):
    """What is known of every cell: totals ``y`` over sizes ``t``, both (s, k), and the prior mean of the root."""

    tree: Tree
    likelihood: Likelihood
    y: F64
    t: F64
    centre: float


class Mode(NamedTuple):
    """The mode f (s, k) and α = K⁻¹(f − f_parent), the messages there, ln p(y) of Laplace, and whether Newton ended."""

    f: F64
    alpha: F64
    messages: Upward
    evidence: float
    converged: bool
    steps: int


def mode(problem: Problem, K: F64, start: F64 | None = None, tolerance: float = TOLERANCE) -> Mode:
    """The posterior mode of the latents for the covariances K (levels, k, k), from ``start`` (s, k) where given.

    Newton's step is an exact Gaussian solve of the gradient, so its rounding errors vanish with it; it is halved while
    ln p(y, f) falls. It ends when no
    latent moves by more than ``tolerance``. Cost O(steps · nodes · k³).
    """
    tree, likelihood, y, t, centre = problem
    f = np.full_like(y, centre) if start is None else start
    alpha = _alpha(tree, K, f, centre)
    joint = likelihood.value(y, t, f) - 0.5 * _quadratic(tree, alpha, f, centre)
    messages, converged, steps = Upward(np.zeros((0, 0, 0)), 0.0), False, 0
    while steps < STEPS and not converged:
        steps += 1
        W = likelihood.curvature(t, f)
        messages = upward(tree, K, W)
        step = solve(tree, K, messages.precision, likelihood.slope(y, t, f) - _pull(tree, alpha))
        f, alpha, joint = _line(problem, (f, alpha, joint), step)
        converged = float(np.max(np.abs(step[0]))) <= tolerance
    return Mode(f, alpha, messages, joint - 0.5 * messages.log_det, converged, steps)


def evidence_slope(problem: Problem, K: F64, at: Mode) -> F64:
    """(levels, k, k) gradient of the Laplace evidence in the covariances, the movement of the mode included.

    ½ Σ_v (αα ᵀ − (K⁻¹ − K⁻¹ Cov(δ) K⁻¹)) + Σ_v Uαᵀ with U the subtree sums of (I + WΣ)⁻¹ ½ diag(Cov) ℓ‴: eq. 5.21 to
    5.24 of the reference, each as one solve on the tree.
    """
    known = spread(problem.tree, K, at.messages.precision)
    shift = 0.5 * known.variance * problem.likelihood.bend(problem.t, at.f)
    _, U = solve(problem.tree, K, at.messages.precision, shift)
    out = np.empty_like(K)
    for depth, level in enumerate(problem.tree.levels):
        alpha, u = at.alpha[level.nodes], U[level.nodes]
        cross = np.einsum("na,nb->ab", 0.5 * alpha + u, alpha)  # not BLAS, whose threads would wait for each other
        out[depth] = 0.5 * (cross + cross.T - known.pull[depth])
    return out


def _line(problem: Problem, now: tuple[F64, F64, float], step: tuple[F64, F64]) -> tuple[F64, F64, float]:
    """The furthest of 1, ½, ¼, … of the ``step`` in (f, α) at which ln p(y, f) is not lower."""
    tree, likelihood, y, t, centre = problem
    f, alpha, joint = now
    share = 1.0
    for _ in range(HALVINGS):
        new, pull = f + share * step[0], alpha + share * step[1]
        value = likelihood.value(y, t, new) - 0.5 * _quadratic(tree, pull, new, centre)
        if value >= joint - 1e-10 * (1 + abs(joint)):
            return new, pull, value
        share /= 2
    return now


def _pull(tree: Tree, alpha: F64) -> F64:
    """(s, k) Σ⁻¹(f − centre): each node's α less those of its children."""
    out = alpha.copy()
    for level in tree.levels[1:]:
        np.subtract.at(out, level.parents, alpha[level.nodes])
    return out


def _deviations(tree: Tree, f: F64, centre: float) -> list[F64]:
    """How far each level's nodes are from their parents."""
    return [f[at.nodes] - (f[at.parents] if d else centre) for d, at in enumerate(tree.levels)]


def _alpha(tree: Tree, K: F64, f: F64, centre: float) -> F64:
    alpha = np.empty_like(f)
    for depth, delta in enumerate(_deviations(tree, f, centre)):
        alpha[tree.levels[depth].nodes] = _solved(K[depth], delta) if delta.any() else 0.0
    return alpha


def _solved(K: F64, rows: F64) -> F64:
    """(n, k) K⁻¹ of each row (n, k)."""
    out = np.linalg.solve(K, rows.swapaxes(0, 1))
    return out.swapaxes(0, 1).astype(np.float64)


def _quadratic(tree: Tree, alpha: F64, f: F64, centre: float) -> float:
    deltas = _deviations(tree, f, centre)
    return sum(float(np.sum(alpha[at.nodes] * delta)) for at, delta in zip(tree.levels, deltas, strict=True))
