"""The three worlds, each asked week by week: what a policy brings, and what the best table by segment would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from tactful import ActionSpace, Objective
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.optimisation.publish import node_pmf
from tactful.policies.table import Table, always
from tactful.simulate.course import Course
from tactful.simulate.engine import Engine
from tactful.simulate.plain_world import PlainWorld
from tactful.simulate.plans import Geometry
from tactful.simulate.world import World

PRICE = 15.0  # of an opt-out, in engagements
OBJECTIVE = Objective({"engaged": 1.0, "opted_out": -PRICE})
SLOTS = ("07:00", "09:30", "12:00", "14:30", "17:00", "19:30", "22:00")
FREQUENCIES = (1, 2, 4, 7)


class Week(NamedTuple):
    """One week under a policy.

    ``gain`` is what the served pmf brings in expectation beyond sending nothing, per decision; ``best`` what the
    oracle's table brings; ``opt_outs`` the expected opt-outs per decision.
    """

    log: Log
    leaf: np.ndarray
    gain: float
    best: float
    opt_outs: float


class Started(Protocol):
    """A world in which a learner begins."""

    actions: ActionSpace
    segments: Segments
    leaf_node: np.ndarray

    def week(self, policy: Table, week: int) -> Week: ...


def leaf_pmf(world: Started, policy: Table) -> np.ndarray:
    """(leaves, k) what a policy serves in each leaf; one that it does not know gets its nearest ancestor's row."""
    return node_pmf(policy)[policy.segments.locate(world.segments)[world.leaf_node]]


@dataclass
class Plain:
    """Independent decisions, equally frequent leaves: the truth is a table."""

    world: PlainWorld
    users: int
    seed: int

    def __post_init__(self) -> None:
        truth = self.world.truth()
        self.actions, self.segments = self.world.actions, self.world.segments
        self.leaf_node = np.array([self.segments.nearest(p) for p in self.world.leaves])
        self.utility = truth["engaged"] - PRICE * truth["opted_out"]
        self.quits = truth["opted_out"]

    def week(self, policy: Table, week: int) -> Week:
        made = self.world.simulate(self.users, 1, policy, seed=self.seed, first_week=week)
        to_leaf = np.full(len(self.segments), -1)
        to_leaf[self.leaf_node] = np.arange(self.leaf_node.size)
        leaf = to_leaf[made.log.segment]
        pmf = leaf_pmf(self, policy)
        weight = np.bincount(leaf, minlength=self.leaf_node.size) / leaf.size
        return Week(
            made.log,
            leaf,
            float(weight @ (pmf * self.utility).sum(1)),
            float(weight @ self.utility.max(1)),
            float(weight @ (pmf * self.quits).sum(1)),
        )


def plain(seed: int, users: int, *, smooth: bool = True, leaves: tuple[int, int, int] = (2, 3, 4)) -> Plain:
    """A plain world whose peaks and ideals vary by platform, lifecycle and leaf; or with nothing but scatter."""
    rng = np.random.default_rng([seed, 4])
    a, b, c = leaves
    paths = [f"p{i}/q{j}/r{k}" for i in range(a) for j in range(b) for k in range(c)]

    def nested(*sds: float) -> np.ndarray:
        sizes = ((a, 1, 1), (1, b, 1), (a, b, c))
        return sum(
            np.broadcast_to(rng.normal(0, sd, size), leaves) for sd, size in zip(sds, sizes, strict=True)
        ).ravel()

    peak, ideal = 16 + nested(3.0, 2.0, 3.0), 1.2 + nested(0.3, 0.3, 0.4)
    # Without a surface the bend makes all frequencies worth about the same, so that only each cell's own rate tells.
    shape = {"amplitude": 0.8, "bend": 0.35, "hazard": 0.0012}
    if not smooth:
        ideal = np.zeros_like(ideal)
        shape = {"amplitude": 0.0, "bend": 0.25, "hazard": 0.0003, "scatter": 0.8}
    world = PlainWorld(
        actions=ActionSpace.grid(SLOTS, FREQUENCIES),
        leaves=tuple(paths),
        peak_h=tuple((peak % 24).tolist()),
        ideal=tuple(ideal.tolist()),
        level=-2.0,
        scatter_seed=seed,
        **shape,
    )
    return Plain(world, users, seed)


@dataclass
class Notified:
    """The notification world: users tire, form habits and leave, so that a week depends on the weeks before.

    The oracle lives the same weeks with the same users and random numbers under its own table.
    """

    world: World
    users: int
    seed: int
    oracle: Table
    known: dict[int, list[float]]

    def __post_init__(self) -> None:
        self.actions, self.segments = self.world.actions, self.world.segments
        self.leaf_node = np.array([self.segments.nearest(x.path) for x in self.world.config.leaves])
        self.course = self._course()
        if self.seed not in self.known:
            self.known[self.seed] = []
            self.best = self._course()

    def _course(self) -> Course:
        return Course(self.world, self.world.people(self.users, seed=self.seed, threads=1), self.seed, threads=1)

    def week(self, policy: Table, week: int) -> Week:
        lived = self.course.advance(policy, expected=True)
        gain, quits = worth(lived.expected, leaf_pmf(self, policy)[lived.leaf])
        best = self.known[self.seed]
        if len(best) <= week:
            other = self.best.advance(self.oracle, expected=True)
            best.append(worth(other.expected, leaf_pmf(self, self.oracle)[other.leaf])[0])
        wanted = {o: lived.log.outcomes[o] for o in OBJECTIVE.outcomes}
        return Week(replace(lived.log, outcomes=wanted), lived.leaf, gain, best[week], quits)


def worth(expected: np.ndarray, pmf: np.ndarray) -> tuple[float, float]:
    """What a pmf (n, k) brings beyond sending nothing this week, and its opt-outs, per decision."""
    utility = expected[:, :, 2] - PRICE * expected[:, :, 3]
    gain = np.sum(pmf * (utility - utility[:, :1]), 1)
    return float(gain.mean()), float(np.sum(pmf * expected[:, :, 3], 1).mean())


def best_table(world: World, users: int, weeks: int, seed: int) -> tuple[Table, np.ndarray]:
    """The best stationary table by segment, and the gain (leaves, k) of each action when it is all that is served.

    Leaves do not touch each other, so one run an action is enough.
    """
    people = world.people(users, seed=seed, threads=1)
    engine, space = Engine(world.config, seed, 1), Geometry.of(world.config)
    n = len(world.config.leaves)
    found = np.zeros((n, world.actions.k))
    for a in range(world.actions.k):
        course = Course(world, people.copy(), seed, threads=1)
        total, count = np.zeros(n), np.zeros(n)
        for week in range(weeks):
            alive = course.people.take(course.people.alive)
            each = engine.expected(alive, 7 * week, 7, space.cadence[[0, a]], space.slot[[0, a]])
            utility = each[:, :, 2] - PRICE * each[:, :, 3]
            total += np.bincount(alive.leaf, utility[:, 1] - utility[:, 0], n)
            count += np.bincount(alive.leaf, minlength=n)
            course.advance(always(world.actions, world.actions.names[a]))
        found[:, a] = total / count
    pmf = np.full((len(world.segments), world.actions.k), 1 / world.actions.k)
    pmf[[world.segments.nearest(x.path) for x in world.config.leaves]] = np.eye(world.actions.k)[found.argmax(1)]
    return Table.of(world.actions, world.segments, pmf), found
