"""Every method by the name it has in the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness.learners import BANK_DRAWS, DEFAULT_EXPLORER, Arms, Learner, Tactful, Uniform
from harness.worlds import NotificationWorld, WeeklyWorld, leaf_table, stationary_rates, table_world
from peers import PEER_DRAWS, BayesianBandits, MabWiser, VowpalWabbit

import tactful as tt
from tactful.simulate import lively

MakeLearner = Callable[..., Learner]


@dataclass(frozen=True)
class Narrow:
    """Thompson sampling on a posterior whose deviations from the mean are multiplied by ``width``.

    Reference: Chapelle & Li 2011, section 4: reshaping the posterior.
    """

    width: float
    draws: int = 256

    def pmf(self, posterior: Any, objective: Any, seed: int, offset: Any = None) -> np.ndarray:  # noqa: ARG002
        utility = sum(objective.values[o] * posterior.draws(o, self.draws, seed) for o in objective.outcomes)
        mean = utility.mean(0)
        utility = mean + self.width * (utility - mean)
        wins = utility == utility.max(2, keepdims=True)
        return (wins / wins.sum(2, keepdims=True)).mean(0)


def _tactful(model: Any, **options: Any) -> MakeLearner:
    return lambda world, seed, **_: Tactful(world, seed, model(), **options)


def _thompson(sharpen: float) -> tt.Thompson:
    return tt.Thompson(draws=BANK_DRAWS, sharpen=sharpen)


MAIN: dict[str, MakeLearner] = {
    "uniform": lambda world, _: Uniform(world),
    "pooled arms": lambda world, seed, **knobs: Arms(world, seed, pooled=True, **knobs),
    "separate arms": Arms,
    "separate arms, β = 2": lambda world, seed, **knobs: Arms(world, seed, sharpen=2.0, **knobs),
    "Conjugate": _tactful(tt.Conjugate, explorer=DEFAULT_EXPLORER),
    "Hierarchical": _tactful(tt.Hierarchical, explorer=DEFAULT_EXPLORER),
    "Linear": _tactful(partial(tt.Linear, action_features=True), explorer=DEFAULT_EXPLORER, bare=True),
    "Logistic": _tactful(partial(tt.Logistic, action_features=True), explorer=DEFAULT_EXPLORER, bare=True),
    "VW SquareCB": VowpalWabbit,
    "VW bagging": VowpalWabbit,
    "MABWiser LinUCB": lambda world, seed, **knobs: MabWiser(world, seed, "LinUCB", **knobs),
    "MABWiser LinTS": lambda world, seed, **knobs: MabWiser(world, seed, "LinTS", draws=PEER_DRAWS, **knobs),
    "bayesianbandits": BayesianBandits,
}
EXPLORERS: dict[str, MakeLearner] = {
    "Thompson, β = 1": _tactful(tt.Hierarchical, explorer=_thompson(1)),
    "Thompson, β = 4": _tactful(tt.Hierarchical, explorer=_thompson(4)),
    "Thompson, width ¼": _tactful(tt.Hierarchical, explorer=Narrow(0.25)),
    "UCB": _tactful(tt.Hierarchical, explorer=tt.UCB()),
    "inverse gap, γ = 1000": _tactful(tt.Hierarchical, explorer=tt.InverseGap(1000.0)),
    "β grows": _tactful(tt.Hierarchical, schedule=lambda week: _thompson(1 + week / 4)),
    "greedy": _tactful(tt.Hierarchical, explorer=tt.Greedy()),
    "β = 2, uniform 1 %": _tactful(tt.Hierarchical, explorer=DEFAULT_EXPLORER, uniform=0.01),
}
METHODS = MAIN | EXPLORERS
KNOBS = {"pooled arms": "separate arms", "separate arms, β = 2": "separate arms"}  # whose knobs they share


class Bench:
    """Starts worlds, and methods in them."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], out: Path) -> None:
        self.config, self.settings, self.out = config, settings, out
        self.oracle_gains: dict[int, list[float]] = {}
        self.oracle: tt.Table | None = None

    def world(self, name: str, seed: int) -> WeeklyWorld:
        options = self.config["worlds"][name]
        users = self.settings.get("users", options["users"])
        if name == "notifications":
            self.oracle = self.oracle or self._oracle()
            return NotificationWorld(tt.World(lively()), users, seed, self.oracle, self.oracle_gains)
        return table_world(seed, users, smooth=name != "rough", leaves=tuple(options["leaves"]))

    def method(self, name: str, world: WeeklyWorld, seed: int, knobs: Mapping[str, Any] | None = None) -> Learner:
        tuned = self.config["knobs"].get(KNOBS.get(name, name), {})
        return METHODS[name](world, seed, **(tuned if knobs is None else knobs))

    def _oracle(self) -> tt.Table:
        """The best table of the notification world; kept beside the results, since it takes a minute."""
        people, world = self.settings["oracle"], tt.World(lively())
        store, names = self.out / "oracle.json", world.actions.names
        leaves = [leaf.path for leaf in world.config.leaves]
        if not store.exists():
            gain = stationary_rates(world, people, self.settings["weeks"])[:, :, 0]
            best = {path: names[a] for path, a in zip(leaves, gain.argmax(1).tolist(), strict=True)}
            store.write_text(json.dumps({"asked": people, "best": best}, indent=1) + "\n", encoding="utf-8")
        best = json.loads(store.read_text(encoding="utf-8"))["best"]
        return leaf_table(world, np.array([[float(name == best[path]) for name in names] for path in leaves]))
