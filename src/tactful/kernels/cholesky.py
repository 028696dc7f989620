"""Cholesky factors of many small matrices, as the inverses of their triangular roots."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_2, F64_3, OUT_F64_1, OUT_F64_3, OUT_I64_1, kernel

SMALLEST_PIVOT = 1e-11  # of a diagonal element: a pivot below that is rounding


@kernel(F64_3, OUT_F64_3, OUT_F64_1, OUT_I64_1)
def inverse_roots(A, out, out_log_det, out_repaired):
    """Lower triangular W with A⁻¹ = WᵀW of each A (g, p, p); ln|A|; and how many pivots had to be lifted, (g,)."""
    g, p, _ = A.shape
    L = np.empty((p, p))
    for m in range(g):
        repaired = 0
        log_det = 0.0
        # The Cholesky factor L row by row, A = LLᵀ; a pivot that rounding has eaten is lifted.
        for i in range(p):
            for j in range(i + 1):
                s = A[m, i, j]
                for k in range(j):
                    s -= L[i, k] * L[j, k]
                if j < i:
                    L[i, j] = s / L[j, j]
                else:
                    smallest = SMALLEST_PIVOT * A[m, i, i]
                    if s <= smallest:
                        s = smallest if smallest > 0.0 else SMALLEST_PIVOT
                        repaired += 1
                    L[i, i] = np.sqrt(s)
                    log_det += np.log(s)
        # W = L⁻¹ row by row: W_i = (e_i − Σ_{k < i} L_ik W_k) / L_ii.
        for i in range(p):
            for j in range(p):
                out[m, i, j] = 0.0
            for k in range(i):
                a = L[i, k]
                for j in range(k + 1):
                    out[m, i, j] -= a * out[m, k, j]
            out[m, i, i] = 1.0
            for j in range(i + 1):
                out[m, i, j] /= L[i, i]
        out_log_det[m] = log_det
        out_repaired[m] = repaired


@kernel(F64_3, F64_2, OUT_F64_3)
def messages(W, P, out):
    """P − P WᵀW P (g, p, p) for each lower triangular W (g, p, p) and diagonal P (g, p)."""
    g, p, _ = W.shape
    scaled = np.empty(p)
    for m in range(g):
        # The diagonal P.
        for i in range(p):
            for j in range(p):
                out[m, i, j] = 0.0
            out[m, i, i] = P[m, i]
        # Less the outer product of each row of WP, which is lower triangular: the lower half.
        for k in range(p):
            for i in range(k + 1):
                scaled[i] = W[m, k, i] * P[m, i]
            for i in range(k + 1):
                a = scaled[i]
                for j in range(i + 1):
                    out[m, i, j] -= a * scaled[j]
        # The upper half.
        for i in range(p):
            for j in range(i):
                out[m, j, i] = out[m, i, j]
