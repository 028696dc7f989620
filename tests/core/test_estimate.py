"""An estimate with its influence: errors by user, paired differences, effective sample sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.core.estimate import Estimate, effective_sample_size


def of(rows, weight=None):
    rows = np.asarray(rows, float)
    return Estimate(
        float(rows.mean()), rows - rows.mean(), np.ones(rows.size) if weight is None else np.asarray(weight)
    )


def test_clustered_error_by_hand():
    # Means 2; influences −1, 1, 2, −2; users' totals 0, 2, −2; U = 3, n = 4.
    estimate = of([1, 3, 4, 0])
    expected = math.sqrt(3 / 2 * (0 + 4 + 4)) / 4
    assert estimate.standard_error(np.array([0, 0, 1, 2])) == pytest.approx(expected, rel=1e-15)


def test_with_one_row_a_user_it_is_the_usual_error_of_a_mean():
    rows = np.random.default_rng(0).normal(size=50)
    usual = rows.std(ddof=1) / math.sqrt(50)
    assert of(rows).standard_error(np.arange(50)) == pytest.approx(usual, rel=1e-12)


def test_a_single_user_has_no_error_but_infinity():
    assert of([1, 2, 3]).standard_error(np.zeros(3, np.int64)) == math.inf


def test_codes_without_rows_are_no_users():
    estimate = of([1, 3, 4, 0])
    assert estimate.standard_error(np.array([2, 2, 9, 7])) == estimate.standard_error(np.array([0, 0, 2, 1]))


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=20))
def test_duplicates_of_users_say_nothing_new_and_as_rows_of_others_pretend_to(rows):
    n, user = len(rows), np.arange(len(rows))
    alone = of(rows).standard_error(user)
    twice = of(rows * 2)
    assert twice.standard_error(np.tile(user, 2)) == pytest.approx(alone, rel=1e-12, abs=1e-15)
    apart = twice.standard_error(np.arange(2 * n))
    assert apart == pytest.approx(alone * math.sqrt((n - 1) / (2 * n - 1)), rel=1e-12, abs=1e-15)
    if len(set(rows)) > 1:
        assert twice.standard_error(np.tile(user, 2)) > apart


def test_a_difference_is_paired():
    user = np.array([0, 0, 1, 2])
    a, b = of([1, 3, 4, 0], [1, 1, 1, 1]), of([0, 2, 4, 1], [2, 0, 1, 1])
    difference = a - b
    assert difference.value == pytest.approx(0.25)
    assert difference.standard_error(user) == pytest.approx(of([1, 1, 0, -1]).standard_error(user), rel=1e-12)
    assert difference.weight is b.weight
    assert (b - a).weight is b.weight
    assert (a - a).standard_error(user) == 0


def test_a_difference_with_a_side_without_interval_has_none():
    a = of([1, 2])
    b = Estimate(1.0, np.zeros(2), np.ones(2), interval=False)
    assert not (a - b).interval
    assert not (b - a).interval
    assert (a - a).interval


@pytest.mark.parametrize(("weight", "ess"), [([1, 1, 1], 3), ([0, 0, 5], 1), ([1, 3], 1.6), ([0, 0], 0), ([], 0)])
def test_effective_sample_size(weight, ess):
    assert effective_sample_size(np.array(weight, float)) == pytest.approx(ess)
