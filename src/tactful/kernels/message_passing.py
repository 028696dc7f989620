"""Messages up and down a segment tree, as ``models.tree.message_passing`` defines them.

The small inverses of leaves are computed many at once, one in each lane of the vector unit: the last axis of their
arrays is the lane, and the innermost loop runs over it.
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_2, F64_3, I64_1, OUT_F64_1, OUT_F64_2, OUT_F64_3, helper, kernel

LANES = 32


@helper
def column_of(A, p, out):
    """``out`` (k, LANES): column p of a symmetric A (k, k, LANES) stored as its lower triangle."""
    for i in range(A.shape[0]):
        source = A[i, p] if i > p else A[p, i]
        for lane in range(LANES):
            out[i, lane] = source[lane]


@helper
def put_column(A, p, values):
    """The inverse of :func:`column_of`."""
    for i in range(A.shape[0]):
        target = A[i, p] if i > p else A[p, i]
        for lane in range(LANES):
            target[lane] = values[i, lane]


@helper
def sweep(A, p, c, s, log_det):
    """Sweep A (k, k, LANES) on pivot p; c, s (k, LANES) are work space."""
    k = A.shape[0]
    # c: the column of the pivot; s: the same over the pivot.
    column_of(A, p, c)
    for i in range(k):
        for lane in range(LANES):
            s[i, lane] = c[i, lane] / c[p, lane]
    # The elements beside the pivot's row and column lose c sᵀ.
    for i in range(k):
        if i != p:
            for j in range(i + 1):
                target, left, right = A[i, j], c[i], s[j]
                for lane in range(LANES):
                    target[lane] -= left[lane] * right[lane]
    # The pivot's column becomes s, and the pivot −1/c.
    for lane in range(LANES):
        log_det[lane] += np.log(c[p, lane])
        s[p, lane] = -1.0 / c[p, lane]
    put_column(A, p, s)


@helper
def sweep_two(A, p, work, log_det):
    """Sweep on pivots p and p + 1 in one pass over A, which halves the traffic; ``work`` (4, k, LANES)."""
    k, q = A.shape[0], p + 1
    c, s, d, z = work[0], work[1], work[2], work[3]
    # The columns of both pivots; d, that of q, as it is after the sweep on p.
    column_of(A, p, c)
    column_of(A, q, d)
    for i in range(k):
        for lane in range(LANES):
            s[i, lane] = c[i, lane] / c[p, lane]
            d[i, lane] -= s[i, lane] * c[q, lane]
    for lane in range(LANES):
        d[p, lane] = s[q, lane]
        log_det[lane] += np.log(c[p, lane]) + np.log(d[q, lane])
    # z: the column of q over its pivot.
    for i in range(k):
        for lane in range(LANES):
            z[i, lane] = d[i, lane] / d[q, lane]
    # The elements beside both rows and columns lose c sᵀ + d zᵀ.
    for i in range(k):
        if i != p and i != q:
            for j in range(i + 1):
                target, c_i, s_j, d_i, z_j = A[i, j], c[i], s[j], d[i], z[j]
                for lane in range(LANES):
                    target[lane] -= c_i[lane] * s_j[lane] + d_i[lane] * z_j[lane]
    # The column of p after both sweeps, then that of q.
    for lane in range(LANES):
        s[p, lane] = -1.0 / c[p, lane]
    for i in range(k):
        for lane in range(LANES):
            s[i, lane] -= d[i, lane] * z[p, lane]
    put_column(A, p, s)
    for lane in range(LANES):
        z[q, lane] = -1.0 / d[q, lane]
    put_column(A, q, z)


@helper
def invert(A, work, log_det):
    """−A⁻¹ in place, lower triangle, of symmetric A (k, k, LANES), and ln|A| (LANES,): the sweep operator.

    Reference: Goodnight 1979. No pivoting: A is positive definite.
    """
    k = A.shape[0]
    log_det[:] = 0.0
    for p in range(0, k - 1, 2):
        sweep_two(A, p, work, log_det)
    if k % 2:
        sweep(A, k - 1, work[0], work[1], log_det)


@kernel(F64_2, F64_2, I64_1, OUT_F64_1, OUT_F64_3)
def leaves(K, W, nodes, log_det, out):
    """``out`` (s, k, k) at ``nodes`` (n,): W^½ B⁻¹ W^½ with B = I + W^½ K W^½, and ``log_det`` (n,) ln|B|."""
    k = K.shape[0]
    A = np.empty((k, k, LANES))
    work, root, logs = np.empty((4, k, LANES)), np.empty((k, LANES)), np.empty(LANES)
    for start in range(0, nodes.size, LANES):
        count = min(LANES, nodes.size - start)
        # W^½ of a leaf in each lane; lanes without a leaf hold 0, so that B = I there.
        for lane in range(LANES):
            for i in range(k):
                root[i, lane] = np.sqrt(W[nodes[start + lane], i]) if lane < count else 0.0
        # B = I + W^½ K W^½, its inverse and its determinant.
        for i in range(k):
            for j in range(i + 1):
                for lane in range(LANES):
                    A[i, j, lane] = root[i, lane] * K[i, j] * root[j, lane]
            for lane in range(LANES):
                A[i, i, lane] += 1.0
        invert(A, work, logs)
        # The message W^½ B⁻¹ W^½; A holds −B⁻¹.
        for lane in range(count):
            log_det[start + lane] = logs[lane]
            node = nodes[start + lane]
            for i in range(k):
                for j in range(i + 1):
                    message = -root[i, lane] * A[i, j, lane] * root[j, lane]
                    out[node, i, j] = message
                    out[node, j, i] = message


@helper
def times(A, x, out):
    """``out`` += A x for symmetric A (k, k), by rows, so that it vectorises."""
    for i in range(x.size):
        weight, row = x[i], A[i]
        for j in range(x.size):
            out[j] += weight * row[j]


@kernel(F64_2, F64_3, I64_1, I64_1, OUT_F64_2, OUT_F64_2)
def collect(K, M, nodes, parents, out_h, out_m):
    """One level upward: m = h − M K h of ``nodes`` (n,), added to the h of their parents; −1 is no parent."""
    k = K.shape[0]
    shift, product = np.empty(k), np.empty(k)
    for n in range(nodes.size):
        v = nodes[n]
        # M K h.
        shift[:] = 0.0
        product[:] = 0.0
        times(K, out_h[v], shift)
        times(M[v], shift, product)
        # m, which the parent adds to its own h.
        for i in range(k):
            out_m[v, i] = out_h[v, i] - product[i]
        if parents[n] >= 0:
            for i in range(k):
                out_h[parents[n], i] += out_m[v, i]


@kernel(F64_2, F64_3, I64_1, I64_1, OUT_F64_2, OUT_F64_2)
def settle(K, M, nodes, parents, out_alpha, out_f):
    """One level downward: α = m − M f_parent, in place of m, and f = f_parent + K α, at ``nodes`` (n,)."""
    k = K.shape[0]
    f_parent, product = np.empty(k), np.empty(k)
    for n in range(nodes.size):
        v = nodes[n]
        # M f_parent; above the root there is nothing.
        for i in range(k):
            f_parent[i] = out_f[parents[n], i] if parents[n] >= 0 else 0.0
        product[:] = 0.0
        times(M[v], f_parent, product)
        # α, and f_parent + K α.
        for i in range(k):
            out_alpha[v, i] -= product[i]
            out_f[v, i] = f_parent[i]
        times(K, out_alpha[v], out_f[v])


@kernel(F64_3, I64_1, I64_1, OUT_F64_3)
def gather(M, nodes, family, out):
    """``out`` (g, k, k) += M of the children ``nodes`` (n,) of each family (n,)."""
    for n in range(nodes.size):
        target, source = out[family[n]], M[nodes[n]]
        for i in range(source.shape[0]):
            for j in range(source.shape[0]):
                target[i, j] += source[i, j]


@helper
def multiply(A, B, out):
    """``out`` = A B, all (k, k); four rows of B at a time, so that the row of ``out`` stays in registers longer."""
    k = A.shape[0]
    fours = k - k % 4
    for i in range(k):
        row = out[i]
        row[:] = 0.0
        # Four rows of B a pass, then those that are left over.
        for p in range(0, fours, 4):
            a, b, c, d = A[i, p], A[i, p + 1], A[i, p + 2], A[i, p + 3]
            first, second, third, fourth = B[p], B[p + 1], B[p + 2], B[p + 3]
            for j in range(k):
                row[j] += (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j])
        for p in range(fours, k):
            weight, source = A[i, p], B[p]
            for j in range(k):
                row[j] += weight * source[j]


@kernel(F64_2, F64_3, I64_1, F64_3, I64_1, OUT_F64_2, OUT_F64_2, OUT_F64_3)
def spread(K, M, nodes, covariance, family, pull, variance, out):
    """One level downward: C = (I − KM)K + (I − KM) C₀ (I − KM)ᵀ with C₀ = ``covariance[family]`` the parent's.

    ``variance`` (s, k) at ``nodes`` (n,): the diagonals; ``pull`` (k, k) += Σ M − M C₀ M; ``out`` (i, k, k): C of the
    first i nodes, those with children.
    """
    k = K.shape[0]
    KM, MC, TC, MK, work = np.empty((k, k)), np.empty((k, k)), np.empty((k, k)), np.empty((k, k)), np.empty((k, k))
    for n in range(nodes.size):
        v, C = nodes[n], covariance[family[n]]
        # KM, MC₀ and TC = (I − KM) C₀.
        multiply(K, M[v], KM)
        multiply(M[v], C, MC)
        multiply(K, MC, TC)
        for i in range(k):
            for j in range(k):
                TC[i, j] = C[i, j] - TC[i, j]
        # M C₀ M, and the diagonal of C: that of (I − KM)K and that of (I − KM) C₀ (I − KM)ᵀ, neither below 0.
        multiply(MC, M[v], work)
        for i in range(k):
            conditional, inherited = K[i, i], TC[i, i]
            for j in range(k):
                pull[i, j] += M[v, i, j] - work[i, j]
                conditional -= KM[i, j] * K[j, i]
                inherited -= TC[i, j] * KM[i, j]
            variance[v, i] = max(conditional, 0.0) + max(inherited, 0.0)
        # The whole of C for nodes with children: K − KMK + TC − TC·MK.
        if n < out.shape[0]:
            multiply(M[v], K, MK)
            multiply(KM, K, work)
            for i in range(k):
                for j in range(k):
                    out[n, i, j] = K[i, j] - work[i, j] + TC[i, j]
            multiply(TC, MK, work)
            for i in range(k):
                for j in range(k):
                    out[n, i, j] -= work[i, j]
