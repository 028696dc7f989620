"""Conjugate posteriors up a segment tree, in plain Python, one cell at a time; strengths κ are given.

Rows are (user, path, action, value, trials); a cell's data are those of its segment and of all below it.
"""

from __future__ import annotations

from math import lgamma, log


def ancestors(path):
    """The path itself and all above it, the root last."""
    found = [path]
    while path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found


def dispersion(rows, kind):
    """max(1, Σ (summed residual of a user in a cell)² / Σ variance of a row), residuals from the cell means."""
    totals = {}
    for _, path, action, value, trials in rows:
        y, t = totals.get((path, action), (0.0, 0.0))
        totals[path, action] = (y + value, t + trials)
    residual, expected = {}, 0.0
    for user, path, action, value, trials in rows:
        y, t = totals[path, action]
        mean = y / t if t else 0.0
        gap = value - mean * trials
        residual[user, path, action] = residual.get((user, path, action), 0.0) + gap
        if kind == "rate":
            expected += trials * mean * (1 - mean)
        elif kind == "count":
            expected += mean * trials
        else:
            expected += gap * gap
    observed = sum(r * r for r in residual.values())
    return max(1.0, observed / expected) if expected > 1e-12 else 1.0


def noise(rows):
    """Pooled variance of an observation within cells."""
    cells = {}
    for _, path, action, value, _ in rows:
        cells.setdefault((path, action), []).append(value)
    within = sum(sum((v - sum(c) / len(c)) ** 2 for v in c) for c in cells.values())
    free = sum(len(c) - 1 for c in cells.values())
    return within / free if free > 0 and within > 0 else 1.0


def clip(mean, kind):
    """Means inside the range of the family."""
    if kind == "rate":
        return min(max(mean, 1e-9), 1 - 1e-9)
    return max(mean, 1e-9) if kind == "count" else mean


def posterior(rows, paths, width, kappas, kind, *, disperse=True):
    """{(path, action): (mean, strength)} with κ by depth: Beta, Gamma or Gaussian in (mean, strength) form."""
    scale = dispersion(rows, kind) if disperse else 1.0
    data = {(p, a): [0.0, 0.0] for p in paths for a in range(width)}
    for _, path, action, value, trials in rows:
        for above in ancestors(path):
            data[above, action][0] += value / scale
            data[above, action][1] += trials / scale
    overall = sum(data["", a][0] for a in range(width)) / max(sum(data["", a][1] for a in range(width)), 1e-300)
    prior, result = {}, {}
    for path in paths:
        for a in range(width):
            y, t = data[path, a]
            if path == "":
                prior[path, a] = (clip(overall, kind), kappas[0])
            else:
                above = path.rpartition("/")[0]
                m0, n0 = prior[above, a]
                rest_y, rest_t = data[above, a][0] - y, max(data[above, a][1] - t, 0.0)
                known = n0 + rest_t
                depth = path.count("/") + 1
                prior[path, a] = (clip((n0 * m0 + rest_y) / known, kind), 1 / (1 / kappas[depth] + 1 / known))
            m, n = prior[path, a]
            result[path, a] = (clip((n * m + y) / (n + t), kind), n + t)
    return result


def variance(mean, strength, kind, sigma2=1.0):
    """Of a Beta, Gamma or Gaussian in (mean, strength) form."""
    if kind == "rate":
        a, b = mean * strength, (1 - mean) * strength
        return a * b / ((a + b) ** 2 * (a + b + 1))
    return mean / strength if kind == "count" else sigma2 / strength


def mean_trials(rows, paths, frequencies):
    """{(path, action): mean trials a decision}: every node shrunk to its parent by one decision; 0 for frequency 0."""
    width = len(frequencies)
    n = {(p, a): 0 for p in paths for a in range(width)}
    t = {(p, a): 0.0 for p in paths for a in range(width)}
    for _, path, action, _, trials in rows:
        for above in ancestors(path):
            n[above, action] += 1
            t[above, action] += trials
    overall = sum(t["", a] for a in range(width)) / max(sum(n["", a] for a in range(width)), 1)
    result = {}
    for path in paths:
        for a, frequency in enumerate(frequencies):
            if path == "":
                prior = overall if frequency is None else frequency
            else:
                prior = result[path.rpartition("/")[0], a, "raw"]
            result[path, a, "raw"] = (prior + t[path, a]) / (1 + n[path, a])
            result[path, a] = 0.0 if frequency == 0 else result[path, a, "raw"]
    return result


def log_marginal(y, t, mean, kappa, kind, sigma2=1.0):
    """Log probability of a cell's data under its prior, up to what does not depend on the prior."""
    if kind == "rate":
        a, b = kappa * mean, kappa * (1 - mean)
        after = lgamma(a + y) + lgamma(b + t - y) - lgamma(a + b + t)
        return after - (lgamma(a) + lgamma(b) - lgamma(a + b))
    if kind == "count":
        a = kappa * mean
        return lgamma(a + y) - lgamma(a) + a * log(kappa) - (a + y) * log(kappa + t)
    if t == 0:
        return 0.0
    spread = sigma2 / kappa + sigma2 / t
    return -(log(spread) + (y / t - mean) ** 2 / spread) / 2
