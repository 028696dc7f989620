"""Bounds of sums and of mean weights: they hold exactly, by enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tactful.ope.tails import STAKES, bennett, log_evidence


@given(st.integers(1, 200), st.floats(0.001, 0.999), st.integers(0, 200))
def test_bennett_is_never_below_a_binomial_tail(n, p, k):
    bound = bennett(np.array([k - n * p]), np.array([n * p * (1 - p)]))[0]
    assert bound >= min(binom.sf(k - 1, n, p), 1.0) - 1e-12 or k <= n * p
    assert 0 <= bound <= 1


@pytest.mark.parametrize("p", [0.05, 0.3, 0.9])
def test_the_evidence_has_mean_one_where_the_weight_has(p):
    """Exact: over all 2⁸ outcomes of eight draws of 1{A = a}/p."""
    mean = 0.0
    for hits in product([False, True], repeat=8):
        x = np.full(sum(hits), 1 / p)
        mean += np.prod(np.where(hits, p, 1 - p)) * np.exp(log_evidence(x, np.zeros(x.size, int), np.array([8.0]))[0])
    assert mean == pytest.approx(1, abs=1e-12)


def test_evidence_by_hand():
    x, group = np.array([4.0, 2.0, 0.5]), np.array([0, 0, 1])
    found = log_evidence(x, group, np.array([3.0, 1.0]))
    by_hand = [np.mean([(1 + 3 * s) * (1 + s) * (1 - s) for s in STAKES]), np.mean([1 - s / 2 for s in STAKES])]
    np.testing.assert_allclose(found, np.log(by_hand), rtol=1e-12)


def test_evidence_grows_where_the_mean_exceeds_one():
    x = np.full(500, 1.2)
    assert log_evidence(x, np.zeros(500, int), np.array([500.0]))[0] > 30
