"""Rules from means and deviations, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.errors import PolicyError
from tactful.policies.exploration_rules import Rule, sharpened

MEAN, SD = np.array([[1.0, 3.0, 3.0], [0.0, -1.0, 0.5]]), np.array([[0.5, 0.1, 0.2], [0.1, 2.0, 0.1]])
BY_MOMENTS = [("greedy", 0), ("ucb", 1.5), ("softmax", 0.3), ("epsilon-greedy", 0.2), ("inverse-gap", 7.0)]


def test_by_hand():
    assert Rule("greedy").pmf(MEAN, SD).tolist() == [[0, 0.5, 0.5], [0, 0, 1]]
    assert Rule("ucb", 1.0).pmf(MEAN, SD).tolist() == [[0, 0, 1], [0, 1, 0]]
    assert Rule("ucb", 0.0).pmf(MEAN, SD).tolist() == Rule("greedy").pmf(MEAN, SD).tolist()
    found = Rule("inverse-gap", 10.0).pmf(MEAN, SD)
    first = 1 / (3 + 10 * 2)
    np.testing.assert_allclose(found[0], [first, (1 - first) / 2, (1 - first) / 2], rtol=1e-12)
    small = [1 / (3 + 5), 1 / (3 + 15)]
    np.testing.assert_allclose(found[1], [*small, 1 - sum(small)], rtol=1e-12)
    np.testing.assert_allclose(Rule("epsilon-greedy", 0.3).pmf(MEAN, SD)[1], [0.1, 0.1, 0.8], rtol=1e-12)
    raised = np.exp(MEAN / 0.3)
    np.testing.assert_allclose(Rule("softmax", 0.3).pmf(MEAN, SD), raised / raised.sum(1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize(("name", "parameter"), BY_MOMENTS)
@given(seed=st.integers(0, 2**32))
def test_every_rule_gives_a_pmf_with_the_best_on_top(name, parameter, seed):
    rng = np.random.default_rng(seed)
    mean, sd = rng.normal(0, 3, (4, 6)), rng.exponential(1, (4, 6))
    pmf = Rule(name, parameter).pmf(mean, sd)
    np.testing.assert_allclose(pmf.sum(1), 1, rtol=1e-12)
    assert (pmf >= 0).all()
    bound = mean + parameter * sd if name == "ucb" else mean
    assert (pmf.argmax(1) == bound.argmax(1)).all()


def test_inverse_gap_at_zero_is_uniform_and_at_infinity_greedy():
    np.testing.assert_allclose(Rule("inverse-gap", 0.0).pmf(MEAN, SD), np.full((2, 3), 1 / 3), rtol=1e-12)
    np.testing.assert_allclose(Rule("inverse-gap", 1e12).pmf(MEAN, SD), [[0, 0.5, 0.5], [0, 0, 1]], atol=1e-11)


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
def test_sharpening(power):
    won = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(sharpened(won, power), won**power / (won**power).sum(1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("vote", 1.0),
        ("ucb", -1.0),
        ("softmax", 0.0),
        ("epsilon-greedy", 1.1),
        ("greedy", float("nan")),
        ("inverse-gap", float("inf")),
    ],
)
def test_rules_without_meaning_are_refused(name, parameter):
    with pytest.raises(PolicyError):
        Rule(name, parameter)
