"""Sequential off-policy estimators: the sum of rewards over a horizon, when decisions change the user of the next.

Values are per user over T periods; influences and weights are (u,), one entry a user, so that their standard error
takes ``np.arange(u)`` for users. ρ_t are the one-step weights, ρ_{0:t} their products up to t.
"""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.kernels import marginal as kernels
from tactful.ope.trajectories import Trajectories


def pdis(of: Trajectories) -> Estimate:
    """Per-decision importance sampling: V = mean_u Σ_t ρ_{0:t} r_t.

    Unbiased whatever the state, where logging could take every action that the target takes; its weights grow
    exponentially with the horizon. Reference: Precup, Sutton & Singh 2000.
    """
    product = _products(of.weight)
    row = (product * of.reward).sum(1)
    value = float(row.mean())
    return Estimate(value, row - value, product[:, -1])


def weighted_pdis(of: Trajectories) -> Estimate:
    """Weighted PDIS: V = Σ_t V_t, V_t = Σ_u ρ_{0:t} r_t / Σ_u ρ_{0:t}, φ = Σ_t ρ_{0:t} (r_t − V_t) / mean ρ_{0:t}.

    Biased by O(1/u), of less variance than PDIS. Not a number where all weights of a period are 0.
    Reference: Precup, Sutton & Singh 2000; Thomas & Brunskill 2016 (consistent weighted per-decision).
    """
    product = _products(of.weight)
    mean = product.mean(0)
    if (mean == 0).any():
        return Estimate(float("nan"), np.zeros(of.users), product[:, -1])
    by_period = (product * of.reward).mean(0) / mean
    influence = (product / mean * (of.reward - by_period)).sum(1)
    return Estimate(float(by_period.sum()), influence, product[:, -1])


def sequential_dr(of: Trajectories, q_logged: F64, v_target: F64) -> Estimate:
    """DR over a fitted Q: V = mean_u [v_0 + Σ_t ρ_{0:t} (r_t + v_{t+1} − q_t)], v_T = 0.

    ``q_logged`` (u, T) is Q̂_t(S_t, A_t), the rewards still to come from period t on, and ``v_target`` (u, T) its mean
    Σ_a π(a) Q̂_t(S_t, a); where a user is away both are what is still expected there, 0 as a rule. Unbiased if the
    propensities are right *or* Q̂ is, provided that it was fitted on other users; PDIS where Q̂ = 0.
    Reference: Jiang & Li 2016, eq. (10), unrolled; Thomas & Brunskill 2016.
    """
    product = _products(of.weight)
    after = np.concatenate([v_target[:, 1:], np.zeros((of.users, 1))], axis=1)
    row = v_target[:, 0] + (product * (of.reward + after - q_logged)).sum(1)
    value = float(row.mean())
    return Estimate(value, row - value, product[:, -1])


def _products(weight: F64) -> F64:
    """ρ_{0:t}, (u, T)."""
    return np.cumprod(weight, axis=1).astype(np.float64, copy=False)


def marginalised(of: Trajectories, *, normalised: bool = False) -> Estimate:
    """Marginalised importance sampling on a small discrete state, being away a state of its own.

    d_0(s) = share of users at s, d_{t+1}(s') = Σ_s d_t(s) mean_{u: S_t=s} [ρ_t 1{S_{t+1} = s'}],
    V = Σ_t Σ_s d_t(s) mean_{u: S_t=s} [ρ_t r_t]; means are divided by the mean weight of the state if ``normalised``.
    φ = v_0(S_0) − V + Σ_t d_t(S_t)/p_t(S_t) · (ρ_t (r_t + v_{t+1}(S_{t+1})) − v_t(S_t)), v the value of a state under
    the target and p_t the share of users in it. A state that nobody is in carries no mass.

    Consistent where the state is Markov given the action (``markov_test``) and logging visits the states that the
    target visits; its weights do not grow with the horizon. Where logging does not, the estimate extrapolates from the
    nearest states, and no standard error shows it: randomise what moves the state.
    O(u T). Reference: Xie, Ma & Wang 2019, section 3.
    """
    weight, reward = (np.ascontiguousarray(x.T, np.float64) for x in (of.weight, of.reward))
    state = np.ascontiguousarray(of.state.T, np.int64)
    users, scale, share = _occupied(weight, state, of.states, normalised=normalised)
    value, after, influence = np.zeros((of.periods, of.states)), np.zeros(of.users), np.zeros(of.users)
    kernels.backward(weight, reward, state, np.int64(normalised), users, scale, share, value, after, influence)
    total = float(share[0] @ value[0])
    ahead = np.divide(share * of.users, users * scale, out=np.zeros_like(users), where=users > 0)
    return Estimate(total, influence + after - total, (np.take_along_axis(ahead, state, 1) * weight).mean(0))


def _occupied(weight: F64, state: I64, states: int, *, normalised: bool) -> tuple[F64, F64, F64]:
    """Users, scale and share under the target, (T, m) each; see ``kernels.marginal.forward``."""
    users, scale, share = np.zeros((3, state.shape[0], states))
    kernels.forward(weight, state, np.int64(normalised), users, scale, share)
    return users, scale, share
