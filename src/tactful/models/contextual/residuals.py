"""What the second moments say of residuals: the noise of each action, and how much users who repeat inflate it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome
from tactful.models.contextual.coefficients import inverse_roots
from tactful.models.contextual.moments import Moments

PULL = 10.0  # decisions by which an action's slopes lean on those common to all
VAGUE = 10.0  # degrees of freedom by which an action's variance leans on the common one
ROUNDING = 1e-12


class Noise(NamedTuple):
    """Variance of one observation by action (k,), over all actions, and the dispersion of users' totals, at least 1."""

    variance: F64
    common: float
    dispersion: float


def noise(moments: Moments, outcome: Outcome) -> Noise:
    """From regressions within cells: (segment, action) means of their own, slopes by action that lean on common ones.

    The dispersion is Σ_u (Σ_i e_i)² / Σ_i e_i² over the rows i of user u in a cell, from the sums over pairs:
    quasi-likelihood with one factor, as for the models without a context (McCullagh & Nelder 1989, section 4.5). A
    variance estimated from few events leans more: a row tells 2/(κ − 1) of what it would tell if residuals were
    Gaussian, κ the kurtosis of the outcome's family.
    """
    rows, n = moments.rows, moments.rows[..., 0, 0]
    head = rows[..., 0]
    centred = rows - head[..., :, None] * (head / np.maximum(n, 1e-300)[..., None])[..., None, :]
    centred = centred[..., 1:, 1:].sum(0)  # (k, f + 1, f + 1)
    slopes, used = _slopes(centred[:, :-1, :-1], centred[:, :-1, -1])
    v = np.concatenate((-slopes, np.ones((len(slopes), 1))), 1)
    residual = np.maximum(np.einsum("ai,aij,aj->a", v, centred, v), 0.0)
    residual[residual <= ROUNDING * rows[..., -1, -1].sum(0)] = 0.0
    free = np.maximum(n.sum(0) - np.count_nonzero(n > ROUNDING, axis=0) - used, 0.0)
    total, freedom = float(residual.sum()), float(free.sum())
    common = total / freedom if total > 0 and freedom > 0 else 1.0
    told = free * _telling(moments, outcome)
    variance = (told * residual / np.maximum(free, 1e-300) + VAGUE * common) / (told + VAGUE)
    return Noise(variance, common, _dispersion(moments, v, total))


def _slopes(xx: F64, xy: F64) -> tuple[F64, F64]:
    """(k, f) slopes within the cells of each action, and how many degrees of freedom (k,) they use."""
    k, f = xy.shape
    if not f:
        return np.zeros_like(xy), np.zeros((k,))
    ridge = PULL * np.eye(f)
    W, _, _ = inverse_roots(np.concatenate((xx, xx.sum(0)[None])) + ridge)
    inverse = np.matmul(W.swapaxes(1, 2), W)
    common = inverse[-1] @ xy.sum(0)
    slopes: F64 = np.matmul(inverse[:-1], (xy + PULL * common)[..., None])[..., 0]
    used: F64 = np.matmul(inverse[:-1], xx).trace(axis1=1, axis2=2)
    return slopes, used


def _telling(moments: Moments, outcome: Outcome) -> float:
    """2/(κ − 1), at most 1."""
    mean = float(moments.y.sum()) / max(float(moments.n.sum()), 1e-300)
    if outcome.kind == "real" or mean <= 0:
        return 1.0
    if outcome.kind == "count" or mean >= 1:
        return 2 * mean / (2 * mean + 1)
    return min(1.0, 2 / max(1 / (mean * (1 - mean)) - 4, 2.0))


def _dispersion(moments: Moments, v: F64, total: float) -> float:
    """From the pairs, with residuals from cell means and the slopes in ``v`` (k, f + 1): its last column is 1."""
    if total <= 0 or moments.pairs.shape[-1] == 1:
        return 1.0
    rows = moments.rows
    n = np.maximum(rows[..., 0, 0], 1e-300)
    level = -np.einsum("vai,ai->va", rows[..., 0, 1:], v) / n
    w = np.concatenate((level[..., None], np.broadcast_to(v, (*level.shape, v.shape[1]))), 2)
    return max(1.0, 1 + float(np.einsum("vai,vaij,vaj->", w, moments.pairs, w)) / total)
