"""Laplace's approximation on the segment tree: the mode by damped Newton, the marginal likelihood and its gradient.

Reference: Rasmussen & Williams 2006, sections 3.4 and 5.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from tactful.core.arrays import F64
from tactful.models.likelihoods import Likelihood
from tactful.models.tree.message_passing import Messages, Tree, solve, spread, upward

MAX_NEWTON_STEPS = 50
MAX_HALVINGS = 60
MODE_TOLERANCE = 1e-8  # of a latent
ASCENT_SLACK = 1e-10  # by which ln p(y, f) may fall in a step, relative to itself: that is rounding


class CellProblem(NamedTuple):
    """The data of every cell: totals ``y`` over sizes ``t``, both (s, k); ``centre`` is the prior mean of the root."""

    tree: Tree
    likelihood: Likelihood
    y: F64
    t: F64
    centre: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LatentMode:
    """The mode of the latents, and Laplace's approximation there."""

    f: F64
    """(s, k) the mode."""
    alpha: F64
    """(s, k) α = K⁻¹(f − f_parent)."""
    messages: Messages
    """The messages of every node to its parent."""
    evidence: float
    """Laplace's ln p(y), up to a constant."""
    converged: bool
    """Whether Newton's iteration came to rest within its limit of steps."""
    steps: int
    """How many steps it took."""


class _Position(NamedTuple):
    """Latents f (s, k), their α (s, k) and ln p(y, f) there."""

    f: F64
    alpha: F64
    joint: float


def mode(problem: CellProblem, K: F64, start: F64 | None = None, tolerance: float = MODE_TOLERANCE) -> LatentMode:
    """The posterior mode of the latents.

    Newton's step is an exact Gaussian solve of the gradient, so that its rounding errors vanish with it. The step is
    halved while ln p(y, f) falls. Cost O(steps · nodes · k³).

    Parameters
    ----------
    problem
        The data of the cells.
    K
        (levels, k, k) prior covariance by level.
    start
        (s, k) latents from which to go; by default the prior mean.
    tolerance
        The iteration ends when no latent moves by more than that.
    """
    tree, likelihood, y, t, centre = problem
    f = np.full_like(y, centre) if start is None else start
    alpha = _alpha(tree, K, f, centre)
    position = _Position(f, alpha, likelihood.value(y, t, f) - 0.5 * _quadratic(tree, alpha, f, centre))
    messages, converged, steps = Messages(np.zeros((0, 0, 0)), 0.0), False, 0
    while steps < MAX_NEWTON_STEPS and not converged:
        steps += 1
        f, alpha, _ = position
        messages = upward(tree, K, likelihood.curvature(t, f))
        step = solve(tree, K, messages.precision, likelihood.slope(y, t, f) - _pull(tree, alpha))
        position = _line_search(problem, position, step)
        converged = float(np.max(np.abs(step[0]))) <= tolerance
    return LatentMode(
        f=position.f,
        alpha=position.alpha,
        messages=messages,
        evidence=position.joint - 0.5 * messages.log_det,
        converged=converged,
        steps=steps,
    )


def evidence_slope(problem: CellProblem, K: F64, optimum: LatentMode) -> F64:
    """(levels, k, k) gradient of the Laplace evidence in the covariances, the movement of the mode included.

    ½ Σ_v (αα ᵀ − (K⁻¹ − K⁻¹ Cov(δ) K⁻¹)) + Σ_v Uαᵀ with U the subtree sums of (I + WΣ)⁻¹ ½ diag(Cov) ℓ‴: eq. 5.21 to
    5.24 of the reference, each as one solve on the tree.
    """
    marginal = spread(problem.tree, K, optimum.messages.precision)
    shift = 0.5 * marginal.variance * problem.likelihood.bend(problem.t, optimum.f)
    _, U = solve(problem.tree, K, optimum.messages.precision, shift)
    out = np.empty_like(K)
    for depth, level in enumerate(problem.tree.levels):
        alpha, u = optimum.alpha[level.nodes], U[level.nodes]
        cross = np.einsum("na,nb->ab", 0.5 * alpha + u, alpha)  # not BLAS, whose threads would wait for each other
        out[depth] = 0.5 * (cross + cross.T - marginal.pull[depth])
    return out


def _line_search(problem: CellProblem, position: _Position, step: tuple[F64, F64]) -> _Position:
    """The furthest of 1, ½, ¼, … of the ``step`` in (f, α) at which ln p(y, f) is not lower."""
    tree, likelihood, y, t, centre = problem
    share = 1.0
    for _ in range(MAX_HALVINGS):
        f, alpha = position.f + share * step[0], position.alpha + share * step[1]
        joint = likelihood.value(y, t, f) - 0.5 * _quadratic(tree, alpha, f, centre)
        if joint >= position.joint - ASCENT_SLACK * (1 + abs(position.joint)):
            return _Position(f, alpha, joint)
        share /= 2
    return position


def _pull(tree: Tree, alpha: F64) -> F64:
    """(s, k) Σ⁻¹(f − centre): each node's α less those of its children."""
    out = alpha.copy()
    for level in tree.levels[1:]:
        np.subtract.at(out, level.parents, alpha[level.nodes])
    return out


def _deviations(tree: Tree, f: F64, centre: float) -> list[F64]:
    """By level (n, k) how far the nodes are from their parents, and the root from the centre."""
    return [f[level.nodes] - (f[level.parents] if depth else centre) for depth, level in enumerate(tree.levels)]


def _alpha(tree: Tree, K: F64, f: F64, centre: float) -> F64:
    """(s, k) α = K⁻¹(f − f_parent)."""
    alpha = np.empty_like(f)
    for depth, delta in enumerate(_deviations(tree, f, centre)):
        alpha[tree.levels[depth].nodes] = _solved(K[depth], delta) if delta.any() else 0.0
    return alpha


def _solved(K: F64, rows: F64) -> F64:
    """(n, k) K⁻¹ of each row (n, k)."""
    out = np.linalg.solve(K, rows.swapaxes(0, 1))
    return out.swapaxes(0, 1).astype(np.float64)


def _quadratic(tree: Tree, alpha: F64, f: F64, centre: float) -> float:
    """(f − centre)ᵀ Σ⁻¹ (f − centre)."""
    deltas = _deviations(tree, f, centre)
    return sum(float(np.sum(alpha[level.nodes] * delta)) for level, delta in zip(tree.levels, deltas, strict=True))
