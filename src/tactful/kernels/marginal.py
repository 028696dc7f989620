"""Marginalised importance sampling, period by period: occupation of the states forward, their values backward.

Reference: Xie, Ma & Wang 2019, section 3.
"""

# pyright: basic
from __future__ import annotations

from tactful.kernels.jit import F64_2, I64_0, I64_2, OUT_F64_1, OUT_F64_2, helper, kernel


@kernel(F64_2, I64_2, I64_0, OUT_F64_2, OUT_F64_2, OUT_F64_2)
def forward(weight, state, normalised, users, scale, share):
    """Users by period and state, what their weights are divided by, and the share of users under the target.

    ``weight`` and ``state`` (t, u); all ``out`` (t, m), zero before. A state without users keeps a share of 0.
    """
    periods, u = state.shape
    # In the first period the target has the users that were logged.
    for i in range(u):
        share[0, state[0, i]] += 1.0 / u
    for t in range(periods):
        # Users and weights of each state, and the mean weight where weights are normalised.
        for i in range(u):
            s = state[t, i]
            users[t, s] += 1.0
            scale[t, s] += weight[t, i]
        for s in range(users.shape[1]):
            scale[t, s] = scale[t, s] / users[t, s] if normalised and scale[t, s] > 0.0 else 1.0
        # The share of a state goes to the next states of its users, by their weights.
        if t + 1 < periods:
            for i in range(u):
                s = state[t, i]
                share[t + 1, state[t + 1, i]] += share[t, s] / (users[t, s] * scale[t, s]) * weight[t, i]


@kernel(F64_2, F64_2, I64_2, I64_0, F64_2, F64_2, F64_2, OUT_F64_2, OUT_F64_1, OUT_F64_1)
def backward(weight, reward, state, normalised, users, scale, share, value, tail, influence):
    """Value of each state under the target (t, m), and residuals by user (u,); all ``out`` zero before.

    ``tail`` (u,) is what is still expected of each user, in the end from the first period on.
    """
    periods, u = state.shape
    for back in range(periods):
        t = periods - 1 - back
        # The value of a state: the mean over its users of reward and what comes after, weighted.
        for i in range(u):
            s = state[t, i]
            value[t, s] += _to_come(weight[t, i], reward[t, i], tail[i], scale[t, s]) / users[t, s]
        # The residual of each user around that value, by how much the target is in the state.
        for i in range(u):
            s = state[t, i]
            rho = weight[t, i] / scale[t, s]
            occupation = share[t, s] * u / users[t, s]
            # Where means are normalised, the residual stays centred only if the value is weighted alike.
            expected = value[t, s] * (rho if normalised else 1.0)
            influence[i] += occupation * (_to_come(weight[t, i], reward[t, i], tail[i], scale[t, s]) - expected)
            tail[i] = value[t, s]


@helper
def _to_come(weight, reward, tail, scale):
    """What a period and those after it bring, weighted."""
    return weight / scale * (reward + tail)
