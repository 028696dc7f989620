"""Marginalised importance sampling on dictionaries of (period, state). Reference: Xie, Ma & Wang 2019, section 3."""

from __future__ import annotations


def forward(weight, state, *, normalised):
    """(users, scale, share) by (period, state); ``weight`` and ``state`` are one list a period."""
    count = len(state[0])
    users, scale, share = {}, {}, {}
    for t, states in enumerate(state):
        for s in set(states):
            members = [i for i in range(count) if states[i] == s]
            users[t, s] = len(members)
            mean = sum(weight[t][i] for i in members) / len(members)
            scale[t, s] = mean if normalised and mean > 0 else 1.0
            if t == 0:
                share[t, s] = len(members) / count
                continue
            # Who arrives in s, by the state of origin: its share times the mean weight of those who went on to s.
            share[t, s] = sum(
                share[t - 1, state[t - 1][i]]
                / users[t - 1, state[t - 1][i]]
                * weight[t - 1][i]
                / scale[t - 1, state[t - 1][i]]
                for i in members
            )
    return users, scale, share


def backward(weight, reward, state, *, normalised):
    """(value by (period, state), influence by user): V_t(s) is the mean of ρ (r + V_{t+1}) over the users in s."""
    users, scale, share = forward(weight, state, normalised=normalised)
    periods, count = len(state), len(state[0])
    value, influence = {}, [0.0] * count
    for t in reversed(range(periods)):
        rho = [weight[t][i] / scale[t, state[t][i]] for i in range(count)]
        future = [value[t + 1, state[t + 1][i]] if t + 1 < periods else 0.0 for i in range(count)]
        gain = [rho[i] * (reward[t][i] + future[i]) for i in range(count)]
        for s in set(state[t]):
            members = [i for i in range(count) if state[t][i] == s]
            value[t, s] = sum(gain[i] for i in members) / len(members)
        for i, s in enumerate(state[t]):
            centre = value[t, s] * (rho[i] if normalised else 1.0)
            influence[i] += share[t, s] * count / users[t, s] * (gain[i] - centre)
    return value, influence
