"""From a pmf to the action drawn and the propensity logged: the scalar form, in the standard library alone.

Probabilities become integers that sum to 2**32, so that the logged propensity is the very probability of
the draw. Float steps are float64 with additions from left to right: ``kernels.shares`` gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

from tactful.core.arrays import U32, U64

ONE = 1 << 32


def user_key(user: object) -> int:
    """The 64-bit key of a user: ``blake2b(text of the id, digest_size=8)``, little-endian; 42 and "42" are one."""
    return int.from_bytes(blake2b(str(user).encode(), digest_size=8).digest(), "little")


def user_keys(users: Iterable[object]) -> U64:
    """(u,) keys of many users."""
    return np.fromiter((user_key(u) for u in users), np.uint64)


def draw_key(salt: str, scope: str = "") -> bytes:
    """The 32-byte key of a draw: ``blake2b(salt ‖ 0x1F ‖ scope, digest_size=32)``."""
    return blake2b(f"{salt}\x1f{scope}".encode(), digest_size=32).digest()


def uniform(user: int, period: int, key: bytes) -> int:
    """The uniform in [0, 2**32) of one decision: the upper half of a keyed BLAKE2b of (user key, period)."""
    message = user.to_bytes(8, "little") + period.to_bytes(8, "little", signed=True)
    return int.from_bytes(blake2b(message, key=key, digest_size=8).digest(), "little") >> 32


def sticky(users: U64, salt: str) -> U32:
    """(u,) uniforms in [0, 2**32) that depend on the user alone: for splits, folds and arms."""
    key = draw_key(salt, "sticky")
    return np.fromiter((uniform(int(u), 0, key) for u in users), np.uint32, users.size)


def to_shares(pmf: Sequence[float]) -> list[int]:
    """Largest-remainder rounding of a pmf (k,) that sums to 1 to integers that sum to 2**32; ties to the first."""
    exact = [p * ONE for p in pmf]
    shares = [int(x) for x in exact]
    left = ONE - sum(shares)
    for a in sorted(range(len(exact)), key=lambda a: shares[a] - exact[a])[:left]:
        shares[a] += 1
    return shares


def serve(shares: Sequence[int], eligible: Sequence[bool] | None = None, uniform: float = 0.0) -> list[int]:
    """Mask, renormalise, mix with the uniform pmf over the eligible, and round.

    Parameters
    ----------
    shares
        (k,) integers that sum to 2**32: the policy's pmf before mask and mix.
    eligible
        (k,) which actions may be taken; None means all. At least one must be.
    uniform
        Total uniform share, in [0, 1].

    Returns
    -------
    list[int]
        (k,) integers that sum to 2**32: 0 where not eligible, at least 1 where eligible if ``uniform`` > 0.
    """
    k = len(shares)
    may = [True] * k if eligible is None else eligible
    m = sum(map(bool, may))
    kept = [s / ONE if e else 0.0 for s, e in zip(shares, may, strict=True)]
    total = 0.0
    for p in kept:
        total += p
    rest, floor = 1.0 - uniform, uniform / m
    base = [(p / total if total > 0 else 1.0 / m) if e else 0.0 for p, e in zip(kept, may, strict=True)]
    served = to_shares([rest * p + floor if e else 0.0 for p, e in zip(base, may, strict=True)])
    if uniform > 0:
        for a in range(k):
            if may[a] and served[a] == 0:
                served[a] = 1
                served[served.index(max(served))] -= 1
    return served


def draw(shares: Sequence[int], u: int) -> int:
    """The first action whose cumulative share exceeds ``u``."""
    cumulative = 0
    for a, share in enumerate(shares):
        cumulative += share
        if cumulative > u:
            return a
    raise AssertionError("shares sum to 2**32 and u is below it")  # unreachable by construction
