"""Is the state of marginalised importance sampling nearly Markov? A test against a longer memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from tactful.core.arrays import F64, I64, Bool
from tactful.ope.intervals import user_totals
from tactful.ope.trajectories import AWAY, Trajectories

SMALL = 1e-9  # of the largest eigenvalue: directions that the history does not vary in


class MarkovTest(NamedTuple):
    """``p_value`` of "older history says nothing more", and of its two parts; a small one refutes the state."""

    p_value: float
    reward: float
    next_state: float
    degrees: int


def markov_test(of: Trajectories, action: I64, history: F64 | None = None) -> MarkovTest:
    """Regress reward and next state on older history, given period, state and action.

    Rewards, indicators of the next state (being away among them) and the history h lose their means in each cell of
    (period, state, action); U_u = Σ_t h̃_t ỹ_t is a user's score, and (Σ U_u)ᵀ (Σ U_u U_uᵀ)⁻¹ (Σ U_u) is χ² of as many
    degrees of freedom as U varies in. In the matrix ỹ is divided by √(1 − 1/n) in a cell of n, because taking the mean
    away shrinks it. The two parts share the level: p = min(1, 2 min(p_reward, p_next)).

    Asymptotic in users (with 100 of them a level of .05 is nearer .06), whatever one user's rows have in common.
    Reference: Breusch & Pagan 1980 (score tests), clustered as in Liang & Zeger 1986.

    Parameters
    ----------
    action
        (u, T) codes of the actions taken, from 0; those where a user is away are not read.
    history
        (u, T, h) what is known before period t of times before; by default the reward, the action and the state of
        period t − 1. Features that do not vary are left out.

    Returns
    -------
    MarkovTest
        With p-values of 1 where nothing varies. Not refuting is no proof: power grows with users and periods.
    """
    older = _lagged(of, action) if history is None else history
    cell = _cells(of, action)
    kept = of.alive[:, 1:]
    p_reward, degrees = _score(older[:, 1:], of.reward[:, 1:, None], cell, kept)
    following = np.eye(of.states)[of.state[:, 2:]][:, :, :-1]
    p_next, more = _score(older[:, 1:-1], following, cell[:, :-1], kept[:, :-1])
    return MarkovTest(min(1.0, 2 * min(p_reward, p_next)), p_reward, p_next, degrees + more)


def _lagged(of: Trajectories, action: I64) -> F64:
    """(u, T, h) reward, action and state of the period before, as indicators; 0 in the first period."""
    codes = np.where(of.alive, action, 0)
    before = np.concatenate(
        [of.reward[:, :, None], np.eye(int(codes.max(initial=0)) + 1)[codes][:, :, 1:], np.eye(of.states)[of.state]],
        axis=2,
    )
    older = np.zeros_like(before)
    older[:, 1:] = before[:, :-1]
    return older


def _cells(of: Trajectories, action: I64) -> I64:
    """(u, T − 1) codes of (period, state, action) from the second period on."""
    codes = np.where(of.state != AWAY, action, 0)
    width = int(codes.max(initial=0)) + 1
    period = np.arange(of.periods)[None, :]
    return ((period * of.states + of.state) * width + codes)[:, 1:]


def _score(history: F64, target: F64, cell: I64, kept: Bool) -> tuple[float, int]:
    """(p-value, degrees of freedom) of the scores Σ_t h̃ ⊗ ỹ by user."""
    rows = kept.ravel()
    code = cell.ravel()[rows]
    count = np.bincount(code).astype(np.float64)
    past, residual = (_residual(x.reshape(-1, x.shape[2])[rows], code, count) for x in (history, target))
    spread = residual / np.sqrt(np.maximum(1 - 1 / np.maximum(count, 1), 0.5))[code][:, None]
    user = np.flatnonzero(rows) // kept.shape[1]
    score, other = (_by_user(past, y, user, kept.shape[0]) for y in (residual, spread))
    scale = np.sqrt((other**2).sum(0))
    varies = scale > 0
    if not varies.any():
        return 1.0, 0
    other /= np.where(varies, scale, 1.0)
    eigen, vectors = np.linalg.eigh(other.T @ other)
    real = eigen > SMALL * eigen[-1]
    along = vectors[:, real].T @ (score.sum(0) / np.where(varies, scale, 1.0))
    return float(chdtrc(int(real.sum()), float((along**2 / eigen[real]).sum()))), int(real.sum())


def _residual(values: F64, code: I64, count: F64) -> F64:
    """``values`` (r, m) less their mean in the cell."""
    out = np.empty_like(values)
    for m in range(values.shape[1]):
        out[:, m] = values[:, m] - (user_totals(code, values[:, m]) / np.maximum(count, 1))[code]
    return out


def _by_user(past: F64, target: F64, user: I64, users: int) -> F64:
    """(users, h · m) sums of the products of the columns of ``past`` (r, h) and ``target`` (r, m)."""
    out = np.zeros((users, past.shape[1] * target.shape[1]))
    for column in range(out.shape[1]):
        h, m = divmod(column, target.shape[1])
        total = user_totals(user, past[:, h] * target[:, m])
        out[: total.size, column] = total
    return out
