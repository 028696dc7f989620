"""Finite-sample intervals by betting, one bet a user; a sequence that may be watched; certificates for limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.kernels import betting as kernels
from tactful.ope.intervals import BETTING, BETTING_ANYTIME, Interval
from tactful.ope.wealth import Stakes

_LEAST = 1e-9  # a mean that is told from 0 only above this
_GRID: F64 = np.concatenate([[_LEAST], 1 / (1 + np.exp(-np.linspace(-12, 12, 41))), [1.0]])


def betting(stakes: Stakes, level: float = 0.95, *, anytime: bool = False) -> Interval:
    """The values against which betting on D_u(μ) = Σ_i φ_i − μ n_u, one bet a user, never multiplies a stake by 2/α.

    K_t(μ) = Π_{u ≤ t} (1 + λ_u D_u(μ)), λ_u = √(2 ln(1/α') / (σ̂²_{u−1} U)) ∧ (1 − ½/n_max) / (n_max (floor + μ)),
    L = inf{μ : max_t K_t(μ) < 1/α'}, and the upper bound is 1 − L of the flipped rows; α' = α/2 a side. σ̂² is the
    variance of D over the users before, with one imagined user of variance n_max k μ (1 − μ).

    Valid in finite samples where users are independent, whatever rows of one user have in common. Logs that a learning
    policy wrote need users in the order of time, which ``key`` of ``stakes`` gives, with one decision each. ``anytime``
    puts u ln(1 + u) for U: then it holds at all times at once (where users come back as new entries, for the mean given
    the past alone).
    Cost: some 80 passes over the users. Reference: Waudby-Smith & Ramdas 2023, section 4; Waudby-Smith et al. 2022.
    """
    stop = np.array([stakes.low.size], np.int64)
    low, high = _bounds(stakes, (1 - level) / 2, stop, anytime=anytime)
    method = BETTING_ANYTIME if anytime else BETTING
    return Interval(stakes.standard_error, float(low[0]), float(high[0]), method)


def watch(stakes: Stakes, looks: I64, level: float = 0.95) -> tuple[F64, F64]:
    """Anytime bounds (t,) and (t,) after each of so many users, ascending: the truth leaves none of them, in 1 − α.

    Bounds never widen. Cost: some 80 passes a look.
    """
    return _bounds(stakes, (1 - level) / 2, np.asarray(looks, np.int64), anytime=True)


def excluded_at(stakes: Stakes, value: float, level: float = 0.95, *, anytime: bool = True) -> int | None:
    """After how many users ``value`` first falls out of the bounds of ``watch``; None while it stands. One pass."""
    alpha, at = (1 - level) / 2, np.empty(1, np.int64)
    found: list[int] = []
    for side, mu in enumerate((stakes.share(value), 1 - stakes.share(value))):
        total = stakes.high if side else stakes.low
        kernels.crossings(
            total, stakes.count, np.array([max(mu, _LEAST)]), _game(stakes, side, alpha, anytime=anytime), at
        )
        found += [int(at[0]) + 1] * bool(at[0] >= 0)
    return min(found, default=None)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whether a limited outcome is kept: ``upper`` bounds its mean with error at most ``delta``."""

    kept: bool
    limit: float
    upper: float
    value: float
    delta: float
    users: int


def certify(stakes: Stakes, limit: float, delta: float = 0.05, *, anytime: bool = False) -> Certificate:
    """Is the mean of a limited outcome at most ``limit``? Kept if its one-sided upper bound by betting is.

    A policy at or above its limit is called kept with probability ``delta`` at most, in finite samples and with no
    event at all; all of δ is spent on this side. For a mean that must not fall below, flip the reward.
    """
    _, high = _one_side(stakes, 1, delta, np.array([stakes.low.size], np.int64), anytime=anytime)
    kept = keeps(stakes, limit, delta, anytime=anytime)
    return Certificate(kept, limit, float(high[0]), stakes.value, delta, stakes.low.size)


def keeps(stakes: Stakes, limit: float, delta: float = 0.05, *, anytime: bool = False) -> bool:
    """Whether wealth against the one hypothesis that the mean is at least ``limit`` ever reaches 1/δ. One pass."""
    at, mu = np.empty(1, np.int64), np.array([max(1 - stakes.share(limit), _LEAST)])
    kernels.crossings(stakes.high, stakes.count, mu, _game(stakes, 1, delta, anytime=anytime), at)
    return bool(at[0] >= 0)


def _bounds(stakes: Stakes, alpha: float, stops: I64, *, anytime: bool) -> tuple[F64, F64]:
    return (
        _one_side(stakes, 0, alpha, stops, anytime=anytime)[0],
        _one_side(stakes, 1, alpha, stops, anytime=anytime)[1],
    )


def _one_side(stakes: Stakes, side: int, alpha: float, stops: I64, *, anytime: bool) -> tuple[F64, F64]:
    """(t,) lower and upper ends, of which the other than the side asked for is that of the range."""
    share = np.empty(stops.size)
    total = stakes.high if side else stakes.low
    kernels.lower(total, stakes.count, _GRID, _game(stakes, side, alpha, anytime=anytime), stops, share)
    span, ends = stakes.bounds[1] - stakes.bounds[0], np.ones(stops.size)
    if side:
        return stakes.bounds[0] * ends, stakes.bounds[1] - span * share
    return stakes.bounds[0] + span * share, stakes.bounds[1] * ends


def _game(stakes: Stakes, side: int, alpha: float, *, anytime: bool) -> F64:
    users = 0.0 if anytime else float(stakes.low.size)
    prior = stakes.most * stakes.cap
    return np.array([stakes.floor[side], stakes.most, stakes.worst[side], prior, 1 / alpha, users])
