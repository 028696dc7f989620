"""Every method by the name it has in the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from peers import DRAWS, BayesianBandits, MabWiser, VowpalWabbit
from worlds import Notified, Started, best_table, plain

import tactful as tt
from learners import DEFAULT, DRAWN, Arms, Learner, Narrow, Tactful, Uniform
from tactful.models.contextual.linear import Linear
from tactful.models.contextual.logistic import Logistic
from tactful.optimisation.explorers import UCB, InverseGap
from tactful.policies.table import Table
from tactful.simulate.world import World
from tactful.simulate.world_config import lively

Make = Callable[..., Learner]


def _tactful(model: Any, **options: Any) -> Make:
    return lambda world, seed, **_: Tactful(world, seed, model(), **options)


MAIN: dict[str, Make] = {
    "uniform": lambda world, _: Uniform(world),
    "pooled arms": lambda world, seed, **knobs: Arms(world, seed, pooled=True, **knobs),
    "separate arms": Arms,
    "separate arms, β = 2": lambda world, seed, **knobs: Arms(world, seed, sharpen=2.0, **knobs),
    "Conjugate": _tactful(tt.Conjugate, explorer=DEFAULT),
    "Hierarchical": _tactful(tt.Hierarchical, explorer=DEFAULT),
    "Linear": _tactful(partial(Linear, action_features=True), explorer=DEFAULT, bare=True),
    "Logistic": _tactful(partial(Logistic, action_features=True), explorer=DEFAULT, bare=True),
    "VW SquareCB": VowpalWabbit,
    "VW bagging": VowpalWabbit,
    "MABWiser LinUCB": lambda world, seed, **knobs: MabWiser(world, seed, "LinUCB", **knobs),
    "MABWiser LinTS": lambda world, seed, **knobs: MabWiser(world, seed, "LinTS", draws=DRAWS, **knobs),
    "bayesianbandits": BayesianBandits,
}
EXPLORERS: dict[str, Make] = {
    "Thompson, β = 1": _tactful(tt.Hierarchical, explorer=tt.Thompson(draws=DRAWN, sharpen=1)),
    "Thompson, β = 4": _tactful(tt.Hierarchical, explorer=tt.Thompson(draws=DRAWN, sharpen=4)),
    "Thompson, width ¼": _tactful(tt.Hierarchical, explorer=Narrow(0.25)),
    "UCB": _tactful(tt.Hierarchical, explorer=UCB()),
    "inverse gap, γ = 1000": _tactful(tt.Hierarchical, explorer=InverseGap(1000.0)),
    "β grows": _tactful(tt.Hierarchical, schedule=lambda week: tt.Thompson(draws=DRAWN, sharpen=1 + week / 4)),
    "greedy": _tactful(tt.Hierarchical, explorer=tt.Greedy()),
    "β = 2, uniform 1 %": _tactful(tt.Hierarchical, explorer=DEFAULT, uniform=0.01),
}
METHODS = MAIN | EXPLORERS
KNOBS = {"pooled arms": "separate arms", "separate arms, β = 2": "separate arms"}  # whose knobs they share


class Bench:
    """Starts worlds, and methods in them."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], out: Path) -> None:
        self.config, self.settings, self.out = config, settings, out
        self.known: dict[int, list[float]] = {}
        self.oracle: Table | None = None

    def world(self, name: str, seed: int) -> Started:
        own = dict(self.config["worlds"][name])
        users = self.settings.get("users", own["users"])
        if name == "notifications":
            self.oracle = self.oracle or self._oracle()
            return Notified(World(lively()), users, seed, self.oracle, self.known)
        return plain(seed, users, smooth=name != "rough", leaves=tuple(own["leaves"]))

    def method(self, name: str, world: Started, seed: int, knobs: Mapping[str, Any] | None = None) -> Learner:
        chosen = self.config["knobs"].get(KNOBS.get(name, name), {})
        return METHODS[name](world, seed, **(chosen if knobs is None else knobs))

    def _oracle(self) -> Table:
        """The best table of the notification world; kept beside the results, since it takes a minute."""
        asked, world = self.settings["oracle"], World(lively())
        store = self.out / "oracle.json"
        if not store.exists():
            _, gain = best_table(world, asked["users"], self.settings["weeks"], asked["seed"])
            leaves = [x.path for x in world.config.leaves]
            best = {p: world.actions.names[a] for p, a in zip(leaves, gain.argmax(1).tolist(), strict=True)}
            store.write_text(json.dumps({"asked": asked, "best": best}, indent=1) + "\n", encoding="utf-8")
        best = json.loads(store.read_text(encoding="utf-8"))["best"]
        return by_names(world, best)


def by_names(world: World, best: Mapping[str, str]) -> Table:
    """A table of one action for every leaf."""
    k, names = world.actions.k, world.actions.names
    rows = [[float(names[a] == best[p]) if p in best else 1 / k for a in range(k)] for p in world.segments.paths]
    return Table.of(world.actions, world.segments, np.array(rows))
