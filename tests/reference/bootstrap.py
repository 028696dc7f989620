"""Poisson bootstrap by user in plain Python: words of Philox, a table of Poisson counts, sums."""

from __future__ import annotations

from math import exp, factorial

from reference.philox import words


def thresholds():
    """65536 · P(Poisson(1) < c) for c = 1 to 8; the fifth and sixth are moved by one, for a variance of 1."""
    at = [round(65536 * sum(exp(-1) / factorial(i) for i in range(c))) for c in range(1, 9)]
    return [*at[:4], at[4] + 1, at[5] - 1, *at[6:]]


def count(seed, user, replicate, chunk=256):
    """The count of a user in a replicate: blocks of a chunk give their first 64 bits each, then their last."""
    which, place = divmod(replicate, chunk)
    half, place = divmod(place, chunk // 2)
    block, part = divmod(place, 4)
    low, high = words(seed, user, which * (chunk // 8) + block)[2 * half :][:2]
    bits = (low | high << 32) >> (16 * part) & 0xFFFF
    return sum(bits >= at for at in thresholds())


def ratio(numerator, denominator, user, replicate, seed=0):
    """Σ c_u numerator / Σ c_u denominator over rows, every row with the count of its user."""
    c = [count(seed, u, replicate) for u in user]
    below = sum(x * d for x, d in zip(c, denominator, strict=True))
    return sum(x * v for x, v in zip(c, numerator, strict=True)) / below
