"""Sums over the rows of one user: what the dispersion by user is made of."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_1, I64_1, OUT_F64_1, OUT_F64_2, OUT_F64_3, kernel


@kernel(I64_1, I64_1, I64_1, F64_1, F64_1, OUT_F64_3, OUT_F64_2, OUT_F64_1)
def by_cluster(cluster, segment, action, size, value, out_square, out_cross, out_total):
    """Add, for each cluster g of segment s, m mᵀ to ``out_square[s]``, y m to ``out_cross[s]``, y² to ``out_total[s]``.

    Rows are sorted by ``cluster`` (n,); m (k,) is the cluster's ``size`` by action and y its summed ``value``.
    """
    k = out_cross.shape[1]
    held = np.zeros(k)
    seen = np.empty(k, np.int64)
    n = cluster.size
    i = 0
    while i < n:
        s = segment[i]
        first = i
        y = 0.0
        count = 0
        while i < n and cluster[i] == cluster[first]:
            a = action[i]
            if held[a] == 0.0 and size[i] != 0.0:
                seen[count] = a
                count += 1
            held[a] += size[i]
            y += value[i]
            i += 1
        for p in range(count):
            a = seen[p]
            out_cross[s, a] += y * held[a]
            for q in range(count):
                out_square[s, a, seen[q]] += held[a] * held[seen[q]]
        out_total[s] += y * y
        for p in range(count):
            held[seen[p]] = 0.0
