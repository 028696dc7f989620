"""Betting by user: when does wealth K_t(μ) = Π (1 + λ_u D_u(μ)) first reach 1/α, and which means does it leave.

Reference: Waudby-Smith & Ramdas 2023 (betting); Waudby-Smith et al. 2022 (off-policy, with capped models).
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_0, F64_1, F64_2, I64_1, OUT_F64_1, OUT_F64_2, OUT_I64_1, helper, kernel

# Positions in a game, the numbers that it is played by. Losses are bounded: D_u ≥ −MAX_ROWS · (FLOOR + μ), and
# D_u ≥ −WORST. PRIOR is the variance that one imagined user adds, over μ (1 − μ). THRESHOLD is 1/α. USERS is the number
# of users that λ is tuned for, 0 where it is not known and the bound must hold at any time.
FLOOR, MAX_ROWS, WORST, PRIOR, THRESHOLD, USERS = range(6)
BISECTIONS = 40  # 1e-13 of the range


@helper
def _crossing(total, count, mu, game, stop):
    """The first of ``stop`` users after whom wealth at ``mu`` has reached the threshold, or −1."""
    two_log = 2.0 * np.log(game[THRESHOLD])
    # A row at its worst costs half a stake at most, and so does a user whose worst is known: the larger of both bets is
    # allowed, as in ``ope.sample_size.bet_limit``.
    largest_bet = max((1.0 - 0.5 / game[MAX_ROWS]) / (game[MAX_ROWS] * (game[FLOOR] + mu)), 0.5 / game[WORST])
    squares = game[PRIOR] * mu * (1.0 - mu)
    mean = 0.0
    wealth = 1.0
    for u in range(stop):
        # The bet is chosen before the user is seen: by the variance of the users before, and of the imagined one.
        d = total[u] - mu * count[u]
        users = game[USERS] if game[USERS] > 0.0 else (u + 1.0) * np.log(u + 2.0)
        spread = squares / (u + 1.0) * users
        bet = np.sqrt(two_log / spread) if spread > 0.0 else largest_bet
        wealth *= 1.0 + min(bet, largest_bet) * d
        if wealth >= game[THRESHOLD]:
            return u
        # Mean and sum of squares with this user in them. Reference: Welford 1962.
        step = d - mean
        mean += step / (u + 1.0)
        squares += step * (d - mean)
    return -1


@kernel(F64_1, F64_1, F64_1, F64_1, OUT_I64_1)
def crossings(total, count, mu, game, out):
    """The first user after whom each of ``mu`` (g,), above 0, is excluded, or −1; ``total``, ``count`` (u,)."""
    for g in range(mu.size):
        out[g] = _crossing(total, count, mu[g], game, total.size)


@kernel(F64_1, F64_1, F64_1, F64_1, I64_1, OUT_F64_1)
def lower(total, count, grid, game, stops, out):
    """L = inf{μ : max_t K_t(μ) < 1/α} over the first users of each of ``stops`` (t,), which ascend.

    The scan of ``grid``, ascending to 1 from what counts as 0, finds the first mean that is left; bisection sharpens
    it between its neighbours and keeps the excluded end, so that wealth not quite monotone in μ costs no validity.
    """
    for t in range(stops.size):
        g = 0
        while g < grid.size and _crossing(total, count, grid[g], game, stops[t]) >= 0:
            g += 1
        if g == 0 or g == grid.size:
            out[t] = 0.0 if g == 0 else 1.0
            continue
        # ``low`` stays excluded and ``high`` stays in, until no number lies between them.
        low, high = grid[g - 1], grid[g]
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            if middle <= low or middle >= high:
                break
            if _crossing(total, count, middle, game, stops[t]) >= 0:
                low = middle
            else:
                high = middle
        out[t] = low


@kernel(F64_2, F64_2, F64_2, I64_1, F64_0, OUT_F64_2)
def capped(q, target, logging, action, cap, out):
    """Reward models held below cap / w, so that no row can lose more than ``cap``; all (n, k), ``out`` (4, n).

    With m(a) = min(q(a), cap e(a) / π(a)): m at the logged action and Σ π m, then the same with 1 − q for q.
    """
    n, k = q.shape
    for i in range(n):
        for side in range(2):
            mean = 0.0
            for a in range(k):
                p = target[i, a]
                value = 1.0 - q[i, a] if side else q[i, a]
                if p > 0.0:
                    value = min(value, cap * logging[i, a] / p)
                    mean += p * value
                if a == action[i]:
                    out[2 * side, i] = value
            out[2 * side + 1, i] = mean
