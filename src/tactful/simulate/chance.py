"""Random variates by inversion of Philox uniforms: one uniform, one variate."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, U64
from tactful.kernels import philox


def uniform(seed: int, row: U64, lane: int) -> F64:
    """(n,) uniforms in (0, 1) of rows (n,) in one lane."""
    out = np.empty(row.size)
    philox.uniforms(np.uint64(seed), row, np.uint64(lane), out)
    return out


def normal(seed: int, row: U64, lane: int) -> F64:
    """(n,) standard normals of the lanes ``lane`` and ``lane + 1``. Reference: Box & Muller 1958."""
    u, v = uniform(seed, row, lane), uniform(seed, row, lane + 1)
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def binomial(u: F64, trials: F64, p: F64) -> F64:
    """(n,) Binomial(trials, p) variates at uniforms u; exact, in steps as many as the most trials."""
    count = np.zeros(u.size)
    odds = p / np.maximum(1 - p, 1e-300)
    mass = (1 - p) ** trials
    below = mass.copy()
    for j in range(int(trials.max(initial=0))):
        count += (u > below) & (j < trials)
        mass = mass * odds * (trials - j) / (j + 1)
        below += mass
    return count
