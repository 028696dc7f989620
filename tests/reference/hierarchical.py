"""The hierarchical model by dense linear algebra: one joint Gaussian over nodes × actions. Slow, from math.md 3."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize


def kernel(names, slots, frequencies, lengths, sds, extra_none=0.0):
    """(k, k) covariance of one level, pair by pair."""
    k = len(names)
    amplitude, constant, nugget = (s * s for s in sds)
    placed = [s is not None and bool(f) for s, f in zip(slots, frequencies, strict=True)]
    hour = [0.0 if s is None else int(s[:2]) + int(s[3:]) / 60 for s in slots]
    K = np.zeros((k, k))
    for a in range(k):
        for b in range(k):
            if frequencies[a] == 0 or frequencies[b] == 0:
                K[a, b] = (a == b) * ((amplitude if any(placed) else 0) + constant + nugget + extra_none)
                continue
            K[a, b] = constant + (a == b) * nugget
            if placed[a] and placed[b]:
                circle = math.exp(-2 * math.sin(math.pi * (hour[a] - hour[b]) / 24) ** 2 / lengths[0] ** 2)
                gap = math.log(frequencies[a]) - math.log(frequencies[b])
                K[a, b] += amplitude * circle * math.exp(-gap * gap / (2 * lengths[1] ** 2))
    return K


def joint(parents, depths, K):
    """(s·k, s·k) prior covariance of all nodes: f_v is the sum of the δ of its ancestors and itself."""
    s, k = len(parents), K.shape[1]
    paths = []
    for v in range(s):
        path = [v]
        while parents[path[-1]] >= 0:
            path.append(parents[path[-1]])
        paths.append(set(path))
    S = np.zeros((s, k, s, k))
    for v in range(s):
        for w in range(s):
            for a in paths[v] & paths[w]:
                S[v, :, w, :] += K[depths[a]]
    return S.reshape(s * k, s * k)


def log_density(kind, y, t, f):
    if kind == "binomial":
        return np.sum(y * f - t * np.logaddexp(0, f))
    if kind == "poisson":
        return np.sum(y * f - t * np.exp(f))
    return np.sum(y * f - t * f * f / 2)


def derivatives(kind, y, t, f):
    """ℓ′ and −ℓ″."""
    if kind == "binomial":
        p = 1 / (1 + np.exp(-f))
        return y - t * p, t * p * (1 - p)
    if kind == "poisson":
        return y - t * np.exp(f), t * np.exp(f)
    return y - t * f, t


def laplace(kind, S, y, t, centre):
    """(mode, covariance, evidence) by scipy.optimize in whitened coordinates, polished by dense Newton steps."""
    L = np.linalg.cholesky(S)

    def loss(x):
        f = centre + L @ x
        slope, _ = derivatives(kind, y, t, f)
        return 0.5 * x @ x - log_density(kind, y, t, f), x - L.T @ slope

    x = minimize(loss, np.zeros(y.size), jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 5000}).x
    for _ in range(5):
        f = centre + L @ x
        slope, W = derivatives(kind, y, t, f)
        x = x - np.linalg.solve(np.eye(x.size) + L.T @ (W[:, None] * L), x - L.T @ slope)
    f = centre + L @ x
    W = derivatives(kind, y, t, f)[1]
    B = np.eye(x.size) + L.T @ (W[:, None] * L)
    evidence = log_density(kind, y, t, f) - 0.5 * x @ x - 0.5 * np.linalg.slogdet(B)[1]
    return f, L @ np.linalg.inv(B) @ L.T, evidence
