"""Clipping, switching, shrinkage and bands: the papers' formulas, their limits, and what stays unbiased."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import estimators as reference
from tactful.ope.estimators import clipped_ips, dm, dr, ips, marginal_weights, mips, shrunk_dr, sndr, snips, switch_dr

LOGGING, TARGET = np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.1, 0.9])
RATE = np.array([0.1, 0.8, 0.4])
WRONG = np.array([3.0, -2.0, 0.7])
CELLS = [(LOGGING[a] * (RATE[a] if r else 1 - RATE[a]), a, r) for a in range(3) for r in (0.0, 1.0)]


def every_log(rows, cells=CELLS):
    """(probability, actions, rewards) of every log of so many independent decisions."""
    for chosen in product(cells, repeat=rows):
        chance, action, reward = zip(*chosen, strict=True)
        yield np.prod(chance), np.array(action), np.array(reward)


def expected(estimator, cells=CELLS):
    return sum(p * estimator(a, r, (TARGET / LOGGING)[a]).value for p, a, r in every_log(3, cells))


@pytest.mark.parametrize("q", [np.zeros(3), RATE, WRONG], ids=["none", "true", "wrong"])
def test_at_the_largest_weight_switching_and_clipping_are_unbiased(q):
    target = np.full(3, TARGET @ q)
    assert expected(lambda a, r, w: clipped_ips(r, w, 4.5)) == pytest.approx(TARGET @ RATE, abs=1e-12)
    assert expected(lambda a, r, w: switch_dr(r, w, q[a], target, 4.5)) == pytest.approx(TARGET @ RATE, abs=1e-12)
    assert expected(lambda a, r, w: shrunk_dr(r, w, q[a], target, np.inf)) == pytest.approx(TARGET @ RATE, abs=1e-12)


@pytest.mark.parametrize("number", [0.1, 1.0, 3.0])
def test_with_the_true_model_switching_and_shrinkage_are_unbiased_anywhere(number):
    target = np.full(3, TARGET @ RATE)
    for estimator in (switch_dr, shrunk_dr):
        found = expected(lambda a, r, w, e=estimator: e(r, w, RATE[a], target, number))
        assert found == pytest.approx(TARGET @ RATE, abs=1e-12)


def test_the_bias_of_switching_is_the_error_of_the_model_beyond_the_threshold():
    found = expected(lambda a, r, w: switch_dr(r, w, WRONG[a], np.full(3, TARGET @ WRONG), 1.0))
    assert found == pytest.approx(TARGET @ RATE + 0.9 * (WRONG - RATE)[2], abs=1e-12)


def test_the_bias_of_clipping_is_the_reward_beyond_the_clip():
    found = expected(lambda a, r, w: clipped_ips(r, w, 2.0))
    assert found == pytest.approx(TARGET @ RATE - (4.5 - 2.0) * 0.2 * 0.4, abs=1e-12)


def test_mips_is_unbiased_where_actions_of_a_band_earn_alike_and_not_otherwise():
    band, rows = np.array([0, 1, 1]), np.arange(3)
    alike = np.array([0.2, 0.6, 0.6])
    cells = [(LOGGING[a] * (alike[a] if r else 1 - alike[a]), a, r) for a in range(3) for r in (0.0, 1.0)]

    def estimator(a, r, w):
        pmfs = np.tile(TARGET, (rows.size, 1)), np.tile(LOGGING, (rows.size, 1))
        return mips(r, marginal_weights(*pmfs, band, a))

    assert expected(estimator, cells) == pytest.approx(TARGET @ alike, abs=1e-12)
    assert abs(expected(estimator) - TARGET @ RATE) > 0.1


@st.composite
def cases(draw):
    """(reward, weight, action, q, target pmf, logging pmf) of n rows."""
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pmf, logging = rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n) * 0.9 + 0.1 / k
    action, rows = rng.integers(k, size=n), np.arange(n)
    return rng.normal(size=n), pmf[rows, action] / logging[rows, action], action, rng.normal(size=(n, k)), pmf, logging


def equal(ours, theirs):
    value, influence = theirs
    assert ours.value == pytest.approx(value, abs=1e-12, rel=1e-12)
    np.testing.assert_allclose(ours.influence, influence, rtol=1e-12, atol=1e-12)
    assert ours.influence.sum() == pytest.approx(0, abs=1e-10)
    assert ours.interval


@given(cases(), st.floats(0.01, 30))
def test_variants_equal_the_reference(case, number):
    reward, weight, action, q, pmf, logging = case
    target, logged = (pmf * q).sum(1), q[np.arange(action.size), action]
    lists = [x.tolist() for x in (reward, weight, action, q, pmf)]
    equal(clipped_ips(reward, weight, number), reference.clipped_ips(*lists[:2], number))
    equal(sndr(reward, weight, logged, target), reference.sndr(*lists))
    equal(switch_dr(reward, weight, logged, target, number), reference.switch_dr(*lists, number))
    equal(shrunk_dr(reward, weight, logged, target, number), reference.shrunk_dr(*lists, number))
    band = np.arange(pmf.shape[1]) // 2
    equal(
        mips(reward, marginal_weights(pmf, logging, band, action)),
        reference.mips(lists[0], lists[2], pmf.tolist(), logging.tolist(), band.tolist()),
    )


@given(cases())
def test_variants_end_in_what_they_interpolate(case):
    reward, weight, action, q, pmf, logging = case
    target, logged = (pmf * q).sum(1), q[np.arange(action.size), action]
    model, robust = dm(target, weight), dr(reward, weight, logged, target)
    ends = [
        (clipped_ips(reward, weight, weight.max()), ips(reward, weight)),
        (switch_dr(reward, weight, logged, target, weight.max()), robust),
        (switch_dr(reward, weight, logged, target, -1.0), model),
        (shrunk_dr(reward, weight, logged, target, np.inf), robust),
        (shrunk_dr(reward, weight, logged, target, 0.0), model),
        (sndr(reward, np.ones_like(weight), logged, target), dr(reward, np.ones_like(weight), logged, target)),
        (sndr(reward, weight, 0 * logged, 0 * target), snips(reward, weight)),
        (mips(reward, marginal_weights(pmf, logging, np.arange(pmf.shape[1]), action)), ips(reward, weight)),
        (mips(reward, marginal_weights(pmf, logging, 0 * pmf[0].astype(int), action)), ips(reward, 0 * weight + 1)),
    ]
    for ours, theirs in ends:
        assert ours.value == pytest.approx(theirs.value, abs=1e-12)
        np.testing.assert_allclose(ours.influence, theirs.influence, rtol=0, atol=1e-11)


@given(cases())
def test_sndr_moves_with_a_constant(case):
    reward, weight, action, q, pmf, _ = case
    target, logged = (pmf * q).sum(1), q[np.arange(action.size), action]
    moved, kept = sndr(reward + 4, weight, logged, target), sndr(reward, weight, logged, target)
    assert moved.value == pytest.approx(kept.value + 4, abs=1e-10)


def test_sndr_without_any_weight_is_undefined():
    assert np.isnan(sndr(np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)).value)
