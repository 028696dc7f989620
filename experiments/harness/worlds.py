"""Worlds asked week by week: what a policy brings, and what the best table by segment would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np

import tactful as tt
from tactful.simulate import CadenceTable, Course, Engine, PlainWorld

PRICE = 15.0  # of an opt-out, in engagements
OBJECTIVE = tt.Objective({"engaged": 1.0, "opted_out": -PRICE})
SLOTS = ("07:00", "09:30", "12:00", "14:30", "17:00", "19:30", "22:00")
FREQUENCIES = (1, 2, 4, 7)
SHARE = 2**32  # what served integers sum to
SESSIONS, OPT_OUTS = 2, 3  # among what an action is expected to bring

# Without a surface the bend makes all frequencies worth about the same, so that only each cell's own rate tells.
SMOOTH = {"amplitude": 0.8, "bend": 0.35, "hazard": 0.0012}
ROUGH = {"amplitude": 0.0, "bend": 0.25, "hazard": 0.0003, "scatter": 0.8}


class Week(NamedTuple):
    """One week under a policy.

    ``gain`` is what the served pmf brings in expectation beyond sending nothing, per decision; ``best`` what the
    oracle's table brings; ``opt_outs`` the expected opt-outs per decision.
    """

    log: tt.Log
    leaf: np.ndarray
    gain: float
    best: float
    opt_outs: float


class WeeklyWorld(Protocol):
    """A world in which a learner begins; ``leaf_node`` (leaves,) points into the tree of segments."""

    actions: tt.ActionSpace
    segments: tt.Segments
    leaf_node: np.ndarray

    def week(self, policy: tt.Published, week: int) -> Week: ...


def leaf_pmf(world: WeeklyWorld, policy: tt.Published) -> np.ndarray:
    """(leaves, k) what a policy serves in each leaf; one that it does not know gets its nearest ancestor's row."""
    return node_pmf(policy, policy.segments.locate(world.segments)[world.leaf_node])


def node_pmf(policy: tt.Published, nodes: np.ndarray) -> np.ndarray:
    """(n, k) what a policy serves at nodes (n,) of its tree where every action may be taken."""
    keys, periods = np.zeros(nodes.size, np.uint64), np.zeros(nodes.size, np.int64)
    served = tt.decide_rows(policy, keys, periods, nodes, vectors=True).shares
    return np.asarray(served) / SHARE


def leaf_nodes(world: tt.World) -> np.ndarray:
    """(leaves,) the node of each leaf of the notification world."""
    return np.array([world.segments.nearest(leaf.path) for leaf in world.config.leaves])


def leaf_table(world: tt.World, pmf: np.ndarray) -> tt.Table:
    """A policy of the notification world from probabilities (leaves, k); inner nodes have uniform rows."""
    rows = np.full((len(world.segments), world.actions.k), 1 / world.actions.k)
    rows[leaf_nodes(world)] = pmf
    return tt.Table.of(world.actions, world.segments, rows)


@dataclass
class TableWorld:
    """Independent decisions, equally frequent leaves: the truth is a table."""

    world: PlainWorld
    users: int
    seed: int

    def __post_init__(self) -> None:
        truth = self.world.truth()
        self.actions, self.segments = self.world.actions, self.world.segments
        self.leaf_node = np.array([self.segments.nearest(path) for path in self.world.leaves])
        self.utility = truth["engaged"] - PRICE * truth["opted_out"]
        self.opt_out_rate = truth["opted_out"]

    def week(self, policy: tt.Published, week: int) -> Week:
        log = self.world.simulate(self.users, 1, policy, seed=self.seed, first_week=week).log
        leaf_of_node = np.full(len(self.segments), -1)
        leaf_of_node[self.leaf_node] = np.arange(self.leaf_node.size)
        leaf = leaf_of_node[log.segment]
        pmf = leaf_pmf(self, policy)
        weight = np.bincount(leaf, minlength=self.leaf_node.size) / leaf.size
        return Week(
            log,
            leaf,
            float(weight @ (pmf * self.utility).sum(1)),
            float(weight @ self.utility.max(1)),
            float(weight @ (pmf * self.opt_out_rate).sum(1)),
        )


def table_world(seed: int, users: int, *, smooth: bool = True, leaves: tuple[int, int, int] = (2, 3, 4)) -> TableWorld:
    """A plain world whose peaks and ideals vary by platform, lifecycle and leaf; or with nothing but scatter."""
    rng = np.random.default_rng([seed, 4])
    a, b, c = leaves

    def nested(*deviations: float) -> np.ndarray:
        sizes = ((a, 1, 1), (1, b, 1), (a, b, c))
        levels = [rng.normal(0, sd, size) for sd, size in zip(deviations, sizes, strict=True)]
        return sum(np.broadcast_to(level, leaves) for level in levels).ravel()

    peak, ideal = 16 + nested(3.0, 2.0, 3.0), 1.2 + nested(0.3, 0.3, 0.4)
    world = PlainWorld(
        actions=tt.ActionSpace.grid(SLOTS, FREQUENCIES),
        leaves=tuple(f"p{i}/q{j}/r{k}" for i in range(a) for j in range(b) for k in range(c)),
        peak_h=tuple((peak % 24).tolist()),
        ideal=tuple((ideal if smooth else np.zeros_like(ideal)).tolist()),
        level=-2.0,
        scatter_seed=seed,
        **(SMOOTH if smooth else ROUGH),
    )
    return TableWorld(world, users, seed)


@dataclass
class NotificationWorld:
    """The notification world: users tire, form habits and leave, so that a week depends on the weeks before.

    The oracle lives the same weeks with the same users and random numbers under its own table; ``oracle_gains`` keeps
    its gain of each week by seed, for all learners of that seed.
    """

    world: tt.World
    users: int
    seed: int
    oracle: tt.Table
    oracle_gains: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.actions, self.segments = self.world.actions, self.world.segments
        self.leaf_node = leaf_nodes(self.world)
        self.course = self._course()
        if self.seed not in self.oracle_gains:
            self.oracle_gains[self.seed] = []
            self.oracle_course = self._course()

    def _course(self) -> Course:
        return Course(self.world, self.world.people(self.users, seed=self.seed, threads=1), self.seed, threads=1)

    def week(self, policy: tt.Published, week: int) -> Week:
        step = self.course.advance(policy, expected=True)
        gain, opt_outs = worth(step.expected, leaf_pmf(self, policy)[step.leaf])
        gains = self.oracle_gains[self.seed]
        if len(gains) <= week:
            best = self.oracle_course.advance(self.oracle, expected=True)
            gains.append(worth(best.expected, leaf_pmf(self, self.oracle)[best.leaf])[0])
        return Week(objective_log(step.log), step.leaf, gain, gains[week], opt_outs)


def objective_log(log: tt.Log) -> tt.Log:
    """A log with the outcomes of the objective alone."""
    return replace(log, outcomes={o: log.outcomes[o] for o in OBJECTIVE.outcomes})


def worth(expected: np.ndarray, pmf: np.ndarray) -> tuple[float, float]:
    """What a pmf (n, k) brings beyond sending nothing this week, and its opt-outs, per decision."""
    utility = expected[:, :, SESSIONS] - PRICE * expected[:, :, OPT_OUTS]
    gain = np.sum(pmf * (utility - utility[:, :1]), 1)
    return float(gain.mean()), float(np.sum(pmf * expected[:, :, OPT_OUTS], 1).mean())


def stationary_rates(world: tt.World, asked: Mapping[str, int], weeks: int) -> np.ndarray:
    """(leaves, k, 2) gain and opt-outs per decision over weeks in which one action is all that is served.

    Leaves do not touch each other, so one run an action is enough for the best stationary policy of every leaf.

    Parameters
    ----------
    world
        The notification world.
    asked
        ``users`` and ``seed`` of the people who live through it.
    weeks
        How long they do.
    """
    seed, n = asked["seed"], len(world.config.leaves)
    people = world.people(asked["users"], seed=seed, threads=1)
    engine, space = Engine(world.config, seed, 1), CadenceTable.of(world.config)
    rates = np.zeros((n, world.actions.k, 2))
    for a, name in enumerate(world.actions.names):
        course = Course(world, people.copy(), seed, threads=1)
        total, count = np.zeros((n, 2)), np.zeros(n)
        for week in range(weeks):
            alive = course.people.take(course.people.alive)
            expected = engine.expected(alive, 7 * week, 7, space.cadence[[0, a]], space.slot[[0, a]])
            utility = expected[:, :, SESSIONS] - PRICE * expected[:, :, OPT_OUTS]
            gain = utility[:, 1] - utility[:, 0]
            np.add.at(total, alive.leaf, np.stack([gain, expected[:, 1, OPT_OUTS]], 1))
            count += np.bincount(alive.leaf, minlength=n)
            course.advance(tt.constant_policy(world.actions, name))
        rates[:, a] = total / count[:, None]
    return rates
