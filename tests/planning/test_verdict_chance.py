"""Prospects of a gate, from a specification and from a log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from promotion.test_gate import leaning, shop
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.frames.spec.log_spec import LogSpec
from tactful.planning.from_guess import Guess
from tactful.planning.power import power
from tactful.planning.verdict_chance import chance_seen
from tactful.promotion.gate import gate

SPEC = LogSpec.from_dict(
    {
        "actions": {"names": ["none", "send"]},
        "outcomes": {"engaged": {"kind": "count"}, "opted_out": {"kind": "binary", "absorbing": True}},
        "objective": {"engaged": 1.0, "opted_out": -15.0},
        "limits": {"opted_out": 0.01},
    }
)
FEW = Guess(weights=(2.0, 5.0))


def test_a_specification_has_a_row_for_every_question():
    found = power(SPEC, guess=FEW, users=900, ratios=(0.25, 0.5))
    assert [(p.verdict, p.assumed, p.largest) for p in found.prospects] == [
        *(("limit", r, w) for w in (2.0, 5.0) for r in (0.25, 0.5)),
        *(("gain", x, w) for w in (2.0, 5.0) for x in (0.02, 0.05, 0.1)),
    ]
    assert (found.delta, found.rows) == (0.025, 8)
    assert all(p.users * 8 == p.decisions for p in found.prospects)
    for p in found.prospects:
        assert (p.chance >= 0.8) == (p.users <= 900) or p.chance == pytest.approx(0.8, abs=0.03)


def test_it_grows_with_what_makes_a_question_harder():
    ratio, weight = {}, {}
    for p in power(SPEC, guess=FEW, ratios=(0.25, 0.5)).prospects:
        ratio.setdefault((p.verdict, p.largest), []).append(p.users)
        weight.setdefault((p.verdict, p.assumed), []).append(p.users)
    assert all(u == sorted(u, reverse=v == "gain") for (v, _), u in ratio.items())
    assert all(u == sorted(u) for u in weight.values())
    halves = [power(SPEC, guess=FEW, ratios=(0.25,), candidates=m).prospects[0].users for m in (1, 5)]
    assert halves[0] < halves[1]


def test_the_variance_of_a_gain_by_hand():
    """Of one decision a user: engaged is Poisson(1), opted_out binary at .01; E[(w − 1)²] = 1; z = 1.96 + .8416."""
    found = power(SPEC, guess=Guess(rows=1, weights=(2.0,)), lifts=(0.1,), ratios=())
    mean, variance = 1 - 15 * 0.01, 1 + 225 * 0.01 * 0.99
    assert found.prospects[0].mean == pytest.approx(0.1 * mean)
    assert found.prospects[0].users == pytest.approx(
        (1.959964 + 0.841621) ** 2 * variance / (0.1 * mean) ** 2, rel=1e-3
    )


def test_a_rate_at_its_limit_is_never_proven():
    found = power(SPEC, guess=FEW, ratios=(1.0,), lifts=())
    assert [p.users for p in found.prospects] == [None, None]


def test_a_log_gives_weights_users_and_spread():
    log = shop(1, 600, rate=0.02)
    found = power(log, leaning(), ratios=(0.5,), lifts=(0.5,))
    limit, gain = found.prospects
    assert (limit.largest, gain.square) == (pytest.approx(1.8), pytest.approx(1.64, abs=0.05))
    assert (found.users, found.rows) == (600, 2)
    se = gate(log, leaning(), spend=0.5, estimator="snips").candidates[0].claim("gain")
    width = (se.other - se.bound) / 2 / 1.6449
    assert gain.chance == pytest.approx(chance_seen(gain.mean, width, delta=0.025), abs=0.03)


def test_what_a_log_says_does_not_depend_on_which_policy_is_better():
    log = shop(2)
    turned = replace(log, action=1 - log.action)  # what was better is now worse
    one, other = (power(x, leaning(i), ratios=()).prospects for x, i in ((log, 1), (turned, 0)))
    assert [p.users for p in one] == [p.users for p in other]


def test_without_vectors_limits_need_a_guarantee():
    log = shop(1, vectors=False)
    assert {p.verdict for p in power(log, leaning(), ratios=(0.5,)).prospects} == {"gain"}
    assert "min_propensity" in power(log, leaning(), ratios=(0.5,)).notes[0]
    assert {p.verdict for p in power(log, leaning(), ratios=(0.5,), min_propensity=0.5).prospects} == {"limit", "gain"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"users": 1}, "at least 2 users"),
        ({"delta": 0.6}, "delta"),
        ({"spend": 1.1}, "share to spend"),
        ({"candidates": 0}, "candidate"),
        ({"chance": 1.0}, "chance"),
        ({"ratios": (0.0,)}, "ratios"),
        ({"lifts": (-0.1,)}, "lifts"),
        ({"guess": Guess(weights=(1.0,))}, "weights above 1"),
        ({"guess": Guess(rate=1.0)}, "rate"),
        ({"guess": Guess(count=0)}, "count"),
        ({"guess": Guess(rows=0)}, "decision"),
        ({"guess": Guess(correlation=1.0)}, "correlation"),
    ],
)
def test_what_is_out_of_range_is_named(options, says):
    with pytest.raises(SpecError, match=says):
        power(SPEC, **options)


def test_what_cannot_be_foretold_is_refused():
    log = shop(1, 60)
    with pytest.raises(SpecError, match="without a candidate"):
        power(log)
    with pytest.raises(NothingToSayError, match="no propensities"):
        power(replace(log, propensity=None, provenance="absent"), leaning())
    with pytest.raises(NothingToSayError, match="estimated"):
        power(replace(log, propensity=None, provenance="estimated"), leaning())
    with pytest.raises(NothingToSayError, match="fitted on all"):
        power(log, leaning(lineage=Lineage()))
    with pytest.raises(SpecError, match="nothing is wanted"):
        power(replace_spec(), guess=FEW)


def replace_spec():
    return LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"engaged": {"kind": "count"}}})


def test_chances_of_a_gain_are_those_of_the_normal():
    assert chance_seen(0.0, 1.0, delta=0.025) == pytest.approx(0.025)
    assert chance_seen(1.959964, 1.0, delta=0.025) == pytest.approx(0.5)


@pytest.mark.slow
def test_a_gate_does_what_was_foretold():
    """300 logs of 400 users, gain .04: the share is within .05 and two standard errors (.058) of the chance."""
    foretold = (
        power(
            replace(shop(0, gain=0.0), limits=Limits({}), objective=Objective({"engaged": 1.0})),
            leaning(),
            spend=1.0,
            lifts=(0.04 * 0.4 / 0.25,),
        )
        .prospects[0]
        .chance
    )
    found = [gate(shop(s, gain=0.04), leaning(), estimator="snips").candidates[0].claim("gain") for s in range(300)]
    share = np.mean([c.status == "proven" for c in found])
    print(f"foretold {foretold:.3f}, came {share:.3f}")
    assert share == pytest.approx(foretold, abs=0.108)
