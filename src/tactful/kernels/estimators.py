"""Estimates with their influence in two passes over rows, where expressions of arrays would take a dozen."""

# pyright: basic
from __future__ import annotations

from tactful.kernels.jit import F64_1, OUT_F64_1, kernel

BLOCK = 1024  # rows that are summed on their own, so that rounding grows with the number of blocks alone


@kernel(F64_1, F64_1, OUT_F64_1, OUT_F64_1)
def ratio(reward, weight, out, value):
    """Influence w (r − V) / w̄ of V = Σ w r / Σ w, which goes to ``value`` (1,); weights are not all 0."""
    n = weight.size
    total = mass = 0.0
    for start in range(0, n, BLOCK):
        part_total = part_mass = 0.0
        for i in range(start, min(start + BLOCK, n)):
            part_total += weight[i] * reward[i]
            part_mass += weight[i]
        total += part_total
        mass += part_mass
    value[0] = total / mass
    for i in range(n):
        out[i] = weight[i] * (reward[i] - value[0]) * (n / mass)


@kernel(F64_1, F64_1, F64_1, F64_1, OUT_F64_1, OUT_F64_1)
def corrected(reward, weight, q_logged, q_target, out, value):
    """Rows q_target + w (r − q_logged) less their mean, which goes to ``value`` (1,)."""
    n = weight.size
    total = 0.0
    for start in range(0, n, BLOCK):
        part = 0.0
        for i in range(start, min(start + BLOCK, n)):
            out[i] = q_target[i] + weight[i] * (reward[i] - q_logged[i])
            part += out[i]
        total += part
    value[0] = total / n
    for i in range(n):
        out[i] -= value[0]
