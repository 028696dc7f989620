"""Share of the oracle's utility by week, tactful beside simple arms and its peers: run, tabulate, draw.

python experiments/004_regret/run.py            what is missing of 20 seeds; rewrites README's tables and regret.png
python experiments/004_regret/run.py --tune     the knobs of peers, on seeds that are not reported
python experiments/004_regret/run.py --draw     only the tables and the figure, from runs.jsonl
python experiments/004_regret/run.py --small --out /tmp/regret     two small seeds, for CI

Every run is written to runs.jsonl when it ends, so that an interrupted experiment goes on where it stopped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import numpy as np
from harness.runs import NAME, RunFile
from harness.study import Study, read_study, seeds_parser
from harness.tracked import publish
from methods import EXPLORERS, MAIN, Bench
from regret_figure import draw
from regret_tables import Runs, tables

PACKAGES = {"VW": "vowpalwabbit", "MABWiser": "mabwiser", "bayesianbandits": "bayesianbandits"}
KEY = ("world", "method", "seed")


def learn(bench: Bench, world_name: str, method: str, seed: int, weeks: int, **knobs: Any) -> dict[str, Any]:
    """One run: a learner that publishes every week on what the weeks before brought."""
    world = bench.world(world_name, seed)
    learner = bench.method(method, world, seed, **knobs)
    shares, regrets, opt_outs, seconds = [], [], [], 0.0
    for week in range(weeks):
        start = time.process_time()
        policy = learner.policy(week)
        seconds += time.process_time() - start
        result = world.week(policy, week)
        start = time.process_time()
        learner.learn(result)
        seconds += time.process_time() - start
        shares.append(round(result.gain / result.best, 4))
        regrets.append((result.best - result.gain) * result.leaf.size)
        opt_outs.append(result.opt_outs * result.leaf.size)
    return {
        "world": world_name, "method": method, "seed": seed, "share": shares, "regret": round(sum(regrets), 1),
        "opt_outs": round(sum(opt_outs), 2), "seconds": round(seconds, 2),
    }  # fmt: skip


def plan(config: Mapping[str, Any], settings: Mapping[str, Any], small: bool) -> Iterator[tuple[str, str, int, int]]:
    """(world, method, seed, weeks) of every run, seed by seed, so that what is there can be compared at any time."""
    first = settings["first_seed"]
    extra, explorers = config["extra"], config["explorers"]
    for seed in range(first, first + settings["seeds"]):
        for world in settings["worlds"]:
            explore = small or (world in explorers["worlds"] and seed < first + explorers["seeds"])
            methods = [*MAIN, *(EXPLORERS if explore else ())]
            yield from ((world, m, seed, settings["weeks"]) for m in methods)
        for world, options in () if small else extra.items():
            if seed < first + options["seeds"]:
                yield from ((world, m, seed, options["weeks"]) for m in options["methods"])


def absent(method: str) -> bool:
    """Whether a method's package is not there (Vowpal Wabbit has none for every Python); it says so."""
    name = PACKAGES.get(method.split()[0])
    if name is None or find_spec(name) is not None:
        return False
    print(f"{method}: {name} is not installed, left out", file=sys.stderr, flush=True)
    return True


def measure(bench: Bench, store: RunFile, small: bool, only: Sequence[str]) -> None:
    """Every run that is not there yet."""
    present = store.keys()
    for world, method, seed, weeks in plan(bench.config, bench.settings, small):
        if (world, method, seed) in present or (only and method not in only) or absent(method):
            continue
        run = learn(bench, world, method, seed, weeks)
        store.append(run)
        last = f"{run['share'][-1]:.3f}"
        print(f"{world}, {method}, {seed}: {last} at the end, {run['seconds']:.1f} s", file=sys.stderr, flush=True)


def tune(bench: Bench, only: Sequence[str]) -> None:
    """The mean share over the later weeks of every setting of every grid; nothing is changed by it."""
    tuning = bench.config["tuning"]
    worlds, seeds, weeks = (tuning[name] for name in ("worlds", "seeds", "weeks"))
    for method, grid in tuning["grids"].items():
        if only and method not in only:
            continue
        for knobs in grid:
            runs = [learn(bench, world, method, seed, weeks, knobs=knobs) for world in worlds for seed in seeds]
            by_world = [np.mean([np.mean(r["share"][1:]) for r in runs if r["world"] == w]) for w in worlds]
            text = ", ".join(f"{w} {m:.3f}" for w, m in zip(worlds, by_world, strict=True))
            print(f"{method} {knobs}: {np.mean(by_world):.3f} ({text})", flush=True)


def read_command_line() -> Study:
    options = seeds_parser(__doc__)
    options.add_argument("--tune", action="store_true", help="the knobs of peers")
    options.add_argument("--only", nargs="*", default=(), help="methods to run")
    return read_study(__file__, options)


def main() -> None:
    study = read_command_line()
    bench, store = Bench(study.config, study.settings, study.out), RunFile(study.out / NAME, KEY)
    if study.options.tune:
        tune(bench, study.options.only)
        return
    if not study.draw:
        measure(bench, store, study.small, study.options.only)
    runs = Runs(store.load(), study.config, study.settings.get("users"))
    draw(runs, study.out / "regret.png")
    publish(study, tables(runs), store.path, {"runs": len(runs.runs), **study.config["run"]})


if __name__ == "__main__":
    main()
