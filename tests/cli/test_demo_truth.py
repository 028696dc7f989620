"""The demo's pipeline on a small world covers the true gain as often as its intervals say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import tactful as tt
from tactful.cli.demo import SPLIT, one_step_truth
from tactful.simulate.world_config import lively

SEEDS = range(1, 201)
OBJECTIVE = tt.Objective({"engaged": 1.0, "opted_out": -15.0})


def gain(seed: int, users: int = 3000, periods: int = 6) -> dict[str, tuple[bool, str]]:
    """Whether each estimator's interval of policy less logging holds the one-step truth, and its verdict."""
    simulated = tt.World(lively()).simulate(users, periods, seed=seed)
    log = simulated.log
    train, held = log.split(SPLIT.share, SPLIT.salt)
    policy = tt.publish(tt.Hierarchical().fit(train), OBJECTIVE, seed=seed)
    result = tt.evaluate(held, policy, "logging")
    target, base = one_step_truth(simulated, policy, SPLIT.holds_out(log.user_key)[log.user])["engaged"]
    covered = {}
    for estimator in ("ips", "snips", "dr"):
        e = result["difference", "engaged", estimator]
        covered[estimator] = (e.low <= target - base <= e.high, e.verdict)
    return covered


@pytest.mark.slow
def test_intervals_cover_the_true_gain_over_200_seeds():
    """Nominal .95; if that is right, an estimator's hits leave [178, 199] with probability 2.3e-4."""
    low, high = 178, 199
    assert binom.cdf(low - 1, 200, 0.95) + binom.sf(high, 200, 0.95) < 2.3e-4
    runs = [gain(seed) for seed in SEEDS]
    for estimator in ("ips", "snips", "dr"):
        hits = sum(run[estimator][0] for run in runs)
        verdicts = dict(zip(*np.unique([run[estimator][1] for run in runs], return_counts=True), strict=True))
        print(f"{estimator}: {hits} of 200 intervals cover the true gain; verdicts {verdicts}")
        assert low <= hits <= high
