"""A year of weekly updates in the notification world, and the best policy that keeps the limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from harness.learners import BANK_DRAWS
from harness.worlds import OBJECTIVE, leaf_nodes, leaf_table, node_pmf, objective_log, stationary_rates, worth
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, kron

import tactful as tt
from tactful.simulate import Course, lively

FIGURES = ("expected", "opt_outs", "n", "sends", "gain")


def limits_of(config: Mapping[str, Any]) -> tt.Limits:
    """The limits of the configuration."""
    limits = config["limits"]
    return tt.Limits({"opted_out": limits["opted_out"]}, limits["sends_per_period"])


def start_policy(world: tt.World, config: Mapping[str, Any]) -> tt.Table:
    """A safe cadence with a share of uniform traffic."""
    safe = tt.constant_policy(world.actions, config["start"]["safe"])
    return replace(safe, terms=tt.Terms(uniform=config["start"]["explore"]))


class Learner(Protocol):
    """Asked for a policy every week, told what came of it when opt-outs are known."""

    refused: int

    def policy(self, week: int) -> tt.Table: ...
    def learn(self, log: tt.Log) -> None: ...


class LimitedLearner:
    """Publishes every week under limits; where they cannot be kept it serves what it served before."""

    def __init__(self, world: tt.World, seed: int, config: Mapping[str, Any], method: Mapping[str, Any]) -> None:
        options = {"half_life_days": method["half_life_days"]} if method["half_life_days"] else {}
        self.model: Any = getattr(tt, method["model"])(**options)
        self.limits = limits_of(config) if method.get("limited", True) else None
        self.certainty, self.seed = method.get("certainty", config["limits"]["certainty"]), seed
        self.posterior: Any = None
        self.serving = start_policy(world, config)
        self.refused = 0

    def learn(self, log: tt.Log) -> None:
        log = objective_log(log)
        self.posterior = self.model.fit(log) if self.posterior is None else self.posterior.update(log)

    def policy(self, week: int) -> tt.Table:
        if self.posterior is not None:
            explorer, seed = tt.Thompson(draws=BANK_DRAWS, sharpen=2), 1000 * self.seed + week
            try:
                self.serving = tt.publish(
                    self.posterior, OBJECTIVE, self.limits, explorer=explorer, certainty=self.certainty, seed=seed
                )
            except tt.SpecError:
                self.refused += 1
        return self.serving


class FixedPolicy:
    """The same policy all year."""

    refused = 0

    def __init__(self, policy: tt.Table) -> None:
        self.serving = policy

    def learn(self, log: tt.Log) -> None:
        pass

    def policy(self, week: int) -> tt.Table:  # noqa: ARG002
        return self.serving


def live(learner: Learner, world: tt.World, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every week: expected opt-outs of what is served, those that happened, sends, and the gain over sending nothing.

    All are per decision of the users who are reachable in that week, in the states that earlier weeks led to.
    """
    people = world.people(settings["users"], seed=seed, threads=1)
    course = Course(world, people, seed, threads=1)
    nodes, waiting = leaf_nodes(world), list[tt.Log]()
    sends = np.array(world.actions.frequencies, np.float64)
    weekly: dict[str, list[float]] = {name: [] for name in FIGURES}
    for week in range(settings["weeks"]):
        policy = learner.policy(week)
        step = course.advance(policy, expected=True)
        pmf = node_pmf(policy, policy.segments.locate(world.segments)[nodes])[step.leaf]
        gain, rate = worth(step.expected, pmf)
        opt_outs = float(step.log.outcomes["opted_out"].value.sum())
        for name, value in zip(FIGURES, (rate, opt_outs, step.log.n, pmf @ sends, gain), strict=True):
            weekly[name].append(round(float(np.mean(value)), 6))
        waiting.append(step.log)
        if len(waiting) >= settings["delay_weeks"]:
            learner.learn(waiting.pop(0))
    return weekly | {"refused": learner.refused}


def constrained_oracle(config: Mapping[str, Any], settings: Mapping[str, Any], store: Path) -> tt.Table:
    """The best stationary policy within the limits, on the year's own rates; the rates are kept in a file."""
    world, people = tt.World(lively()), settings["oracle"]
    if not store.exists():
        rates = stationary_rates(world, people, settings["weeks"]).round(5).tolist()
        store.write_text(json.dumps({"asked": people, "gain, opt-outs": rates}) + "\n", encoding="utf-8")
    rates = np.array(json.loads(store.read_text(encoding="utf-8"))["gain, opt-outs"])
    shares = np.array([leaf.share for leaf in world.config.leaves])
    limits = limits_of(config)
    sends = np.tile([float(f or 0) for f in world.actions.frequencies], (len(shares), 1))
    bounds = np.array([limits.outcomes["opted_out"], limits.sends_per_period or 0.0])
    return leaf_table(world, optimum(rates[:, :, 0], [rates[:, :, 1], sends], bounds, shares / shares.sum()))


def optimum(gain: np.ndarray, costs: list[np.ndarray], bounds: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(s, k) the probabilities of the greatest mean gain whose mean costs keep their bounds: a linear programme.

    Parameters
    ----------
    gain
        (s, k) what each action is worth in each segment.
    costs, bounds
        The cost (s, k) of each limit, and what its mean may be at most.
    weight
        (s,) share of the decisions in each segment.

    Raises
    ------
    ValueError
        No probabilities keep all bounds.
    """
    s, k = gain.shape
    rows = np.array([(weight[:, None] * cost).ravel() for cost in costs])
    objective = (weight[:, None] * gain).ravel()
    # Rows of rare outcomes are tiny: scaled, so that the solver's tolerances are relative.
    scale, unit = np.abs(rows).max(1), float(np.abs(objective).max())
    sums = kron(eye_array(s), np.ones((1, k)), format="csr")
    solution = linprog(
        -objective / unit, csr_array(rows / scale[:, None]), bounds / scale, sums, np.ones(s), method="highs"
    )
    if solution.status != 0:
        raise ValueError(f"no policy keeps the limits: {solution.message}")
    pmf = np.maximum(solution.x.reshape(s, k), 0)
    return pmf / pmf.sum(1, keepdims=True)
