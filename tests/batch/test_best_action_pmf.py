"""Pmfs of Gaussian utilities in batch: whatever the kernel leaves out is integrated, and threads do not matter."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tactful.batch import pmf as pmfs
from tactful.core import parallel
from tactful.policies import gauss


def arms(seed, n=6):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 30))
    return rng.normal(0, rng.choice([0, 0.3, 1, 5]), (n, k)), np.exp(rng.uniform(0, rng.choice([0, 0.7, 3]), (n, k)))


@given(st.integers(0, 2**32))
def test_it_is_the_numpy_integral(seed):
    mean, sd = arms(seed)
    np.testing.assert_allclose(
        pmfs.best(mean, sd), [gauss.best(m, s) for m, s in zip(mean, sd, strict=True)], rtol=0, atol=2e-12
    )


def test_rows_that_the_kernel_leaves_out_are_integrated():
    mean, sd = np.zeros((3, 3)), np.array([[1.0, 1, 1], [1, 0, 1], [1, 1e-3, 1]])
    pmf = pmfs.best(mean, sd)
    assert (pmf >= 0).all()
    np.testing.assert_allclose(pmf.sum(1), 1, atol=1e-12)


def test_rows_do_not_depend_on_their_neighbours_or_on_threads(monkeypatch):
    mean, sd = arms(3, 40)
    together = pmfs.best(mean, sd)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(pmfs.best(mean[order], sd[order]), together[order])
    np.testing.assert_array_equal(pmfs.best(mean[7:8], sd[7:8]), together[7:8])
    monkeypatch.setattr(pmfs, "MIN_THREAD_ROWS", 1)
    monkeypatch.setattr(parallel, "THREADS", 7)
    np.testing.assert_array_equal(pmfs.best(mean, sd), together)
