"""Marginalised estimates over bands of actions: by plain loops, at both extremes, and refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logs import GRID, random_log, table
from reference import estimators as reference
from reference.draw import WHOLE, served_integers
from tactful.core.actions import ActionSpace
from tactful.errors import SpecError
from tactful.evaluation.action_groups import Banding
from tactful.evaluation.evaluate import evaluate

DAY = ActionSpace.grid(["07:00", "10:30", "13:00", "23:30"], [1, 2, 3, 7])


def grid_log(seed, **more):
    return random_log(seed, users=200, actions=GRID, masks=True, **more)


def test_default_bands_are_parts_of_the_day_by_low_and_high():
    code = dict(zip(DAY.names, Banding().codes(DAY).tolist(), strict=True))
    assert code["1x@07:00"] == code["2x@10:30"]  # morning, low: up to the median of 2.5
    assert code["3x@07:00"] == code["7x@10:30"]
    assert len({code[a] for a in ("none", "1x@07:00", "3x@07:00", "1x@13:00", "1x@23:30")}) == 5
    assert max(code.values()) + 1 == 7


def test_bands_begin_where_they_are_told_to_and_the_last_goes_past_midnight():
    two = Banding(["22:00", "09:00"], [1, 3]).codes(DAY)
    code = dict(zip(DAY.names, two.tolist(), strict=True))
    assert code["1x@07:00"] == code["1x@23:30"] != code["1x@10:30"]
    assert code["2x@13:00"] == code["3x@13:00"] != code["7x@13:00"]
    for bad, words in ((["25:00"], "not a time of day: '25:00'"), ([], "no band of the day")):
        with pytest.raises(SpecError, match=words):
            Banding(bad).codes(DAY)


def test_mips_by_plain_loops():
    log, policy = grid_log(4), table(4, actions=GRID, uniform=0.3)
    band = Banding(frequencies=[1]).codes(GRID)
    weight = []
    for i in range(log.n):
        node = policy.segments.nearest(log.segments.paths[log.segment[i]])
        pmf = [x / WHOLE for x in served_integers(policy.shares[node].tolist(), log.eligible[i].tolist(), 0.3)]
        mine = [a for a in range(GRID.k) if band[a] == band[log.action[i]]]
        weight.append(sum(pmf[a] for a in mine) / sum(log.propensities[i, a] for a in mine))
    entry = evaluate(log, policy, estimators=("mips", "ips"), banding=Banding(frequencies=[1]))[
        "target", "engaged", "mips"
    ]
    value, influence = reference.ips(log.outcomes["engaged"].value, weight)
    se = reference.clustered_error(influence, log.user.tolist())
    assert (entry.value, entry.se) == pytest.approx((value, se), rel=1e-9)
    assert (entry.ess, entry.max_weight) == pytest.approx((reference.effective(weight), max(weight)), rel=1e-9)
    assert entry.verdict == "weak"
    assert "takes the actions of a band for alike" in entry.why


def test_a_band_for_each_action_is_ips_and_one_for_all_is_the_mean():
    log, policy = grid_log(5), table(5, actions=GRID, uniform=0.3)
    fine = evaluate(log, policy, estimators=("mips", "ips"), banding=Banding(["07:00", "12:00"], [1]))
    a, b = (fine["target", "engaged", name] for name in ("mips", "ips"))
    assert (a.value, a.se, a.ess) == pytest.approx((b.value, b.se, b.ess), rel=1e-12)
    alike = replace(log, actions=ActionSpace.grid(["08:00", "19:30"], [1, 3], none=False), action=log.action % 4)
    pmf = np.full((log.n, 4), 0.25)
    alike = replace(alike, eligible=None, propensities=pmf, propensity=pmf[:, 0])
    entry = evaluate(alike, "always:3x@19:30", estimators=("mips",), banding=Banding(["00:00"], [9]))[
        "target", "engaged", "mips"
    ]
    assert entry.value == pytest.approx(log.outcomes["engaged"].value.mean())
    assert entry.ess == pytest.approx(log.n)


def test_what_it_needs_is_named_and_other_estimators_go_on():
    log = replace(grid_log(6), propensities=None)
    result = evaluate(log, "uniform", estimators=("mips", "snips"))
    for role in ("target", "baseline", "difference"):
        entry = result[role, "engaged", "mips"]
        assert (entry.verdict, entry.value) == ("refused", None)
        assert entry.why == "needs the logged vectors (propensities)"
        assert result[role, "engaged", "snips"].value is not None
    plain = evaluate(random_log(6, masks=True), "uniform", estimators=("mips",))
    assert "plain names" in plain["target", "engaged", "mips"].why


def test_a_band_that_logging_never_took_is_refused():
    log = grid_log(7, paths=("web",))
    band = Banding(frequencies=[1]).codes(GRID)
    gone = band == band[-1]
    log = log.take(~gone[log.action])
    vectors = np.where(gone, 0.0, log.propensities)
    vectors /= vectors.sum(1, keepdims=True)
    log = replace(log, propensities=vectors, propensity=vectors[np.arange(log.n), log.action], eligible=None)
    entry = evaluate(log, "uniform", estimators=("mips",), banding=Banding(frequencies=[1]))[
        "target", "engaged", "mips"
    ]
    assert entry.verdict == "refused"
    assert "never could" in entry.why
