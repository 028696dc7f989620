"""Laplace's approximation of many rows: Newton's iteration on summed gradients and Hessians, over blocks of rows.

The rows' log-likelihood is replaced by the quadratic that touches it at the mode: sums Λ and Λν of rows' curvatures w
and working responses ν, in the form of Gaussian moments, so that everything else is as for a linear model.
Reference: Rasmussen & Williams 2006, section 3.4; McCullagh & Nelder 1989, section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from tactful.core.arrays import F64
from tactful.core.features import CLIP
from tactful.kernels import moments as kernels
from tactful.models.contextual.action_sharing import Sharing
from tactful.models.contextual.coefficients import Prior, log_prior, solve
from tactful.models.contextual.context_rows import ContextRows
from tactful.models.tree.message_passing import Tree

MAX_STEPS, MAX_STEP_HALVINGS = 50, 30
COEFFICIENT_TOLERANCE = 1e-8  # the error that a Newton step leaves is of the order of its square
JOINT_SLACK = 1e-10  # by which the objective may fall in a step, relative to itself: that is rounding
LINK_CODES = {"logistic": 0, "log": 1}  # as the kernel numbers them


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Blocks of rows, and the quadratic of earlier rows beside them."""

    blocks: Sequence[ContextRows]
    """The rows."""
    link: int
    """One of ``LINK_CODES``."""
    old: F64
    """(v, k, d + 1, d + 1) the quadratic of earlier rows."""
    tree: Tree
    """The levels of the v nodes."""
    sharing: Sharing
    """How the coefficients of the actions hang together."""
    centre: float
    """Added to every intercept."""

    def theta(self, phi: F64) -> F64:
        """(v, k, d) the actions' coefficients for φ (v, b, p)."""
        theta = self.sharing.spread(phi).copy()
        theta[..., 0] += self.centre
        return theta

    def information(self, rows: F64, dispersion: float) -> tuple[F64, F64]:
        """Precisions and vectors on φ of the quadratic ``rows`` (v, k, d + 1, d + 1) and of the earlier one."""
        total = (rows + self.old) / dispersion
        A = total[..., :-1, :-1]
        return self.sharing.gather(A, total[..., :-1, -1] - self.centre * A[..., 0])


class Quadratic(NamedTuple):
    """The quadratic that touches the log-likelihood at one θ: ``rows`` (v, k, d + 1, d + 1), and its value there."""

    rows: F64
    value: float


class CoefficientMode(NamedTuple):
    """The mode φ (v, b, p), the quadratic there, and whether Newton's iteration came to rest."""

    phi: F64
    quadratic: Quadratic
    converged: bool


class RowScores(NamedTuple):
    """Of the rows of one block at one θ, each (n,): curvature, working response, residual and log density."""

    weight: F64
    response: F64
    residual: F64
    value: F64


def score(block: ContextRows, link: int, theta: F64) -> RowScores:
    """Curvatures and residuals at θ (v, k, d); rows that do not count have 0."""
    scores = RowScores(*np.zeros((4, block.cell.size)))
    flat = np.ascontiguousarray(theta.reshape(-1, theta.shape[-1]))
    kernels.working(block.context, block.value, block.size, block.cell, block.units, flat, CLIP, link, *scores)
    if not block.weight.size:
        return scores
    return scores._replace(weight=scores.weight * block.weight, value=scores.value * block.weight)


def quadratic_at(problem: RowProblem, phi: F64) -> Quadratic:
    """The quadratic that touches the log-likelihood at φ (v, b, p), summed over blocks in order."""
    rows, value, theta = np.zeros_like(problem.old), 0.0, problem.theta(phi)
    for block in problem.blocks:
        scores = score(block, problem.link, theta)
        block.add(scores.response, scores.weight, rows)
        value += float(scores.value.sum())
    # Of the earlier rows the quadratic is all that there is.
    A, b = problem.old[..., :-1, :-1], problem.old[..., :-1, -1]
    value += float(np.sum(b * theta) - 0.5 * np.einsum("vai,vaij,vaj->", theta, A, theta))
    return Quadratic(rows, value)


def mode(
    problem: RowProblem, prior: Prior, dispersion: float, start: F64, tolerance: float = COEFFICIENT_TOLERANCE
) -> CoefficientMode:
    """The mode of ln p(rows)/dispersion + ln p(φ); a step is halved while that falls. Cost O(steps · n d²).

    Parameters
    ----------
    problem
        Rows, and the quadratic of earlier ones.
    prior
        Precisions of the levels.
    dispersion
        The log-likelihood is divided by it.
    start
        (v, b, p) from where to go.
    tolerance
        The iteration ends when a step moves no coefficient by more than that.
    """

    def objective(quadratic: Quadratic, phi: F64) -> float:
        return quadratic.value / dispersion + log_prior(problem.tree, phi, prior)

    phi, quadratic = start, quadratic_at(problem, start)
    joint = objective(quadratic, phi)
    for _ in range(MAX_STEPS):
        solution = solve(problem.tree, *problem.information(quadratic.rows, dispersion), prior)
        step = solution.mean - phi
        if float(np.max(np.abs(step), initial=0.0)) <= tolerance:
            return CoefficientMode(phi, quadratic, True)
        share = 1.0
        for _ in range(MAX_STEP_HALVINGS):
            candidate = phi + share * step
            candidate_quadratic = quadratic_at(problem, candidate)
            value = objective(candidate_quadratic, candidate)
            if value >= joint - JOINT_SLACK * (1 + abs(joint)):
                phi, quadratic, joint = candidate, candidate_quadratic, value
                break
            share /= 2
    return CoefficientMode(phi, quadratic, False)
