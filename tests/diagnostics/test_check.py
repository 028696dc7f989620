"""Check: every fault that a log can have has its finding, and a sound log has none."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from logs import ABSORBING, BINARY, COUNT, OPENS, PLAIN, REAL, log_of, measured, random_log
from tactful.core.log import Coded
from tactful.diagnostics.calibration import find_miscalibration
from tactful.diagnostics.check import check
from tactful.diagnostics.finding import TEST_LEVEL


def of(found, level):
    return [f.what for f in found.findings if f.level == level]


def vectors(seed, *, users=120, periods=5, k=3, floor=0.1):
    """A log drawn from its own, random, propensity vectors; one outcome."""
    rng = np.random.default_rng(seed)
    n = users * periods
    pmf = floor + (1 - k * floor) * rng.dirichlet(np.ones(k), n)
    pmf /= pmf.sum(1, keepdims=True)
    action = (rng.random((n, 1)) > np.cumsum(pmf, 1)).sum(1).clip(max=k - 1)
    return log_of(
        users=[f"u{i}" for i in np.repeat(np.arange(users), periods)],
        period=np.tile(np.arange(periods), users),
        action=action,
        outcomes=[measured(BINARY, rng.random(n) < 0.4)],
        propensity=pmf[np.arange(n), action],
        propensities=pmf,
    )


# What is in the log


def test_a_sound_log_has_no_findings():
    found = check(random_log(1, outcomes=("engaged", "sessions")))
    assert found.findings == []
    assert (found.n, found.users, found.periods, found.segments, found.actions) == (240, 60, 4, 3, 3)
    assert (found.arms, found.propensities_are) == ({"policy": 240}, "logged")


def test_counts_and_means_by_hand():
    log = log_of(
        users=["a", "a", "b", "b"],
        period=[0, 1, 0, 1],
        action=[0, 1, 1, 2],
        segment=["ios", "ios", "web", "web"],
        arm=["policy", "policy", "control", "control"],
        propensity=np.array([0.5, 0.25, 0.5, 0.125]),
        outcomes=[measured(COUNT, [1, np.nan, 3, 5], mature=[True, False, True, True])],
    )
    found = check(log)
    (outcome,) = found.outcomes
    assert (outcome.known, outcome.immature, outcome.missing, outcome.mean) == (3, 1, 0, 3.0)
    none, morning, evening = found.support
    assert (none.n, none.share, none.min_propensity, none.ess) == (1, 0.25, 0.5, 1.0)
    assert (morning.n, morning.min_propensity) == (2, 0.25)
    assert morning.ess == pytest.approx((4 + 2) ** 2 / (16 + 4))
    assert evening.min_propensity == 0.125
    assert found.arms == {"policy": 2, "control": 2}
    # The weights of the uniform policy are 1/3 over the propensity: 2/3, 4/3, 2/3, 8/3.
    assert found.uniform["mean_weight"] == pytest.approx(4 / 3, rel=1e-8)
    assert found.uniform["max_weight"] == pytest.approx(8 / 3, rel=1e-8)


def test_it_can_be_printed_as_json():
    log = replace(random_log(1), left_out=(("where: available = 1", 7),))
    said = json.loads(json.dumps(check(log).to_json(), allow_nan=False))
    assert said["left_out"] == {"where: available = 1": 7}
    assert said["support"][0]["action"] == "none"


# Findings


def test_missing_outcomes_are_errors():
    value = np.ones(40)
    value[:3] = np.nan
    log = random_log(1, users=40, periods=1)
    log = replace(log, outcomes={"engaged": measured(BINARY, value, mature=np.ones(40, bool))})
    assert [w for w in of(check(log), "error") if "3 rows are past the window and unknown" in w]


def test_nothing_mature_is_a_warning_and_nothing_can_be_fitted():
    log = random_log(1)
    log = replace(log, outcomes={"engaged": measured(BINARY, np.full(log.n, np.nan))})
    found = check(log)
    assert of(found, "warning") == ["engaged: no value is mature yet"]
    assert "fit a policy on any outcome: none is mature" in found.cannot


def test_an_action_that_was_never_logged_is_a_warning():
    log = random_log(1, users=100)
    found = check(replace(log, action=np.minimum(log.action, 1), propensity=np.full(log.n, 0.5)))
    warnings = of(found, "warning")
    assert [w for w in warnings if w.startswith("never logged: evening;")]
    assert [w for w in warnings if "below 1: some actions were never possible" in w]
    support = {s.action: (s.n, s.min_propensity, s.ess) for s in found.support}
    assert support["evening"] == (0, None, None)


@pytest.mark.parametrize(("factor", "level", "says"), [(0.9, "error", "too small"), (1.1, "warning", "too large")])
def test_propensities_that_are_off_by_a_tenth_are_found(factor, level, says):
    log = random_log(1, users=500)
    assert check(log).findings == []
    found = check(replace(log, propensity=log.propensity * factor))
    assert [w for w in of(found, level) if says in w]
    assert found.uniform["mean_weight"] == pytest.approx(1 / factor, abs=0.01)


def test_propensities_of_drawn_logs_raise_no_alarm():
    """The mean weight is off by 4 SE in 6e-5 of logs: none of 40 with probability .997."""
    for seed in range(40):
        assert check(vectors(seed)).findings == []


def test_the_calibration_has_its_false_alarm_rate():
    """It may alarm in 1 of 10,000 sound logs: at most 2 of 1,000 with probability .9998."""
    assert pytest.approx(1e-4) == TEST_LEVEL
    alarms = sum(any(True for _ in find_miscalibration(vectors(seed, users=60, periods=2))) for seed in range(1000))
    assert binom.sf(2, 1000, TEST_LEVEL) < 2e-4
    assert alarms <= 2


def test_tampered_vectors_are_found():
    """Two columns exchanged in all rows: 600 actions do not follow them. χ² ≫ 13.8, the bound for 2 degrees at 1e-3."""
    log = vectors(1)
    skewed = log.propensities * [0.6, 1.0, 1.4]
    skewed /= skewed.sum(1, keepdims=True)
    (error,) = [w for w in of(check(replace(log, propensities=skewed)), "error") if "χ²" in w]
    assert "actions do not follow the propensities" in error
    assert "expected" in error


def test_vectors_that_are_certain_are_not_tested():
    log = random_log(1)
    sure = np.eye(3)[log.action]
    found = check(replace(log, propensities=sure, propensity=np.ones(log.n)))
    assert not [f for f in found.findings if "χ²" in f.what]


def test_actions_too_rare_to_expect_are_not_tested():
    log = vectors(1, users=1, periods=4)
    assert not [f for f in check(log).findings if "χ²" in f.what]


def zero_under_none(spec, *, silent=0.0):
    rng = np.random.default_rng(1)
    n = 300
    action = rng.integers(3, size=n)
    value = np.where(action == 0, silent, rng.random(n) < 0.4).astype(float)
    trials = np.where(action == 0, 0.0, 3.0) if spec.has_trials else None
    return log_of(
        users=[f"u{i % 60}" for i in range(n)],
        period=np.arange(n) // 60,
        action=action,
        outcomes=[measured(spec, value, trials=trials)],
        propensity=np.full(n, 1 / 3),
    )


@pytest.mark.parametrize("spec", [BINARY, COUNT, OPENS])
def test_an_outcome_that_needs_a_send_is_noted(spec):
    (note,) = of(check(zero_under_none(spec)), "note")
    assert note.startswith(f"{spec.name} is always 0 under 'none'")
    assert "sessions" in note


def test_an_outcome_that_happens_anyway_is_not_noted():
    assert of(check(zero_under_none(BINARY, silent=1.0)), "note") == []
    assert of(check(zero_under_none(REAL)), "note") == []
    few = zero_under_none(BINARY).take(np.arange(60))
    assert of(check(few), "note") == []


def test_actions_without_none_have_nothing_to_note():
    log = zero_under_none(BINARY)
    plain = replace(PLAIN, names=("early", "morning", "evening"))
    assert of(check(replace(log, actions=plain)), "note") == []


def test_few_users_are_a_warning():
    assert of(check(random_log(2, users=39, periods=20)), "warning") == [
        "39 users: intervals by user are rough below 40"
    ]
    assert of(check(random_log(2, users=40, periods=20)), "warning") == []


# Questions


def test_without_propensities_nothing_can_be_evaluated():
    log = replace(random_log(1), propensity=None, provenance="absent")
    found = check(log)
    assert found.uniform == {}
    assert found.can == ["fit a policy on engaged"]
    assert "randomise a slice first (tactful init)" in found.cannot[0]
    assert "trust a fitted policy" in found.cannot[1]
    assert {s.min_propensity for s in found.support} == {None}


def test_estimated_propensities_are_weak_and_never_promote():
    found = check(replace(random_log(1), provenance="estimated"))
    assert [c for c in found.can if "no hidden confounding" in c]
    assert found.cannot == ["promote a policy on estimated propensities"]


def test_a_single_user_says_nothing():
    found = check(random_log(1, users=1, periods=30))
    assert found.cannot == ["evaluate anything: there is a single user"]


def test_questions_are_sorted_by_effective_rows():
    rng = np.random.default_rng(1)
    action = np.repeat([0, 1, 2], [250, 100, 20])
    n = action.size
    log = log_of(
        users=[f"u{i}" for i in range(n)],
        period=[0] * n,
        action=action,
        outcomes=[measured(COUNT, rng.poisson(2.0, n)), measured(ABSORBING, np.arange(n) < 3)],
        propensity=np.array([250, 100, 20])[action] / n,
    )
    found = check(log)
    assert [c for c in found.can if c.endswith("whole log: always:none")]
    assert "evaluate weakly: always:morning" in found.can
    assert "evaluate, for want of 50 effective rows: always:evening" in found.cannot
    assert "bound opted_out reliably: fewer than 50 events" in found.cannot


def test_arms_are_counted():
    log = random_log(1)
    arm = Coded(np.arange(log.n) % 2, ("policy", "control"))
    assert check(replace(log, arm=arm)).arms == {"policy": 120, "control": 120}
