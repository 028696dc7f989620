"""A comparison gives the target, the baseline and their paired difference, which is as reliable as its weaker side."""

from __future__ import annotations

import numpy as np
import pytest

from logs import GRID, random_log, table
from tactful.core.outcomes import Objective
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.comparison import Comparison
from tactful.ope.reliability import GRAVITY

REWARD = Objective({"engaged": 1.0, "spend": 0.5})
LOG = random_log(4, users=200, outcomes=("engaged", "spend"), objective=REWARD)


def compared(estimand="objective", *, rows=None, estimators=("ips", "dr"), policies=None, log=LOG):
    analysis = AnalysisSet.build(log, policies or [table(4, uniform=0.3), "uniform"])
    comparison = Comparison.build(analysis, estimators)
    return list(comparison.compare(analysis.estimands[estimand], rows))


def test_three_rows_an_estimator():
    rows = compared()
    assert [(r.policy, r.estimator) for r in rows] == [
        (role, name) for name in ("ips", "dr") for role in ("target", "baseline", "difference")
    ]
    assert {r.outcome for r in rows} == {"objective"}
    for target, baseline, difference in (rows[:3], rows[3:]):
        assert difference.value == pytest.approx(target.value - baseline.value)
        assert difference.ess == min(target.ess, baseline.ess)


def test_a_difference_is_as_reliable_as_its_weaker_side():
    for policies in (["always:evening", "uniform"], ["uniform", "always:evening"], ["uniform", "logging"]):
        target, baseline, difference = compared("engaged", estimators=("ips",), policies=policies)
        weaker = max(target, baseline, key=lambda row: GRAVITY[row.verdict])
        assert (difference.verdict, difference.why) == (weaker.verdict, weaker.why)


def test_chosen_rows_alone_are_used():
    chosen = np.flatnonzero(LOG.segment == LOG.segments.index("web"))
    rows = compared("spend", rows=chosen, estimators=("ips",), policies=["logging", "uniform"])
    assert rows[0].n == chosen.size
    assert rows[0].value == pytest.approx(LOG.outcomes["spend"].value[chosen].mean())


def test_estimators_by_band_come_last_and_weights_by_action_are_kept():
    log = random_log(4, users=200, actions=GRID, masks=True)
    analysis = AnalysisSet.build(log, [table(4, actions=GRID, uniform=0.3), "logging"])
    comparison = Comparison.build(analysis, ("mips", "snips"))
    rows = list(comparison.compare(analysis.estimands["engaged"]))
    assert [r.estimator for r in rows] == ["snips"] * 3 + ["mips"] * 3
    assert rows[0].max_weight == comparison.weights[0].weight.max()
    assert rows[3].max_weight == comparison.weightings[1].weights[0].weight.max()
