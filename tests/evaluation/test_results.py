"""Results are indexed by policy, outcome and estimator; what a key misses is named; JSON keeps its keys."""

from __future__ import annotations

import json
import math

import pytest

from logs import random_log
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.results import EstimateRow, find_estimate

ROWS = [
    EstimateRow(policy=policy, outcome=outcome, estimator="snips", value=1.0)
    for outcome in ("engaged", "objective")
    for policy in ("target", "baseline")
]


def test_a_row_is_found_by_its_three_names():
    assert find_estimate(ROWS, "baseline", "objective", "snips") is ROWS[3]


@pytest.mark.parametrize(
    "key", [("difference", "engaged", "snips"), ("target", "x", "snips"), ("target", "engaged", "")]
)
def test_an_unknown_key_names_what_there_is_in_one_line(key):
    with pytest.raises(KeyError) as caught:
        find_estimate(ROWS, *key)
    (line,) = caught.value.args
    asked = "no estimate of {!r}, {!r} by {!r}: ".format(*key)
    assert line == asked + "policies are target, baseline; outcomes are engaged, objective; estimators are snips"


def test_results_find_their_rows_and_refuse_others():
    result = evaluate(random_log(1, users=100), "uniform", horizon=2, estimators=("ips",))
    assert result["target", "engaged", "ips"] is result.estimates[0]
    assert result.sequential["target", "engaged", "mis"] is result.sequential.estimates[0]
    for wrong in (result, result.sequential):
        with pytest.raises(KeyError, match="outcomes are engaged; estimators are"):
            wrong["target", "clicked", "ips"]


def test_one_step_and_sequential_rows_print_what_they_always_printed():
    plain = evaluate(random_log(1, users=100), "uniform", horizon=2, estimators=("ips",)).to_json()
    one_step, sequential = plain["estimates"][0], plain["sequential"]["estimates"][0]
    shared = ["policy", "outcome", "estimator", "value", "se", "low", "high", "interval"]
    weights = ["ess", "max_weight", "mean_weight", "verdict", "why"]
    assert list(one_step) == [*shared, *weights, "n", "users", "parameter"]
    assert list(sequential) == [*shared, "valid_for", *weights, "users"]
    assert (one_step["interval"], sequential["valid_for"]) == ("cluster-t", "asymptotic in users")


@pytest.mark.parametrize("seed", range(3))
def test_json_has_no_infinite_number(seed):
    """Shrinkage that is chosen as none at all has an infinite parameter."""
    result = evaluate(random_log(seed, users=400), "uniform", estimators=("dros", "switch-dr", "clipped-ips"))
    json.dumps(result.to_json(), allow_nan=False)
    row = EstimateRow(policy="target", outcome="engaged", estimator="dros", value=1.0, parameter=math.inf)
    assert row.to_json()["parameter"] is None
