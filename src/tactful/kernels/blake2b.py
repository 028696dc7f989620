"""BLAKE2b in batch: the keys of users, and the uniforms of decisions as ``core.draw.uniform``. Reference: RFC 7693."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import I64_1, OUT_U32_1, OUT_U64_1, U8_1, U64_1, helper, kernel

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


@helper
def _rotate(x, bits):
    """Rotation of 64 bits to the right."""
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


@helper
def _mix(a, b, c, d, x, y):
    """The mixing function G."""
    a = a + b + x
    d = _rotate(d ^ a, 32)
    c = c + d
    b = _rotate(b ^ c, 24)
    a = a + b + y
    d = _rotate(d ^ a, 16)
    c = c + d
    b = _rotate(b ^ c, 63)
    return a, b, c, d


@helper
def _compress(h, m, length, last):
    """The compression function F: the state ``h`` (8,) is updated by the block ``m`` (16,) of words."""
    # Sixteen variables instead of an array stay in registers: twice as fast.
    v0, v1, v2, v3, v4, v5, v6, v7 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    v8, v9, v10, v11, v12, v13, v14, v15 = IV[0], IV[1], IV[2], IV[3], IV[4], IV[5], IV[6], IV[7]
    v12 = v12 ^ length
    if last:
        v14 = ~v14
    for r in range(12):
        s = SIGMA[r]
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[s[0]], m[s[1]])
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[s[2]], m[s[3]])
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[s[4]], m[s[5]])
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[s[6]], m[s[7]])
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[s[8]], m[s[9]])
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[s[10]], m[s[11]])
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[s[12]], m[s[13]])
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[s[14]], m[s[15]])
    h[0] ^= v0 ^ v8
    h[1] ^= v1 ^ v9
    h[2] ^= v2 ^ v10
    h[3] ^= v3 ^ v11
    h[4] ^= v4 ^ v12
    h[5] ^= v5 ^ v13
    h[6] ^= v6 ^ v14
    h[7] ^= v7 ^ v15


@kernel(U8_1, I64_1, OUT_U64_1)
def keys(text, ends, out):
    """``blake2b(bytes, digest_size=8)`` of each stretch of ``text``, little-endian: the keys of users.

    ``text`` (bytes,), ``ends`` (n,) where each stretch ends and the next begins.
    """
    h = np.empty(8, np.uint64)
    m = np.empty(16, np.uint64)
    start = 0
    for i in range(ends.size):
        h[:] = IV
        h[0] ^= np.uint64(0x01010000 | 8)  # parameter block: digest of 8 bytes, no key, fan-out and depth 1
        length = ends[i] - start
        offset = 0
        while offset == 0 or offset < length:  # the empty text has one block too
            size = min(128, length - offset)
            m[:] = np.uint64(0)
            for j in range(size):
                m[j >> 3] |= np.uint64(text[start + offset + j]) << np.uint64(8 * (j & 7))
            offset += 128
            _compress(h, m, np.uint64(min(offset, length)), offset >= length)
        out[i] = h[0]
        start += length


@kernel(U64_1, I64_1, U64_1, OUT_U32_1)
def uniforms(user, period, key, out):
    """The upper 32 bits of ``blake2b(user ‖ period, key=key, digest_size=8)`` of each row.

    ``user`` (n,) user keys, ``period`` (n,), ``key`` (4,) the 32 bytes of the key as little-endian words.
    """
    block = np.zeros(16, np.uint64)
    block[:4] = key
    keyed = IV.copy()
    # Parameter block: digest of 8 bytes, key of 32, fan-out and depth 1.
    keyed[0] ^= np.uint64(0x01010000 | (32 << 8) | 8)
    _compress(keyed, block, np.uint64(128), False)  # the padded key is the first block, the same for all rows
    block[:] = np.uint64(0)
    state = np.empty(8, np.uint64)
    for i in range(user.size):
        state[:] = keyed
        block[0] = user[i]
        block[1] = np.uint64(period[i])
        _compress(state, block, np.uint64(144), True)
        out[i] = np.uint32(state[0] >> np.uint64(32))
