"""A tiny Markov world: two live states that tire, an absorbing end, two actions, chances that are quarters."""

from __future__ import annotations

import numpy as np

STATES, END, PERIODS = 2, 2, 3
START = np.array([0.5, 0.5, 0.0])
LOGGING = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
TARGET = np.array([[0.9, 0.1], [0.2, 0.8], [1.0, 0.0]])
# Chance of the next state by (state, action), and the reward, which depends on where one ends up.
NEXT = np.array(
    [
        [[0.75, 0.25, 0.0], [0.25, 0.5, 0.25]],
        [[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ]
)
REWARD = np.array([[[1.0, 2.0, 0.0], [3.0, 1.0, -1.0]], [[0.5, 0.0, 0.0], [2.0, 1.5, 0.5]], [[0.0] * 3, [0.0] * 3]])


def action_values(policy, periods=PERIODS):
    """(T + 1, 3, 2) rewards still to come by linear algebra; the last is 0."""
    q = np.zeros((periods + 1, 3, 2))
    for t in range(periods - 1, -1, -1):
        v = (policy * q[t + 1]).sum(1)
        q[t] = (NEXT * (REWARD + v)).sum(2)
    return q


def value(policy, periods=PERIODS):
    return float(START @ (policy * action_values(policy, periods)[0]).sum(1))


def every_life(periods=PERIODS):
    """(probability, states, actions, rewards) of every life of a user under the logging policy."""
    lives = [(p, [s], [], []) for s, p in enumerate(START) if p]
    for _ in range(periods):
        lives = [
            (p * LOGGING[ss[-1], a] * NEXT[ss[-1], a, to], [*ss, to], [*aa, a], [*rr, REWARD[ss[-1], a, to]])
            for p, ss, aa, rr in lives
            for a in range(2)
            for to in range(3)
            if LOGGING[ss[-1], a] * NEXT[ss[-1], a, to]
        ]
    return [(p, ss[:-1], aa, rr) for p, ss, aa, rr in lives]


def simulate(rng, users, periods, logging=LOGGING):
    """(state, action, reward), (u, T) each."""
    state, action = np.empty((users, periods), np.int64), np.empty((users, periods), np.int64)
    reward = np.empty((users, periods))
    now = rng.choice(3, users, p=START)
    for t in range(periods):
        state[:, t] = now
        action[:, t] = rng.random(users) < logging[now, 1]
        chance = NEXT[now, action[:, t]].cumsum(1)
        now = (rng.random(users)[:, None] > chance).sum(1)
        reward[:, t] = REWARD[state[:, t], action[:, t], now]
    return state, action, reward
