"""How many users a verdict by betting needs, before or while they come in."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from tactful.core.arrays import F64
from tactful.ope.wealth import Stakes

MAX_USERS = 1 << 40


def limit_gains(limit: float, rate: float, weight: F64, share: F64, rows: int) -> tuple[F64, F64]:
    """What a user moves a bet on a limited outcome by, D = rows · limit − w·event, and with what probability.

    For a question asked before there is a log. Events come at most once a user.

    Parameters
    ----------
    limit
        Of the events per decision.
    rate
        Of events per decision, whatever the action.
    weight
        (m,) the importance weights that occur.
    share
        (m,) how often they occur under logging.
    rows
        Decisions of a user.

    Returns
    -------
    tuple
        (m + 1,) values of D and (m + 1,) their probabilities; the first is that of users without an event.
    """
    chance = rows * rate * share
    gain = np.append(rows * limit, rows * limit - weight)
    return gain, np.append(1 - chance.sum(), chance)


def chance_of_verdict(
    gain: F64,
    users: int,
    most_bet: float,
    *,
    delta: float = 0.05,
    probability: F64 | None = None,
    tuned: bool = True,
) -> float:
    """The probability that wealth Π (1 + λ D_u) reaches 1/δ within so many users.

    λ = √(2 ln(1/δ) / (σ² U)) ∧ ``most_bet``, as ``betting`` ends up with, or ``most_bet`` where not ``tuned``. First
    passage of a Brownian motion with the mean g and the standard deviation s of ln(1 + λ D):
    Φ((gU − b)/(s√U)) + e^{2gb/s²} Φ(−(gU + b)/(s√U)), b = ln(1/δ).

    Parameters
    ----------
    gain
        (m,) values of D for one user.
    users
        How many users there are.
    most_bet
        Bound on λ.
    delta
        δ, the probability of a wrong verdict.
    probability
        (m,) of the values; by default each has 1/m, as in a sample.
    tuned
        Whether λ is tuned for so many users, instead of being ``most_bet``.

    Examples
    --------
    >>> gain, probability = limit_gains(0.02, 0.005, np.array([1.0]), np.array([1.0]), 1)
    >>> round(chance_of_verdict(gain, 1000, 0.5, probability=probability), 2)
    0.99
    """
    p = np.full(gain.size, 1 / gain.size) if probability is None else probability
    mean, goal = float(p @ gain), math.log(1 / delta)
    variance = float(p @ (gain - mean) ** 2)
    bet = min(math.sqrt(2 * goal / (variance * users)), most_bet) if tuned and variance > 0 else most_bet
    step = np.log1p(bet * gain)
    g = float(p @ step)
    s = math.sqrt(float(p @ (step - g) ** 2) * users)
    if s == 0:
        return float(g * users >= goal)
    reflected = 2 * g * users * goal / s**2 + float(log_ndtr(-(g * users + goal) / s))
    return min(float(ndtr((g * users - goal) / s)) + math.exp(min(reflected, 0.0)), 1.0)


def users_needed(
    gain: F64,
    most_bet: float,
    *,
    delta: float = 0.05,
    power: float = 0.8,
    probability: F64 | None = None,
    tuned: bool = True,
) -> int | None:
    """The least number of users with which ``chance_of_verdict`` is at least ``power``.

    Parameters
    ----------
    gain, most_bet, delta, probability, tuned
        As in ``chance_of_verdict``.
    power
        The probability of a verdict that is wanted.

    Returns
    -------
    int or None
        None where no number suffices, and where the mean of D is not positive, so that the question will be answered
        the other way.

    Examples
    --------
    >>> gain, probability = limit_gains(0.02, 0.005, np.array([1.0]), np.array([1.0]), 1)
    >>> users_needed(gain, 0.5, probability=probability)
    577
    """

    def suffice(users: int) -> bool:
        return chance_of_verdict(gain, users, most_bet, delta=delta, probability=probability, tuned=tuned) >= power

    p = np.full(gain.size, 1 / gain.size) if probability is None else probability
    if float(p @ gain) <= 0:
        return None
    high = 1
    while not suffice(high):
        high *= 2
        if high > MAX_USERS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffice(middle) else (middle, high)
    return high


def needed(stakes: Stakes, limit: float, *, delta: float = 0.05, power: float = 0.8) -> int | None:
    """Decisions that ``certify`` needs in all for "kept", if users go on as those of the log; None if never.

    Above the limit by its estimate, or at it, no number suffices.

    Parameters
    ----------
    stakes
        What is bet on.
    limit
        In units of the reward.
    delta
        δ of the certificate.
    power
        The probability of a certificate that is wanted.

    Examples
    --------
    >>> from tactful.ope import stakes
    >>> rewards = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> bets = stakes(rewards, np.ones(200), np.arange(200), max_rows=1, cap=1.0)
    >>> needed(bets, 0.3), needed(bets, 0.2)
    (696, None)
    """
    mu = 1 - stakes.share(limit)
    gain = stakes.high - mu * stakes.count
    most_bet = bet_limit(stakes.max_rows, stakes.floor[1], mu, stakes.worst[1])
    users = users_needed(gain, most_bet, delta=delta, power=power)
    return None if users is None else math.ceil(users * float(stakes.count.mean()))


def bet_limit(max_rows: int, floor: float, mu: float, worst: float = math.inf) -> float:
    """(1 − ½/n_max) / (n_max (floor + μ)) ∨ ½ / worst: wealth stays positive whatever a user's rows bring.

    With one row, or where the worst of a user is known, a loss takes half of the wealth at most. A user of n_max rows
    would lose more only if nearly all of them were at their worst: ½ there too would keep bets of users with a dozen
    rows at a third of their best, and intervals 1.4 times as wide.

    Parameters
    ----------
    max_rows
        n_max, the rows that a user can have.
    floor
        A row falls to −floor at the lowest.
    mu
        The mean that is bet against.
    worst
        What a bet on a user can lose at most, where that is known.
    """
    return max((1 - 0.5 / max_rows) / (max_rows * (floor + mu)), 0.5 / worst)


def z_needed(change: float, variance: float, *, delta: float = 0.05, power: float = 0.8) -> int:
    """Users after whom an asymptotic one-sided bound sees a change: (z_{1−δ} + z_power)² variance / change².

    Parameters
    ----------
    change
        Per user.
    variance
        Of a user's total of paired influence, in the square of the units of ``change``.
    delta, power
        Probabilities of a wrong verdict where there is no change, and of a verdict where there is one.

    Examples
    --------
    >>> z_needed(0.1, 1.0)
    619
    """
    return math.ceil(float(ndtri(1 - delta) + ndtri(power)) ** 2 * variance / change**2)
