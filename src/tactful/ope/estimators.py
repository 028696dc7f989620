"""Off-policy estimators of the value of a target policy, as an algebra.

    dm = mean of q under the target        ips = weighted mean of rewards
    dr = dm + ips of what q leaves over    snips = ips divided by the mean weight

Clipping, switching and shrinkage are ips and dr with other weights: they trade bias for variance by one number, which
``ope.slope`` chooses. All are per decision, in units of the reward; rewards, weights and q are (n,), one entry a
decision. The weights an estimate carries for its diagnostics are always the importance weights themselves.
"""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.kernels import estimators as kernels


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
    influence, value = np.empty(weight.size), np.empty(1)
    kernels.ratio(*_plain(reward, weight), influence, value)
    return Estimate(float(value[0]), influence, weight)


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
    return _corrected(reward, weight, q_logged, q_target, weight)


def clipped_ips(reward: F64, weight: F64, clip: float) -> Estimate:
    """Clipped IPS: V = mean(min(w, M) r), φ = min(w, M) r − V.

    Low by the reward beyond ``clip`` M where rewards are positive; unbiased once M is at least the largest weight.
    Reference: Ionides 2008 (truncated importance sampling).
    """
    return _mean(np.minimum(weight, clip) * reward, weight)


def sndr(reward: F64, weight: F64, q_logged: F64, q_target: F64) -> Estimate:
    """Self-normalised DR: V = mean(q_target) + R with R = Σ w (r − q_logged) / Σ w.

    φ = q_target − mean(q_target) + w (r − q_logged − R) / w̄. Biased by O(1/n), and DR where the mean weight is 1; NaN
    where all weights are 0. Reference: Thomas & Brunskill 2016 (weighted doubly robust), at one step.
    """
    residual = snips(reward - q_logged, weight)
    model = float(q_target.mean())
    return Estimate(model + residual.value, q_target - model + residual.influence, weight)


def switch_dr(reward: F64, weight: F64, q_logged: F64, q_target: F64, tau: float) -> Estimate:
    """Switch-DR: the row mean of q_target + w 1{w ≤ τ} (r − q_logged), φ the row less V.

    Trusts q̂ where weights exceed ``tau``: biased by π(w > τ) times the error of q̂ there. DR from the largest weight
    on, the direct method below the smallest. Reference: Wang et al. 2017 (SWITCH, doubly robust form).
    """
    return _corrected(reward, np.where(weight <= tau, weight, 0.0), q_logged, q_target, weight)


def shrunk_dr(reward: F64, weight: F64, q_logged: F64, q_target: F64, shrink: float) -> Estimate:
    """DR with optimistic shrinkage: the row mean of q_target + ŵ (r − q_logged), ŵ = λ w / (w² + λ), λ ``shrink``.

    Minimises a bound on the squared error; DR as λ → ∞ and the direct method at λ = 0, biased between.
    Reference: Su et al. 2020 (doubly robust off-policy evaluation with shrinkage).
    """
    if np.isinf(shrink):
        return dr(reward, weight, q_logged, q_target)
    kept = np.divide(shrink * weight, weight**2 + shrink, out=np.zeros_like(weight), where=weight > 0)
    return _corrected(reward, kept, q_logged, q_target, weight)


def mips(reward: F64, band_weight: F64) -> Estimate:
    """Marginalised IPS: V = mean(w_b r), w_b = π(band|x) / e(band|x) of the logged action's band.

    ``band_weight`` (n,) comes from ``marginal_weights``. Unbiased where the reward depends on the action through its
    band alone, given x, and logging could take every band that the target takes; its weights are never more extreme
    than those of single actions. Reference: Saito & Joachims 2022 (MIPS).
    """
    return ips(reward, band_weight)


def marginal_weights(target: F64, logging: F64, band: I64, action: I64) -> F64:
    """w_b = Σ_{a: band(a) = band(A)} π(a|x) / Σ_{a: band(a) = band(A)} e(a|x), (n,).

    ``target`` and ``logging`` (n, k) are pmfs, ``band`` (k,) codes of the actions from 0, ``action`` (n,) the logged.
    """
    members = np.eye(int(band.max()) + 1)[band]
    rows, chosen = np.arange(action.size), band[action]
    return (target @ members)[rows, chosen] / (logging @ members)[rows, chosen]


def _corrected(reward: F64, factor: F64, q_logged: F64, q_target: F64, weight: F64) -> Estimate:
    """The mean of q_target + factor (r − q_logged), which carries the importance weights ``weight``."""
    influence, value = np.empty(weight.size), np.empty(1)
    kernels.corrected(*_plain(reward, factor, q_logged, q_target), influence, value)
    return Estimate(float(value[0]), influence, weight)


def _plain(*columns: F64) -> tuple[F64, ...]:
    return tuple(np.ascontiguousarray(column, np.float64) for column in columns)


def _mean(row: F64, weight: F64) -> Estimate:
    """The mean of ``row``, an array of its own, which becomes the influence."""
    value = float(row.mean())
    row -= value
    return Estimate(value, row, weight)
