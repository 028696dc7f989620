"""How many users a verdict needs: what is predicted is what simulated verdicts do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tactful.ope.betting import certify
from tactful.ope.sample_size import bet_limit, chance_of_verdict, limit_gains, needed, users_needed, z_needed
from tactful.ope.wealth import stakes

LIMIT, LARGEST = 0.004, 3.0
WEIGHT, SHARE = np.array([2.7, 0.15]), np.array([1 / 3, 2 / 3])


def staked(rng, users, rate, rows=1):
    """Users of ``rows`` decisions at most, that end with an event as opting out does."""
    event = rng.random((users, rows)) < rate
    here = np.cumsum(event, 1) - event == 0
    weight = np.where(rng.random((users, rows)) < SHARE[0], WEIGHT[0], WEIGHT[1])
    user = np.broadcast_to(np.arange(users)[:, None], (users, rows))
    return stakes(event[here].astype(float), weight[here], user[here], max_rows=rows, cap=LARGEST, absorbing=True)


def predicted(users, rate, rows=1):
    gain, probability = limit_gains(LIMIT, rate, WEIGHT, SHARE, rows)
    return chance_of_verdict(gain, users, bet_limit(rows, LARGEST - 1, 1 - LIMIT, LARGEST), probability=probability)


def test_gains_have_their_mean_and_mass():
    gain, probability = limit_gains(LIMIT, 0.001, WEIGHT, SHARE, 5)
    assert probability.sum() == pytest.approx(1)
    assert probability @ gain == pytest.approx(5 * (LIMIT - 0.001 * (WEIGHT @ SHARE)))


def test_without_chance_the_verdict_comes_when_the_product_is_there():
    gain = np.array([0.5])
    users = users_needed(gain, 0.2)
    assert users == math.ceil(math.log(20) / math.log(1.1))
    assert chance_of_verdict(gain, users - 1, 0.2) == 0
    assert chance_of_verdict(gain, users, 0.2) == 1


def test_the_chance_grows_and_its_inverse_is_the_least_number():
    gain, probability = limit_gains(LIMIT, 0.002, WEIGHT, SHARE, 1)
    chances = [predicted(users, 0.002) for users in (10, 1000, 5000, 20_000, 100_000, 10**7)]
    assert (np.diff(chances) >= 0).all()
    assert chances[-1] == pytest.approx(1)
    most = bet_limit(1, LARGEST - 1, 1 - LIMIT, LARGEST)
    users = users_needed(gain, most, probability=probability)
    assert predicted(users, 0.002) >= 0.8 > predicted(users - 1, 0.002)


@pytest.mark.parametrize("rate", [0.004, 0.006])
def test_none_suffices_at_the_limit(rate):
    gain, probability = limit_gains(LIMIT, rate, np.ones(1), np.ones(1), 1)
    assert users_needed(gain, 0.1, probability=probability) is None


def test_a_vanishing_gain_is_given_up():
    assert users_needed(np.array([-1.0, 1.0 + 1e-14]), 1e-9) is None


def test_z_needed_is_the_textbook():
    assert z_needed(0.5, 1.0) == math.ceil((1.6449 + 0.8416) ** 2 / 0.25)


def test_what_a_log_says_is_needed_is_near_what_is_known_of_its_world():
    gain, probability = limit_gains(LIMIT, 0.001, WEIGHT, SHARE, 1)
    known = users_needed(gain, bet_limit(1, LARGEST - 1, 1 - LIMIT, LARGEST), probability=probability)
    log = staked(np.random.default_rng(1), 60_000, 0.001)
    assert needed(log, LIMIT) == pytest.approx(known, rel=0.4)
    assert needed(log, log.value) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("users", "rate", "rows"), [(8000, 0.002, 1), (15_000, 0.002, 1), (4000, 0.002, 4), (700, 0.001, 12)]
)
def test_predicted_shares_of_verdicts_come_true(users, rate, rows):
    """600 logs each: within .05 of the prediction and one standard error of the study (.02) more."""
    rng = np.random.default_rng(3)
    kept = np.mean([certify(staked(rng, users, rate, rows), LIMIT).kept for _ in range(600)])
    print(f"{users} users × {rows} at {rate}: kept {kept:.3f}, predicted {predicted(users, rate, rows):.3f}")
    assert kept == pytest.approx(predicted(users, rate, rows), abs=0.07)


@pytest.mark.slow
def test_an_absorbing_limit_that_is_not_kept_is_rarely_certified():
    """2,000 logs of 3,000 users × 4 at the limit: false "kept" above .066 once in 1,000 studies."""
    rng = np.random.default_rng(4)
    kept = np.mean([certify(staked(rng, 3000, LIMIT, 4), LIMIT).kept for _ in range(2000)])
    print(f"absorbing, at the limit: kept {kept:.4f}")
    assert kept <= 0.066
