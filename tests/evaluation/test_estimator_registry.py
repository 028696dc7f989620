"""The estimators and intervals beside the usual ones, and their verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from tactful.core.outcomes import Objective
from tactful.errors import SpecError
from tactful.evaluation.estimator_registry import ESTIMATORS
from tactful.evaluation.evaluate import evaluate
from tactful.ope.intervals import VALID_FOR
from tactful.simulate.plain_world import PlainWorld
from tactful.simulate.status_quo import StatusQuo

WORLD = PlainWorld()
LOG = WORLD.simulate(1500, 4, StatusQuo(WORLD.actions, WORLD.segments), seed=2).log
REWARD = Objective({"engaged": 1.0})


def result(**more):
    return evaluate(LOG, "uniform", objective=REWARD, **more)


def test_the_usual_four_do_not_change():
    few, all_ = result(), result(estimators=tuple(ESTIMATORS))
    for entry in few.estimates:
        assert all_[entry.policy, entry.outcome, entry.estimator] == entry


def test_self_normalised_dr_is_near_dr_and_has_an_interval():
    both = result(estimators=("dr", "sndr"))
    one, two = (both["target", "engaged", name] for name in ("dr", "sndr"))
    assert two.low < one.value < two.high
    assert two.verdict == one.verdict


@pytest.mark.parametrize("name", ["clipped-ips", "switch-dr", "dros"])
def test_what_trades_bias_for_variance_is_never_ok(name):
    found = result(estimators=(name,))
    for entry in found.estimates:
        assert entry.verdict in ("weak", "refused")
        assert (entry.parameter is not None) == (entry.policy != "difference" and entry.value is not None)


def test_an_unknown_estimator_is_refused():
    with pytest.raises(SpecError, match="unknown estimator 'magic'"):
        result(estimators=("magic",))


def test_intervals_name_what_they_rest_on_or_why_there_is_none():
    found = result(intervals=True).intervals
    assert found
    for x in found:
        assert x.valid_for == VALID_FOR[x.interval]
        assert (x.low is None) == bool(x.why)
    target = result()["target", "engaged", "snips"]
    boot = next(x for x in found if (x.policy, x.outcome, x.estimator) == ("target", "engaged", "snips"))
    assert np.isclose(boot.low, target.low, atol=0.3 * (target.high - target.low))
    assert not result().intervals


def test_finite_sample_intervals_of_a_binary_outcome_hold_the_asymptotic_one():
    found = result(intervals=True)
    binary = [o for o, m in LOG.outcomes.items() if m.spec.kind == "binary"]
    for o in binary:
        ips = found["baseline", o, "ips"]
        wide = [
            x for x in found.intervals if (x.policy, x.outcome, x.estimator) == ("baseline", o, "ips") and not x.why
        ]
        assert {x.interval for x in wide} == {"betting", "empirical-bernstein"}
        for x in wide:
            assert 0 <= x.low <= ips.value <= x.high <= 1
            assert x.high - x.low > 0.9 * (ips.high - ips.low)
