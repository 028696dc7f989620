"""Betting and empirical Bernstein by user from the papers, in plain Python.

Waudby-Smith & Ramdas 2023 (wealth, bets); Waudby-Smith et al. 2022 (capped models); Maurer & Pontil 2009, theorem 4.
"""

from __future__ import annotations

from math import exp, log, log1p, sqrt


def rows(reward, weight, action, q, target, logging, cap):
    """(φ, flipped φ) of every row for rewards and models in [0, 1]."""
    sides = []
    for flip in (False, True):
        phi = []
        for r, w, a, qs, ps, es in zip(reward, weight, action, q, target, logging, strict=True):
            held = []
            for v, p, e in zip(qs, ps, es, strict=True):
                v = 1 - v if flip else v
                held.append(min(v, cap / (p / e)) if p > 0 else v)
            phi.append(w * ((1 - r if flip else r) - held[a]) + sum(p * h for p, h in zip(ps, held, strict=True)))
        sides.append(phi)
    return sides


def rows_without_model(reward, weight):
    """q̂ = 0, and q̂ ≡ 1 on the flipped side."""
    low = [w * (r - 0) + 0 for r, w in zip(reward, weight, strict=True)]
    return low, [w * ((1 - r) - 1) + 1 for r, w in zip(reward, weight, strict=True)]


def totals(phi, user):
    """[(total, rows)] of the users in ascending order."""
    return [(sum(p for p, v in zip(phi, user, strict=True) if v == u), user.count(u)) for u in sorted(set(user))]


def log_wealth(entries, mu, *, alpha, floor, most, prior, users):
    """[ln K_t(μ)] after each user; ``users`` None for any time."""
    path, before, wealth = [], [], 0.0
    for u, (total, count) in enumerate(entries, start=1):
        centre = sum(before) / len(before) if before else 0.0
        variance = (prior * mu * (1 - mu) + sum((d - centre) ** 2 for d in before)) / u
        horizon = u * log(1 + u) if users is None else users
        largest = (1 - 1 / (2 * most)) / (most * (floor + mu))
        bet = min(sqrt(2 * log(1 / alpha) / (variance * horizon)), largest) if variance > 0 else largest
        d = total - mu * count
        before.append(d)
        wealth += log1p(bet * d)
        path.append(wealth)
    return path


def lower(entries, *, alpha, **game):
    """inf{μ : max_t K_t(μ) < 1/α}, by a scan of 400 values and bisection."""

    def excluded(mu):
        return max(log_wealth(entries, mu, alpha=alpha, **game)) >= log(1 / alpha)

    grid = [1e-9] + [1 / (1 + exp(-(i - 200) / 12)) for i in range(401)]
    if not excluded(grid[0]):
        return 0.0
    left = next((i for i, mu in enumerate(grid) if not excluded(mu)), None)
    if left is None:
        return 1.0
    low, high = grid[left - 1], grid[left]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excluded(middle) else (low, middle)
    return low


def bernstein_lower(entries, *, delta, spread):
    """The least μ in [0, 1] at which the one-sided bound on the mean of D_u(μ) is not above 0, by bisection."""

    def excess(mu):
        d = [t - mu * c for t, c in entries]
        n = len(d)
        mean = sum(d) / n
        variance = sum((x - y) ** 2 for x in d for y in d) / (2 * n * (n - 1))
        return mean - sqrt(2 * variance * log(2 / delta) / n) - 7 * spread * log(2 / delta) / (3 * (n - 1))

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low
