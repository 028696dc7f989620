"""What rows and their second moments say of residuals: their noise, and how much users who repeat inflate it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome
from tactful.models.contextual.coefficients import inverse_roots
from tactful.models.contextual.context_rows import ContextRows
from tactful.models.contextual.moments import ContextMoments
from tactful.models.contextual.newton import score
from tactful.models.sufficient_statistics import NO_VARIANCE, SMALLEST_SIZE

SLOPE_PULL = 10.0  # decisions by which an action's slopes lean on those common to all
VARIANCE_FREEDOM = 10.0  # degrees of freedom by which an action's variance leans on the common one
ROUNDING_SHARE = 1e-12  # of the sum of squares: a smaller residual is rounding


class Noise(NamedTuple):
    """Variance of one observation by action (k,), over all actions, and the dispersion of users' totals, at least 1."""

    variance: F64
    common: float
    dispersion: float


def noise(moments: ContextMoments, outcome: Outcome) -> Noise:
    """From regressions within cells: (segment, action) means of their own, slopes by action that lean on common ones.

    The dispersion is Σ_u (Σ_i e_i)² / Σ_i e_i² over the rows i of user u in a cell, from the sums over pairs:
    quasi-likelihood with one factor, as for the models without a context (McCullagh & Nelder 1989, section 4.5). A
    variance estimated from few events leans more: a row tells 2/(κ − 1) of what it would tell if residuals were
    Gaussian, κ the kurtosis of the outcome's family.
    """
    # Second moments around the mean of each cell, summed over nodes: (k, f + 1, f + 1).
    rows, n = moments.rows, moments.rows[..., 0, 0]
    totals = rows[..., 0]
    centred = rows - totals[..., :, None] * (totals / np.maximum(n, SMALLEST_SIZE)[..., None])[..., None, :]
    centred = centred[..., 1:, 1:].sum(0)
    # Residual sums of squares: vᵀ A v with v = (−slopes, 1).
    slopes, slope_freedom = _slopes(centred[:, :-1, :-1], centred[:, :-1, -1])
    v = np.concatenate((-slopes, np.ones((len(slopes), 1))), 1)
    residual = np.maximum(np.einsum("ai,aij,aj->a", v, centred, v), 0.0)
    residual[residual <= ROUNDING_SHARE * rows[..., -1, -1].sum(0)] = 0.0
    # Degrees of freedom: decisions less cells and slopes.
    cells = np.count_nonzero(n > ROUNDING_SHARE, axis=0)
    freedom = np.maximum(n.sum(0) - cells - slope_freedom, 0.0)
    total, total_freedom = float(residual.sum()), float(freedom.sum())
    common = total / total_freedom if total > 0 and total_freedom > 0 else 1.0
    # Each action's variance, shrunk to the common one.
    effective = freedom * _information_share(moments, outcome)
    variance = (effective * residual / np.maximum(freedom, SMALLEST_SIZE) + VARIANCE_FREEDOM * common) / (
        effective + VARIANCE_FREEDOM
    )
    return Noise(variance, common, _dispersion(moments, v, total))


def _slopes(xx: F64, xy: F64) -> tuple[F64, F64]:
    """(k, f) slopes within the cells of each action, and how many degrees of freedom (k,) they use."""
    k, f = xy.shape
    if not f:
        return np.zeros_like(xy), np.zeros((k,))
    ridge = SLOPE_PULL * np.eye(f)
    W, _, _ = inverse_roots(np.concatenate((xx, xx.sum(0)[None])) + ridge)
    inverse = np.matmul(W.swapaxes(1, 2), W)
    common = inverse[-1] @ xy.sum(0)
    slopes: F64 = np.matmul(inverse[:-1], (xy + SLOPE_PULL * common)[..., None])[..., 0]
    freedom: F64 = np.matmul(inverse[:-1], xx).trace(axis1=1, axis2=2)
    return slopes, freedom


def _information_share(moments: ContextMoments, outcome: Outcome) -> float:
    """2/(κ − 1), at most 1: what a row tells of the variance, beside a Gaussian row."""
    mean = float(moments.y.sum()) / max(float(moments.n.sum()), SMALLEST_SIZE)
    if outcome.kind == "real" or mean <= 0:
        return 1.0
    if outcome.kind == "count" or mean >= 1:
        return 2 * mean / (2 * mean + 1)
    return min(1.0, 2 / max(1 / (mean * (1 - mean)) - 4, 2.0))


def _dispersion(moments: ContextMoments, v: F64, total: float) -> float:
    """From the pairs, with residuals from cell means and the slopes in ``v`` (k, f + 1), whose last column is 1."""
    if total <= 0 or moments.pairs.shape[-1] == 1:
        return 1.0
    rows = moments.rows
    n = np.maximum(rows[..., 0, 0], SMALLEST_SIZE)
    level = -np.einsum("vai,ai->va", rows[..., 0, 1:], v) / n
    w = np.concatenate((level[..., None], np.broadcast_to(v, (*level.shape, v.shape[1]))), 2)
    return max(1.0, 1 + float(np.einsum("vai,vaij,vaj->", w, moments.pairs, w)) / total)


def residual_sums(blocks: Sequence[ContextRows], link: int, theta: F64, clustered: bool) -> tuple[F64, F64]:
    """Sums of squared residuals by cell: of independent rows, and of users' totals.

    Parameters
    ----------
    blocks
        The rows.
    link
        One of ``LINK_CODES``.
    theta
        (v, k, d) coefficients.
    clustered
        Whether users' totals are asked for; otherwise the first sums stand for them.

    Returns
    -------
    tuple[F64, F64]
        (v, k) Σ Var e, and (v, k) Σ_u (Σ e)² over the users u with rows in a cell.
    """
    shape = theta.shape[:2]
    independent, together = np.zeros(shape), np.zeros(shape)
    for block in blocks:
        scores = score(block, link, theta)
        counting = block.cell >= 0
        cell, n = block.cell[counting], independent.size
        independent += np.bincount(cell, scores.weight[counting], n).reshape(shape)
        if clustered:
            # (Σ e)² of a user is Σ e² and the pairs of different rows, here without features.
            squares = np.square(scores.residual) * (block.weight if block.weight.size else 1.0)
            pairs = np.zeros((*shape, 2, 2))
            featureless = replace(block, context=np.zeros((block.cell.size, 0)), units=np.zeros((2, 0)))
            featureless.add_pairs(scores.residual, pairs)
            together += np.bincount(cell, squares[counting], n).reshape(shape) + pairs[..., 1, 1]
    return independent, together if clustered else independent


def dispersion_of(moments: ContextMoments) -> float:
    """The variance of users' totals over what independent rows would give; at least 1."""
    independent = float(moments.rows[..., -1, -1].sum())
    return max(1.0, float(moments.pairs.sum()) / independent) if independent > NO_VARIANCE else 1.0
