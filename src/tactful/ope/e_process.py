"""Monitors of a running policy: e-processes that say "roll back" or "widen", and may be looked at at any time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tactful.core.arrays import F64
from tactful.errors import LogError, SpecError, first
from tactful.ope.sample_size import users_needed

Advice = Literal["roll back", "widen", "go on"]

# Bets in units of 1 / (1 − c): with 1.0 a rate of twice the ceiling is told from it fastest.
BACK_BETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0)
WIDEN_BETS = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Monitor:
    """Evidence about the mean of a limited outcome C in [0, 1] against its ceiling c, one factor a user and period.

    E_back = mean_λ Π (1 + λ (C − c)) grows where the mean is above c, E_widen = mean_λ Π (1 + λ (c − C)) where it is
    below. While E[C | what came before] ≤ c, E_back ever reaches 1/δ with probability at most δ, however often it is
    looked at; and E_widen likewise while the conditional mean is ≥ c (Ville 1939). Logarithms of the products are kept,
    which add: any order, batches and merges give the same state.
    Reference: Waudby-Smith & Ramdas 2023; Shafer 2021 (mixtures of bets).

    Examples
    --------
    >>> monitor = Monitor.start(0.004).update(np.zeros(2000))
    >>> monitor.advice, monitor.update(np.ones(25)).advice
    ('widen', 'roll back')
    """

    ceiling: float
    """c, the highest mean that is allowed."""
    delta: float
    """δ, the probability of a wrong advice for either question."""
    n: int
    """Outcomes that were counted, of users and periods."""
    total: float
    """Their sum."""
    log_back: F64
    """(g,) logarithm of Π (1 + λ (C − c)) for each bet λ."""
    log_widen: F64
    """(h,) logarithm of Π (1 + λ (c − C)) for each bet λ."""

    @classmethod
    def start(cls, ceiling: float, delta: float = 0.05) -> Monitor:
        """A monitor that has seen nothing; δ is spent on each of the two questions.

        Raises
        ------
        SpecError
            The ceiling or δ is not inside (0, 1).
        """
        if not (0 < ceiling < 1 and 0 < delta < 1):
            raise SpecError("a ceiling and a delta between 0 and 1 are needed", "monitor", "give both as shares")
        back, widen = bets(ceiling)
        return cls(
            ceiling=ceiling,
            delta=delta,
            n=0,
            total=0.0,
            log_back=np.zeros(back.size),
            log_widen=np.zeros(widen.size),
        )

    def update(self, outcome: F64) -> Monitor:
        """With the outcomes (n,) of more users and periods, each once; known outcomes only.

        Raises
        ------
        LogError
            An outcome is unknown or outside [0, 1].
        """
        wrong = np.flatnonzero(~((outcome >= 0) & (outcome <= 1)))
        if wrong.size:
            what = f"{wrong.size:,} outcomes are unknown or outside [0, 1] (rows {first(wrong)})"
            raise LogError(what, "monitor", "update with mature outcomes, mapped to [0, 1]")
        back, widen = bets(self.ceiling)
        value, count = np.unique(outcome, return_counts=True)  # few distinct values, so few logarithms
        above = value - self.ceiling
        return replace(
            self,
            n=self.n + outcome.size,
            total=self.total + float(outcome.sum()),
            log_back=self.log_back + np.log1p(np.multiply.outer(back, above)) @ count,
            log_widen=self.log_widen + np.log1p(np.multiply.outer(widen, -above)) @ count,
        )

    def merge(self, monitor: Monitor) -> Monitor:
        """With what another monitor of the same question saw of other users and periods.

        Raises
        ------
        SpecError
            The two watch different ceilings or at different δ.
        """
        if (self.ceiling, self.delta) != (monitor.ceiling, monitor.delta):
            raise SpecError("monitors of different questions", "monitor", "merge those of one ceiling and delta")
        return replace(
            self,
            n=self.n + monitor.n,
            total=self.total + monitor.total,
            log_back=self.log_back + monitor.log_back,
            log_widen=self.log_widen + monitor.log_widen,
        )

    @property
    def e_back(self) -> float:
        """Evidence that the ceiling is passed: mean over λ of Π (1 + λ (C − c))."""
        return _mixed(self.log_back)

    @property
    def e_widen(self) -> float:
        """Evidence that the ceiling is kept: mean over λ of Π (1 + λ (c − C))."""
        return _mixed(self.log_widen)

    @property
    def advice(self) -> Advice:
        """What the evidence now allows; whoever reads it at every look is right with 1 − δ for each question."""
        if self.e_back >= 1 / self.delta:
            return "roll back"
        return "widen" if self.e_widen >= 1 / self.delta else "go on"

    def needed(self, rate: float, power: float = 0.8) -> int | None:
        """Users and periods until a verdict, in all, with probability ``power`` if events come at ``rate``.

        It is that of the best single bet of the mixture, at δ over their number; None at the ceiling, where there is
        none.
        """
        back, widen = bets(self.ceiling)
        side, grid = (1.0, back) if rate > self.ceiling else (-1.0, widen)
        gain = side * (np.array([0.0, 1.0]) - self.ceiling)
        probability = np.array([1 - rate, rate])
        options = (
            users_needed(
                gain, float(b), delta=self.delta / grid.size, power=power, probability=probability, tuned=False
            )
            for b in grid
        )
        return min((users for users in options if users is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON; ``from_dict`` gives the same monitor back, to the last bit."""
        return {
            "format": 1,
            "ceiling": self.ceiling,
            "delta": self.delta,
            "n": self.n,
            "total": self.total,
            "log_back": self.log_back.tolist(),
            "log_widen": self.log_widen.tolist(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Monitor:
        """The monitor that ``to_dict`` wrote.

        Raises
        ------
        SpecError
            It is damaged, or of another format.
        """
        try:
            start = cls.start(float(record["ceiling"]), float(record["delta"]))
            back, widen = (np.array(record[name], np.float64) for name in ("log_back", "log_widen"))
            monitor = replace(start, n=int(record["n"]), total=float(record["total"]), log_back=back, log_widen=widen)
            readable = record["format"] == 1 and back.shape == start.log_back.shape
            readable = readable and widen.shape == start.log_widen.shape
        except (KeyError, TypeError, ValueError):
            raise _UNREADABLE from None
        if not readable or monitor.n < 0 or not np.isfinite(np.concatenate([[monitor.total], back, widen])).all():
            raise _UNREADABLE
        return monitor


_UNREADABLE = SpecError("no monitor can be read", "monitor", "start a new one: Monitor.start(ceiling)")


def bets(ceiling: float) -> tuple[F64, F64]:
    """The λ of roll-back (g,) and of widening (h,), inside what keeps every factor positive."""
    back = np.minimum(np.array(BACK_BETS) / (1 - ceiling), 0.9 / ceiling)
    return back, np.array(WIDEN_BETS) / (1 - ceiling)


def _mixed(log_products: F64) -> float:
    log_mean = float(np.logaddexp.reduce(log_products)) - math.log(log_products.size)
    return math.exp(min(log_mean, 700.0))
