"""Experiment arms: sticky, keyed by the user, with the shares asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logs import GRID
from reference.draw import WHOLE, arm_of, number, user_word
from tactful.core.actions import ActionSpace
from tactful.core.draw import user_keys
from tactful.errors import PolicyError
from tactful.policies.arms import Arms, control_pmf


@given(st.lists(st.text(), max_size=8), st.floats(0, 1), st.floats(0, 1), st.text())
def test_the_arm_is_the_keyed_number_of_the_user(users, control, uniform, salt):
    uniform *= 1 - control
    assigned = Arms(control, uniform, salt).assign(user_keys(users))
    assert assigned.tolist() == [arm_of(u, control, uniform, salt) for u in users]


def test_arms_have_their_shares():
    """χ² over 20,000 users; right shares fail once in 10⁶."""
    assigned = Arms(0.1, 0.05).assign(user_keys(range(20_000)))
    counts = [int((assigned == arm).sum()) for arm in ("control", "uniform", "policy")]
    assert stats.chisquare(counts, np.array([0.1, 0.05, 0.85]) * 20_000).pvalue > 1e-6


def test_arms_stick_as_the_control_share_grows():
    keys = user_keys(range(500))
    small, large = Arms(0.1).assign(keys), Arms(0.2).assign(keys)
    assert (large[small == "control"] == "control").all()
    assert set(Arms(1.0).assign(keys)) == {"control"}
    assert set(Arms(0.0, 1.0).assign(keys)) == {"uniform"}
    assert set(Arms().assign(keys)) == {"policy"}


@pytest.mark.parametrize("shares", [(-0.1, 0.0), (0.0, -0.1), (0.6, 0.5), (float("nan"), 0.0), (0.0, float("nan"))])
def test_shares_that_are_no_shares_are_refused(shares):
    with pytest.raises(PolicyError, match="shares"):
        Arms(*shares)


def test_control_needs_none():
    assert control_pmf(GRID).tolist() == [1, 0, 0, 0, 0]
    with pytest.raises(PolicyError, match="'none'"):
        control_pmf(ActionSpace.named(["a", "b"]))


def test_the_pmf_of_each_arm():
    pmf = np.array([[0.1, 0.2, 0.3, 0.2, 0.2]])
    arms = Arms(0.1, 0.1)
    assert arms.pmf("policy", pmf, GRID) is pmf
    assert arms.pmf("control", pmf, GRID).tolist() == [[1, 0, 0, 0, 0]]
    assert arms.pmf("uniform", pmf, GRID).tolist() == [[0.2] * 5]


@pytest.mark.parametrize("user", ["a", "b", 42])
def test_a_share_that_ends_at_a_user_leaves_it_out_and_one_unit_more_takes_it_in(user):
    u, keys = number(user_word(user), 0, "arms:arms", "sticky"), user_keys([user])
    assert Arms(u / WHOLE).assign(keys).tolist() == ["policy"]
    assert Arms((u + 1) / WHOLE).assign(keys).tolist() == ["control"]
    assert Arms(0.0, u / WHOLE).assign(keys).tolist() == ["policy"]
    assert Arms(0.0, (u + 1) / WHOLE).assign(keys).tolist() == ["uniform"]
