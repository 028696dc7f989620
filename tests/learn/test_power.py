"""How many decisions a question needs: the formula by hand, and by simulation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tactful.errors import SpecError
from tactful.learn.power import decisions_needed

Z = NormalDist().inv_cdf


def by_hand(mean, lift, actions, explore, periods, correlation, level, power):
    z = Z((1 + level) / 2) + Z(power)
    second_moment_of_the_weighted_outcome = mean * actions / explore
    design = 1 + (periods - 1) * correlation
    return z**2 * second_moment_of_the_weighted_outcome * design / (mean * lift) ** 2


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
    """(1.959964 + 0.841621)² = 7.848879; times .1·2 over .01²; and four times as many for half the lift."""
    assert decisions_needed("o", 0.1, 0.1, actions=2, periods=1).decisions == 15698
    assert decisions_needed("o", 0.1, 0.05, actions=2, periods=1).decisions == 62792


@given(st.floats(1e-4, 5), st.floats(0.01, 2), st.integers(2, 30), st.floats(0.01, 1))
def test_it_grows_with_what_makes_the_question_harder(mean, lift, actions, explore):
    base = decisions_needed("o", mean, lift, actions=actions, explore=explore).decisions
    assert decisions_needed("o", mean, lift / 2, actions=actions, explore=explore).decisions >= base
    assert decisions_needed("o", mean, lift, actions=actions + 1, explore=explore).decisions >= base
    assert decisions_needed("o", mean, lift, actions=actions, explore=explore / 2).decisions >= base
    assert decisions_needed("o", mean, lift, actions=actions, explore=explore, power=0.9).decisions >= base
    assert decisions_needed("o", mean / 2, lift, actions=actions, explore=explore).decisions >= base


def power_of(mean, lift, actions, *, poisson, trials=4000, seed=1):
    """Share of simulated uniform logs of the size asked for in which IPS of one action shows its change."""
    n = decisions_needed("o", mean, lift, actions=actions, periods=1).decisions
    rng = np.random.default_rng(seed)
    taken = rng.binomial(n, 1 / actions, trials)
    rate = mean * (1 + lift)
    total = rng.poisson(taken * rate) if poisson else rng.binomial(taken, rate)
    square = total if not poisson else np.array([np.sum(rng.poisson(rate, t) ** 2) for t in taken])
    if poisson:  # one draw for both moments
        draws = [rng.poisson(rate, t) for t in taken]
        total, square = np.array([d.sum() for d in draws]), np.array([np.sum(d**2) for d in draws])
    value = actions * total / n
    error = np.sqrt((actions**2 * square / n - value**2) / n)
    return float(np.mean(value - 1.959964 * error > mean)), n


def test_a_log_of_that_size_sees_the_change_of_a_rate_with_the_power_asked_for():
    """IPS of one action in a uniform log, against a known baseline; m₂ is planned at the mean and not at the changed
    mean, and the −value² of the variance is left out, so that power is near .8: in [.75, .85] by far (5 SE = .032).
    """
    for actions, mean, lift in ((5, 0.1, 0.2), (21, 0.05, 0.2), (2, 0.02, 0.1)):
        power, _ = power_of(mean, lift, actions, poisson=False)
        assert 0.75 < power < 0.85, (actions, mean, lift, power)


def test_a_log_of_that_size_sees_the_change_of_a_rare_count():
    """A Poisson count of mean .05 has m₂ = mean·(1 + mean), 5 % above the plan."""
    power, n = power_of(0.05, 0.3, 3, poisson=True, trials=400)
    low, high = binom.ppf([1e-4, 1 - 1e-4], 400, 0.78) / 400
    assert low < power < high, (power, n)


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
