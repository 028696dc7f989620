"""Sums over the rows of one user and segment, against plain loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tactful.kernels.sums import by_cluster


@given(st.integers(0, 40), st.integers(1, 5), st.integers(1, 3), st.integers(2, 4), st.integers(0, 2**32))
def test_by_cluster_equals_plain_loops(n, users, s, k, seed):
    rng = np.random.default_rng(seed)
    user, segment, action = rng.integers(users, size=n), rng.integers(s, size=n), rng.integers(k, size=n)
    size, value = rng.integers(0, 3, n).astype(float), rng.normal(size=n)
    square, cross, total = np.zeros((s, k, k)), np.zeros((s, k)), np.zeros(s)
    for node in range(s):
        for u in range(users):
            rows = [i for i in range(n) if user[i] == u and segment[i] == node]
            m = [sum(size[i] for i in rows if action[i] == a) for a in range(k)]
            y = sum(value[i] for i in rows)
            total[node] += y * y
            for a in range(k):
                cross[node, a] += y * m[a]
                for b in range(k):
                    square[node, a, b] += m[a] * m[b]
    order = np.argsort(user * s + segment, kind="stable")
    out = np.zeros((s, k, k)), np.zeros((s, k)), np.zeros(s)
    columns = [np.ascontiguousarray(c[order]) for c in (user * s + segment, segment, action, size, value)]
    by_cluster(*columns, *out)
    for got, expected in zip(out, (square, cross, total), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
