"""Off-policy estimators of the value of a target policy, as an algebra.

    dm = mean of q under the target        ips = weighted mean of rewards
    dr = dm + ips of what q leaves over    snips = ips divided by the mean weight

All are per decision, in units of the reward. Rewards, weights and q are (n,), one entry a decision.
"""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64
from tactful.core.estimate import Estimate


def ips(reward: F64, weight: F64) -> Estimate:
    """Inverse propensity score: V = mean(w r), φ = w r − V.

    Unbiased where the logging policy could take every action that the target takes.
    Reference: Horvitz & Thompson 1952.

    Examples
    --------
    >>> ips(np.array([1.0, 0.0]), np.array([1.5, 0.5])).value
    0.75
    """
    return _mean(weight * reward, weight)


def snips(reward: F64, weight: F64) -> Estimate:
    """Self-normalised IPS: V = Σ w r / Σ w, φ = w (r − V) / w̄.

    Equivariant to adding a constant to the reward; biased by O(1/n). NaN where all weights are 0.
    Reference: Swaminathan & Joachims 2015, eq. (8).
    """
    if not weight.any():
        return Estimate(float("nan"), np.zeros_like(weight), weight)
    value = float(weight @ reward / weight.sum())
    return Estimate(value, weight * (reward - value) / weight.mean(), weight)


def dm(q_target: F64, weight: F64) -> Estimate:
    """Direct method: the mean of Σ_a π(a|x) q̂(x, a).

    Its error is the bias of q̂, so it has no interval; ``weight`` is carried for the diagnostics alone.
    """
    value = float(q_target.mean())
    return Estimate(value, q_target - value, weight, interval=False)


def dr(reward: F64, weight: F64, q_logged: F64, q_target: F64) -> Estimate:
    """Doubly robust: V = mean(Σ_a π(a|x) q̂(x, a) + w (r − q̂(x, A))), φ the row less V.

    ``q_logged`` is q̂ at the logged action and ``q_target`` its mean under the target. Unbiased if the propensities
    *or* q̂ is right, provided that q̂ was not fitted on these users. Reference: Dudík et al. 2014, eq. (4).
    """
    return _mean(q_target + weight * (reward - q_logged), weight)


def _mean(row: F64, weight: F64) -> Estimate:
    value = float(row.mean())
    return Estimate(value, row - value, weight)
