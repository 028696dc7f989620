"""Bets, user by user, are those of plain Python: when a mean is excluded, which means are left, and capped models."""

from __future__ import annotations

from math import inf, log, prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import betting as reference
from tactful.kernels import betting

FLOOR, MOST, WORST, PRIOR, THRESHOLD, USERS = range(6)
GRID = [1e-9, *(i / 40 for i in range(1, 40)), 1.0]


def wealths(entries, mu, game):
    """K_t(μ) = Π (1 + λ_u D_u(μ)) after each user; λ_u from the variance of the users before and an imagined one."""
    history, factors = [], []
    largest = max((1 - 0.5 / game[MOST]) / (game[MOST] * (game[FLOOR] + mu)), 0.5 / game[WORST])
    for u, (total, count) in enumerate(entries, start=1):
        centre = sum(history) / len(history) if history else 0.0
        variance = (game[PRIOR] * mu * (1 - mu) + sum((d - centre) ** 2 for d in history)) / u
        users = game[USERS] or u * log(u + 1)
        bet = min(sqrt(2 * log(game[THRESHOLD]) / (variance * users)), largest) if variance * users > 0 else largest
        history.append(total - mu * count)
        factors.append(1 + bet * history[-1])
    return [prod(factors[: u + 1]) for u in range(len(factors))]


def crossing(entries, mu, game):
    """The first user after whom wealth has reached the threshold, or −1."""
    return next((u for u, k in enumerate(wealths(entries, mu, game)) if k >= game[THRESHOLD]), -1)


def lower(entries, game):
    """The first mean of the grid that is left, sharpened by bisection from below."""
    index = next((i for i, mu in enumerate(GRID) if crossing(entries, mu, game) < 0), None)
    if index is None or index == 0:
        return 1.0 if index is None else 0.0
    low, high = GRID[index - 1], GRID[index]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if crossing(entries, middle, game) >= 0 else (low, middle)
    return low


def users_of(seed, n):
    """Totals and numbers of rows of n users, rewards and weights near those of a log, and a game that allows them."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 4, n).astype(float)
    total = count * rng.gamma(2.0, 0.3, n) * rng.choice([1.0, 0.0], n, p=[0.8, 0.2])
    game = [
        0.5,
        3.0,
        rng.choice([inf, 8.0]),
        rng.choice([0.0, 0.25, 3.0]),
        rng.choice([10.0, 40.0]),
        rng.choice([0, n]),
    ]
    return total, count, np.array(game, float)


@given(st.integers(0, 2**32), st.integers(0, 60))
def test_means_fall_out_after_the_same_user(seed, n):
    total, count, game = users_of(seed, n)
    out = np.empty(len(GRID), np.int64)
    betting.crossings(total, count, np.array(GRID), game, out)
    entries = list(zip(total.tolist(), count.tolist(), strict=True))
    assert out.tolist() == [crossing(entries, mu, game.tolist()) for mu in GRID]


@given(st.integers(0, 2**32))
def test_the_bound_after_each_stop_is_the_one_of_a_plain_search(seed):
    total, count, game = users_of(seed, 40)
    stops = [0, 1, 15, 40]
    out = np.empty(len(stops))
    betting.lower(total, count, np.array(GRID), game, np.array(stops, np.int64), out)
    entries = list(zip(total.tolist(), count.tolist(), strict=True))
    assert out.tolist() == pytest.approx([lower(entries[:stop], game.tolist()) for stop in stops], rel=1e-12, abs=1e-12)
    assert out[0] == 0


def test_a_bound_may_be_the_whole_range():
    """Users who always bring more than the largest mean leave no mean; users who bring nothing leave all."""
    game = np.array([0.5, 1.0, inf, 0.25, 20.0, 0.0])
    out, stop, grid = np.empty(1), np.array([200]), np.array(GRID)
    betting.lower(np.full(200, 2.0), np.ones(200), grid, game, stop, out)
    assert out.tolist() == [1.0]
    betting.lower(np.zeros(200), np.ones(200), grid, game, stop, out)
    assert out.tolist() == [0.0]


@given(st.integers(0, 2**32), st.sampled_from([0.1, 1.0, 20.0]))
def test_capped_models_are_those_of_the_paper(seed, cap):
    """Reference rows with weight 0 are Σ π m, and rows with weight 1 and reward 0 the same less m of the action."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 8)), int(rng.integers(1, 5))
    q, target, logging = rng.random((n, k)), rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n)
    target[rng.random((n, k)) < 0.3] = 0.0
    action = rng.integers(k, size=n)
    out = np.empty((4, n))
    betting.capped(q, target, logging, action, cap, out)
    tables = action.tolist(), q.tolist(), target.tolist(), logging.tolist(), cap
    means = reference.rows([0.0] * n, [0.0] * n, *tables)
    np.testing.assert_allclose(out[[1, 3]], means, rtol=1e-12)
    direct, flipped = reference.rows([0.0] * n, [1.0] * n, *tables)
    np.testing.assert_allclose(out[1] - out[0], direct, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(out[3] - out[2] + 1, flipped, rtol=1e-12, atol=1e-12)
