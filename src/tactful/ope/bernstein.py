"""Empirical Bernstein intervals by user: finite sample, and wide where weights can be large."""

from __future__ import annotations

import math

import numpy as np

from tactful.core.arrays import F64
from tactful.ope.intervals import BERNSTEIN, Interval
from tactful.ope.wealth import Stakes


def empirical_bernstein(stakes: Stakes, level: float = 0.95) -> Interval:
    """All μ for which the mean of D_u(μ) = Σ_i φ_i − μ n_u may be 0, by the inequality of Maurer and Pontil.

    μ is left out on the left where D̄ > √(2 V ln(2/δ) / U) + 7 R ln(2/δ) / (3 (U − 1)), V the sample variance of D over
    users, R = n_max (floor + ceiling) its range and δ = α/2; on the right by the flipped rows. Valid in finite samples
    where users are independent. With a reward model the largest weight must have been declared; else the bounds are
    those of the range. Reference: Maurer & Pontil 2009, theorem 4.
    """
    low, high = (_lower(stakes, side, (1 - level) / 2) for side in (0, 1))
    return Interval(stakes.standard_error, stakes.in_units(low), stakes.in_units(1 - high), BERNSTEIN)


def _lower(stakes: Stakes, side: int, delta: float) -> float:
    """The least μ that is not left out: the smaller root of (A − μ n̄)² = c² V(μ), a quadratic in μ."""
    total: F64 = stakes.high if side else stakes.low
    users = total.size
    if users < 2 or not math.isfinite(stakes.ceiling[side]):
        return 0.0
    log = math.log(2 / delta)
    spread = stakes.max_rows * (stakes.floor[side] + stakes.ceiling[side])
    above = float(total.mean()) - 7 * spread * log / (3 * (users - 1))
    c2 = 2 * log / users
    variance, covariance, of_count = (float(v) for v in np.cov(total, stakes.count)[[0, 0, 1], [0, 1, 1]])
    rows = float(stakes.count.mean())
    at_zero = above**2 - c2 * variance
    if above <= 0 or at_zero <= 0:
        return 0.0
    half = above * rows - c2 * covariance
    root = math.sqrt(max(half**2 - (rows**2 - c2 * of_count) * at_zero, 0.0))
    return min(at_zero / (half + root), 1.0)
