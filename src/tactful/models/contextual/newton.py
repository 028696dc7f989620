"""Laplace's approximation of many rows: Newton's iteration on summed gradients and Hessians, over blocks of rows.

The rows' log-likelihood is replaced by the quadratic that touches it at the mode: sums Λ and Λν of rows' curvatures w
and working responses ν, in the form of Gaussian moments, so that everything else is as for a linear model.
Reference: math.md 4; Rasmussen & Williams 2006, section 3.4; McCullagh & Nelder 1989, section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.features import CLIP
from tactful.kernels import moments as kernels
from tactful.models.contextual.action_sharing import Sharing
from tactful.models.contextual.coefficients import Prior, log_prior, solve
from tactful.models.contextual.moments import Rows
from tactful.models.tree.message_passing import Tree

STEPS, HALVINGS = 50, 30
TOLERANCE = 1e-8  # of a coefficient: the error left after a Newton step is of the order of its square
LINKS = {"logistic": 0, "log": 1}


class Problem(NamedTuple):
    """Blocks of rows, and what is known beside them: ``old`` (v, k, d + 1, d + 1), the quadratic of earlier rows."""

    blocks: Sequence[Rows]
    link: int
    old: F64
    tree: Tree
    arms: Sharing
    centre: float

    def theta(self, phi: F64) -> F64:
        """(v, k, d) coefficients."""
        theta = self.arms.spread(phi).copy()
        theta[..., 0] += self.centre
        return theta

    def information(self, rows: F64, dispersion: float) -> tuple[F64, F64]:
        """Precisions and vectors on φ of the rows' quadratic, and of the earlier rows'."""
        total = (rows + self.old) / dispersion
        A = total[..., :-1, :-1]
        return self.arms.gather(A, total[..., :-1, -1] - self.centre * A[..., 0])


class Quadratic(NamedTuple):
    """What touches the log-likelihood at one θ: moments ``rows`` (v, k, d + 1, d + 1), and its value there."""

    rows: F64
    value: float


class Mode(NamedTuple):
    """The mode φ (v, b, p), the quadratic there, and whether Newton came to rest."""

    phi: F64
    touch: Quadratic
    converged: bool


class Scored(NamedTuple):
    """Of the rows of one block at one θ, each (n,): curvature, working response, residual and log density."""

    weight: F64
    response: F64
    residual: F64
    value: F64


def score(block: Rows, link: int, theta: F64) -> Scored:
    """Curvatures and residuals at θ (v, k, d); rows that are left out have 0."""
    out = Scored(*np.zeros((4, block.cell.size)))
    flat = np.ascontiguousarray(theta.reshape(-1, theta.shape[-1]))
    kernels.working(block.context, block.value, block.size, block.cell, block.units, flat, CLIP, link, *out)
    if not block.weight.size:
        return out
    return out._replace(weight=out.weight * block.weight, value=out.value * block.weight)


def touching(problem: Problem, phi: F64) -> Quadratic:
    """The quadratic at φ (v, b, p), summed over blocks in order."""
    rows, value, theta = np.zeros_like(problem.old), 0.0, problem.theta(phi)
    for block in problem.blocks:
        scored = score(block, problem.link, theta)
        block.add(scored.response, scored.weight, rows)
        value += float(scored.value.sum())
    A, b = problem.old[..., :-1, :-1], problem.old[..., :-1, -1]
    value += float(np.sum(b * theta) - 0.5 * np.einsum("vai,vaij,vaj->", theta, A, theta))
    return Quadratic(rows, value)


def mode(problem: Problem, prior: Prior, dispersion: float, start: F64, tolerance: float = TOLERANCE) -> Mode:
    """The mode of ln p(rows)/dispersion + ln p(φ), from ``start`` (v, b, p); a step is halved while that falls.

    Cost O(steps · n d²).
    """
    phi, touch = start, touching(problem, start)
    joint = touch.value / dispersion + log_prior(problem.tree, phi, prior)
    for _ in range(STEPS):
        solved = solve(problem.tree, *problem.information(touch.rows, dispersion), prior)
        step = solved.mean - phi
        if float(np.max(np.abs(step), initial=0.0)) <= tolerance:
            return Mode(phi, touch, True)
        share = 1.0
        for _ in range(HALVINGS):
            there = touching(problem, phi + share * step)
            value = there.value / dispersion + log_prior(problem.tree, phi + share * step, prior)
            if value >= joint - 1e-10 * (1 + abs(joint)):
                phi, touch, joint = phi + share * step, there, value
                break
            share /= 2
    return Mode(phi, touch, False)
