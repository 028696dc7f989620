"""The contextual models row by row, and by one dense Gaussian over nodes × coefficients. Slow, from math.md 4."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize


def design(context, centre, scale):
    """(n, d) rows (1, standardised, clipped)."""
    return [
        [1.0] + [min(max((x - c) / s, -8.0), 8.0) for x, c, s in zip(row, centre, scale, strict=True)]
        for row in context
    ]


def moments(z, value, cell, cells):
    """(cells, d + 1, d + 1) Σ w wᵀ with w = (z, value), row by row."""
    size = len(z[0]) + 1
    out = np.zeros((cells, size, size))
    for row, y, c in zip(z, value, cell, strict=True):
        w = [*row, y]
        for i in range(size):
            for j in range(size):
                out[c, i, j] += w[i] * w[j]
    return out


def pairs(z, value, cell, user, cells):
    """The same sums over ordered pairs of different rows of one user in one cell."""
    size = len(z[0]) + 1
    out = np.zeros((cells, size, size))
    for i in range(len(z)):
        for j in range(len(z)):
            if i != j and cell[i] == cell[j] and user[i] == user[j]:
                out[cell[i]] += np.outer([*z[i], value[i]], [*z[j], value[j]])
    return out


def noise(z, value, node, action, user, k, telling):
    """(k,) variances, the common one and the dispersion, by regressions on centred rows. See ``models.residuals``."""
    z, value = np.array(z)[:, 1:], np.array(value)
    f = z.shape[1]
    x, y = z.copy(), value.copy()
    cells = sorted({(v, a) for v, a in zip(node, action, strict=True)})
    for v, a in cells:
        here = (node == v) & (action == a)
        x[here] -= z[here].mean(0)
        y[here] -= value[here].mean()
    ridge = 10.0 * np.eye(f)
    common = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    left, free = np.zeros(k), np.zeros(k)
    residual = np.zeros(len(y))
    for a in range(k):
        here = action == a
        gram = x[here].T @ x[here]
        beta = np.linalg.solve(gram + ridge, x[here].T @ y[here] + 10.0 * common)
        residual[here] = y[here] - x[here] @ beta
        left[a] = np.sum(residual[here] ** 2)
        used = np.trace(np.linalg.solve(gram + ridge, gram))
        free[a] = max(here.sum() - sum(c[1] == a for c in cells) - used, 0.0)
    total = left.sum() / free.sum()
    variance = np.array([(telling * r + 10.0 * total) / (telling * n + 10.0) for r, n in zip(left, free, strict=True)])
    together = 0.0
    for v, a in cells:
        here = (node == v) & (action == a)
        together += sum(residual[here & (user == u)].sum() ** 2 for u in set(user[here].tolist()))
    return variance, total, max(1.0, together / left.sum())


def prior_covariance(parents, precision_root, precision_below):
    """(s·p, s·p) covariance of all nodes' coefficients: each node adds its own difference to its parent's."""
    s, p = len(parents), len(precision_root)
    paths = []
    for v in range(s):
        path = {v}
        above = parents[v]
        while above >= 0:
            path.add(above)
            above = parents[above]
        paths.append(path)
    out = np.zeros((s, p, s, p))
    for v in range(s):
        for w in range(s):
            for node in paths[v] & paths[w]:
                precision = precision_root if parents[node] < 0 else precision_below
                out[v, :, w, :] += np.diag(1 / np.asarray(precision))
    return out.reshape(s * p, s * p)


def dense_posterior(S, X, y, weight):
    """(mean, covariance) of N(0, S) coefficients given rows X (n, s·p), responses y and their precisions.

    As a Gaussian process over the rows: Rasmussen & Williams 2006, eq. 2.25 and 2.26.
    """
    SX = S @ X.T
    gain = np.linalg.solve(X @ SX + np.diag(1 / weight), SX.T).T
    return gain @ y, S - gain @ SX.T


def log_likelihood(kind, y, t, eta):
    """(value, slope, curvature) of rows in η."""
    if kind == "log":
        mean = t * np.exp(eta)
        return np.sum(y * eta - mean), y - mean, mean
    p = 1 / (1 + np.exp(-eta))
    return np.sum(y * eta - t * np.logaddexp(0, eta)), y - t * p, t * p * (1 - p)


def laplace(kind, S, X, y, t, centre, dispersion):
    """(mode, covariance) of the coefficients, by scipy.optimize in whitened coordinates, polished by dense Newton."""
    L = np.linalg.cholesky(S)
    A = X @ L

    def loss(u):
        value, slope, _ = log_likelihood(kind, y, t, centre + A @ u)
        return 0.5 * u @ u - value / dispersion, u - A.T @ slope / dispersion

    u = minimize(loss, np.zeros(len(S)), jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "maxiter": 5000}).x
    for _ in range(6):
        _, slope, curvature = log_likelihood(kind, y, t, centre + A @ u)
        H = np.eye(len(u)) + A.T @ (curvature[:, None] * A) / dispersion
        u = u - np.linalg.solve(H, u - A.T @ slope / dispersion)
    _, _, curvature = log_likelihood(kind, y, t, centre + A @ u)
    H = np.eye(len(u)) + A.T @ (curvature[:, None] * A) / dispersion
    return L @ u, L @ np.linalg.inv(H) @ L.T


def action_features(slots, frequencies):
    """(k, q) constant, cos and sin of the hour and of twice it, standardised ln f, its square − 1, and ``none``.

    And their prior variances (q,).
    """
    sent = [f != 0 for f in frequencies]
    logs = [math.log(f) for f in frequencies if f]
    mean = sum(logs) / len(logs)
    sd = math.sqrt(sum((x - mean) ** 2 for x in logs) / len(logs))
    rows = []
    for slot, f in zip(slots, frequencies, strict=True):
        if not f:
            rows.append([0.0] * 7 + [1.0])
            continue
        hour = int(slot[:2]) + int(slot[3:]) / 60
        waves = [w(i * 2 * math.pi * hour / 24) for i in (1, 2) for w in (math.cos, math.sin)]
        octave = (math.log(f) - mean) / sd
        rows.append([1.0, *waves, octave, octave**2 - 1, 0.0])
    kept = [q for q in range(8) if q == 0 or len({round(r[q], 12) for r, s in zip(rows, sent, strict=True) if s}) > 1]
    if not all(sent):
        kept.append(7)
    kept = sorted(set(kept))
    return np.array(rows)[:, kept], np.array([1.0, 1.0, 1.0, 0.25, 0.25, 1.0, 0.25, 1.0])[kept]


def loadings(actions, d, shared, slope):
    """(k, d, p) M with θ_a = M_a φ, and prior precisions (p,) in units of an intercept's."""
    k = actions.k
    slopes = np.array([1.0] + [slope * (d - 1.0)] * (d - 1))
    if not shared:
        M = np.zeros((k, d, k * d))
        for a in range(k):
            M[a, :, a * d : (a + 1) * d] = np.eye(d)
        return M, np.tile(slopes, k)
    g, variance = action_features(actions.slots, actions.frequencies)
    q = g.shape[1]
    M = np.zeros((k, d, q * d + k))
    for a in range(k):
        for i in range(q):
            for j in range(d):
                M[a, j, i * d + j] = g[a, i]
        M[a, 0, q * d + a] = 1.0
    return M, np.concatenate([np.outer(1 / variance, slopes).ravel(), np.full(k, 10.0)])


def blocks(joint):
    """(v, k, d, d) the covariance of each node and action."""
    return np.einsum("vkdvke->vkde", joint)
