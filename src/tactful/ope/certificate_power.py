"""Certificates rehearsed: how often would ``certify`` say "kept", were the world as assumed?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr

from tactful.core.arrays import F64, I64
from tactful.kernels import philox
from tactful.ope.sample_size import bet_limit, chance_of_verdict, limit_gains, users_needed

REPLICATES, USER_BLOCKS, SEED = 2000, 512, 20_261_101
MANY_EVENTS = 1500.0  # beyond which first passage of a Brownian motion says the same,
MANY_EVENTS_TO_PLAN = 400.0  # and beyond which it does to plan with


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is assumed of the users of a certificate. Events come at a rate per decision, whatever the action.

    Examples
    --------
    >>> design = Design.worst(2.0, rows=8)
    >>> design.weight.tolist(), design.share.tolist(), design.square
    ([2.0, 0.0], [0.5, 0.5], 2.0)
    """

    weight: F64
    """(m,) the importance weights that occur."""
    share: F64
    """(m,) how often they occur."""
    rows: float = 1.0
    """Mean decisions of a user."""
    max_rows: int = 1
    """Decisions of a user at most."""
    largest: float = 1.0
    """The largest weight that is declared."""
    absorbing: bool = True
    """Whether an event comes at most once a user."""
    correlation: float = 0.0
    """Intraclass correlation of a user's events, where there may be several."""

    @classmethod
    def worst(cls, largest: float, rows: int = 1, *, absorbing: bool = True, correlation: float = 0.0) -> Design:
        """The most variable weights below ``largest``: that weight for one decision in so many, and 0 for the rest.

        Parameters
        ----------
        largest
            The largest weight.
        rows
            Decisions of every user.
        absorbing, correlation
            As in ``Design``.
        """
        return cls(
            weight=np.array([largest, 0.0]),
            share=np.array([1 / largest, 1 - 1 / largest]),
            rows=rows,
            max_rows=rows,
            largest=largest,
            absorbing=absorbing,
            correlation=correlation,
        )

    @property
    def square(self) -> float:
        """E[w²]: decisions over effective decisions."""
        return float(self.share @ self.weight**2)

    def gains(self, limit: float, rate: float) -> tuple[F64, F64]:
        """What a user moves the bet by, and with what probability; two points where events are not once a user."""
        if self.absorbing:
            return limit_gains(limit, rate, self.weight, self.share, max(round(self.rows), 1))
        mean = self.rows * (limit - rate)
        independent = self.rows * max(rate * self.square - rate**2, 0.0)
        shared = self.rows * (self.rows - 1) * self.correlation * max(rate * (1 - rate), 0.0)
        sd = math.sqrt(independent + shared)
        return mean + sd * np.array([-1.0, 1.0]), np.array([0.5, 0.5])

    def most_bet(self, limit: float) -> float:
        """What ``certify`` bets at the very most."""
        return bet_limit(self.max_rows, self.largest - 1, 1 - limit, self.largest if self.absorbing else math.inf)


def chance_kept(design: Design, limit: float, rate: float, users: int, *, delta: float = 0.05) -> float:
    """The probability that ``certify`` calls a limit kept, where it is.

    Few events are drawn 2,000 times over, keyed, and bet on as ``certify`` does, in 512 blocks of users (standard error
    .011 at most); where there are many, by first passage of a Brownian motion (``chance_of_verdict``).

    Parameters
    ----------
    design
        What is assumed of the users.
    limit, rate
        Of events per decision: the ceiling, and what is true.
    users
        How many there are.
    delta
        δ at which the certificate is asked for.

    Examples
    --------
    >>> design = Design.worst(2.0, 8)
    >>> chance_kept(design, 0.01, 0.005, 2000) > chance_kept(design, 0.01, 0.005, 500)
    True
    """
    gain, probability = design.gains(limit, rate)
    bet = design.most_bet(limit)
    chance = -math.expm1(design.rows * math.log1p(-min(rate, 0.999)))
    if not design.absorbing or users * chance > MANY_EVENTS:
        return chance_of_verdict(gain, users, bet, delta=delta, probability=probability)
    return float(np.mean(_rehearse(design, limit, users * chance, users, delta) >= math.log(1 / delta)))


def users_to_keep(design: Design, limit: float, rate: float, *, delta: float = 0.05, power: float = 0.8) -> int | None:
    """Users after whom ``chance_kept`` is ``power``, to 2 % where events are few; None where none suffices.

    Parameters
    ----------
    design, limit, rate, delta
        As in ``chance_kept``.
    power
        The probability of a certificate that is wanted.

    Examples
    --------
    >>> users_to_keep(Design.worst(2.0, rows=8), limit=0.01, rate=0.005)
    700
    >>> users_to_keep(Design.worst(2.0, rows=8), limit=0.01, rate=0.02) is None
    True
    """
    gain, probability = design.gains(limit, rate)
    approximation = users_needed(gain, design.most_bet(limit), delta=delta, power=power, probability=probability)
    if approximation is None or not design.absorbing or approximation * design.rows * rate > MANY_EVENTS_TO_PLAN:
        return approximation
    low, high = 0.0, float(approximation)
    while chance_kept(design, limit, rate, math.ceil(high), delta=delta) < power:
        low, high = high, 1.2 * high
    low = max(low, high / 1.5)
    while high > 1.02 * low and high - low > 1:
        middle = (low + high) / 2
        suffices = chance_kept(design, limit, rate, math.ceil(middle), delta=delta) >= power
        low, high = (low, middle) if suffices else (middle, high)
    return math.ceil(high)


def _rehearse(design: Design, limit: float, events: float, users: int, delta: float) -> F64:
    """(r,) the largest logarithm of wealth in each replicate.

    Users are bet on in blocks: within a block the bet is one, and those without an event are taken together.
    """
    blocks = min(USER_BLOCKS, users)
    replicate, block, weight = _events(design, events, blocks)
    order = np.argsort(block, kind="stable")
    starts = np.searchsorted(block[order], np.arange(blocks + 1))
    # Whoever leaves does so after half of the decisions, in the mean.
    quiet, ended, size = design.rows * limit, (design.rows + 1) / 2 * limit, users / blocks
    prior = np.full(REPLICATES, design.max_rows * design.largest * limit * (1 - limit))
    total, square, wealth, highest = (np.zeros(REPLICATES) for _ in range(4))
    goal, most_bet = 2 * math.log(1 / delta), design.most_bet(limit)
    for t in range(blocks):
        rows = order[starts[t] : starts[t + 1]]
        world, loss = replicate[rows], ended - weight[rows]
        users_before = t * size
        spread = prior + np.maximum(square - total**2 / max(users_before, 1.0), 0.0)
        bet = np.minimum(np.sqrt(goal * (users_before + 1) / (spread * users)), most_bet)
        wealth += size * np.log1p(bet * quiet)
        wealth += np.bincount(world, np.log1p(bet[world] * loss) - np.log1p(bet[world] * quiet), REPLICATES)
        total += size * quiet + np.bincount(world, loss - quiet, REPLICATES)
        square += size * quiet**2 + np.bincount(world, loss**2 - quiet**2, REPLICATES)
        np.maximum(highest, wealth, out=highest)
    return highest


def _events(design: Design, mean: float, blocks: int) -> tuple[I64, I64, F64]:
    """(e,) replicate, block and weight of every event."""
    largest = int(mean + 12 * math.sqrt(mean) + 30)
    number = np.searchsorted(pdtr(np.arange(largest), mean), _uniforms(REPLICATES, 0))
    replicate = np.repeat(np.arange(REPLICATES), number)
    block = (_uniforms(replicate.size, 1) * blocks).astype(np.int64)
    kind = np.searchsorted(np.cumsum(design.share)[:-1], _uniforms(replicate.size, 2))
    return replicate, block, design.weight[kind]


def _uniforms(n: int, lane: int) -> F64:
    out = np.empty(n)
    philox.uniforms(np.uint64(SEED), np.arange(n, dtype=np.uint64), np.uint64(lane), out)
    return out
