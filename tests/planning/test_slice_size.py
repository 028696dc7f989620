"""How many decisions a question needs: the formula by hand, and by simulation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.errors import SpecError
from tactful.planning.slice_size import decisions_needed

Z = NormalDist().inv_cdf


def by_hand(mean, lift, actions, explore, periods, correlation, level, power):
    z = Z((1 + level) / 2) + Z(power)
    variance_of_the_weighted_outcome = mean * (1 + lift) * actions / explore
    design = 1 + (periods - 1) * correlation
    return z**2 * variance_of_the_weighted_outcome * design / (mean * lift) ** 2


@pytest.mark.parametrize("mean", [0.004, 0.1, 1.9])
@pytest.mark.parametrize(("actions", "explore"), [(2, 1.0), (21, 1.0), (21, 0.2)])
@pytest.mark.parametrize(("periods", "correlation"), [(1, 0.0), (8, 0.1), (13, 0.5)])
def test_the_formula(mean, actions, explore, periods, correlation):
    for level, power in ((0.95, 0.8), (0.9, 0.5)):
        design = {"actions": actions, "explore": explore, "periods": periods, "correlation": correlation}
        need = decisions_needed("engaged", mean, 0.2, **design, level=level, power=power)
        exact = by_hand(mean, 0.2, actions, explore, periods, correlation, level, power)
        assert need.decisions == pytest.approx(exact, rel=1e-9, abs=1)
        assert need.decisions >= exact * (1 - 1e-9)
        assert need.users == math.ceil(need.decisions / periods)
        assert (need.outcome, need.mean, need.change) == ("engaged", mean, mean * 0.2)


def test_numbers_that_are_known():
    """(1.959964 + 0.841621)² = 7.848879; times .11·2 over .01²; and for half the lift, of .105·2 over .005²."""
    assert decisions_needed("o", 0.1, 0.1, actions=2, periods=1).decisions == 17268
    assert decisions_needed("o", 0.1, 0.05, actions=2, periods=1).decisions == 65931


@given(st.floats(1e-4, 5), st.floats(0.01, 2), st.integers(2, 30), st.floats(0.01, 1))
def test_it_grows_with_what_makes_the_question_harder(mean, lift, actions, explore):
    base = decisions_needed("o", mean, lift, actions=actions, explore=explore).decisions
    assert decisions_needed("o", mean, lift / 2, actions=actions, explore=explore).decisions >= base
    assert decisions_needed("o", mean, lift, actions=actions + 1, explore=explore).decisions >= base
    assert decisions_needed("o", mean, lift, actions=actions, explore=explore / 2).decisions >= base
    assert decisions_needed("o", mean, lift, actions=actions, explore=explore, power=0.9).decisions >= base
    assert decisions_needed("o", mean / 2, lift, actions=actions, explore=explore).decisions >= base


def power_of(mean, lift, actions, *, poisson, trials=4000, seed=1):
    """Share of simulated uniform logs of the size asked for in which SNIPS of one action shows its change."""
    n = decisions_needed("o", mean, lift, actions=actions, periods=1).decisions
    rng = np.random.default_rng(seed)
    taken, rate = rng.binomial(n, 1 / actions, trials), mean * (1 + lift)
    if poisson:
        draws = [rng.poisson(rate, t) for t in taken]
        value, variance = np.array([d.mean() for d in draws]), np.array([d.var() for d in draws])
    else:
        value = rng.binomial(taken, rate) / taken
        variance = value * (1 - value)
    return float(np.mean(value - 1.959964 * np.sqrt(variance / taken) > mean))


@pytest.mark.parametrize(
    ("actions", "mean", "lift"), [(5, 0.1, 0.2), (21, 0.05, 0.2), (2, 0.02, 0.1), (21, 0.004, 0.5)]
)
def test_a_log_of_that_size_sees_the_change_of_a_rate(actions, mean, lift):
    """.8 was asked for; a rate's variance is below its mean, so that there is a little more: in [.77, .87].

    The share of 4,000 logs has a standard error of .0063: .03 below .8 is 4.7 of them.
    """
    assert 0.77 < power_of(mean, lift, actions, poisson=False) < 0.87


@pytest.mark.parametrize(("actions", "mean", "lift"), [(3, 1.0, 0.2), (5, 2.0, 0.1)])
def test_a_log_of_that_size_sees_the_change_of_a_count(actions, mean, lift):
    """As many Poisson counts: in [.75, .85], and the share of 1,000 logs has a standard error of .0126."""
    assert 0.75 < power_of(mean, lift, actions, poisson=True, trials=1000) < 0.85


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mean": 0.0}, "mean"),
        ({"mean": math.inf}, "mean"),
        ({"mean": math.nan}, "mean"),
        ({"lift": 0.0}, "lift"),
        ({"lift": math.inf}, "lift"),
        ({"actions": 1}, "2 actions"),
        ({"explore": 0.0}, "explore"),
        ({"explore": 1.1}, "explore"),
        ({"periods": 0}, "period"),
        ({"correlation": 1.0}, "correlation"),
        ({"level": 1.0}, "level"),
        ({"power": 1.0}, "power"),
    ],
)
def test_what_is_out_of_range_is_named(change, says):
    good = {"mean": 0.1, "lift": 0.1, "actions": 2}
    with pytest.raises(SpecError, match=says) as caught:
        decisions_needed("engaged", **good | change)
    assert "engaged" in str(caught.value)
