"""Who learns week by week: tactful's models under several explorers, and simple arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

import tactful as tt
from harness.worlds import OBJECTIVE, Week, WeeklyWorld

ARM_DRAWS = 256  # of simple arms
BANK_DRAWS = 256  # of a bank: a quarter of the default, for speed
DEFAULT_EXPLORER = tt.Thompson(draws=BANK_DRAWS, sharpen=2)


class Learner(Protocol):
    """Asked for a table at the start of every week, told its outcomes at the end."""

    def policy(self, week: int) -> tt.Table: ...
    def learn(self, week: Week) -> None: ...


def by_leaf(world: WeeklyWorld, pmf: np.ndarray) -> tt.Table:
    """A table from probabilities (leaves, k); inner nodes, which nobody is at, have uniform rows."""
    rows = np.full((len(world.segments), world.actions.k), 1 / world.actions.k)
    rows[world.leaf_node] = pmf
    return tt.Table.of(world.actions, world.segments, rows)


def rewards(log: tt.Log) -> np.ndarray:
    """(n,) the objective of every row: what learners of one number are given."""
    return OBJECTIVE.combine({o: log.outcomes[o].value for o in OBJECTIVE.outcomes})


@dataclass
class Uniform:
    """Nothing is learned."""

    world: WeeklyWorld

    def policy(self, week: int) -> tt.Table:  # noqa: ARG002
        k = self.world.actions.k
        return by_leaf(self.world, np.full((self.world.leaf_node.size, k), 1 / k))

    def learn(self, week: Week) -> None:
        pass


@dataclass
class Tactful:
    """A model of tactful's, updated and published every week.

    ``bare`` leaves the context columns out and publishes a table, as the others do: the contexts are segments.
    """

    world: WeeklyWorld
    seed: int
    model: Any
    explorer: Any = None
    schedule: Callable[[int], Any] | None = None
    uniform: float = 0.03
    bare: bool = False
    posterior: Any = None

    def policy(self, week: int) -> tt.Table:
        if self.posterior is None:
            return Uniform(self.world).policy(week)
        seed = 1000 * self.seed + week
        explorer = self.schedule(week) if self.schedule else self.explorer
        if self.bare:
            pmf = explorer.pmf(self.posterior, OBJECTIVE, seed)
            return tt.Table.of(self.posterior.actions, self.posterior.segments, pmf, tt.Terms(uniform=self.uniform))
        return tt.publish(self.posterior, OBJECTIVE, explorer=explorer, uniform=self.uniform, seed=seed)

    def learn(self, week: Week) -> None:
        log = replace(week.log, context=None, context_names=()) if self.bare else week.log
        self.posterior = self.model.fit(log) if self.posterior is None else self.posterior.update(log)


@dataclass
class Arms:
    """Independent conjugate arms for every (segment, action), Thompson sampling with 256 draws.

    Beta on a rate per trial (opens per send, opt-outs per decision), Gamma on a count. The prior of a cell has the mean
    of all cells together and the strength of ``prior`` observations.
    """

    world: WeeklyWorld
    seed: int
    prior: float = 2.0
    sharpen: float = 1.0
    pooled: bool = False

    def __post_init__(self) -> None:
        shape = (1 if self.pooled else self.world.leaf_node.size, self.world.actions.k)
        self.sums = {o: np.zeros(shape) for o in OBJECTIVE.outcomes}
        self.counts = {o: np.zeros(shape) for o in OBJECTIVE.outcomes}
        self.rng = np.random.default_rng([self.seed, 7])
        self.trials = np.ones(self.world.actions.k)
        self.kinds: dict[str, str] = {}

    def policy(self, week: int) -> tt.Table:
        if week == 0:
            return Uniform(self.world).policy(week)
        utility = sum(OBJECTIVE.values[o] * self._draws(o) for o in OBJECTIVE.outcomes)
        best = utility.argmax(2)
        wins = np.stack([(best == a).mean(0) for a in range(self.world.actions.k)], 1) ** self.sharpen
        pmf = wins / wins.sum(1, keepdims=True)
        return by_leaf(self.world, np.broadcast_to(pmf, (self.world.leaf_node.size, pmf.shape[1])))

    def _draws(self, outcome: str) -> np.ndarray:
        total, count = self.sums[outcome], self.counts[outcome]
        mean = total.sum() / count.sum()
        a, size = total + self.prior * mean, count + self.prior
        shape = (ARM_DRAWS, *total.shape)
        if self.kinds[outcome] == "count":
            return self.rng.gamma(np.broadcast_to(a, shape)) / size
        draws = self.rng.beta(np.broadcast_to(a, shape), size - a + 1e-9)
        return draws * self.trials if self.kinds[outcome] == "trials" else draws

    def learn(self, week: Week) -> None:
        self.kinds = {}
        for o in OBJECTIVE.outcomes:
            m = week.log.outcomes[o]
            self.kinds[o] = "trials" if m.trials is not None else m.spec.kind
            cell = (np.zeros_like(week.leaf) if self.pooled else week.leaf, week.log.action)
            np.add.at(self.sums[o], cell, m.value)
            np.add.at(self.counts[o], cell, 1.0 if m.trials is None else m.trials)
            if m.trials is not None:
                self.trials = np.array([float(f or 0) for f in self.world.actions.frequencies])
