"""Poisson bootstrap by user: every count is a pure function of (seed, user, replicate), so replicates add over parts.

Reference: Chamandy et al. 2012 (Estimating uncertainty for massive data streams); Salmon et al. 2011 (Philox).
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_2, OUT_F64_1, OUT_F64_2, U64_0, U64_1, helper, kernel
from tactful.kernels.philox import HALF, M0, M1, MASK, W0, W1

LANES = 8  # counts of 16 bits in a block of Philox
CHUNK = 32  # blocks at a time: the arrays of a chunk stay in the innermost cache
WIDTH = CHUNK * LANES

# A count is the number of these that its 16 bits reach: 65536 · P(Poisson(1) < c) for c = 1 to 8, rounded, and two of
# them moved by 1, so that mean and variance are 1 exactly.
THRESHOLDS = (24109, 48219, 60273, 64292, 65297, 65496, 65531, 65535)
T1, T2, T3, T4, T5, T6, T7, T8 = (np.uint16(threshold) for threshold in THRESHOLDS)
ZERO, UNIT = np.uint16(0), np.uint16(1)


@helper
def _blocks(seed, key, first, c):
    """``philox.block`` of lanes ``first`` on into c[0] and c[2], round by round, so that the blocks run in SIMD lanes.

    ``c`` (4, CHUNK) are the counter's words.
    """
    for j in range(CHUNK):
        lane = first + np.uint64(j)
        c[0, j], c[1, j] = key & MASK, key >> HALF
        c[2, j], c[3, j] = lane & MASK, lane >> HALF
    k0, k1 = seed & MASK, seed >> HALF
    for _ in range(10):  # the rounds of Philox4x32-10
        for j in range(CHUNK):
            p0 = M0 * (c[0, j] & MASK)
            p1 = M1 * (c[2, j] & MASK)
            c[0, j] = (p1 >> HALF) ^ c[1, j] ^ k0
            c[1, j] = p1 & MASK
            c[2, j] = (p0 >> HALF) ^ c[3, j] ^ k1
            c[3, j] = p0 & MASK
        k0 = (k0 + W0) & MASK
        k1 = (k1 + W1) & MASK
    for j in range(CHUNK):  # two words of 32 bits become one of 64
        c[0, j] |= c[1, j] << HALF
        c[2, j] |= c[3, j] << HALF


@helper
def _counts(words, small, out):
    """Poisson counts of the 16-bit parts of ``words`` (CHUNK,), lowest first: a view, on little-endian machines."""
    bits = words.view(np.uint16)
    for j in range(WIDTH // 2):  # 16-bit arithmetic throughout: a wider type would halve the lanes
        x = bits[j]
        low = (UNIT if x >= T1 else ZERO) + (UNIT if x >= T2 else ZERO) + (UNIT if x >= T3 else ZERO)
        middle = (UNIT if x >= T4 else ZERO) + (UNIT if x >= T5 else ZERO) + (UNIT if x >= T6 else ZERO)
        small[j] = np.uint16(low + middle + (UNIT if x >= T7 else ZERO) + (UNIT if x >= T8 else ZERO))
    for j in range(WIDTH // 2):
        out[j] = np.float64(small[j])


@kernel(U64_0, U64_0, U64_0, OUT_F64_1)
def counts(seed, key, chunk, out):
    """Poisson counts (WIDTH,) of one user in chunk ``chunk`` of the replicates."""
    words, small = np.empty((4, CHUNK), np.uint64), np.empty(WIDTH // 2, np.uint16)
    _blocks(seed, key, chunk * np.uint64(CHUNK), words)
    _counts(words[0], small, out[: WIDTH // 2])
    _counts(words[2], small, out[WIDTH // 2 :])


@kernel(U64_0, U64_1, U64_0, F64_2, OUT_F64_2)
def replicate(seed, key, chunk, total, out):
    """Add to ``out`` (m, WIDTH) the sums Σ_u count(u, b) · total[u, m] of the replicates b of one chunk.

    ``total`` (u, m) are sums over the rows of a user and ``key`` (u,) names the users; all but them stays in cache.
    """
    users, m = total.shape
    words, small = np.empty((4, CHUNK), np.uint64), np.empty(WIDTH // 2, np.uint16)
    drawn = np.empty(WIDTH)
    for u in range(users):
        _blocks(seed, key[u], chunk * np.uint64(CHUNK), words)
        _counts(words[0], small, drawn[: WIDTH // 2])
        _counts(words[2], small, drawn[WIDTH // 2 :])
        for s in range(m):
            value = total[u, s]
            for b in range(WIDTH):
                out[s, b] += drawn[b] * value
