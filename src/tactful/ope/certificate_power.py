"""Certificates rehearsed: how often would ``certify`` say "kept", were the world as assumed?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr

from tactful.core.arrays import F64, I64
from tactful.kernels import philox
from tactful.ope.sample_size import bet_limit, chance_of_verdict, limit_gains, users_needed

REPLICATES, BLOCKS, SEED = 2000, 512, 20_261_101
MANY = 1500.0  # events beyond which first passage of a Brownian motion says the same,
ENOUGH = 400.0  # and beyond which it does to plan with


@dataclass(frozen=True, slots=True)
class Design:
    """Users of ``rows`` decisions each, of ``most`` at most, whose weights are ``weight`` (m,) with shares (m,).

    ``largest`` is the weight that is declared. Events come at a rate per decision whatever the action; at most one a
    user if ``absorbing``, and else with the intraclass ``correlation``.
    """

    weight: F64
    share: F64
    rows: float = 1.0
    most: int = 1
    largest: float = 1.0
    absorbing: bool = True
    correlation: float = 0.0

    @classmethod
    def worst(cls, largest: float, rows: int = 1, *, absorbing: bool = True, correlation: float = 0.0) -> Design:
        """The most variable weights below ``largest``: that weight for one decision in so many, and 0 for the rest."""
        share = np.array([1 / largest, 1 - 1 / largest])
        return cls(np.array([largest, 0.0]), share, rows, rows, largest, absorbing, correlation)

    @property
    def square(self) -> float:
        """E[w²]: decisions over effective decisions."""
        return float(self.share @ self.weight**2)

    def gains(self, limit: float, rate: float) -> tuple[F64, F64]:
        """What a user moves the bet by, and with what probability; two points where events are not once a user."""
        if self.absorbing:
            return limit_gains(limit, rate, self.weight, self.share, max(round(self.rows), 1))
        mean = self.rows * (limit - rate)
        alone = self.rows * max(rate * self.square - rate**2, 0.0)
        alike = self.rows * (self.rows - 1) * self.correlation * max(rate * (1 - rate), 0.0)
        spread = math.sqrt(alone + alike)
        return mean + spread * np.array([-1.0, 1.0]), np.array([0.5, 0.5])

    def most_bet(self, limit: float) -> float:
        """What ``certify`` bets at the very most."""
        return bet_limit(self.most, self.largest - 1, 1 - limit, self.largest if self.absorbing else math.inf)


def chance_kept(design: Design, limit: float, rate: float, users: int, *, delta: float = 0.05) -> float:
    """The probability that ``certify`` calls a limit kept, with events at ``rate`` a decision.

    Few events are drawn 2,000 times over, keyed, and bet on as ``certify`` does, in 512 blocks of users (standard error
    .011 at most); where there are many, by first passage of a Brownian motion (``chance_of_verdict``).
    """
    gain, probability = design.gains(limit, rate)
    bet = design.most_bet(limit)
    chance = -math.expm1(design.rows * math.log1p(-min(rate, 0.999)))
    if not design.absorbing or users * chance > MANY:
        return chance_of_verdict(gain, users, bet, delta=delta, probability=probability)
    return float(np.mean(_rehearse(design, limit, users * chance, users, delta) >= math.log(1 / delta)))


def users_to_keep(design: Design, limit: float, rate: float, *, delta: float = 0.05, power: float = 0.8) -> int | None:
    """Users after whom ``chance_kept`` is ``power``, to 2 % where events are few; None where none suffices."""
    gain, probability = design.gains(limit, rate)
    about = users_needed(gain, design.most_bet(limit), delta=delta, power=power, probability=probability)
    if about is None or not design.absorbing or about * design.rows * rate > ENOUGH:
        return about
    low, high = 0.0, float(about)
    while chance_kept(design, limit, rate, math.ceil(high), delta=delta) < power:
        low, high = high, 1.2 * high
    low = max(low, high / 1.5)
    while high > 1.02 * low and high - low > 1:
        middle = (low + high) / 2
        kept = chance_kept(design, limit, rate, math.ceil(middle), delta=delta) >= power
        low, high = (low, middle) if kept else (middle, high)
    return math.ceil(high)


def _rehearse(design: Design, limit: float, events: float, users: int, delta: float) -> F64:
    """(r,) the largest logarithm of wealth in each replicate."""
    replicate, block, weight = _events(design, events, min(BLOCKS, users))
    order = np.argsort(block, kind="stable")
    blocks = min(BLOCKS, users)
    starts = np.searchsorted(block[order], np.arange(blocks + 1))
    # Whoever leaves does so after half of the decisions, in the mean.
    quiet, gone, size = design.rows * limit, (design.rows + 1) / 2 * limit, users / blocks
    squares = np.full(REPLICATES, design.most * design.largest * limit * (1 - limit))
    moved, moved_2, wealth = (np.zeros(REPLICATES) for _ in range(3))
    top = np.zeros(REPLICATES)
    goal, most_bet = 2 * math.log(1 / delta), design.most_bet(limit)
    for t in range(blocks):
        here = order[starts[t] : starts[t + 1]]
        who, loss = replicate[here], gone - weight[here]
        so_far = t * size
        spread = squares + np.maximum(moved_2 - moved**2 / max(so_far, 1.0), 0.0)
        bet = np.minimum(np.sqrt(goal * (so_far + 1) / (spread * users)), most_bet)
        wealth += size * np.log1p(bet * quiet)
        wealth += np.bincount(who, np.log1p(bet[who] * loss) - np.log1p(bet[who] * quiet), REPLICATES)
        moved += size * quiet + np.bincount(who, loss - quiet, REPLICATES)
        moved_2 += size * quiet**2 + np.bincount(who, loss**2 - quiet**2, REPLICATES)
        np.maximum(top, wealth, out=top)
    return top


def _events(design: Design, mean: float, blocks: int) -> tuple[I64, I64, F64]:
    """(e,) replicate, block and weight of every event."""
    most = int(mean + 12 * math.sqrt(mean) + 30)
    number = np.searchsorted(pdtr(np.arange(most), mean), _uniforms(REPLICATES, 0))
    replicate = np.repeat(np.arange(REPLICATES), number)
    block = (_uniforms(replicate.size, 1) * blocks).astype(np.int64)
    kind = np.searchsorted(np.cumsum(design.share)[:-1], _uniforms(replicate.size, 2))
    return replicate, block, design.weight[kind]


def _uniforms(n: int, lane: int) -> F64:
    out = np.empty(n)
    philox.uniforms(np.uint64(SEED), np.arange(n, dtype=np.uint64), np.uint64(lane), out)
    return out
