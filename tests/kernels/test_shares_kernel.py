"""One served pmf, three ways: the scalar code, the kernel, and the reference give the same bits; so do their draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.draw import choose, largest_remainder, served_integers
from tactful.core.draw import ONE, draw, serve
from tactful.kernels import shares as kernels

ETAS = st.sampled_from([0.0, 1.0, 0.03, 0.2, 1e-3, 1e-9, 1e-12, 5e-324, 1 - 2**-53]) | st.floats(0, 1)


@st.composite
def pmfs(draw_):
    """(k,) integers that sum to 2**32: spread, concentrated, with zeros, or equal."""
    k = draw_(st.integers(1, 60))
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


def serve_rows(rows, eligible, eta):
    pmf = np.array(rows, np.uint64) / ONE
    out = np.empty(pmf.shape, np.uint64)
    kernels.serve(pmf, np.array(eligible), eta, out)
    return out.tolist()


@given(cases())
def test_scalar_kernel_and_reference_agree_bit_for_bit(case):
    shares, eligible, eta = case
    expected = served_integers(*case)
    assert serve(*case) == expected
    assert serve_rows([shares], [eligible], eta) == [expected]


@given(cases())
def test_served_integers_are_a_pmf_over_the_eligible(case):
    shares, eligible, eta = case
    result = serve(shares, eligible, eta)
    assert sum(result) == ONE
    for share, may in zip(result, eligible, strict=True):
        assert share == 0 if not may else share >= (eta > 0)


@given(pmfs())
def test_nothing_masked_and_nothing_mixed_changes_nothing(shares):
    assert serve(shares) == shares == serve_rows([shares], [[True] * len(shares)], 0.0)[0]


@given(pmfs(), ETAS)
def test_no_mask_is_the_mask_of_all(shares, eta):
    every = [True] * len(shares)
    assert serve(shares, None, eta) == serve(shares, every, eta)


def test_rows_have_masks_of_their_own_or_share_one():
    rng = np.random.default_rng(4)
    rows = [largest_remainder(p) for p in rng.dirichlet(np.ones(5), 30).tolist()]
    masks = rng.random((30, 5)) < 0.4
    masks[np.arange(30), rng.integers(5, size=30)] = True
    for eligible in (masks.tolist(), [masks[0].tolist()]):
        each = eligible if len(eligible) > 1 else eligible * 30
        expected = [served_integers(row, may, 0.03) for row, may in zip(rows, each, strict=True)]
        assert serve_rows(rows, eligible, 0.03) == expected


def test_the_least_one_is_taken_from_the_largest():
    for shares, expected in (([ONE, 0, 0], [ONE - 2, 1, 1]), ([ONE // 2] * 2 + [0], [ONE // 2 - 1, ONE // 2, 1])):
        assert serve(shares, None, 1e-12) == expected
        assert serve_rows([shares], [[True] * 3], 1e-12) == [expected]


def test_equal_remainders_go_to_the_first_actions():
    expected = [1431655766, 1431655765, 1431655765]
    assert serve([0, 0, 0]) == expected
    assert serve_rows([[0, 0, 0]], [[True] * 3], 0.0) == [expected]


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
    action, propensity = drawn(shares, np.array([u], np.uint32))
    assert action[0] == expected
    assert propensity[0] == shares[expected] / ONE


@pytest.mark.parametrize("n", [0, 1, 300])
def test_decisions_draw_from_the_row_that_they_name(n):
    rng = np.random.default_rng(n)
    table = np.array([largest_remainder(p) for p in rng.dirichlet(np.full(6, 0.3), 4).tolist()], np.uint64)
    row, u = rng.integers(4, size=n), rng.integers(ONE, size=n).astype(np.uint32)
    action, propensity = np.empty(n, np.int64), np.empty(n)
    kernels.draw_rows(table, row, u, action, propensity)
    assert action.tolist() == [choose(table[r].tolist(), x) for r, x in zip(row, u.tolist(), strict=True)]
    assert propensity.tolist() == [int(table[r, a]) / ONE for r, a in zip(row, action, strict=True)]
