"""Served pmfs of many rows: masks row by row, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.draw import largest_remainder, served_integers
from tactful.batch.served import serve
from tactful.core.draw import ONE, to_shares
from tactful.errors import PolicyError


def random_shares(n, k=5):
    return np.array([to_shares(p.tolist()) for p in np.random.default_rng(4).dirichlet(np.ones(k), n)], np.uint64)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.sampled_from([0.0, 1e-12, 0.03, 1.0]))
def test_no_mask_is_the_mask_of_all(weights, uniform):
    total = sum(weights)
    shares = largest_remainder([w / total if total > 0 else 1 / len(weights) for w in weights])
    pmf, every = np.array([shares], np.uint64) / ONE, [True] * len(shares)
    expected = served_integers(shares, every, uniform)
    assert serve(pmf, None, uniform)[0].tolist() == expected
    assert serve(pmf, np.array([every]), uniform)[0].tolist() == expected


def test_a_mask_of_many_rows_is_applied_row_by_row():
    rng, shares = np.random.default_rng(4), random_shares(40)
    eligible = rng.random((40, 5)) < 0.4
    eligible[np.arange(40), rng.integers(5, size=40)] = True
    together = serve(shares / ONE, eligible, 0.03).tolist()
    assert together == [served_integers(s, e, 0.03) for s, e in zip(shares.tolist(), eligible.tolist(), strict=True)]


def test_a_row_without_an_eligible_action_is_refused():
    with pytest.raises(PolicyError, match="1 rows have no eligible action"):
        serve(np.full((2, 2), 0.5), np.array([[True, False], [False, False]]), 0.0)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (1, 2)])
def test_a_mask_of_another_shape_is_refused(shape):
    with pytest.raises(PolicyError, match="mask"):
        serve(np.full((2, 2), 0.5), np.ones(shape, bool), 0.0)
