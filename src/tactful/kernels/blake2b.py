"""Keyed BLAKE2b of (user key, period), the batch form of ``core.draw.uniform``. Reference: RFC 7693."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import I64_1, OUT_U32_1, U64_1, helper, kernel

IV = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.int64,
)
COLUMNS = np.array(
    [
        [0, 4, 8, 12],
        [1, 5, 9, 13],
        [2, 6, 10, 14],
        [3, 7, 11, 15],
        [0, 5, 10, 15],
        [1, 6, 11, 12],
        [2, 7, 8, 13],
        [3, 4, 9, 14],
    ],
    np.int64,
)


@helper
def _rotate(x, bits):
    """Rotation of 64 bits to the right."""
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


@helper
def _compress(state, block, length, last, v):
    """The compression function F: ``state`` (8,) is updated by ``block`` (16,) words; ``v`` (16,) is scratch."""
    for i in range(8):
        v[i] = state[i]
        v[i + 8] = IV[i]
    v[12] ^= length
    if last:
        v[14] = ~v[14]
    for r in range(12):
        for g in range(8):
            a, b, c, d = COLUMNS[g, 0], COLUMNS[g, 1], COLUMNS[g, 2], COLUMNS[g, 3]
            v[a] = v[a] + v[b] + block[SIGMA[r, 2 * g]]
            v[d] = _rotate(v[d] ^ v[a], 32)
            v[c] = v[c] + v[d]
            v[b] = _rotate(v[b] ^ v[c], 24)
            v[a] = v[a] + v[b] + block[SIGMA[r, 2 * g + 1]]
            v[d] = _rotate(v[d] ^ v[a], 16)
            v[c] = v[c] + v[d]
            v[b] = _rotate(v[b] ^ v[c], 63)
    for i in range(8):
        state[i] ^= v[i] ^ v[i + 8]


@kernel(U64_1, I64_1, U64_1, OUT_U32_1)
def uniforms(user, period, key, out):
    """The upper 32 bits of ``blake2b(user ‖ period, key=key, digest_size=8)`` of each row.

    ``user`` (n,) user keys, ``period`` (n,), ``key`` (4,) the 32 bytes of the key as little-endian words.
    """
    v = np.empty(16, np.uint64)
    block = np.zeros(16, np.uint64)
    block[:4] = key
    keyed = IV.copy()
    # Parameter block: digest of 8 bytes, key of 32, fan-out and depth 1.
    keyed[0] ^= np.uint64(0x01010000 | (32 << 8) | 8)
    _compress(keyed, block, np.uint64(128), False, v)  # the padded key is the first block, the same for all rows
    block[:] = np.uint64(0)
    state = np.empty(8, np.uint64)
    for i in range(user.size):
        state[:] = keyed
        block[0] = user[i]
        block[1] = np.uint64(period[i])
        _compress(state, block, np.uint64(144), True, v)
        out[i] = np.uint32(state[0] >> np.uint64(32))
