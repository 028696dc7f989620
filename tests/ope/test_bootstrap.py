"""Poisson bootstrap by user: the reference's sums, keyed replicates, and intervals that cover."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from reference import bootstrap as reference
from tactful.ope.bootstrap import bootstrap, bootstrap_replicates
from tactful.ope.estimators import dr, ips, snips
from tactful.ope.intervals import cluster_t

jitted = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="millions of counts")


def sample(seed=0, n=40, users=9):
    rng = np.random.default_rng(seed)
    return rng.random(n), rng.gamma(1, size=n), rng.integers(users, size=n)


def test_replicates_are_weighted_estimates():
    reward, weight, user = sample()
    q = reward.mean() + 0 * reward
    estimates = [ips(reward, weight), snips(reward, weight), dr(reward, weight, q, q)]
    found = bootstrap_replicates(estimates, user, denominators=[None, weight, None], replicates=300, seed=5)
    assert found.shape == (3, 300)
    rows = [weight * reward, weight * reward, q + weight * (reward - q)]
    below = [0 * weight + 1, weight, 0 * weight + 1]
    for b in (0, 1, 131, 299):
        for m in range(3):
            expected = reference.ratio(rows[m].tolist(), below[m].tolist(), user.tolist(), b, seed=5)
            assert found[m, b] == pytest.approx(expected, rel=1e-10)
    alone = bootstrap_replicates([estimates[0] - estimates[2]], user, replicates=300, seed=5)
    np.testing.assert_allclose(alone[0], found[0] - found[2], atol=1e-12)


def test_replicates_depend_on_the_key_and_not_on_the_order_of_users():
    reward, weight, user = sample()
    key = np.arange(9, dtype=np.uint64) + np.uint64(2**60)
    order = np.random.default_rng(1).permutation(9)
    kept = bootstrap_replicates([ips(reward, weight)], user, key=key, replicates=20)
    place = np.argsort(order)  # the code of each user after the users are shuffled
    moved = bootstrap_replicates([ips(reward, weight)], place[user], key=key[order], replicates=20)
    np.testing.assert_allclose(moved, kept, rtol=1e-12)
    assert not np.isclose(kept, bootstrap_replicates([ips(reward, weight)], user, replicates=20)).all()
    np.testing.assert_array_equal(
        bootstrap_replicates([ips(reward, weight)], user, key=key, replicates=290)[:, :20], kept
    )


@pytest.mark.parametrize("form", ["percentile", "basic"])
def test_forms_of_the_interval(form):
    reward, weight, user = sample()
    estimate = ips(reward, weight)
    found = bootstrap(estimate, user, replicates=200, level=0.9, form=form)
    drawn = bootstrap_replicates([estimate], user, replicates=200)[0]
    low, high = np.quantile(drawn, (0.05, 0.95))
    if form == "basic":
        low, high = 2 * estimate.value - high, 2 * estimate.value - low
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert found.se == estimate.standard_error(user)
    assert (found.method, found.valid_for) == (f"bootstrap-{form}", "asymptotic in users")


def test_one_user_says_nothing():
    found = bootstrap(ips(np.ones(3), np.arange(3.0)), np.zeros(3, np.int64))
    assert (found.low, found.high) == (-math.inf, math.inf)


@jitted
def test_it_agrees_with_cluster_t_on_many_users():
    rng = np.random.default_rng(3)
    user = np.repeat(np.arange(3000), 4)
    reward, weight = rng.random(user.size) + rng.random(3000)[user], rng.gamma(2, 0.5, user.size)
    estimate = snips(reward, weight)
    expected = cluster_t(estimate, user)
    for denominator in (None, weight):
        found = bootstrap(estimate, user, denominator=denominator, replicates=4000)
        assert found.low == pytest.approx(expected.low, abs=0.15 * expected.se)
        assert found.high == pytest.approx(expected.high, abs=0.15 * expected.se)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["percentile", "basic"])
def test_coverage_with_repeating_users(form):
    """1,000 logs of 200 users: the share covered lies in [.925, .972] in all but 1 of 1,000 studies of a right method.

    3.3 binomial standard errors around .95, and .002 more below for 200 users and 500 replicates.
    """
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(1000):
        user = np.repeat(np.arange(200), 5)
        action = rng.random(user.size) < 0.4
        rate = np.where(action, 0.5, 0.3) + rng.uniform(-0.3, 0.3, 200)[user]
        reward = (rng.random(user.size) < rate).astype(float)
        found = bootstrap(ips(reward, np.where(action, 2.0, 1 / 3)), user, replicates=500, seed=seed, form=form)
        hits += found.low <= 0.8 * 0.5 + 0.2 * 0.3 <= found.high
    print(f"{form}: coverage {hits / 1000:.3f}")
    assert 925 <= hits <= 972
