"""A bank of posterior draws, and the share of draws that each action wins.

Every draw is a pure function of (seed, cell, draw): no order, no threads, no state.
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_1, F64_3, OUT_F64_2, U64_0, helper, kernel
from tactful.kernels.philox import two_uniforms

ATTEMPTS = np.uint64(1 << 20)  # lanes that one draw may use up; rejection needs 1.05 on average


@helper
def normal(seed, row, lane):
    """A standard normal (Box and Muller 1958)."""
    u, v = two_uniforms(seed, row, lane)
    return np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)


@helper
def log_gamma_draw(shape, seed, row, lane):
    """The logarithm of a Gamma(shape, 1) variate, safe for tiny shapes. Reference: Marsaglia & Tsang 2000."""
    # A shape below 1 is raised by 1, and the draw multiplied by u^(1/shape).
    boost = 0.0
    if shape < 1.0:
        u, _ = two_uniforms(seed, row, lane)
        boost = np.log(u) / shape
        shape += 1.0
    # v = (1 + cx)³ of a normal x is accepted with the ratio of the densities; the variate is d·v.
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while True:
        lane += np.uint64(1)
        x = normal(seed, row, lane)
        lane += np.uint64(1)
        u, _ = two_uniforms(seed, row, lane)
        t = 1.0 + c * x
        if t > 0.0:
            v = t * t * t
            if np.log(u) < 0.5 * x * x + d - d * v + d * np.log(v):
                return np.log(d) + np.log(v) + boost


@kernel(F64_1, F64_1, U64_0, U64_0, OUT_F64_2)
def beta(alpha, beta, seed, stream, out):
    """``out`` (m, c): m draws from Beta(alpha, beta) of c cells; alpha, beta (c,)."""
    m, cells = out.shape
    for i in range(m):
        lane = stream * ATTEMPTS * np.uint64(1 << 20) + np.uint64(i) * ATTEMPTS
        for c in range(cells):
            # X / (X + Y) of two Gamma variates.
            x = log_gamma_draw(alpha[c], seed, np.uint64(2 * c), lane)
            y = log_gamma_draw(beta[c], seed, np.uint64(2 * c + 1), lane)
            out[i, c] = 1.0 / (1.0 + np.exp(y - x))


@kernel(F64_1, F64_1, U64_0, U64_0, OUT_F64_2)
def gamma(shape, rate, seed, stream, out):
    """``out`` (m, c): m draws from Gamma(shape, rate) of c cells; shape, rate (c,)."""
    m, cells = out.shape
    for i in range(m):
        lane = stream * ATTEMPTS * np.uint64(1 << 20) + np.uint64(i) * ATTEMPTS
        for c in range(cells):
            out[i, c] = np.exp(log_gamma_draw(shape[c], seed, np.uint64(2 * c), lane)) / rate[c]


@kernel(F64_1, F64_1, U64_0, U64_0, OUT_F64_2)
def gaussian(mean, sd, seed, stream, out):
    """``out`` (m, c): m draws from Normal(mean, sd²) of c cells; mean, sd (c,)."""
    m, cells = out.shape
    for i in range(m):
        lane = stream * ATTEMPTS * np.uint64(1 << 20) + np.uint64(i) * ATTEMPTS
        for c in range(cells):
            out[i, c] = mean[c] + sd[c] * normal(seed, np.uint64(2 * c), lane)


@kernel(F64_3, OUT_F64_2)
def wins(utility, out):
    """``out`` (s, k): the share of draws in which each action is best; ties split equally. ``utility`` (s, m, k)."""
    s, m, k = utility.shape
    out[:] = 0.0
    for node in range(s):
        for i in range(m):
            # The best utility, how many actions reach it, and an equal part for each of them.
            best = utility[node, i, 0]
            for a in range(k):
                if utility[node, i, a] > best:
                    best = utility[node, i, a]
            ties = 0
            for a in range(k):
                if utility[node, i, a] == best:
                    ties += 1
            for a in range(k):
                if utility[node, i, a] == best:
                    out[node, a] += 1.0 / (ties * m)
