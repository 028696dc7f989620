"""Coverage of nominal 95 % intervals over 2,000 simulated logs with repeating users: right by user, not by row.

A coverage of .95 lies in [.9335, .9655] in all but 1.5 of 1,000 studies (3.2 binomial standard errors). Run with -s to
see the figures.
"""

from __future__ import annotations

import numpy as np
import pytest

from tactful.ope.estimators import dr, ips, snips
from tactful.ope.intervals import cluster_t

LOGS, USERS, ROWS = 2000, 200, 10
LOGGING, TARGET = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
RATE = np.array([0.3, 0.4, 0.5])
TRUTH = float(TARGET @ RATE)
CLUSTER, ROW = np.repeat(np.arange(USERS), ROWS), np.arange(USERS * ROWS)
ESTIMATORS = {
    "ips": lambda r, w, a: ips(r, w),
    "snips": lambda r, w, a: snips(r, w),
    "dr": lambda r, w, a: dr(r, w, RATE[a], np.full(a.size, TRUTH)),
}


@pytest.fixture(scope="module")
def coverage():
    """{estimator: (by user, by row)} shares of logs whose interval holds the truth; users differ by U(−.3, .3)."""
    rng = np.random.default_rng(1)
    hits = {name: np.zeros(2) for name in ESTIMATORS}
    for _ in range(LOGS):
        effect = rng.uniform(-0.3, 0.3, USERS)[CLUSTER]
        action = np.searchsorted(np.cumsum(LOGGING)[:-1], rng.random(CLUSTER.size), side="right")
        reward = (rng.random(CLUSTER.size) < RATE[action] + effect).astype(float)
        weight = (TARGET / LOGGING)[action]
        for name, estimator in ESTIMATORS.items():
            estimate = estimator(reward, weight, action)
            for i, user in enumerate((CLUSTER, ROW)):
                interval = cluster_t(estimate, user)
                hits[name][i] += interval.low <= TRUTH <= interval.high
    return {name: tuple(h / LOGS) for name, h in hits.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_intervals_by_user_cover_and_intervals_by_row_do_not(coverage, name):
    by_user, by_row = coverage[name]
    print(f"{name}: coverage {by_user:.4f} by user, {by_row:.4f} by row")
    assert 0.9335 <= by_user <= 0.9655
    assert by_row < 0.9335
    assert by_row < by_user
