"""90 % credible intervals cover the truth in about 90 % of cells, whether or not users repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from logs import BINARY, log_of, measured
from tactful.models.conjugate.posterior import Conjugate

SEGMENTS, ACTIONS, USERS, WEEKS, LOGS = 8, 3, 60, 12, 150
NAMES = np.array([f"s{i}" for i in range(SEGMENTS)], object)


def coverage(icc, *, sticky=True, dispersion=True, seed=1):
    """Share of (log, segment, action) cells covered; rates are Beta(4, 16), each user keeps one action if ``sticky``.

    With probability √icc a decision uses the user's own uniform instead of a new one, so that the decisions of a
    user have intraclass correlation icc.
    """
    rng = np.random.default_rng(seed)
    covered = []
    for _ in range(LOGS):
        truth = rng.beta(4, 16, (SEGMENTS, ACTIONS))
        segment = np.repeat(np.arange(SEGMENTS), USERS)
        who = np.repeat(np.arange(segment.size), WEEKS)
        action = rng.integers(ACTIONS, size=segment.size)[who] if sticky else rng.integers(ACTIONS, size=who.size)
        own = rng.random(segment.size)[who]
        u = np.where(rng.random(who.size) < np.sqrt(icc), own, rng.random(who.size))
        log = log_of(
            users=who,
            period=np.tile(np.arange(WEEKS), segment.size),
            action=action,
            segment=NAMES[segment[who]],
            outcomes=[measured(BINARY, u < truth[segment[who], action])],
        )
        posterior = Conjugate(dispersion).fit(log)
        mean, strength = posterior.mean("engaged")[1:], posterior.strength("engaged")[1:]
        low, high = (stats.beta.ppf(q, mean * strength, (1 - mean) * strength) for q in (0.05, 0.95))
        covered.append(np.mean((low <= truth) & (truth <= high)))
    return float(np.mean(covered))


@pytest.mark.parametrize(("icc", "sticky"), [(0.0, True), (0.1, True), (0.1, False)])
def test_credible_intervals_cover(icc, sticky):
    """150 logs of 24 cells: the standard error is .005, so the bounds are 5.5 of them from a true coverage of .89."""
    assert 0.86 <= coverage(icc, sticky=sticky) <= 0.94


def test_without_the_dispersion_they_would_be_too_narrow():
    assert coverage(0.1, dispersion=False) < 0.82
