"""Sequential estimators in plain loops over users and periods, from the papers.

Precup et al. 2000; Jiang & Li 2016 (recursion); Xie et al. 2019 (tabular marginalised importance sampling).
"""

from __future__ import annotations


def pdis(weight, reward):
    """(value, influences), one entry a user."""
    rows = []
    for ws, rs in zip(weight, reward, strict=True):
        product, total = 1.0, 0.0
        for w, r in zip(ws, rs, strict=True):
            product *= w
            total += product * r
        rows.append(total)
    return sum(rows) / len(rows), [x - sum(rows) / len(rows) for x in rows]


def weighted_pdis(weight, reward):
    """(value, influences)."""
    users, periods = len(weight), len(weight[0])
    value, influence = 0.0, [0.0] * users
    for t in range(periods):
        product = []
        for u in range(users):
            p = 1.0
            for w in weight[u][: t + 1]:
                p *= w
            product.append(p)
        here = sum(p * r[t] for p, r in zip(product, reward, strict=True)) / sum(product)
        value += here
        for u in range(users):
            influence[u] += product[u] * (reward[u][t] - here) / (sum(product) / users)
    return value, influence


def dr(weight, reward, q, v):
    """(value, influences) by the recursion V_t = v_t + w_t (r_t + V_{t+1} − q_t)."""
    rows = []
    for ws, rs, qs, vs in zip(weight, reward, q, v, strict=True):
        total = 0.0
        for t in reversed(range(len(ws))):
            total = vs[t] + ws[t] * (rs[t] + total - qs[t])
        rows.append(total)
    return sum(rows) / len(rows), [x - sum(rows) / len(rows) for x in rows]


def marginalised(weight, reward, state, normalised=False):
    """Value by the forward recursion on dictionaries of states."""
    users, periods = len(weight), len(weight[0])
    share = {}
    for u in range(users):
        share[state[u][0]] = share.get(state[u][0], 0.0) + 1 / users
    value = 0.0
    for t in range(periods):
        following = {}
        for s, mass in share.items():
            members = [u for u in range(users) if state[u][t] == s]
            if not members:
                continue
            scale = sum(weight[u][t] for u in members) if normalised else len(members)
            scale = scale or 1.0
            value += mass * sum(weight[u][t] * reward[u][t] for u in members) / scale
            if t + 1 < periods:
                for u in members:
                    to = state[u][t + 1]
                    following[to] = following.get(to, 0.0) + mass * weight[u][t] / scale
        share = following
    return value
