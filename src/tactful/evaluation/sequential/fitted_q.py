"""A fitted Q for the doubly robust sequential estimate: backwards over the horizon, on other users."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.batch.served import ROW_BLOCK, served_pmf
from tactful.core.arrays import F64, I64, Bool
from tactful.evaluation.crossfit import FOLDS
from tactful.evaluation.sequential.panel import Panel
from tactful.ope.trajectories import Trajectories
from tactful.policies.protocol import Published

PRIOR_DECISIONS = 10.0  # that the additive guess of a cell is worth


class FittedQ(NamedTuple):
    """(u, T) Q̂_t at the logged action, and its mean under the target; 0 where a user is away."""

    q_logged: F64
    v_target: F64


def fitted_q(panel: Panel, trajectories: Trajectories, policy: Published, fold: I64) -> FittedQ:
    """Fitted Q evaluation by (state, action), shrunk to additive effects; each user's Q̂ saw other folds alone.

    Q_t(s, a) is the mean of r + v_{t+1} over users of the other folds, v_t(x) = Σ_a π(a|x) Q_t(s, a), from the last
    period backwards. The mean of DR is right whatever Q̂ is; a good one narrows it. O(T · (u · k + folds · u)).

    Parameters
    ----------
    panel
        u users over T periods.
    trajectories
        Of the panel, with the rewards of the estimand.
    policy
        Whose value is estimated.
    fold
        (u,) the fold of each user in line.

    References
    ----------
    Le, Voloshin & Yue 2019 (fitted Q evaluation).
    """
    u, k = trajectories.users, panel.log.actions.k
    q, v = np.zeros((u, trajectories.periods)), np.zeros((u, trajectories.periods))
    future = np.zeros((FOLDS, u))  # v_{t+1} of each user, by the fold that was left out
    action = panel.actions
    for t in range(trajectories.periods - 1, -1, -1):
        present = np.flatnonzero(trajectories.alive[:, t])
        state, logged = trajectories.state[present, t], action[present, t]
        target = trajectories.reward[present, t] + future[:, present]
        shape = (trajectories.states, k)
        table = np.stack([_cells(state, logged, target[f], fold[present] != f, shape) for f in range(FOLDS)])
        q[present, t] = table[fold[present], state, logged]
        future = np.zeros((FOLDS, u))
        for start in range(0, present.size, ROW_BLOCK):
            block = slice(start, start + ROW_BLOCK)
            pmf = served_pmf(policy, panel.log, panel.aligned.row[present[block], t])
            for f in range(FOLDS):
                future[f, present[block]] = np.einsum("na,na->n", pmf, table[f, state[block]])
        v[present, t] = future[fold[present], present]
    return FittedQ(q, v)


def _cells(state: I64, action: I64, target: F64, fitting: Bool, shape: tuple[int, int]) -> F64:
    """(states, k) means of ``target`` (m,) over the ``fitting`` rows (m,), shrunk to state plus action effects."""
    s, k = shape
    cell = state[fitting] * k + action[fitting]
    count = np.bincount(cell, minlength=s * k).astype(np.float64).reshape(shape)
    total = np.bincount(cell, target[fitting], minlength=s * k).reshape(shape)
    mean = total.sum() / max(count.sum(), 1.0)
    by_state = (total.sum(1) + PRIOR_DECISIONS * mean) / (count.sum(1) + PRIOR_DECISIONS)
    by_action = (total.sum(0) + PRIOR_DECISIONS * mean) / (count.sum(0) + PRIOR_DECISIONS)
    additive = by_state[:, None] + by_action[None, :] - mean
    return (total + PRIOR_DECISIONS * additive) / (count + PRIOR_DECISIONS)
