"""Bounds that hold in every sample: how surely a sum of draws, or a mean of weights, is not what it should be."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, I64

STAKES = 2.0 ** -np.arange(1, 13)  # of the bets that are mixed, so that any excess meets one near its best


def bennett(deviation: F64, variance: F64) -> F64:
    """P(S ≥ t) ≤ exp(−V h(t/V)), h(u) = (1 + u) ln(1 + u) − u, for sums of centred draws of at most 1.

    ``deviation`` t and the sums' ``variance`` V have one shape; 1 where t ≤ 0. Draws may depend on earlier ones through
    their probabilities. Reference: Bennett 1962; Freedman 1975 for draws that do.

    Examples
    --------
    >>> bennett(np.array([0.0, 40.0]), np.array([100.0, 100.0])).round(4).tolist()
    [1.0, 0.0008]
    """
    t, v = np.maximum(deviation, 0.0), np.maximum(variance, 1e-12)
    u = t / v
    return np.exp(-v * ((1 + u) * np.log1p(u) - u))


def log_evidence(x: F64, group: I64, trials: F64) -> F64:
    """(g,) logarithm of the evidence that the mean of each group exceeds 1: above ln(1/α) in at most a share α.

    Π_i (1 + λ(x_i − 1)), mixed evenly over twelve λ, is a test martingale wherever x_i ≥ 0 and E[x_i | past] ≤ 1, as it
    is for 1{A = a}/p. Reference: Waudby-Smith & Ramdas 2024 (betting).

    Parameters
    ----------
    x, group
        (m,) the entries that are not 0, and their groups.
    trials
        (g,) how many entries there are, zeros among them.
    """
    zeros = trials - np.bincount(group, minlength=trials.size)
    grown = np.stack(
        [np.bincount(group, np.log1p(s * (x - 1)), trials.size) + zeros * np.log1p(-s) for s in STAKES.tolist()]
    )
    top = grown.max(0)
    return top + np.log(np.exp(grown - top).mean(0))
