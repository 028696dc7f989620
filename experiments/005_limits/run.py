"""A year under an opt-out ceiling and a volume limit: run, tabulate, draw.

python experiments/005_limits/run.py          what is missing of 20 seeds; rewrites README's tables, limits.png
python experiments/005_limits/run.py --draw   only the tables and the figure, from runs.jsonl
python experiments/005_limits/run.py --small --out /tmp/limits     two small seeds, for CI

Every run is written to runs.jsonl when it ends, so that an interrupted experiment goes on where it stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

from harness.runs import NAME, RunFile
from harness.study import read_study, seeds_parser
from harness.tracked import publish
from limits_figure import draw
from limits_tables import tables
from year import FixedPolicy, Learner, LimitedLearner, constrained_oracle, live, start_policy

import tactful as tt
from tactful.simulate import lively

KEY = ("method", "seed")
FIXED = ("constrained oracle", "the start, kept")


def plan(config: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """(method, seed) of every run, seed by seed; some methods have fewer seeds."""
    for i in range(settings["seeds"]):
        for method in (*FIXED, *config["methods"]):
            if i < config["methods"].get(method, {}).get("seeds", settings["seeds"]):
                yield method, settings["first_seed"] + i


def measure(config: Mapping[str, Any], settings: Mapping[str, Any], store: RunFile) -> None:
    """Every run that is not there yet."""
    world, rates = tt.World(lively()), store.path.parent / "oracle.json"
    policies = (constrained_oracle(config, settings, rates), start_policy(world, config))
    fixed = dict(zip(FIXED, policies, strict=True))
    for method, seed in store.missing(plan(config, settings)):
        learner: Learner
        if method in fixed:
            learner = FixedPolicy(fixed[method])
        else:
            learner = LimitedLearner(world, seed, config, config["methods"][method])
        store.append({"method": method, "seed": seed, **live(learner, world, seed, settings)})
        print(f"{method}, seed {seed}", file=sys.stderr, flush=True)


def main() -> None:
    study = read_study(__file__, seeds_parser(__doc__))
    store = RunFile(study.out / NAME, KEY)
    if not study.draw:
        measure(study.config, study.settings, store)
    runs = store.load()
    draw(runs, study.config, study.out / "limits.png")
    publish(study, tables(runs, study.config), store.path, {**study.settings, **study.config["limits"]})


if __name__ == "__main__":
    main()
