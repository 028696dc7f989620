"""Off-policy estimators and their errors from the papers, in plain loops over rows.

Horvitz & Thompson 1952; Swaminathan & Joachims 2015, eq. (8); Dudík et al. 2014, eq. (4); Liang & Zeger 1986.
"""

from __future__ import annotations

from math import sqrt


def ips(reward, weight):
    """(value, influences)."""
    return centred([w * r for w, r in zip(weight, reward, strict=True)])


def snips(reward, weight):
    """(value, influences) of a ratio of means: φ_i = w_i (r_i − V) / w̄."""
    value = sum(w * r for w, r in zip(weight, reward, strict=True)) / sum(weight)
    mean = sum(weight) / len(weight)
    return value, [w * (r - value) / mean for w, r in zip(weight, reward, strict=True)]


def dm(q, pmf):
    """(value, influences); ``q`` and ``pmf`` are one list a row, one entry an action."""
    return centred([sum(p * v for p, v in zip(ps, vs, strict=True)) for ps, vs in zip(pmf, q, strict=True)])


def dr(reward, weight, action, q, pmf):
    """(value, influences): the direct part plus the weighted residual of the logged action."""
    rows = []
    for r, w, a, ps, vs in zip(reward, weight, action, pmf, q, strict=True):
        rows.append(sum(p * v for p, v in zip(ps, vs, strict=True)) + w * (r - vs[a]))
    return centred(rows)


def centred(rows):
    """The mean of rows and what each adds to it."""
    value = sum(rows) / len(rows)
    return value, [x - value for x in rows]


def clustered_error(influence, user):
    """√(U/(U−1) Σ_u (Σ_{i∈u} φ_i)²) / n."""
    totals = {}
    for phi, u in zip(influence, user, strict=True):
        totals[u] = totals.get(u, 0.0) + phi
    count = len(totals)
    return sqrt(count / (count - 1) * sum(g * g for g in totals.values())) / len(influence)


def effective(weight):
    """(Σw)² / Σw²."""
    return sum(weight) ** 2 / sum(w * w for w in weight)
