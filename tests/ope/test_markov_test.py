"""The Markov test: right by hand, its size in Markov worlds, its power on a hidden lag."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reference import chain
from tactful.ope.markov_test import markov_test
from tactful.ope.trajectories import Trajectories


def trajectories(state, reward):
    alive = state != chain.END
    return Trajectories.of(np.ones(state.shape), np.where(alive, reward, np.nan), alive, np.where(alive, state, -1))


def test_the_score_by_plain_loops():
    """One feature of history, one live state, one action: a χ² of one degree from scores summed by user."""
    rng = np.random.default_rng(3)
    reward, history = rng.normal(size=(9, 4)), rng.normal(size=(9, 4, 1))
    alive = np.ones((9, 4), bool)
    found = markov_test(Trajectories.of(np.ones((9, 4)), reward, alive), np.zeros((9, 4), np.int64), history)
    scores = []
    for u in range(9):
        score = 0.0
        for t in range(1, 4):
            score += (reward[u, t] - reward[:, t].mean()) * (history[u, t, 0] - history[:, t, 0].mean())
        scores.append(score)
    statistic = sum(scores) ** 2 / sum(s**2 / (1 - 1 / 9) for s in scores)
    assert found.reward == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-10)
    assert (found.next_state, found.degrees) == (1.0, 1)
    assert found.p_value == pytest.approx(min(1, 2 * found.reward))


def test_what_users_away_hold_is_not_read():
    rng = np.random.default_rng(4)
    state, action, reward = chain.simulate(rng, 80, 5)
    one = trajectories(state, reward)
    assert markov_test(one, np.where(one.alive, action, 99)) == markov_test(one, action)


def test_nothing_to_test():
    alive = np.ones((5, 3), bool)
    constant = Trajectories.of(np.ones((5, 3)), np.ones((5, 3)), alive)
    assert markov_test(constant, np.zeros((5, 3), np.int64)) == (1.0, 1.0, 1.0, 0)


def lagged(rng, users, periods, lag):
    """Two states of fatigue that follow the last action; ``lag`` of the reward's log-odds hangs on the one before."""
    action = (rng.random((users, periods)) < 0.4).astype(np.int64)
    before = np.concatenate([np.zeros((users, 1), np.int64), action[:, :-1]], 1)
    older = np.concatenate([np.zeros((users, 2), np.int64), action[:, :-2]], 1)
    odds = -1 + 0.8 * action - 0.5 * before - lag * older
    reward = (rng.random((users, periods)) < 1 / (1 + np.exp(-odds))).astype(float)
    left = np.cumsum(rng.random((users, periods)) < 0.03 * action, 1)
    alive = np.concatenate([np.ones((users, 1), bool), left[:, :-1] == 0], 1)
    return Trajectories.of(np.ones(alive.shape), np.where(alive, reward, np.nan), alive, before), action


def rejections(seed, runs, users, periods, lag):
    rng = np.random.default_rng(seed)
    return sum(markov_test(*lagged(rng, users, periods, lag)).p_value < 0.05 for _ in range(runs)) / runs


def test_a_strong_hidden_lag_is_found():
    assert rejections(1, 20, 400, 10, 1.0) == 1


@pytest.mark.slow
@pytest.mark.parametrize("users", [100, 1000])
def test_size(users):
    """1,000 Markov logs: more than .071 rejections once in 1,000 studies of a test of size .05."""
    size = rejections(2, 1000, users, 12, 0.0)
    print(f"{users} users: size {size:.3f}")
    assert size <= 0.071


@pytest.mark.slow
def test_size_in_the_chain():
    """1,000 logs of 300 users in a chain whose next state is random; the same margin."""
    rng = np.random.default_rng(5)
    small = 0
    for _ in range(1000):
        state, action, reward = chain.simulate(rng, 300, 6)
        small += markov_test(trajectories(state, reward), action).p_value < 0.05
    print(f"chain: size {small / 1000:.3f}")
    assert small <= 71


@pytest.mark.slow
def test_power_on_an_injected_lag():
    """300 logs of 1,000 users × 12 with .2 of log-odds hidden: power of .8 at least."""
    power = rejections(3, 300, 1000, 12, 0.2)
    print(f"power {power:.3f}")
    assert power >= 0.8
