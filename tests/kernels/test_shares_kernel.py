"""One served pmf, three ways: the scalar code, the kernel, and the reference give the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.draw import choose, largest_remainder, served_integers
from tactful.batch.decide import served
from tactful.core.draw import ONE, draw, serve, to_shares
from tactful.errors import PolicyError
from tactful.kernels import shares as kernels

ETAS = st.sampled_from([0.0, 1.0, 0.03, 0.2, 1e-3, 1e-9, 1e-12, 5e-324, 1 - 2**-53]) | st.floats(0, 1)


@st.composite
def pmfs(draw_):
    """(k,) integers that sum to 2**32: spread, concentrated, with zeros, or equal."""
    k = draw_(st.integers(2, 60))
    weight = st.sampled_from([0.0, 1.0, 1e-12, 1e-9, 1e-3]) | st.floats(0, 1)
    weights = draw_(st.lists(weight, min_size=k, max_size=k))
    if sum(weights) <= 0:
        weights[draw_(st.integers(0, k - 1))] = 1.0
    return largest_remainder([w / sum(weights) for w in weights])


@st.composite
def cases(draw_):
    """(integers, eligible, η) with zero mass left, one eligible action, or all of them among the masks."""
    shares = draw_(pmfs())
    k = len(shares)
    kind = draw_(st.sampled_from(["any", "one", "all", "no mass"]))
    only = draw_(st.integers(0, k - 1))
    if kind == "no mass" and 0 in shares:
        eligible = [s == 0 for s in shares]
    elif kind == "one":
        eligible = [a == only for a in range(k)]
    elif kind == "any":
        eligible = draw_(st.lists(st.booleans(), min_size=k, max_size=k))
        eligible[only] = True
    else:
        eligible = [True] * k
    return shares, eligible, draw_(ETAS)


def batch(shares, eligible, eta):
    mask = None if eligible is None else np.array([eligible])
    return served(np.array([shares], np.uint64) / ONE, mask, eta)[0].tolist()


@given(cases())
def test_scalar_kernel_and_reference_agree_bit_for_bit(case):
    expected = served_integers(*case)
    assert serve(*case) == expected
    assert batch(*case) == expected


@given(cases())
def test_served_integers_are_a_pmf_over_the_eligible(case):
    shares, eligible, eta = case
    result = serve(shares, eligible, eta)
    assert sum(result) == ONE
    for share, may in zip(result, eligible, strict=True):
        assert share == 0 if not may else share >= (eta > 0)


@given(pmfs())
def test_nothing_masked_and_nothing_mixed_changes_nothing(shares):
    assert serve(shares) == shares == batch(shares, None, 0.0)


@given(pmfs(), ETAS)
def test_no_mask_is_the_mask_of_all(shares, eta):
    every = [True] * len(shares)
    assert serve(shares, None, eta) == serve(shares, every, eta) == batch(shares, None, eta)


def test_a_mask_of_many_rows_is_applied_row_by_row():
    rng = np.random.default_rng(4)
    shares = np.array([to_shares(p.tolist()) for p in rng.dirichlet(np.ones(5), 40)], np.uint64)
    eligible = rng.random((40, 5)) < 0.4
    eligible[np.arange(40), rng.integers(5, size=40)] = True
    together = served(shares / ONE, eligible, 0.03).tolist()
    assert together == [served_integers(s, e, 0.03) for s, e in zip(shares.tolist(), eligible.tolist(), strict=True)]


def test_a_row_without_an_eligible_action_is_refused():
    with pytest.raises(PolicyError, match="1 rows have no eligible action"):
        served(np.full((2, 2), 0.5), np.array([[True, False], [False, False]]), 0.0)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (1, 2)])
def test_a_mask_of_another_shape_is_refused(shape):
    with pytest.raises(PolicyError, match="mask"):
        served(np.full((2, 2), 0.5), np.ones(shape, bool), 0.0)


def test_the_least_one_is_taken_from_the_largest():
    assert serve([ONE, 0, 0], None, 1e-12) == [ONE - 2, 1, 1]
    assert serve([ONE // 2, ONE // 2, 0], None, 1e-12) == [ONE // 2 - 1, ONE // 2, 1]


def test_equal_remainders_go_to_the_first_actions():
    assert serve([0, 0, 0]) == [1431655766, 1431655765, 1431655765]


def drawn(shares, u):
    action, propensity = np.empty(u.size, np.int64), np.empty(u.size)
    kernels.draw(np.tile(np.array(shares, np.uint64), (u.size, 1)), u, action, propensity)
    return action, propensity


def test_draws_at_the_edges_of_every_cell():
    shares = [0, ONE // 4, 0, ONE // 2, 1, ONE // 4 - 1, 0]
    u = np.array(
        [0, ONE // 4 - 1, ONE // 4, 3 * (ONE // 4) - 1, 3 * (ONE // 4), 3 * (ONE // 4) + 1, ONE - 1], np.uint32
    )
    action, propensity = drawn(shares, u)
    assert action.tolist() == [1, 1, 3, 3, 4, 5, 5] == [draw(shares, int(x)) for x in u]
    assert propensity.tolist() == [shares[a] / ONE for a in action]


def test_a_certain_action_is_drawn_whatever_the_uniform():
    action, propensity = drawn([0, ONE, 0], np.array([0, 1, ONE - 1], np.uint32))
    assert action.tolist() == [1, 1, 1]
    assert propensity.tolist() == [1.0, 1.0, 1.0]


@given(cases(), st.integers(0, ONE - 1))
def test_scalar_and_kernel_draw_what_the_reference_draws(case, u):
    shares = serve(*case)
    expected = choose(shares, u)
    assert draw(shares, u) == expected
    assert drawn(shares, np.array([u], np.uint32))[0][0] == expected
