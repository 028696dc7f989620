"""One seed of the study: its population, and the arms and the trial that several regularities share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tactful.simulate import Fixed, People, Value, World

YEAR = 364
CHANCES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
TRIAL_BLOCK = 10_000  # users whose trial is simulated at once
CUTS = (0, 14, 28, 56, 84, 112, 140, 152, 180, 196, 224, 252, 280, 308, 336, 364)


class Trial(NamedTuple):
    """What a log of a micro-randomised trial says: uplift by decile (10,), and one-step values by probability."""

    lift: list[float]
    predicted: list[float]


@dataclass
class SeedStudy:
    """One seed: its population at the end of the warm-up, and the arms that several regularities share."""

    seed: int
    users: int
    """Of each population."""
    trial_users: int
    """Of the micro-randomised trials."""
    table_users: int
    """Whose expectations make the table of the limited policy."""
    world: World = field(default_factory=World)

    @cached_property
    def people(self) -> People:
        return self.world.people(self.users, seed=self.seed)

    def value(self, plan: Any, horizon: int, people: People | None = None, cuts: tuple[int, ...] = ()) -> Value:
        return self.world.value(plan, horizon, people or self.people, seed=self.seed, cuts=cuts)

    @cached_property
    def year(self) -> Value:
        return self.value(Fixed(5.0), YEAR, cuts=CUTS)

    @cached_property
    def double_year(self) -> Value:
        return self.value(Fixed(10.0), YEAR, cuts=CUTS)

    @cached_property
    def half(self) -> Value:
        return self.value(Fixed(5.0, kept=0.5), 28)

    @cached_property
    def trial(self) -> Trial:
        return run_trial(self)


def deciles(visits: np.ndarray, seed: int) -> np.ndarray:
    """(n,) decile of activity, ties at random."""
    jitter = np.random.default_rng(seed).random(visits.size)
    rank = np.empty(visits.size, np.int64)
    rank[np.lexsort((jitter, visits))] = np.arange(visits.size)
    return rank * 10 // visits.size


def run_trial(s: SeedStudy) -> Trial:
    """A micro-randomised trial (five slots, p = .2, 28 days), block by block."""
    rows, total, decisions = np.zeros((10, 2)), np.zeros((10, 2)), 0
    decile = deciles(s.world.people(s.trial_users, seed=s.seed).visits, s.seed)
    for first in range(0, s.trial_users, TRIAL_BLOCK):
        n = min(TRIAL_BLOCK, s.trial_users - first)
        log = s.world.trial(n, 28, 0.2, seed=s.seed, first_user=first, warm=True, truth=False).log
        cell = decile[first : first + n][log.user] * 2 + log.action
        rows += np.bincount(cell, minlength=20).reshape(10, 2)
        total += np.bincount(cell, log.outcomes["engaged"].value, 20).reshape(10, 2)
        decisions += log.n
    value = s.world.trial_value(0.2, 28, s.trial_users, seed=s.seed)
    unlogged = value.of_users("sessions").sum() - total.sum()  # of users who have opted out
    mean = total.sum(0) / rows.sum(0)
    predicted = [(decisions * (q * mean[1] + (1 - q) * mean[0]) + unlogged) / s.trial_users / 4 for q in CHANCES]
    by_decile = total / np.maximum(rows, 1)
    return Trial((by_decile[:, 1] - by_decile[:, 0]).tolist(), predicted)
