"""Outcomes, the objective made of them, and limits."""

from __future__ import annotations

import numpy as np
import pytest

from tactful.core.outcomes import Limits, Objective, Outcome
from tactful.errors import SpecError

NAN = float("nan")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "objective", "kind": "real"}, "name of the reward"),
        ({"name": "x", "kind": "ordinal"}, "ordinal"),
        ({"name": "x", "kind": "real", "window_us": -1}, "window_days"),
        ({"name": "x", "kind": "binary", "has_trials": True}, "trials"),
        ({"name": "x", "kind": "count", "absorbing": True}, "absorbing"),
        ({"name": "x", "kind": "real", "range": (1.0, 1.0)}, "range"),
        ({"name": "x", "kind": "real", "range": (0.0, NAN)}, "range"),
    ],
)
def test_combinations_without_meaning_are_refused(options, words):
    with pytest.raises(SpecError, match=words) as caught:
        Outcome(**options)
    assert caught.value.do


def test_the_objective_is_the_weighted_sum():
    a, b = np.array([1.0, 0.0, NAN]), np.array([0.0, 1.0, 1.0])
    both = Objective({"a": 2.0, "b": -15.0})
    np.testing.assert_array_equal(both.combine({"a": a, "b": b, "c": b}), [2.0, -15.0, NAN])


def test_an_outcome_without_value_does_not_count_and_may_be_unknown():
    objective = Objective({"a": 1.0, "b": 0.0})
    assert objective.outcomes == ("a",)
    np.testing.assert_array_equal(objective.combine({"a": np.array([3.0]), "b": np.array([NAN])}), [3.0])
    np.testing.assert_array_equal(Objective({}).combine({"a": np.array([3.0])}), [0.0])


def test_the_objective_names_measured_outcomes_only():
    Objective({"a": 1.0}).check(["a", "b"])
    with pytest.raises(SpecError, match=r"'c'.*the outcomes are a, b"):
        Objective({"c": 1.0}).check(["a", "b"])


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_values_are_finite(value):
    with pytest.raises(SpecError, match="not finite"):
        Objective({"a": value})


def test_limits_in_plain_form():
    assert Limits().to_json() == {}
    assert Limits({"opted_out": 0.004}, 3.0, {"21:30": 0.2}).to_json() == {
        "opted_out": 0.004,
        "sends_per_period": 3.0,
        "slot_share": {"21:30": 0.2},
    }
