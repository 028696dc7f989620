"""A year of weekly updates in the notification world, and the best policy that keeps the limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from worlds import OBJECTIVE, PRICE, worth

import tactful as tt
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.optimisation.constrained import Limit, Served, optimum
from tactful.optimisation.publish import node_pmf
from tactful.policies.table import Table, always
from tactful.simulate.course import Course
from tactful.simulate.engine import Engine
from tactful.simulate.plans import Geometry
from tactful.simulate.world import World
from tactful.simulate.world_config import lively

DRAWS = 256  # of the explorer's bank


def limits_of(config: Mapping[str, Any]) -> tt.Limits:
    """The limits of the configuration."""
    asked = config["limits"]
    return tt.Limits({"opted_out": asked["opted_out"]}, asked["sends_per_period"])


def start(world: World, config: Mapping[str, Any]) -> Table:
    """A safe cadence with a share of uniform traffic."""
    return replace(always(world.actions, config["start"]["safe"]), uniform=config["start"]["explore"])


class Learner:
    """Publishes every week under limits; where they cannot be kept it serves what it served before."""

    def __init__(self, world: World, seed: int, config: Mapping[str, Any], how: Mapping[str, Any]) -> None:
        options = {"half_life_days": how["half_life_days"]} if how["half_life_days"] else {}
        self.model: Any = getattr(tt, how["model"])(**options)
        self.limits = limits_of(config) if how.get("limited", True) else None
        self.certainty, self.seed = how.get("certainty", config["limits"]["certainty"]), seed
        self.posterior: Any = None
        self.serving = start(world, config)
        self.refused = 0

    def learn(self, log: tt.Log) -> None:
        log = replace(log, outcomes={o: log.outcomes[o] for o in OBJECTIVE.outcomes})
        self.posterior = self.model.fit(log) if self.posterior is None else self.posterior.update(log)

    def policy(self, week: int) -> Table:
        if self.posterior is not None:
            explorer = tt.Thompson(draws=DRAWS, sharpen=2)
            asked = {"explorer": explorer, "certainty": self.certainty, "seed": 1000 * self.seed + week}
            try:
                self.serving = tt.publish(self.posterior, OBJECTIVE, self.limits, **asked)
            except SpecError:
                self.refused += 1
        return self.serving


class Still:
    """The same policy all year."""

    refused = 0

    def __init__(self, policy: Table) -> None:
        self.serving = policy

    def learn(self, log: tt.Log) -> None:
        pass

    def policy(self, week: int) -> Table:  # noqa: ARG002
        return self.serving


def lived(learner: Learner | Still, world: World, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every week: expected opt-outs of what is served, those that happened, sends, and the gain over sending nothing.

    All are per decision of the users who are reachable in that week, in the states that earlier weeks led to.
    """
    people = world.people(settings["users"], seed=seed, threads=1)
    course = Course(world, people, seed, threads=1)
    leaf_node = np.array([world.segments.nearest(x.path) for x in world.config.leaves])
    waiting: list[tt.Log] = []
    sends = world.actions.sends
    found: dict[str, list[float]] = {c: [] for c in ("expected", "opt_outs", "n", "sends", "gain")}
    for week in range(settings["weeks"]):
        policy = learner.policy(week)
        pmf = node_pmf(policy)[policy.segments.locate(world.segments)[leaf_node]]
        now = course.advance(policy, expected=True)
        gain, rate = worth(now.expected, pmf[now.leaf])
        values = (rate, float(now.log.outcomes["opted_out"].value.sum()), now.log.n, pmf[now.leaf] @ sends, gain)
        for name, value in zip(found, values, strict=True):
            found[name].append(round(float(np.mean(value)), 6))
        waiting.append(now.log)
        if len(waiting) >= settings["delay_weeks"]:
            learner.learn(waiting.pop(0))
    return found | {"refused": learner.refused}


def steady(world: World, users: int, weeks: int, seed: int) -> np.ndarray:
    """(leaves, k, 2) gain and opt-outs per decision over a year in which an action is all that is served."""
    people, n = world.people(users, seed=seed, threads=1), len(world.config.leaves)
    engine, space = Engine(world.config, seed, 1), Geometry.of(world.config)
    found = np.zeros((n, world.actions.k, 2))
    for a in range(world.actions.k):
        course = Course(world, people.copy(), seed, threads=1)
        total, count = np.zeros((n, 2)), np.zeros(n)
        for week in range(weeks):
            alive = course.people.take(course.people.alive)
            each = engine.expected(alive, 7 * week, 7, space.cadence[[0, a]], space.slot[[0, a]])
            gain = (each[:, :, 2] - PRICE * each[:, :, 3]) @ np.array([-1.0, 1.0])
            np.add.at(total, alive.leaf, np.stack([gain, each[:, 1, 3]], 1))
            count += np.bincount(alive.leaf, minlength=n)
            course.advance(always(world.actions, world.actions.names[a]))
        found[:, a] = total / count[:, None]
    return found


def oracle(config: Mapping[str, Any], settings: Mapping[str, Any], store: Path) -> Table:
    """The best stationary policy within the limits, by the linear programme on the year's own rates; kept in a file."""
    world, asked = World(lively()), settings["oracle"]
    if not store.exists():
        found = steady(world, asked["users"], settings["weeks"], asked["seed"])
        store.write_text(
            json.dumps({"asked": asked, "gain, opt-outs": found.round(5).tolist()}) + "\n", encoding="utf-8"
        )
    found = np.array(json.loads(store.read_text(encoding="utf-8"))["gain, opt-outs"])
    share = np.array([x.share for x in world.config.leaves])
    limits = limits_of(config)
    sends = np.tile(world.actions.sends, (len(share), 1))
    bounds = [limits.outcomes["opted_out"], limits.sends_per_period or 0.0]
    rows = [Limit("opted_out", bounds[0], found[:, :, 1]), Limit("sends_per_period", bounds[1], sends)]
    pmf, _ = optimum(rows, bounds, found[:, :, 0], Served(share / share.sum(), 0.0))
    whole = np.full((len(world.segments), world.actions.k), 1 / world.actions.k)
    whole[[world.segments.nearest(x.path) for x in world.config.leaves]] = pmf
    return Table.of(world.actions, Segments(world.segments.paths), whole)
