"""Philox4x32-10: random numbers as a pure function of (seed, row, lane). Reference: Salmon et al. 2011, section 4.

The same under any split, order and thread count, with and without the JIT.
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import OUT_F64_1, U64_0, U64_1, inlined, kernel

MASK = np.uint64(0xFFFFFFFF)
M0 = np.uint64(0xD2511F53)
M1 = np.uint64(0xCD9E8D57)
W0 = np.uint64(0x9E3779B9)
W1 = np.uint64(0xBB67AE85)
HALF = np.uint64(32)
TO_UNIT = 2.0**-53


@inlined
def block(seed, row, lane):
    """Four 32-bit words, as two 64-bit ones, of counter (row, lane) under key ``seed``; all of them uint64."""
    c0, c1 = row & MASK, row >> HALF
    c2, c3 = lane & MASK, lane >> HALF
    k0, k1 = seed & MASK, seed >> HALF
    for _ in range(10):
        p0 = M0 * c0
        p1 = M1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & MASK, (p0 >> HALF) ^ c3 ^ k1, p0 & MASK
        k0 = (k0 + W0) & MASK
        k1 = (k1 + W1) & MASK
    return c0 | (c1 << HALF), c2 | (c3 << HALF)


@inlined
def uniform(seed, row, lane):
    """A float64 uniform in (0, 1), never 0 or 1: the middle of one of 2**53 cells."""
    word, _ = block(seed, row, lane)
    return (np.float64(word >> np.uint64(11)) + 0.5) * TO_UNIT


@inlined
def two_uniforms(seed, row, lane):
    """Two independent uniforms in (0, 1) from one block."""
    first, second = block(seed, row, lane)
    return (
        (np.float64(first >> np.uint64(11)) + 0.5) * TO_UNIT,
        (np.float64(second >> np.uint64(11)) + 0.5) * TO_UNIT,
    )


@kernel(U64_0, U64_1, U64_0, OUT_F64_1)
def uniforms(seed, row, lane, out):
    """Uniforms in (0, 1) of many rows (n,) in one lane."""
    for i in range(row.size):
        out[i] = uniform(seed, row[i], lane)
