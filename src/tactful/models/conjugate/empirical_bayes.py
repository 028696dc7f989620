"""Empirical Bayes up the segment tree: each node's prior is its parent without it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from tactful.core.arrays import F64, I64
from tactful.core.segments import Segments
from tactful.models.conjugate.families import Family
from tactful.models.sufficient_statistics import up

KAPPA_0 = 30.0  # centre of the weak prior on a level's strength, in observations
LOG_SD = 3.0


class Cells(NamedTuple):
    """Posterior of every (node, action): mean (s, k), strength (s, k), and the strength of each level's prior."""

    mean: F64
    strength: F64
    kappa: tuple[float, ...]


def shrink(family: Family, y: F64, t: F64, segments: Segments) -> Cells:
    """Posterior cells from sums by node (s, k): totals ``y`` over sizes ``t``, already divided by the dispersion.

    A node's prior has the mean of its parent's posterior *without the node's own data*, and the strength
    1/(1/κ_level + 1/n_parent): similarity within the level, limited by what the parent knows. κ_level maximises
    the marginal likelihood of the level's cells (under a wide log-normal prior). Reference: Gelman et al. 2013, ch. 5.
    """
    parents, depths = segments.parents, segments.depths
    y, t = up(y, parents), up(t, parents)
    overall = family.inside(np.full_like(y[0], y[0].sum() / max(float(t[0].sum()), 1e-300)))
    mean, strength = np.empty_like(y), np.empty_like(y)
    prior_mean, prior_n = mean.copy(), strength.copy()
    kappas: list[float] = []
    for depth in range(int(depths.max()) + 1):
        level = np.flatnonzero(depths == depth)
        if depth == 0:
            m, known = overall[None, :], np.full((1, y.shape[1]), np.inf)
        else:
            m, known = _without(prior_mean, prior_n, y, t, parents, level)
            m = family.inside(m)
        kappa = _strength(family, y[level], t[level], m, known)
        kappas.append(kappa)
        prior_mean[level], prior_n[level] = m, 1 / (1 / kappa + 1 / known)
        strength[level] = prior_n[level] + t[level]
        mean[level] = (prior_n[level] * m + y[level]) / strength[level]
    return Cells(family.inside(mean), strength, tuple(kappas))


def _without(prior_mean: F64, prior_n: F64, y: F64, t: F64, parents: I64, level: I64) -> tuple[F64, F64]:
    """(l, k) mean and strength of each node's parent, computed without the node's own data."""
    above = parents[level]
    rest = np.maximum(t[above] - t[level], 0)
    known = prior_n[above] + rest
    return (prior_n[above] * prior_mean[above] + y[above] - y[level]) / known, known


def _strength(family: Family, y: F64, t: F64, mean: F64, known: F64) -> float:
    """κ of one level, by maximum marginal likelihood."""

    def loss(log_kappa: float) -> float:
        kappa: F64 = np.reciprocal(np.exp(-log_kappa) + 1 / known)
        fit = float(np.sum(family.log_marginal(y, t, mean, kappa)))
        return 0.5 * ((log_kappa - np.log(KAPPA_0)) / LOG_SD) ** 2 - fit

    found = minimize_scalar(loss, bounds=(np.log(0.3), np.log(1e7)), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))
