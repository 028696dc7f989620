"""Log health: every injected fault has its finding, with and without vectors, and sound logs have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, chi2

from logs import ABSORBING, BINARY, GRID, PLAIN, log_of, measured, random_log
from tactful.core.log import Coded
from tactful.diagnostics import check as checking
from tactful.diagnostics.calibration import chi_squared
from tactful.diagnostics.chance_tests import CHANCE_TESTS
from tactful.diagnostics.check import check
from tactful.diagnostics.finding import FALSE_ALARM, TEST_LEVEL, TESTS
from tactful.diagnostics.strata import count_actions, stratifications
from tactful.errors import LogError

SHARES = {"policy": 0.7, "uniform": 0.3}


def codes(log, **more):
    return {f.code for f in check(log, **more).findings}


def sound(seed, **more):
    return random_log(seed, users=2500, periods=8, masks=True, **more)


def table_log(seed, *, users=2500, periods=8, sticky=False, late=None, quits=0.01):
    """Users who leave when they opt out, under a table by segment; ``late`` replaces the table halfway."""
    rng = np.random.default_rng(seed)
    who, week = (x.ravel() for x in np.mgrid[0:users, 0:periods])
    tables = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    vector = tables[who % 2]
    if late is not None:
        vector = np.where((week >= periods // 2)[:, None], late, vector)
    u = rng.random(users)[who] if sticky else rng.random(who.size)
    action = (vector.cumsum(1) <= u[:, None] * (1 - 1e-12)).sum(1)
    left = rng.random(who.size) < quits
    stays = np.cumsum(left.reshape(users, -1), 1).ravel() - left == 0
    rows = np.flatnonzero(stays)
    return log_of(
        users=[f"u{w}" for w in who[rows]],
        period=2900 + week[rows],
        action=action[rows],
        segment=np.array(["ios", "web"])[who[rows] % 2].tolist(),
        arm=np.where(np.random.default_rng(9).random(users) < 0.3, "uniform", "policy")[who[rows]].tolist(),
        outcomes=[measured(BINARY, rng.random(rows.size) < 0.3), measured(ABSORBING, left[rows])],
        propensities=vector[rows],
        propensity=vector[rows, action[rows]],
    )


def replaced(log, rows, action, *, looked_up=True):
    now = log.action.copy()
    now[rows] = action
    p = log.propensities[np.arange(log.n), now] if looked_up else log.propensity
    return replace(log, action=now, propensity=p)


# Sound logs


def test_the_rate_is_shared_by_all_tests():
    assert pytest.approx(FALSE_ALARM) == TEST_LEVEL * TESTS
    assert sum(test.parts for test in CHANCE_TESTS) <= TESTS


def test_findings_that_rest_on_chance_belong_to_a_listed_test():
    log = table_log(1, users=4000, sticky=True, quits=0.0)
    lost = (np.random.default_rng(1).random(log.user_key.size) < 0.3)[log.user] & log.arm.equals("uniform")
    findings = check(log.take(~lost), arms=SHARES).findings
    listed = {code for test in CHANCE_TESTS for code in test.codes}
    assert {"sticky", "sample-ratio", "survivorship"} <= {f.code for f in findings if f.p is not None} <= listed


@pytest.mark.parametrize("make", [sound, table_log])
@pytest.mark.parametrize("vectors", [True, False])
def test_sound_logs_raise_no_alarm(make, vectors):
    """Two logs each, eight in all: any alarm in 8 of 1,000 runs at most."""
    for seed in range(2):
        log = make(seed)
        assert codes(log if vectors else replace(log, propensities=None)) == set()


# Overrides and calibration


@pytest.mark.parametrize("seed", range(3))
def test_silent_overrides_are_found(seed):
    log = table_log(seed)
    rows = np.flatnonzero(np.random.default_rng(seed).random(log.n) < 0.05)
    assert "overrides" in codes(replaced(log, rows, 0))
    assert "mismatch" in codes(replaced(log, rows, 0, looked_up=False))
    blind = replace(replaced(log, rows, 0, looked_up=False), propensities=None)
    assert codes(blind) & {"weights", "propensities"}


def test_an_override_names_the_action_and_the_share():
    log = table_log(1)
    rows = np.flatnonzero(np.random.default_rng(1).random(log.n) < 0.05)
    (found,) = [f for f in check(replaced(log, rows, 0)).findings if f.code == "overrides"]
    assert "none was taken" in found.what
    assert 4 < float(found.what.split("as if ")[1].split(" %")[0]) < 6
    assert found.p < TEST_LEVEL


def test_a_fault_in_one_segment_alone_is_found_there():
    """Overall the counts are right: what one segment gains the other loses."""
    log = table_log(2)
    ios = log.segment == log.segments.index("ios")
    swapped = log.action.copy()
    rng = np.random.default_rng(1)
    up, down = ios & (log.action == 1), ~ios & (log.action == 2)
    swapped[np.flatnonzero(up)[rng.permutation(up.sum())[:400]]] = 2
    swapped[np.flatnonzero(down)[rng.permutation(down.sum())[:400]]] = 1
    (found,) = [f for f in check(replaced(log, slice(None), swapped)).findings if f.code == "calibration"]
    assert "in segment" in found.what


def test_replacements_by_anything_show_by_the_size_of_the_probability():
    rng = np.random.default_rng(4)
    log = sound(4)
    rows = np.flatnonzero(rng.random(log.n) < 0.1)
    likely = replaced(log, rows, log.propensities[rows].argmax(1))
    assert codes(likely) & {"calibration", "overrides"}


def test_chi2_is_pearsons_where_all_rows_have_one_pmf():
    log = table_log(3).take(np.arange(900))
    vector = np.tile([0.5, 0.3, 0.2], (log.n, 1))
    overall = count_actions(log, vector, np.zeros(log.n, np.int64), 1)
    found, df = chi_squared(overall, vector)
    wanted = log.n * vector[0]
    assert df == 2
    assert found == pytest.approx(np.sum((np.bincount(log.action, minlength=3) - wanted) ** 2 / wanted), rel=1e-9)


def test_chi2_has_its_distribution_where_rows_differ():
    """P(χ² > the 95 % quantile) over 200 logs: 1 to 22 of them in all but 1 of 1,000 runs."""
    over = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        vector = rng.dirichlet(np.ones(4), 600)
        action = (vector.cumsum(1) <= rng.random((600, 1)) * (1 - 1e-12)).sum(1)
        log = log_of(users=range(600), period=[0] * 600, action=action, outcomes=[], actions=GRID)
        wide = np.concatenate([vector, np.zeros((600, 1))], 1)
        found, df = chi_squared(count_actions(log, wide, np.zeros(600, np.int64), 1), wide)
        over += found > chi2.ppf(0.95, df)
    assert binom.cdf(0, 200, 0.05) + binom.sf(22, 200, 0.05) < 1e-3
    assert 1 <= over <= 22


def test_cells_count_by_part():
    log = sound(5)
    (kind, *_) = [k for k in stratifications(log) if k.name == "segment"]
    found = count_actions(log, log.propensities, kind.stratum, len(kind.names))
    for g in np.unique(log.segment):
        rows = log.segment == g
        np.testing.assert_allclose(found.expected[g], log.propensities[rows].sum(0), rtol=1e-9)
        np.testing.assert_allclose(found.taken[g], np.bincount(log.action[rows], minlength=3))
        p = log.propensities[rows]
        np.testing.assert_allclose(found.variance[g], (p * (1 - p)).sum(0), rtol=1e-9)


# Sticky draws, arms, drift of the policy


@pytest.mark.parametrize("vectors", [True, False])
def test_sticky_draws_are_found(vectors):
    log = table_log(1, sticky=True)
    assert "sticky" in codes(log if vectors else replace(log, propensities=None))


def test_certain_actions_that_repeat_are_no_sticky_draws():
    log = random_log(1)
    same = np.zeros(log.n, np.int64)
    log = replace(log, action=same, propensity=np.ones(log.n), propensities=np.eye(3)[same])
    assert "sticky" not in codes(log)


def test_the_sample_ratio():
    log = table_log(1, users=4000)
    assert "sample-ratio" not in codes(log, arms=SHARES)
    lost = (np.random.default_rng(1).random(log.user_key.size) < 0.3)[log.user] & log.arm.equals("uniform")
    assert "sample-ratio" in codes(log.take(~lost), arms=SHARES)
    # Lost in one segment alone: without the shares.
    assert "sample-ratio" in codes(log.take(~(lost & (log.segment == log.segments.index("ios")))))


@pytest.mark.parametrize("arms", [{"nobody": 0.5}, {"policy": 1.2}, {"policy": 0.5, "uniform": 0.4}, {"policy": -0.1}])
def test_shares_that_are_none_are_refused(arms):
    with pytest.raises(LogError, match="arms"):
        check(table_log(1, users=100), arms=arms)


def test_users_in_two_arms_are_a_warning():
    log = table_log(1, users=100)
    assert "arm-switch" in codes(replace(log, arm=Coded(np.arange(log.n) % 2, ("policy", "uniform"))))


def test_holes_in_time():
    log = table_log(1, users=600, quits=0.001)
    assert "holes" in codes(log.take((log.period != 2903) | (np.arange(log.n) % 4 == 0)))
    long = table_log(1, users=60, periods=12, quits=0.0)
    assert "holes" in codes(long.take(long.period != 2905))
    assert "holes" not in codes(log)


def test_a_policy_that_changes_under_one_version():
    log = table_log(1, late=np.array([0.3, 0.3, 0.4]))
    (found,) = [f for f in check(log).findings if f.code == "policy-drift"]
    assert "policy p0: the propensity of" in found.what
    versions = Coded((log.period >= 2904).astype(np.int64), ("a", "b"))
    assert "policy-drift" not in codes(replace(log, policy=versions))
    assert "policy-drift" not in codes(replace(log, policy=Coded.constant("", log.n)))


def test_contexts_may_move_propensities_but_not_constants():
    log = table_log(1, late=np.array([0.3, 0.3, 0.4]))
    context = {"context": np.random.default_rng(1).random((log.n, 1)), "context_names": ("dose",)}
    assert "policy-drift" in codes(replace(log, **context))
    moving = sound(3)
    moving = replace(moving, context=moving.propensities[:, :1] + moving.period[:, None], context_names=("x",))
    assert "policy-drift" not in codes(moving)


# Survivorship


@pytest.mark.parametrize("seed", range(3))
def test_dropped_users_who_opted_out_are_found(seed):
    log = table_log(seed)
    left = log.outcomes["opted_out"].value == 1
    gone = np.isin(log.user, log.user[left])
    assert "survivorship" in codes(log.take(~gone))
    assert "survivorship" in codes(log.take(~left))
    early = np.isin(log.user, log.user[left & (log.period < log.period.max())])
    assert "survivorship" in codes(log.take(~early))


def test_few_decisions_without_an_opt_out_are_no_alarm():
    log = table_log(1, users=200, quits=0.0)
    assert codes(log) == set()


def test_attrition_that_depends_on_the_action():
    """Users vanish after an evening, and nothing is recorded of it."""
    log = table_log(1, quits=0.002)
    rng = np.random.default_rng(1)
    last = np.full(log.user_key.size, log.period.max() + 1)
    quits = (log.action == 2) & (rng.random(log.n) < 0.05)
    np.minimum.at(last, log.user[quits], log.period[quits])
    assert "attrition" in codes(log.take(log.period <= last[log.user]))


# The rest


def test_young_decisions_are_noted():
    log = random_log(1, outcomes=("engaged", "opted_out"))
    value = np.where(log.period > 2901, np.nan, log.outcomes["opted_out"].value)
    late = replace(log, outcomes={**log.outcomes, "opted_out": measured(ABSORBING, value)})
    assert "young" in codes(late)


def test_a_large_log_is_looked_at_in_part(monkeypatch):
    monkeypatch.setattr(checking, "TESTED_ROWS", 5000)
    log = table_log(1)
    part = checking._sample(log)
    assert 4000 < part.n < 6000
    assert set(part.user_key[part.user]) == {k for k in part.user_key if k <= 5000 / log.n * 2**64} & set(log.user_key)
    assert codes(log) == set()
    rows = np.flatnonzero(np.random.default_rng(1).random(log.n) < 0.1)
    assert "overrides" in codes(replaced(log, rows, 0))


def test_every_finding_has_a_code_in_json():
    found = check(table_log(1, sticky=True)).to_json()
    assert {"level", "what", "code", "p"} <= set(found["findings"][0])
    assert found["false_alarm"] == FALSE_ALARM
    assert PLAIN.k == found["actions"]
