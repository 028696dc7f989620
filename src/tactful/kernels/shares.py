"""From a pmf to integer shares, the action drawn and its propensity: the batch form of ``core.draw``.

Rows are decisions, columns actions. Every float step has the order of ``core.draw``, so the bits agree.
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import (
    BOOL_2,
    F64_0,
    F64_2,
    I64_1,
    OUT_F64_1,
    OUT_I64_1,
    OUT_U64_2,
    U32_1,
    U64_2,
    helper,
    kernel,
)

WHOLE = 1 << 32


@helper
def _round(exact, remainder, larger, out):
    """Largest-remainder rounding of ``exact`` (k,) that sums to 2**32; ties to the first.

    ``remainder`` and ``larger``, how many remainders are, (k,) are room to work in.
    """
    k = exact.size
    floors = np.int64(0)
    for a in range(k):
        floor = np.floor(exact[a])
        out[a] = np.uint64(floor)
        remainder[a] = exact[a] - floor
        floors += np.int64(floor)
        larger[a] = 0.0
    # At most k units are left over, and each goes to another action: to one with fewer larger remainders than that.
    units = WHOLE - floors
    for b in range(k):
        for a in range(k):
            larger[a] += 1.0 if remainder[b] > remainder[a] else 0.0
    # Ranks below the last one that gets a unit get theirs; within the last rank, the first actions do.
    last = -1.0
    for a in range(k):
        last = max(last, larger[a] if larger[a] < units else -1.0)
    for a in range(k):
        out[a] += np.uint64(1 if larger[a] < last else 0)
    ties = units - last  # so many of those that share the last rank
    for a in range(k):
        if ties <= 0.0:
            break
        if larger[a] == last:
            out[a] += np.uint64(1)
            ties -= 1.0


@helper
def _minimum_one(allowed, out):
    """Give each eligible action at least 1, taken from the largest; ties to the first."""
    for a in range(out.size):
        if allowed[a] and out[a] == 0:
            out[a] = np.uint64(1)
            largest = 0
            for b in range(1, out.size):
                if out[b] > out[largest]:
                    largest = b
            out[largest] -= np.uint64(1)


@kernel(F64_2, BOOL_2, F64_0, OUT_U64_2)
def serve(pmf, eligible, uniform, out):
    """Mask, renormalise, mix with the uniform pmf over the eligible, and round, row by row.

    ``pmf`` (n, k), ``eligible`` (n, k) or (1, k) for all rows alike, ``out`` (n, k).
    """
    n, k = pmf.shape
    exact = np.empty(k)
    remainder, larger = np.empty(k), np.empty(k)
    by_row = eligible.shape[0] > 1
    for i in range(n):
        allowed = eligible[i if by_row else 0]
        m = 0
        total = 0.0
        for a in range(k):
            if allowed[a]:
                m += 1
                total += pmf[i, a]
        # What is left is renormalised and mixed; where nothing is left, all eligible actions share equally.
        policy_share = 1.0 - uniform
        floor = uniform / m
        for a in range(k):
            exact[a] = 0.0
            if allowed[a]:
                p = pmf[i, a] / total if total > 0 else 1.0 / m
                exact[a] = (policy_share * p + floor) * WHOLE
        _round(exact, remainder, larger, out[i])
        if uniform > 0:
            _minimum_one(allowed, out[i])


@kernel(U64_2, U32_1, OUT_I64_1, OUT_F64_1)
def draw(shares, uniform, out_action, out_propensity):
    """Inverse-CDF draw: the first action whose cumulative share exceeds ``uniform`` (n,) in [0, 2**32)."""
    n, k = shares.shape
    for i in range(n):
        cumulative = np.uint64(0)
        for a in range(k):
            cumulative += shares[i, a]
            if cumulative > uniform[i]:  # an action with share 0 can never satisfy this first
                out_action[i] = a
                out_propensity[i] = shares[i, a] / WHOLE
                break


@kernel(U64_2, I64_1, U32_1, OUT_I64_1, OUT_F64_1)
def draw_rows(shares, row, uniform, out_action, out_propensity):
    """As :func:`draw`, where decision i draws from ``shares[row[i]]``."""
    k = shares.shape[1]
    for i in range(row.size):
        cumulative = np.uint64(0)
        for a in range(k):
            share = shares[row[i], a]
            cumulative += share
            if cumulative > uniform[i]:
                out_action[i] = a
                out_propensity[i] = share / WHOLE
                break
