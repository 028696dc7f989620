"""SLOPE++ stops where Lepski's condition first fails, and pays on heavy weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import estimators as reference
from tactful.core.estimate import Estimate
from tactful.ope.estimators import clipped_ips, dr
from tactful.ope.slope import choose, choose_clip, choose_shrink, choose_switch, grid

NONE = np.zeros(1)


def family(values):
    return [Estimate(v, NONE, NONE) for v in values]


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 2)), min_size=1, max_size=9))
def test_choose_equals_the_reference(members):
    values, widths = zip(*members, strict=True)
    assert choose(family(values), np.array(widths)) == reference.slope(values, widths)


def test_what_is_not_finite_is_passed_over():
    assert choose(family([np.nan, 1.0, 1.1]), np.array([9.0, 2.0, 1.0])) == 2
    assert choose(family([0.0, 1.0]), np.array([np.inf, 2.0])) == 1
    with pytest.raises(ValueError, match="finite"):
        choose(family([np.nan]), np.ones(1))


def test_agreeing_members_give_the_narrowest_and_a_far_one_is_refused():
    assert choose(family([1.0, 1.0, 1.0]), np.array([3.0, 2.0, 1.0])) == 2
    assert choose(family([1.0, 1.0, 9.0]), np.array([3.0, 2.0, 1.0])) == 1
    assert choose(family([9.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])) == 1  # as given, in any order


def test_the_grid_ends_at_the_largest_weight():
    weight = np.array([0.2, 7.3, 1.0])
    assert grid(weight)[[0, -1]].tolist() == [1.0, 7.3]
    assert grid(np.array([0.5, 1.0])).tolist() == [1.0]


def heavy(rng, n=400):
    """Weights of mean 1 that have nothing to do with the reward: 360 once in 400 rows, .1 elsewhere."""
    return rng.random(n) + 1.0, np.where(rng.random(n) < 0.0025, 360.0, 0.1)


def test_choices_are_members_of_their_families_and_err_less_on_heavy_weights():
    """500 logs, fixed seed. The families are chosen among by data, so only the mean square is compared."""
    rng = np.random.default_rng(4)
    error = np.zeros((500, 3))
    for i in range(len(error)):
        reward, weight = heavy(rng)
        user, q = np.arange(reward.size), np.full(reward.size, 1.4)
        chosen = choose_clip(reward, weight, user)
        np.testing.assert_array_equal(
            chosen.estimate.influence, clipped_ips(reward, weight, chosen.parameter).influence
        )
        switched, shrunk = (f(reward, weight, q, q, user) for f in (choose_switch, choose_shrink))
        values = dr(reward, weight, q, q), switched.estimate, shrunk.estimate
        error[i] = [v.value - 1.5 for v in values]
    doubly, switched, shrunk = np.mean(error**2, 0)
    assert switched < doubly
    assert shrunk < doubly
