"""Estimators equal the papers' formulas, and are unbiased by enumeration of every log of a tiny world."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import estimators as reference
from tactful.ope.estimators import dm, dr, ips, snips

# Two segments with 2 and 3 actions: (probability, logging pmf, target pmf, success rates) each.
WORLD = [
    (0.4, np.array([0.7, 0.3]), np.array([0.2, 0.8]), np.array([0.25, 0.5])),
    (0.6, np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.1, 0.9]), np.array([0.1, 0.8, 0.4])),
]
TRUTH = sum(p * float(target @ rate) for p, _, target, rate in WORLD)
# Every decision that can happen: (probability, segment, action, reward).
CELLS = [
    (p * e[a] * (rate[a] if r else 1 - rate[a]), s, a, r)
    for s, (p, e, _, rate) in enumerate(WORLD)
    for a in range(e.size)
    for r in (0.0, 1.0)
]
MODELS = {
    "none": [np.zeros(2), np.zeros(3)],
    "true": [rate for *_, rate in WORLD],
    "wrong": [np.array([0.9, 0.1]), np.array([3.0, -2.0, 0.7])],
}


def every_log(rows):
    """(probability, segments, actions, rewards) of every log of so many independent decisions."""
    for cells in product(CELLS, repeat=rows):
        chance, segment, action, reward = zip(*cells, strict=True)
        yield np.prod(chance), segment, action, np.array(reward)


def weights(segment, action):
    return np.array([WORLD[s][2][a] / WORLD[s][1][a] for s, a in zip(segment, action, strict=True)])


def models(q, segment, action):
    logged = np.array([q[s][a] for s, a in zip(segment, action, strict=True)])
    return logged, np.array([WORLD[s][2] @ q[s] for s in segment])


def test_the_enumeration_is_complete():
    assert sum(p for p, *_ in every_log(3)) == pytest.approx(1, abs=1e-12)
    assert len(CELLS) == 10


def test_ips_is_unbiased():
    expected = sum(p * ips(r, weights(s, a)).value for p, s, a, r in every_log(3))
    assert expected == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_dr_is_unbiased_whatever_the_reward_model(model):
    q = MODELS[model]
    expected = sum(p * dr(r, weights(s, a), *models(q, s, a)).value for p, s, a, r in every_log(3))
    assert expected == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize(("model", "error"), [("true", 0.0), ("none", -TRUTH)])
def test_the_error_of_the_direct_method_is_that_of_its_model(model, error):
    q = MODELS[model]
    expected = sum(p * dm(models(q, s, a)[1], np.ones(2)).value for p, s, a, _ in every_log(2))
    assert expected == pytest.approx(TRUTH + error, abs=1e-12)


@pytest.mark.parametrize("constant", [5.0, -0.3])
def test_snips_moves_with_a_constant_and_ips_does_not(constant):
    for _, s, a, r in every_log(2):
        w = weights(s, a)
        if not w.any():
            assert np.isnan(snips(r, w).value)
            continue
        assert snips(r + constant, w).value == pytest.approx(snips(r, w).value + constant, abs=1e-12)
        np.testing.assert_allclose(snips(r + constant, w).influence, snips(r, w).influence, rtol=0, atol=1e-12)
        assert ips(r + constant, w).value == pytest.approx(ips(r, w).value + constant * w.mean(), abs=1e-12)


@st.composite
def cases(draw):
    """(reward, weight, action, q, target pmf) of n rows."""
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pmf, logging = rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n) * 0.9 + 0.1 / k
    action = rng.integers(k, size=n)
    rows = np.arange(n)
    return rng.normal(size=n), pmf[rows, action] / logging[rows, action], action, rng.normal(size=(n, k)), pmf


def equal(ours, theirs):
    value, influence = theirs
    assert ours.value == pytest.approx(value, abs=1e-12, rel=1e-12)
    np.testing.assert_allclose(ours.influence, influence, rtol=1e-12, atol=1e-12)
    assert ours.influence.sum() == pytest.approx(0, abs=1e-11)


@given(cases())
def test_estimators_equal_the_reference(case):
    reward, weight, action, q, pmf = case
    target, logged = (pmf * q).sum(1), q[np.arange(action.size), action]
    equal(ips(reward, weight), reference.ips(reward.tolist(), weight.tolist()))
    equal(snips(reward, weight), reference.snips(reward.tolist(), weight.tolist()))
    equal(dm(target, weight), reference.dm(q.tolist(), pmf.tolist()))
    equal(
        dr(reward, weight, logged, target),
        reference.dr(reward.tolist(), weight.tolist(), action.tolist(), q.tolist(), pmf.tolist()),
    )


@given(cases())
def test_estimators_are_one_family(case):
    reward, weight, *_ = case
    n = reward.size
    ones, zeros = np.ones(n), np.zeros(n)
    for estimate in (ips(reward, ones), snips(reward, ones), dr(reward, ones, zeros, zeros)):
        assert estimate.value == pytest.approx(reward.mean(), abs=1e-12)
    plain = ips(reward, weight)
    equal(dr(reward, weight, zeros, zeros), (plain.value, plain.influence))
    equal(dr(reward, weight, reward, zeros), (0.0, zeros))
    assert dr(zeros, zeros, zeros, reward).value == pytest.approx(dm(reward, zeros).value, abs=1e-12)
    assert not dm(reward, weight).interval
    assert all(e.interval and e.weight is weight for e in (ips(reward, weight), snips(reward, weight)))


@given(cases(), st.randoms(use_true_random=False))
def test_permuting_rows_permutes_influences(case, random):
    reward, weight, *_ = case
    order = list(range(reward.size))
    random.shuffle(order)
    for estimator in (ips, snips):
        moved, kept = estimator(reward[order], weight[order]), estimator(reward, weight)
        assert moved.value == pytest.approx(kept.value, abs=1e-12)
        np.testing.assert_allclose(moved.influence, kept.influence[order], rtol=0, atol=1e-12)


def test_snips_without_any_weight_is_undefined():
    estimate = snips(np.ones(3), np.zeros(3))
    assert np.isnan(estimate.value)
    np.testing.assert_array_equal(estimate.influence, 0)
