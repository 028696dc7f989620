"""A fitted Q for the doubly robust sequential estimate: backwards over the horizon, on other users."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.batch.decide import BLOCK
from tactful.batch.served import acting
from tactful.core.arrays import F64, I64, Bool
from tactful.evaluation.crossfit import FOLDS
from tactful.evaluation.sequential.panel import Lines
from tactful.ope.trajectories import Trajectories
from tactful.policies.protocol import Published

PRIOR = 10.0  # decisions that the additive guess of a cell is worth


class Fitted(NamedTuple):
    """(u, T) Q̂_t at the logged action, and its mean under the target; 0 where a user is away."""

    q_logged: F64
    v_target: F64


def fitted_q(lines: Lines, one: Trajectories, policy: Published, fold: I64) -> Fitted:
    """Fitted Q evaluation by (state, action), shrunk to additive effects; each user's Q̂ saw other folds alone.

    Q_t(s, a) is the mean of r + v_{t+1} over users of the other folds, v_t(x) = Σ_a π(a|x) Q_t(s, a), from the last
    period backwards. DR needs no right Q̂ for its mean to be right; a good one narrows it. O(T · (u · k + folds · u)).
    Reference: Le, Voloshin & Yue 2019 (fitted Q evaluation).

    Parameters
    ----------
    fold
        (u,) of the users in line.
    """
    u, k = one.users, lines.log.actions.k
    q, v = np.zeros((u, one.periods)), np.zeros((u, one.periods))
    coming = np.zeros((FOLDS, u))
    action = lines.actions()
    for t in range(one.periods - 1, -1, -1):
        who = np.flatnonzero(one.alive[:, t])
        state, taken = one.state[who, t], action[who, t]
        to_come = one.reward[who, t] + coming[:, who]
        table = np.stack([
            _cells(state, taken, to_come[f], fold[who] != f, (one.states, k)) for f in range(FOLDS)
        ])  # fmt: skip
        q[who, t] = table[fold[who], state, taken]
        coming = np.zeros((FOLDS, u))
        for start in range(0, who.size, BLOCK):
            part = slice(start, start + BLOCK)
            pmf = acting(policy, lines.log, lines.aligned.row[who[part], t])
            for f in range(FOLDS):
                coming[f, who[part]] = np.einsum("na,na->n", pmf, table[f, state[part]])
        v[who, t] = coming[fold[who], who]
    return Fitted(q, v)


def _cells(state: I64, action: I64, target: F64, others: Bool, shape: tuple[int, int]) -> F64:
    """(states, k) means of ``target`` (m,) over the rows of ``others`` (m,), shrunk to state plus action effects."""
    s, k = shape
    cell = state[others] * k + action[others]
    count = np.bincount(cell, minlength=s * k).astype(np.float64).reshape(shape)
    total = np.bincount(cell, target[others], minlength=s * k).reshape(shape)
    mean = total.sum() / max(count.sum(), 1.0)
    by_state = (total.sum(1) + PRIOR * mean) / (count.sum(1) + PRIOR)
    by_action = (total.sum(0) + PRIOR * mean) / (count.sum(0) + PRIOR)
    guess = by_state[:, None] + by_action[None, :] - mean
    return (total + PRIOR * guess) / (count + PRIOR)
