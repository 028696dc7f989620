"""The micro-randomised trial: a row a slot, exact propensities, truth, and totals that are the log's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy import stats

from tactful.core.actions import DAY_US
from tactful.core.draw import ONE, to_shares
from tactful.core.segments import Segments
from tactful.simulate.world import World
from tactful.simulate.world_config import WorldConfig

BRISK = World(replace(WorldConfig(), hazard=0.01, openness=-1.0))
OUTCOMES = ("engaged", "opens", "opted_out")
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="too many users for plain Python")


@dataclass(frozen=True)
class Rested:
    """Sends to the rested."""

    segments: Segments = field(default_factory=lambda: Segments(("",)))
    uniform: float = 0.1
    version: str = "rested"

    def pmf(self, nodes, context=None):
        send = np.where(context[:, 0] < 2, 0.6, 0.05)
        return np.stack([1 - send, send], 1)


@pytest.fixture(scope="module")
def made():
    return BRISK.trial(150, 7, Rested(), seed=4)


def test_the_log_has_a_row_a_slot(made):
    log = made.log
    assert log.actions.names == ("none", "send")
    assert (np.diff(log.user) >= 0).all()
    first = np.append(True, log.user[1:] != log.user[:-1])
    assert (log.period[first] == 0).all()
    assert (np.diff(log.period)[~first[1:]] == 1).all()
    assert (np.diff(log.decided_at)[~first[1:]] > 0).all()
    gone = log.outcomes["opted_out"].value == 1
    assert gone.any()
    assert np.append(first[1:], True)[gone].all()
    np.testing.assert_array_equal(log.outcomes["opens"].trials, log.action)
    settled = made.known_at["opted_out"] - log.decided_at
    assert (settled[gone] < 14 * DAY_US).all()
    assert all(m.mature.all() for m in log.outcomes.values())


def test_propensities_follow_the_state_in_the_context(made):
    log = made.log
    send = np.where(log.context[:, 0] < 2, 0.6, 0.05)
    shares = np.array([to_shares([0.9 * (1 - p) + 0.05, 0.9 * p + 0.05]) for p in send]) / ONE
    np.testing.assert_allclose(log.propensities, shares, atol=2 / ONE)
    np.testing.assert_array_equal(log.propensity, log.propensities[np.arange(log.n), log.action])


@compiled
def test_truth_is_the_mean_of_what_is_realised():
    """Three outcomes under two actions: z tests, false-alarm rate 1e-4 in all."""
    made = BRISK.trial(4000, 7, 0.3, seed=9, warm=True)
    log = made.log
    for o in OUTCOMES:
        for a in (0, 1):
            rows = log.action == a
            gap = log.outcomes[o].value[rows] - made.truth[o][rows, a]
            assert abs(gap.mean()) <= stats.norm.isf(1e-4 / 12) * gap.std() / np.sqrt(gap.size)


@compiled
def test_totals_of_a_coin_are_those_of_its_log():
    log = BRISK.trial(600, 7, 0.2, seed=2, warm=True).log
    value = BRISK.trial_value(0.2, 7, 600, seed=2)
    assert value.of_users("sends").sum() == log.action.sum()
    assert value.of_users("opens").sum() == log.outcomes["opens"].value.sum()
    assert value.of_users("opt_outs").sum() == log.outcomes["opted_out"].value.sum()
    assert value.of_users("sessions").sum() >= log.outcomes["engaged"].value.sum()  # the opted out still visit


def test_parts_of_a_population_are_the_whole():
    whole = BRISK.trial(40, 3, 0.4, seed=1).log
    parts = [BRISK.trial(n, 3, 0.4, seed=1, first_user=at).log for at, n in ((0, 13), (13, 27))]
    for name in ("period", "action", "context", "decided_at"):
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(p, name) for p in parts]))
    cut = BRISK.trial(40, 3, 0.4, seed=1, as_of=int(whole.decided_at.max())).log
    assert np.isnan(cut.outcomes["opens"].value).all()
