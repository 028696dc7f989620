"""Weights, logged models and models' means of every row are those of plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from tactful.kernels import weights


@pytest.mark.parametrize(("n", "k"), [(0, 3), (1, 1), (40, 2), (40, 29)])
def test_rows_are_plain_quotients_and_sums(n, k):
    rng = np.random.default_rng(n + k)
    pmf, q = rng.dirichlet(np.full(k, 0.3), n).reshape(n, k), rng.normal(size=(n, k))
    action, propensity = rng.integers(k, size=n), rng.uniform(1e-9, 1, n)
    weight, logged, target = np.empty((3, n))
    weights.along(pmf, q, action, propensity, weight, logged, target)
    assert weight.tolist() == [pmf[i, a] / propensity[i] for i, a in enumerate(action)]
    assert logged.tolist() == [q[i, a] for i, a in enumerate(action)]
    expected = [
        sum(p * v for p, v in zip(ps, vs, strict=True)) for ps, vs in zip(pmf.tolist(), q.tolist(), strict=True)
    ]
    np.testing.assert_allclose(target, expected, rtol=1e-12, atol=1e-14)


def test_models_that_are_not_known_stay_so():
    """A NaN in the model reaches its own row alone: sums in any order do not swallow it."""
    pmf, q = np.full((3, 8), 0.125), np.ones((3, 8))
    q[1, 5] = np.nan
    weight, logged, target = np.empty((3, 3))
    weights.along(pmf, q, np.array([0, 5, 1]), np.full(3, 0.125), weight, logged, target)
    assert np.isnan(target).tolist() == [False, True, False]
    assert np.isnan(logged).tolist() == [False, True, False]
    assert weight.tolist() == [1, 1, 1]
