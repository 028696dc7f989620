"""Every reason to doubt an estimate gives its verdict, and the gravest wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.estimators import clustered_error, effective
from tactful.ope.reliability import (
    GRAVITY,
    Assessment,
    Circumstances,
    GradedWeights,
    WeightDiagnostics,
    assess,
    weighted_events,
)

GOOD = WeightDiagnostics(ess=500.0, max_weight=3.0, mean_weight=1.0, mean_se=0.01, users=100)
FINE = Circumstances()


def verdict(around=FINE, events=100.0, **changes):
    return assess(replace(GOOD, **changes), around, events)


@pytest.mark.parametrize(
    ("options", "grade", "why"),
    [
        ({}, "ok", ""),
        ({"events": None}, "ok", ""),
        ({"around": Circumstances(missing=1234)}, "refused", "1,234 outcomes are unknown"),
        ({"around": Circumstances(unsupported=7)}, "refused", "logging never could, in 7 rows"),
        ({"ess": 49.9}, "refused", "starved: 49.9"),
        ({"ess": 50.0}, "weak", "50 effective rows"),
        ({"ess": 199.9}, "weak", "effective rows"),
        ({"ess": 200.0}, "ok", ""),
        ({"mean_weight": 1.0409}, "ok", ""),
        ({"mean_weight": 1.0411}, "refused", "the mean weight is 1.0411"),
        ({"mean_weight": 0.9591}, "ok", ""),
        ({"mean_weight": 0.9589}, "refused", "the mean weight is 0.9589"),
        ({"mean_weight": 1.0009, "mean_se": 0.0}, "ok", ""),
        ({"mean_weight": 1.0011, "mean_se": 0.0}, "refused", "mean weight"),
        ({"around": Circumstances(in_sample=True)}, "in-sample", "fitted on these rows"),
        ({"around": Circumstances(estimated=True)}, "weak", "no hidden confounding"),
        ({"users": 39}, "weak", "39 users"),
        ({"users": 40}, "ok", ""),
        ({"events": 49.9}, "weak", "weighted events"),
        ({"events": 50.0}, "ok", ""),
    ],
)
def test_each_rule(options, grade, why):
    found, reason = verdict(**options)
    assert found == grade
    assert why in reason
    assert bool(reason) == (grade != "ok")


# From the gravest to the mildest: what makes it, and a word of its reason.
REASONS = [
    ({"missing": 1}, {}, "unknown although"),
    ({"unsupported": 1}, {}, "never could"),
    ({}, {"ess": 10.0}, "starved"),
    ({}, {"mean_weight": 2.0}, "mean weight"),
    ({"in_sample": True}, {}, "fitted on"),
    ({"estimated": True}, {}, "confounding"),
    ({}, {"ess": 100.0}, "effective rows;"),
    ({}, {"users": 5}, "users"),
    ({}, {"events": 5.0}, "weighted events"),
]


@pytest.mark.parametrize("i", range(len(REASONS)))
@pytest.mark.parametrize("j", range(len(REASONS)))
def test_the_gravest_reason_wins(i, j):
    around, options = {}, {}
    for at in sorted((i, j), reverse=True):  # the graver last, where both set the same number
        around |= REASONS[at][0]
        options |= REASONS[at][1]
    grade, why = verdict(around=Circumstances(**around), **options)
    assert REASONS[min(i, j)][2] in why
    single = verdict(around=Circumstances(**REASONS[min(i, j)][0]), **REASONS[min(i, j)][1])
    assert grade == single[0]


def test_verdicts_are_ordered():
    assert sorted(GRAVITY, key=GRAVITY.__getitem__) == ["ok", "weak", "in-sample", "refused"]


def test_health_by_hand():
    weight, user = np.array([0.5, 1.5, 2.0, 0.0]), np.array([0, 0, 1, 3])
    health = WeightDiagnostics.from_weights(weight, user)
    assert health.ess == pytest.approx(effective(weight.tolist()))
    assert (health.max_weight, health.mean_weight, health.users) == (2.0, 1.0, 3)
    assert health.mean_se == pytest.approx(clustered_error((weight - 1).tolist(), user.tolist()))


@pytest.mark.parametrize(
    ("reward", "weight", "events"),
    [([1, 1, 0], [1, 1, 5], 2), ([0, 0], [1, 2], 0), ([1, 1], [1, 3], 1000 / 784), ([-1, 2], [2, 1], 2)],
)
def test_weighted_events(reward, weight, events):
    assert weighted_events(np.array(reward, float), np.array(weight, float)) == pytest.approx(events)


WEIGHTS = st.one_of(st.just(0.0), st.floats(1e-6, 100))


@given(st.lists(st.tuples(st.integers(0, 3), WEIGHTS), min_size=1, max_size=30), st.floats(1e-100, 1e100))
def test_events_are_counted_alike_in_any_unit_and_never_above_the_effective_number(rows, unit):
    reward, weight = (np.array(x, float) for x in zip(*rows, strict=True))
    found = weighted_events(reward, weight)
    assert weighted_events(reward * unit, weight) == pytest.approx(found, rel=1e-9)
    if (reward * weight).max() > 0:
        assert 1 - 1e-9 <= found <= effective((reward * weight / (reward * weight).max()).tolist()) * (1 + 1e-9)


def test_a_few_heavy_events_are_few_however_many_light_ones_there_are():
    reward, weight = np.ones(210), np.repeat([1.0, 30.0], [200, 10])
    assert effective((weight * reward).tolist()) > 25
    assert weighted_events(reward, weight) == pytest.approx(10, rel=0.1)


def test_a_pair_is_as_reliable_as_its_weaker_side_and_the_first_where_both_are_alike():
    starved, plenty = replace(GOOD, ess=60.0), replace(GOOD, ess=900.0)
    weak, alike, refused = Assessment("weak", "few"), Assessment("weak", "rough"), Assessment("refused", "starved")
    assert weak.weaker(alike) == weak
    assert alike.weaker(weak) == alike
    assert weak.weaker(refused) == refused.weaker(weak) == refused
    assert GradedWeights(plenty, weak).weaker(GradedWeights(starved, alike)) == GradedWeights(starved, weak)
    assert GradedWeights(starved, weak).weaker(GradedWeights(plenty, refused)) == GradedWeights(starved, refused)
