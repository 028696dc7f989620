"""Philox4x32-10 in plain Python: words and uniforms of (seed, row, lane). Reference: Salmon et al. 2011, section 4."""

from __future__ import annotations

MULTIPLIERS, INCREMENTS = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)
MASK = 0xFFFFFFFF


def words(seed, row, lane):
    """The four 32-bit words of counter (row, lane) under key ``seed``."""
    counter = [row & MASK, row >> 32, lane & MASK, lane >> 32]
    key = [seed & MASK, seed >> 32]
    for _ in range(10):
        first, second = MULTIPLIERS[0] * counter[0], MULTIPLIERS[1] * counter[2]
        counter = [
            (second >> 32) ^ counter[1] ^ key[0],
            second & MASK,
            (first >> 32) ^ counter[3] ^ key[1],
            first & MASK,
        ]
        key = [(key[0] + INCREMENTS[0]) & MASK, (key[1] + INCREMENTS[1]) & MASK]
    return counter


def uniforms(seed, row, lane):
    """Two uniforms: the middles of the cells of width 2**-53 that the upper 53 bits of each half name."""
    w = words(seed, row, lane)
    return tuple(((low | high << 32) // 2**11 + 0.5) / 2**53 for low, high in (w[:2], w[2:]))


def short_uniform(word):
    """A uniform in (0, 1) of one 32-bit word."""
    return (word + 0.5) / 2**32
