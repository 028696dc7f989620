"""Finite-sample intervals by betting, one bet a user; a sequence that may be watched; certificates for limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.kernels import betting as kernels
from tactful.ope.intervals import BETTING, BETTING_ANYTIME, Interval
from tactful.ope.wealth import Stakes

_MIN_MEAN = 1e-9  # a mean that is told from 0 only above this
_GRID: F64 = np.concatenate([[_MIN_MEAN], 1 / (1 + np.exp(-np.linspace(-12, 12, 41))), [1.0]])


def betting(stakes: Stakes, level: float = 0.95, *, anytime: bool = False) -> Interval:
    """The values against which betting on D_u(μ) = Σ_i φ_i − μ n_u, one bet a user, never multiplies a stake by 2/α.

    K_t(μ) = Π_{u ≤ t} (1 + λ_u D_u(μ)), λ_u = √(2 ln(1/α') / (σ̂²_{u−1} U)) ∧ (1 − ½/n_max) / (n_max (floor + μ)),
    L = inf{μ : max_t K_t(μ) < 1/α'}, and the upper bound is 1 − L of the flipped rows; α' = α/2 a side. σ̂² is the
    variance of D over the users before, with one imagined user of variance n_max k μ (1 − μ).

    Valid in finite samples where users are independent, whatever the rows of a user have in common. Logs that a
    learning policy wrote need users in the order of time, which ``key`` of ``stakes`` gives, with a single decision
    each. ``anytime`` puts u ln(1 + u) for U: then it holds at all times at once (where users come back as new entries,
    for the mean given the past alone).

    Cost: some 80 passes over the users. Reference: Waudby-Smith & Ramdas 2023, section 4; Waudby-Smith et al. 2022.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 1.0], 100)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> interval = betting(bets)
    >>> bets.value, bool(0.3 < interval.low < 0.5 < interval.high < 0.7)
    (0.5, True)
    """
    stop = np.array([stakes.low.size], np.int64)
    low, high = _bounds(stakes, (1 - level) / 2, stop, anytime=anytime)
    method = BETTING_ANYTIME if anytime else BETTING
    return Interval(stakes.standard_error, float(low[0]), float(high[0]), method)


def watch(stakes: Stakes, looks: I64, level: float = 0.95) -> tuple[F64, F64]:
    """Anytime bounds (t,) and (t,) after each of so many users, ascending: the truth leaves none of them, in 1 − α.

    Bounds never widen. Cost: some 80 passes a look.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> low, high = watch(bets, np.array([50, 200]))
    >>> bool(low[0] < low[1] < 0.25 < high[1] < high[0])
    True
    """
    return _bounds(stakes, (1 - level) / 2, np.asarray(looks, np.int64), anytime=True)


def excluded_at(stakes: Stakes, value: float, level: float = 0.95, *, anytime: bool = True) -> int | None:
    """After how many users ``value`` first falls out of the bounds of ``watch``; None while it stands. One pass.

    Parameters
    ----------
    stakes
        What is bet on.
    value
        In units of the reward.
    level, anytime
        As in ``betting``.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> excluded_at(bets, 0.8), excluded_at(bets, 0.25)
    (6, None)
    """
    alpha = (1 - level) / 2
    lower = _crossing(stakes, 0, stakes.share(value), alpha, anytime=anytime)
    upper = _crossing(stakes, 1, 1 - stakes.share(value), alpha, anytime=anytime)
    return min((users for users in (lower, upper) if users is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Whether a limited outcome is kept.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> certificate = certify(bets, 0.4)
    >>> certificate.value, certificate.upper < certificate.limit
    (0.25, True)
    """

    kept: bool
    """Whether its mean is proven to be at most the limit."""
    limit: float
    """In units of the outcome."""
    upper: float
    """Upper bound on the mean."""
    value: float
    """Estimate of the mean."""
    delta: float
    """The probability with which the bound may fail."""
    users: int
    """Users who were bet on."""


def certify(stakes: Stakes, limit: float, delta: float = 0.05, *, anytime: bool = False) -> Certificate:
    """Is the mean of a limited outcome at most ``limit``? Kept if its one-sided upper bound by betting is.

    A policy at or above its limit is called kept with probability ``delta`` at most, in finite samples and with no
    event at all; all of δ is spent on this side. For a mean that must not fall below, flip the reward.

    Parameters
    ----------
    stakes
        What is bet on.
    limit
        In units of the reward.
    delta
        δ.
    anytime
        As in ``betting``.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> certify(bets, 0.4).kept, certify(bets, 0.26).kept
    (True, False)
    """
    _, high = _one_side(stakes, 1, delta, np.array([stakes.low.size], np.int64), anytime=anytime)
    return Certificate(
        kept=keeps(stakes, limit, delta, anytime=anytime),
        limit=limit,
        upper=float(high[0]),
        value=stakes.value,
        delta=delta,
        users=stakes.low.size,
    )


def keeps(stakes: Stakes, limit: float, delta: float = 0.05, *, anytime: bool = False) -> bool:
    """Whether wealth against the single hypothesis that the mean is at least ``limit`` ever reaches 1/δ. One pass.

    Parameters
    ----------
    stakes
        What is bet on.
    limit, delta, anytime
        As in ``certify``.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> keeps(bets, 0.4), keeps(bets, 0.26)
    (True, False)
    """
    return _crossing(stakes, 1, 1 - stakes.share(limit), delta, anytime=anytime) is not None


def _crossing(stakes: Stakes, side: int, mu: float, alpha: float, *, anytime: bool) -> int | None:
    """After how many users wealth against the mean ``mu`` of a side first reaches 1/α."""
    crossing = np.empty(1, np.int64)
    total = stakes.high if side else stakes.low
    game = _game(stakes, side, alpha, anytime=anytime)
    kernels.crossings(total, stakes.count, np.array([max(mu, _MIN_MEAN)]), game, crossing)
    return int(crossing[0]) + 1 if crossing[0] >= 0 else None


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
    prior = stakes.max_rows * stakes.cap
    return np.array([stakes.floor[side], stakes.max_rows, stakes.worst[side], prior, 1 / alpha, users])
