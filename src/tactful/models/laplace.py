"""Laplace's approximation on the segment tree: the mode by damped Newton, the marginal likelihood and its gradient.

Reference: Rasmussen & Williams 2006, sections 3.4 and 5.5.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.models.likelihood import Likelihood
from tactful.models.messages import Tree, Upward, solve, spread, upward

STEPS = 50
HALVINGS = 30
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

    Newton's step is an exact Gaussian solve; it is halved while it does not increase ln p(y, f). It ends when no
    latent moves by more than ``tolerance``. Cost O(steps · nodes · k³).
    """
    tree, likelihood, y, t, centre = problem
    f = np.full_like(y, centre) if start is None else start
    alpha = _alpha(tree, K, f, centre)
    joint = likelihood.value(y, t, f) - 0.5 * _quadratic(tree, alpha, f, centre)
    messages, converged, step = Upward(np.zeros((0, 0, 0)), 0.0), False, 0
    while step < STEPS and not converged:
        step += 1
        W = likelihood.curvature(t, f)
        messages = upward(tree, K, W)
        aim, pull = solve(tree, K, messages.precision, likelihood.slope(y, t, f) + W * f, centre)
        moved = float(np.max(np.abs(aim - f)))
        f, alpha, joint = _line(problem, (f, alpha, joint), (aim, pull))
        converged = moved <= tolerance
    return Mode(f, alpha, messages, joint - 0.5 * messages.log_det, converged, step)


def evidence_slope(problem: Problem, K: F64, at: Mode) -> F64:
    """(levels, k, k) gradient of the Laplace evidence in the covariances, the movement of the mode included.

    ½ Σ_v (αα ᵀ − (K⁻¹ − K⁻¹ Cov(δ) K⁻¹)) + Σ_v Uαᵀ with U the subtree sums of (I + WΣ)⁻¹ ½ diag(Cov) ℓ‴: eq. 5.21 to
    5.24 of the reference, each as one solve on the tree.
    """
    known = spread(problem.tree, K, at.messages.precision)
    shift = 0.5 * known.variance * problem.likelihood.bend(problem.t, at.f)
    _, U = solve(problem.tree, K, at.messages.precision, shift, 0.0)
    out = np.empty_like(K)
    for depth, level in enumerate(problem.tree.levels):
        alpha, u = at.alpha[level.nodes], U[level.nodes]
        cross = u.T @ alpha
        out[depth] = 0.5 * (alpha.T @ alpha - known.pull[depth] + cross + cross.T)
    return out


def _line(problem: Problem, now: tuple[F64, F64, float], aim: tuple[F64, F64]) -> tuple[F64, F64, float]:
    """The furthest of 1, ½, ¼, … of the way to ``aim`` at which ln p(y, f) is not lower."""
    tree, likelihood, y, t, centre = problem
    f, alpha, joint = now
    share = 1.0
    for _ in range(HALVINGS):
        new, pull = f + share * (aim[0] - f), alpha + share * (aim[1] - alpha)
        value = likelihood.value(y, t, new) - 0.5 * _quadratic(tree, pull, new, centre)
        if value >= joint - 1e-10 * (1 + abs(joint)):
            return new, pull, value
        share /= 2
    return now


def _deviations(tree: Tree, f: F64, centre: float) -> list[F64]:
    """f − f_parent of each level's nodes."""
    return [f[at.nodes] - (f[at.parents] if d else centre) for d, at in enumerate(tree.levels)]


def _alpha(tree: Tree, K: F64, f: F64, centre: float) -> F64:
    alpha = np.empty_like(f)
    for depth, delta in enumerate(_deviations(tree, f, centre)):
        alpha[tree.levels[depth].nodes] = np.linalg.solve(K[depth], delta.T).T if delta.any() else 0.0
    return alpha


def _quadratic(tree: Tree, alpha: F64, f: F64, centre: float) -> float:
    deltas = _deviations(tree, f, centre)
    return sum(float(np.sum(alpha[at.nodes] * delta)) for at, delta in zip(tree.levels, deltas, strict=True))
