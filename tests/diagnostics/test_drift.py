"""Recent data against a posterior: silent while nothing changes, and found where something does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, nbinom

from logs import ABSORBING, BINARY, COUNT, PLAIN, REAL, START, WEEK, log_of, measured
from tactful.core.actions import ActionSpace
from tactful.core.log import Measured
from tactful.core.segments import Segments
from tactful.diagnostics.check import check
from tactful.diagnostics.drift import drift, tail_probability
from tactful.errors import LogError, SpecError
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.files import load, save

PATHS = ("ios", "web")
AT_ONCE = replace(ABSORBING, window_us=0)


def weeks(seed, first, count, *, users=400, shift=0.0, where="ios"):
    """Weeks of a world without memory; from them on, ``shift`` is added to the rate of one segment."""
    rng = np.random.default_rng((seed, first))
    who, week = (x.ravel() for x in np.mgrid[0:users, 0:count])
    action = rng.integers(3, size=who.size)
    mean = 0.1 + 0.05 * action + shift * (np.array(PATHS)[who % 2] == where)
    out = [
        measured(BINARY, rng.random(who.size) < mean),
        measured(COUNT, rng.poisson(10 * mean)),
        measured(REAL, rng.normal(mean, 1.0)),
        measured(AT_ONCE, rng.random(who.size) < 0.004),
    ]
    log = log_of(
        users=[f"u{w}" for w in who],
        period=2900 + first + week,
        action=action,
        segment=[PATHS[w % 2] for w in who],
        outcomes=out,
        segments=Segments.of(PATHS),
        propensity=np.full(who.size, 1 / 3),
    )
    return replace(log, as_of=START + (2900 + first + count) * WEEK - 1)


@pytest.fixture(scope="module")
def fitted():
    return Conjugate().fit(weeks(1, 0, 6))


def test_a_world_that_stays_raises_no_alarm():
    """Eight outcomes by segment, 40 pairs of logs at a rate of .05: at most 7 alarms but in 2 of 1,000 runs."""
    alarms = 0
    for seed in range(40):
        posterior = Conjugate().fit(weeks(seed, 0, 3, users=150))
        alarms += any(d.alarm for d in drift(weeks(seed, 5, 2, users=150), posterior, false_alarm=0.05))
    assert binom.sf(7, 40, 0.05) < 2e-3
    assert alarms <= 7


def test_a_change_is_found_where_it_is(fitted):
    found = drift(weeks(1, 8, 4, shift=0.15), fitted)
    alarms = {(d.outcome, d.segment) for d in found if d.alarm}
    assert {("engaged", "ios"), ("sessions", "ios")} <= alarms
    assert not {s for _, s in alarms} - {"ios"}
    assert [d.p for d in found] == sorted(d.p for d in found)


def test_check_reports_it(fitted):
    found = check(weeks(1, 8, 4, shift=0.15), posterior=fitted)
    said = [f for f in found.findings if f.code == "drift"]
    assert said
    assert "expected by the posterior" in said[0].what
    assert found.to_json()["drift"][0]["alarm"]
    assert check(weeks(1, 8, 4), posterior=fitted).findings == []


def test_rows_that_were_counted_are_left_out(fitted):
    assert drift(weeks(1, 0, 6), fitted) == []
    assert drift(weeks(1, 0, 6), fitted, since_us=START + 2905 * WEEK)
    everything = drift(weeks(1, 4, 6), fitted)
    assert {d.n for d in everything if d.outcome == "engaged"} == {4 * 200}


def test_a_posterior_from_a_file_says_the_same(fitted, tmp_path):
    save(fitted, tmp_path / "p")
    log = weeks(1, 8, 4, shift=0.15)
    assert drift(log, load(tmp_path / "p")) == drift(log, fitted)


def test_a_new_segment_is_judged_by_its_parent(fitted):
    log = weeks(1, 8, 4)
    renamed = replace(log, segments=Segments(("", "ios", "tv")))
    assert {d.segment for d in drift(renamed, fitted)} == {"ios", "tv"}


def test_rare_outcomes_have_negative_binomial_tails():
    one = np.array([1.0])
    m, v = 3.0, 0.7
    spread = {"independent": m * one, "dispersion": 1.0, "posterior_variance": v * one}
    found = tail_probability(ABSORBING, 1000 * one, 9 * one, m * one, **spread)[0]
    assert found == pytest.approx(2 * nbinom.sf(8, m * m / v, m / (m + v)), rel=1e-9)
    none = tail_probability(ABSORBING, 1000 * one, 0 * one, m * one, **spread)[0]
    assert none == pytest.approx(2 * nbinom.cdf(0, m * m / v, m / (m + v)), rel=1e-9)


def test_unknown_outcomes_do_not_count(fitted):
    log = weeks(1, 8, 4, shift=0.5)
    blank = {o: Measured(m.spec, np.full(log.n, np.nan), np.zeros(log.n, bool)) for o, m in log.outcomes.items()}
    assert drift(replace(log, outcomes=blank), fitted) == []


def test_what_cannot_be_compared_is_refused(fitted):
    log = weeks(1, 8, 1)
    with pytest.raises(LogError, match="other actions or outcomes"):
        drift(replace(log, actions=ActionSpace.named(["a", *PLAIN.names[1:]])), fitted)
    with pytest.raises(SpecError, match="false-alarm rate"):
        drift(log, fitted, false_alarm=0)
