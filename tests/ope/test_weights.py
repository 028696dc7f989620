"""Weights and models along the logged actions equal plain indexing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.core import parallel
from tactful.ope import weights
from tactful.ope.weights import on_rows


@given(st.integers(1, 40), st.integers(2, 9), st.integers(0, 2**32), st.booleans())
def test_rows_equal_plain_indexing(n, k, seed, fortran):
    rng = np.random.default_rng(seed)
    pmf, q = rng.dirichlet(np.ones(k), n), rng.normal(size=(n, k))
    action, propensity = rng.integers(k, size=n), rng.random(n) + 0.1
    found = on_rows(*((np.asfortranarray(pmf), np.asfortranarray(q)) if fortran else (pmf, q)), action, propensity)
    for i in range(n):
        assert found.weight[i] == pmf[i, action[i]] / propensity[i]
        assert found.q_logged[i] == q[i, action[i]]
        assert found.q_target[i] == pytest.approx(sum(p * v for p, v in zip(pmf[i], q[i], strict=True)), abs=1e-12)


def test_the_parts_of_threads_are_put_together(monkeypatch):
    rng = np.random.default_rng(1)
    arrays = rng.random((50, 3)), rng.random((50, 3)), rng.integers(3, size=50), rng.random(50)
    whole = on_rows(*arrays)
    monkeypatch.setattr(weights, "LEAST", 7)
    monkeypatch.setattr(parallel, "THREADS", 5)
    for one, other in zip(whole, on_rows(*arrays), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_row():
    assert on_rows(np.empty((0, 2)), np.empty((0, 2)), np.empty(0, np.int64), np.empty(0)).weight.size == 0
