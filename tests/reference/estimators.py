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


def clipped_ips(reward, weight, clip):
    """Ionides 2008: truncated weights."""
    return centred([min(w, clip) * r for w, r in zip(weight, reward, strict=True)])


def sndr(reward, weight, action, q, pmf):
    """Thomas & Brunskill 2016, at one step: the model's mean plus a ratio of means."""
    model, own = dm(q, pmf)
    residual = [r - vs[a] for r, a, vs in zip(reward, action, q, strict=True)]
    ratio, influence = snips(residual, weight)
    return model + ratio, [x + y for x, y in zip(own, influence, strict=True)]


def switch_dr(reward, weight, action, q, pmf, tau):
    """Wang et al. 2017: doubly robust where w ≤ τ, the model alone elsewhere."""
    rows = []
    for r, w, a, ps, vs in zip(reward, weight, action, pmf, q, strict=True):
        model = sum(p * v for p, v in zip(ps, vs, strict=True))
        rows.append(model + w * (r - vs[a]) if w <= tau else model)
    return centred(rows)


def shrunk_dr(reward, weight, action, q, pmf, shrink):
    """Su et al. 2020: weights λ / (w² + λ) · w."""
    rows = []
    for r, w, a, ps, vs in zip(reward, weight, action, pmf, q, strict=True):
        rows.append(sum(p * v for p, v in zip(ps, vs, strict=True)) + shrink / (w * w + shrink) * w * (r - vs[a]))
    return centred(rows)


def mips(reward, action, pmf, logging, band):
    """Saito & Joachims 2022: weights of the logged action's band."""
    rows = []
    for r, a, ps, es in zip(reward, action, pmf, logging, strict=True):
        alike = [b for b in range(len(band)) if band[b] == band[a]]
        rows.append(sum(ps[b] for b in alike) / sum(es[b] for b in alike) * r)
    return centred(rows)


def slope(values, widths):
    """Tucker & Lee 2021, as a search for the largest j whose every pair agrees."""
    order = sorted(range(len(values)), key=lambda i: -widths[i])
    best = order[0]
    for j in range(1, len(order)):
        for i in range(j):
            apart = abs(values[order[j]] - values[order[i]])
            if apart > widths[order[i]] + (sqrt(6) - 1) * widths[order[j]]:
                return best
        best = order[j]
    return best
