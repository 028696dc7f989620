"""Occupations and values of states are those of plain Python, and give the value of the forward recursion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import marginal as reference
from reference import sequential
from tactful.kernels import marginal


def panel(seed):
    """Weights, rewards and states (t, u) of a few users; some states are empty in some periods, some weigh 0."""
    rng = np.random.default_rng(seed)
    periods, users, states = int(rng.integers(1, 5)), int(rng.integers(1, 9)), int(rng.integers(1, 5))
    weight = rng.gamma(1.0, size=(periods, users)) * (rng.random((periods, users)) < 0.7)
    return weight, rng.normal(size=(periods, users)), rng.integers(states, size=(periods, users)), states


def tables(weight, reward, state, states, normalised):
    users, scale, share, value = np.zeros((4, len(state), states))
    after, influence = np.zeros((2, state.shape[1]))
    marginal.forward(weight, state, normalised, users, scale, share)
    marginal.backward(weight, reward, state, normalised, users, scale, share, value, after, influence)
    return users, scale, share, value, after, influence


def close(table, expected, empty):
    """The table holds what is expected of the states that have users, and ``empty`` elsewhere."""
    for (t, s), number in np.ndenumerate(table):
        assert number == pytest.approx(expected.get((t, s), empty), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("normalised", [0, 1])
@given(seed=st.integers(0, 2**32))
def test_tables_are_those_of_plain_python(normalised, seed):
    weight, reward, state, states = panel(seed)
    users, scale, share, value, after, influence = tables(weight, reward, state, states, normalised)
    lists = weight.tolist(), state.tolist()
    for table, expected, empty in zip(
        (users, scale, share), reference.forward(*lists, normalised=normalised), (0, 1, 0), strict=True
    ):
        close(table, expected, empty)
    values, influences = reference.backward(lists[0], reward.tolist(), lists[1], normalised=normalised)
    close(value, values, 0)
    np.testing.assert_allclose(influence, influences, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(after, [values[0, s] for s in state[0].tolist()], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("normalised", [0, 1])
@given(seed=st.integers(0, 2**32))
def test_forward_and_backward_give_one_value(normalised, seed):
    weight, reward, state, states = panel(seed)
    *_, after, _ = tables(weight, reward, state, states, normalised)
    by_user = [array.T.tolist() for array in (weight, reward, state)]
    assert after.mean() == pytest.approx(sequential.marginalised(*by_user, normalised=normalised), rel=1e-10, abs=1e-10)
