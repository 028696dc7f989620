"""Empirical Bayes down the segment tree: each node's prior is what its parent knows without the node."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from tactful.core.arrays import F64, I64
from tactful.core.segments import Segments
from tactful.models.conjugate.families import Family
from tactful.models.sufficient_statistics import SMALLEST_SIZE, subtree_sums

KAPPA_CENTRE = 30.0  # of the weak prior on a level's strength, in observations
KAPPA_LOG_SD = 3.0  # of that prior, on the scale of logarithms
KAPPA_RANGE = (0.3, 1e7)  # observations
KAPPA_TOLERANCE = 1e-3  # of the logarithm of a strength


class ShrunkCells(NamedTuple):
    """Posterior of every (node, action): mean (s, k), strength (s, k), and the strength κ of each level's prior."""

    mean: F64
    strength: F64
    kappa: tuple[float, ...]


def shrink(family: Family, y: F64, t: F64, segments: Segments) -> ShrunkCells:
    """Posterior cells from the sums of each node.

    A node's prior has the mean of its parent's posterior *without the node's own data*, and the strength
    1/(1/κ_level + 1/n_parent): similarity within the level, limited by what the parent knows. κ_level maximises
    the marginal likelihood of the level's cells (under a wide log-normal prior). Reference: Gelman et al. 2013, ch. 5.

    Parameters
    ----------
    family
        The conjugate family of the outcome.
    y, t
        (s, k) totals over sizes at each node itself, already divided by the dispersion.
    segments
        The tree of s nodes.
    """
    parents, depths = segments.parents, segments.depths
    y, t = subtree_sums(y, parents), subtree_sums(t, parents)
    overall = family.inside(np.full_like(y[0], y[0].sum() / max(float(t[0].sum()), SMALLEST_SIZE)))
    mean, strength = np.empty_like(y), np.empty_like(y)
    prior_mean, prior_strength = mean.copy(), strength.copy()
    kappas: list[float] = []
    for depth in range(int(depths.max()) + 1):
        level = np.flatnonzero(depths == depth)
        # The prior's mean, and how well the parent knows it: the root has the mean over everything.
        if depth == 0:
            m, parent_strength = overall[None, :], np.full((1, y.shape[1]), np.inf)
        else:
            m, parent_strength = _parent_without_node(prior_mean, prior_strength, y, t, parents, level)
            m = family.inside(m)
        # How alike the nodes of this level are.
        kappa = _level_strength(family, y[level], t[level], m, parent_strength)
        kappas.append(kappa)
        # Prior and data together.
        prior_mean[level], prior_strength[level] = m, 1 / (1 / kappa + 1 / parent_strength)
        strength[level] = prior_strength[level] + t[level]
        mean[level] = (prior_strength[level] * m + y[level]) / strength[level]
    return ShrunkCells(family.inside(mean), strength, tuple(kappas))


def _parent_without_node(
    prior_mean: F64, prior_strength: F64, y: F64, t: F64, parents: I64, level: I64
) -> tuple[F64, F64]:
    """(l, k) mean and strength of the parent of each of the nodes ``level`` (l,), without the node's own data."""
    parent = parents[level]
    siblings_t = np.maximum(t[parent] - t[level], 0)
    strength = prior_strength[parent] + siblings_t
    return (prior_strength[parent] * prior_mean[parent] + y[parent] - y[level]) / strength, strength


def _level_strength(family: Family, y: F64, t: F64, mean: F64, parent_strength: F64) -> float:
    """κ of one level of l nodes by maximum marginal likelihood; all arrays are (l, k)."""

    def loss(log_kappa: float) -> float:
        kappa: F64 = np.reciprocal(np.exp(-log_kappa) + 1 / parent_strength)
        fit = float(np.sum(family.log_marginal(y, t, mean, kappa)))
        return 0.5 * ((log_kappa - np.log(KAPPA_CENTRE)) / KAPPA_LOG_SD) ** 2 - fit

    bounds = np.log(KAPPA_RANGE[0]), np.log(KAPPA_RANGE[1])
    optimum = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": KAPPA_TOLERANCE})
    return float(np.exp(optimum.x))
