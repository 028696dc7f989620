"""Cluster-t intervals, against scipy on hand-made clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reference.estimators import clustered_error
from tactful.core.estimate import Estimate
from tactful.ope.estimators import ips
from tactful.ope.intervals import VALID_FOR, Interval, cluster_t


def of(rows):
    rows = np.asarray(rows, float)
    return Estimate(float(rows.mean()), rows - rows.mean(), np.ones(rows.size))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_equal_clusters_are_a_t_test_of_their_means(level):
    clusters = np.array([[1.0, 3.0], [2.0, 2.0], [5.0, 4.0], [0.0, 1.0]])
    means = clusters.mean(1)
    expected = stats.t.interval(level, 3, means.mean(), stats.sem(means))
    found = cluster_t(of(clusters.ravel()), np.repeat(np.arange(4), 2), level)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-12)
    assert found.se == pytest.approx(stats.sem(means), rel=1e-12)
    assert (found.method, found.valid_for) == ("cluster-t", "asymptotic in users")


@given(st.integers(2, 30), st.integers(2, 8), st.integers(0, 2**32))
def test_unequal_clusters_by_plain_loops(n, users, seed):
    rng = np.random.default_rng(seed)
    reward, weight, user = rng.normal(size=n), rng.gamma(1, size=n), rng.integers(users, size=n)
    user[:2] = 0, 1
    estimate = ips(reward, weight)
    found = cluster_t(estimate, user)
    se = clustered_error(estimate.influence.tolist(), user.tolist())
    reach = stats.t.ppf(0.975, len(set(user.tolist())) - 1) * se
    assert found.se == pytest.approx(se, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((estimate.value - reach, estimate.value + reach), rel=1e-9)


def test_one_user_says_nothing():
    found = cluster_t(of([1, 2]), np.zeros(2, np.int64))
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_equal_rows_have_no_width():
    found = cluster_t(of([2, 2, 2]), np.arange(3))
    assert (found.se, found.low, found.high) == (0, 2, 2)


@pytest.mark.parametrize("method", VALID_FOR)
def test_every_method_says_when_it_is_valid(method):
    said = Interval(1.0, 0.0, 1.0, method).valid_for
    assert said.startswith(("asymptotic", "finite sample", "any time"))
    assert said.startswith("any time") == ("anytime" in method)
