"""From a pmf to the action drawn and the propensity logged: the scalar form, in the standard library alone.

Probabilities become integers that sum to 2**32, so that the logged propensity is the very probability of
the draw. Float steps are float64 with additions from left to right: ``kernels.shares`` gives the same bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate

import numpy as np

from tactful.core.arrays import F64, U32, U64

ONE = 1 << 32


def user_key(user: object) -> int:
    """The 64-bit key of a user: ``blake2b(text of the id, digest_size=8)``, little-endian; 42 and "42" are one."""
    return int.from_bytes(blake2b(str(user).encode(), digest_size=8).digest(), "little")


def user_keys(users: Iterable[object]) -> U64:
    """(u,) keys of many users, by the text of their identifiers.

    Examples
    --------
    >>> keys = user_keys(["42", 42, "u-7"])
    >>> keys.dtype.name, bool(keys[0] == keys[1])
    ('uint64', True)
    """
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
    remainders = [s - x for s, x in zip(shares, exact, strict=True)]
    for a in sorted(range(len(exact)), key=remainders.__getitem__)[:left]:
        shares[a] += 1
    return shares


def serve(shares: Sequence[float], eligible: Sequence[bool] | None = None, uniform: float = 0.0) -> list[int]:
    """Mask, renormalise, mix with the uniform pmf over the eligible, and round.

    Parameters
    ----------
    shares
        (k,) that sum to 2**32, integers for a table: the policy's pmf before mask and mix.
    eligible
        (k,) which actions may be taken; None means all. At least one must be.
    uniform
        Total uniform share, in [0, 1].

    Returns
    -------
    list[int]
        (k,) integers that sum to 2**32: 0 where not eligible, at least 1 where eligible if ``uniform`` > 0.
    """
    if eligible is None:
        m, kept = len(shares), [s / ONE for s in shares]
    else:
        m, kept = sum(map(bool, eligible)), [s / ONE if e else 0.0 for s, e in zip(shares, eligible, strict=True)]
    total = deque(accumulate(kept), 1)[0]  # from left to right, as sum() does not
    if total <= 0:
        kept, total = [1.0] * len(kept), float(m)
    rest, floor = 1.0 - uniform, uniform / m
    mixed = [rest * (p / total) + floor for p in kept]
    if eligible is not None:
        mixed = [p if e else 0.0 for p, e in zip(mixed, eligible, strict=True)]
    served = to_shares(mixed)
    if uniform > 0 and 0 in served:
        for a in range(len(served)):
            if served[a] == 0 and (eligible is None or eligible[a]):
                served[a] = 1
                served[served.index(max(served))] -= 1
    return served


def serve_row(pmf: F64, uniform: float = 0.0) -> list[int]:
    """As :func:`serve`, for probabilities (k,) in an array where every action may be taken: the same bits, sooner."""
    total = np.add.accumulate(pmf)[-1]  # from left to right
    if not total > 0:
        return serve((pmf * ONE).tolist(), None, uniform)
    exact = pmf / total
    exact *= (1.0 - uniform) * ONE  # powers of two round nothing
    exact += uniform / pmf.size * ONE
    shares = exact.astype(np.int64)
    left = ONE - int(np.add.reduce(shares))
    shares[(shares - exact).argsort(kind="stable")[:left]] += 1
    served: list[int] = shares.tolist()
    return serve((pmf * ONE).tolist(), None, uniform) if uniform > 0 and 0 in served else served


def draw(shares: Sequence[int], u: int) -> int:
    """The first action whose cumulative share exceeds ``u``."""
    cumulative = 0
    for a, share in enumerate(shares):
        cumulative += share
        if cumulative > u:
            return a
    raise AssertionError("shares sum to 2**32 and u is below it")  # unreachable by construction
