"""The analysis set: which rows may be used for some policies, their propensities, and what is estimated on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logs import random_log, table
from tactful.core.lineage import Lineage
from tactful.core.log import Coded
from tactful.core.outcomes import Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.evaluation.analysis_set import AnalysisSet, Estimand, check_askable
from tactful.evaluation.crossfit import estimated_propensities, folds
from tactful.evaluation.target_policies import LoggingPolicy

LOG = random_log(6, users=300, outcomes=("engaged", "opted_out", "spend"))
REWARD = Objective({"engaged": 1.0, "opted_out": -15.0})


def fitted(salt, share=0.5, seed=6):
    return table(seed, uniform=0.5, lineage=Lineage(split_salt=salt, split_share=share))


def test_rows_are_those_that_no_policy_was_fitted_on():
    policies = [fitted("a"), fitted("b", seed=7), "uniform"]
    held = [set(LOG.split(0.5, salt)[1].user.tolist()) for salt in ("a", "b")]
    analysis = AnalysisSet.build(LOG, policies)
    assert set(analysis.log.user.tolist()) == held[0] & held[1]
    assert analysis.in_sample == (False, False, False)
    assert analysis.left_out == {"in-sample: the policy was fitted on them": LOG.n - analysis.log.n}
    assert [p.version for p in analysis.policies[:2]] == [p.version for p in policies[:2]]


def test_where_no_such_row_is_left_each_policy_says_whether_it_saw_them():
    train = LOG.split(0.5, "a")[0]
    analysis = AnalysisSet.build(train, ["uniform", fitted("a"), "logging"])
    assert (analysis.log.n, analysis.left_out) == (train.n, {})
    assert analysis.in_sample == (False, True, False)


def test_control_is_left_out_first():
    arm = Coded((LOG.user % 3 > 0).astype(np.int64), ("control", "policy"))
    log = replace(LOG, arm=arm, left_out=(("where", 7),))
    analysis = AnalysisSet.build(log, ["uniform"])
    assert analysis.left_out == {"where": 7, "arm: control": int(log.arm.equals("control").sum())}
    assert not analysis.log.arm.equals("control").any()
    with pytest.raises(NothingToSayError, match="control arm"):
        AnalysisSet.build(replace(LOG, arm=Coded.constant("control", LOG.n)), ["uniform"])


def test_the_objective_is_the_stated_one_or_the_log_s_or_the_first_policy_s():
    policy = table(6, objective=Objective({"spend": 1.0}))
    with_objective = replace(LOG, objective=REWARD)
    assert AnalysisSet.build(with_objective, [policy], objective=Objective({"spend": 2.0})).objective.values == {
        "spend": 2.0
    }
    assert AnalysisSet.build(with_objective, [policy]).objective == REWARD
    assert AnalysisSet.build(LOG, [policy]).objective.values == {"spend": 1.0}
    assert AnalysisSet.build(LOG, ["logging", policy]).objective.values == {}
    with pytest.raises(SpecError, match="unknown outcome 'x'"):
        _ = AnalysisSet.build(LOG, [policy], objective=Objective({"x": 1.0})).objective


def test_estimands_are_the_outcomes_and_the_objective_if_there_is_one():
    analysis = AnalysisSet.build(LOG, ["uniform"], objective=REWARD)
    assert list(analysis.estimands) == ["engaged", "opted_out", "spend", "objective"]
    objective = analysis.estimands["objective"]
    assert objective == Estimand("objective", ("engaged", "opted_out"))
    assert [m.spec.name for m in analysis.counted(objective)] == ["engaged", "opted_out"]
    assert analysis.counted(analysis.estimands["spend"]) == []
    value = {o: m.value for o, m in LOG.outcomes.items()}
    expected = value["engaged"] - 15 * value["opted_out"]
    np.testing.assert_array_equal(analysis.reward(objective), expected)
    np.testing.assert_array_equal(analysis.reward(objective, np.array([4, 2])), expected[[4, 2]])
    np.testing.assert_array_equal(analysis.reward(analysis.estimands["spend"]), value["spend"])
    assert "objective" not in AnalysisSet.build(LOG, ["uniform"]).estimands


def test_propensities_are_the_recorded_ones_unless_they_are_said_to_be_estimated():
    recorded = AnalysisSet.build(LOG, ["uniform"])
    assert recorded.propensity is recorded.log.propensity
    assert not recorded.estimated
    estimated = AnalysisSet.build(replace(LOG, provenance="estimated"), ["uniform"])
    np.testing.assert_array_equal(estimated.propensity, estimated_propensities(LOG, folds(LOG)))
    assert estimated.estimated


def test_other_policies_keep_the_rows_and_the_objective():
    gate = AnalysisSet.build(replace(LOG, objective=REWARD), [fitted("a"), fitted("b", seed=7), "logging"])
    baseline = LoggingPolicy()
    for candidate in gate.policies[:2]:
        pair = gate.with_policies(candidate, baseline)
        assert pair.log is gate.log
        assert (pair.policies, pair.in_sample, pair.objective) == ((candidate, baseline), (False, False), REWARD)


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(NothingToSayError, match="no propensities"):
        AnalysisSet.build(replace(LOG, provenance="absent"), ["uniform"])
    with pytest.raises(NothingToSayError, match="a single user"):
        check_askable(LOG.take(LOG.user == 3))
    arm = Coded((LOG.user == 3).astype(np.int64), ("control", "policy"))
    single = AnalysisSet.build(replace(LOG, arm=arm), ["uniform"])
    with pytest.raises(NothingToSayError, match="a single user"):
        single.check_users()
