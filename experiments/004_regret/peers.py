"""The peers as their users would configure them, each given the same contexts, batches and rewards.

Contexts are segments: a peer predicts once for each of them a week. Where its choice is a random draw, ``PEER_DRAWS``
draws make the week's pmf of a segment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from harness.learners import Uniform, by_leaf, rewards
from harness.worlds import Week, WeeklyWorld

import tactful as tt

PEER_DRAWS = 10


def hours(world: WeeklyWorld) -> np.ndarray:
    """(k,) local hour of every action, 0 for ``none``."""
    return np.array([0.0 if s is None else int(s[:2]) + int(s[3:]) / 60 for s in world.actions.slots])


@dataclass
class VowpalWabbit:
    """``--cb_explore_adf`` over the namespaces s(egment), h(our) and f(requency), text formatted once.

    VW learns a week's decisions one by one, with the propensities that it served; its pmf has a floor of its own.
    """

    world: WeeklyWorld
    seed: int
    options: str

    def __post_init__(self) -> None:
        from vowpalwabbit import Workspace

        self.vw = Workspace(f"--cb_explore_adf {self.options} --random_seed {self.seed} --quiet")
        self.actions = [self._action(a) for a in range(self.world.actions.k)]
        self.shared = [self._shared(leaf) for leaf in range(self.world.leaf_node.size)]

    def _action(self, a: int) -> str:
        slot, f = self.world.actions.slots[a], self.world.actions.frequencies[a]
        if slot is None or not f:
            return "|h none |f none"
        angle = 2 * np.pi * hours(self.world)[a] / 24
        hour = f"|h at={slot.replace(':', '')} sin:{np.sin(angle):.4f} cos:{np.cos(angle):.4f}"
        return f"{hour} |f often={f} log:{np.log(f):.4f} square:{np.log(f) ** 2:.4f}"

    def _shared(self, leaf: int) -> str:
        path = self.world.segments.paths[self.world.leaf_node[leaf]]
        names = path.split("/")
        ancestors = " ".join("/".join(names[: i + 1]) for i in range(len(names)))
        return f"shared |s {ancestors}"

    def policy(self, week: int) -> tt.Table:
        if week == 0:
            return Uniform(self.world).policy(week)
        pmf = np.array([self.vw.predict([shared, *self.actions]) for shared in self.shared])
        pmf = np.maximum(pmf, 0)
        return by_leaf(self.world, pmf / pmf.sum(1, keepdims=True))

    def learn(self, week: Week) -> None:
        log = week.log
        columns = (week.leaf, log.action, rewards(log), log.propensity)
        rows = zip(*(np.asarray(c).tolist() for c in columns), strict=True)
        for leaf, a, reward, p in rows:
            lines = [self.shared[leaf], *self.actions]
            lines[1 + a] = f"0:{-reward:.6g}:{p:.6g} {self.actions[a]}"
            self.vw.learn(lines)


@dataclass
class MabWiser:
    """LinUCB or LinTS for every arm, on one-hot segments."""

    world: WeeklyWorld
    seed: int
    policy_name: str
    alpha: float
    l2_lambda: float = 1.0
    draws: int = 1

    def __post_init__(self) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        kind = getattr(LearningPolicy, self.policy_name)(alpha=self.alpha, l2_lambda=self.l2_lambda)
        self.mab = MAB(list(range(self.world.actions.k)), kind, seed=self.seed)
        self.contexts = np.eye(self.world.leaf_node.size)

    def policy(self, week: int) -> tt.Table:
        if week == 0:
            return Uniform(self.world).policy(week)
        choices = np.array([self.mab.predict(self.contexts) for _ in range(self.draws)])
        return by_leaf(self.world, shares(choices, self.world.actions.k))

    def learn(self, week: Week) -> None:
        self.mab.partial_fit(week.log.action, rewards(week.log), self.contexts[week.leaf])


@dataclass
class BayesianBandits:
    """Thompson sampling over a Bayesian linear regression for every arm, on one-hot segments."""

    world: WeeklyWorld
    seed: int
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        from bayesianbandits import Arm, ContextualAgent, NormalRegressor, ThompsonSampling

        learners = [NormalRegressor(alpha=self.alpha, beta=self.beta) for _ in range(self.world.actions.k)]
        arms: list[Any] = [Arm(a, learner=learner) for a, learner in enumerate(learners)]
        self.agent = ContextualAgent(arms, ThompsonSampling(), random_seed=self.seed)
        self.contexts = np.eye(self.world.leaf_node.size)

    def policy(self, week: int) -> tt.Table:
        if week == 0:
            return Uniform(self.world).policy(week)
        choices = np.array([self.agent.pull(self.contexts) for _ in range(PEER_DRAWS)])
        return by_leaf(self.world, shares(choices, self.world.actions.k))

    def learn(self, week: Week) -> None:
        reward = rewards(week.log)
        for a in np.unique(week.log.action).tolist():
            rows = week.log.action == a
            self.agent.select_for_update(a).update(self.contexts[week.leaf[rows]], reward[rows])


def shares(choices: np.ndarray, k: int) -> np.ndarray:
    """(leaves, k) shares of the actions among choices (m, leaves)."""
    return np.stack([(choices == a).mean(0) for a in range(k)], 1)
