"""Share of the oracle's utility by week, tactful beside simple arms and its peers: run, tabulate, draw.

python experiments/004_regret/run.py            what is missing of 20 seeds; rewrites README's tables and regret.png
python experiments/004_regret/run.py --tune     the knobs of peers, on seeds that are not reported
python experiments/004_regret/run.py --draw     only the tables and the figure, from runs.jsonl
python experiments/004_regret/run.py --small --out /tmp/regret     two small seeds, for CI

Every run is written to runs.jsonl when it ends, so that an interrupted experiment goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from methods import EXPLORERS, MAIN, Bench  # noqa: E402
from regret_figure import draw  # noqa: E402 - siblings, wherever this is started from
from regret_tables import Runs, readme, tables  # noqa: E402

import tactful as tt  # noqa: E402
from tactful.tracking.mlflow_run import default_uri, record  # noqa: E402

PACKAGES = {"VW": "vowpalwabbit", "MABWiser": "mabwiser", "bayesianbandits": "bayesianbandits"}


def one(bench: Bench, world_name: str, method: str, seed: int, weeks: int, **knobs: Any) -> dict[str, Any]:
    """One run: a learner that publishes every week on what the weeks before brought."""
    world = bench.world(world_name, seed)
    learner = bench.method(method, world, seed, **knobs)
    shares, lost, quits, seconds = [], [], [], 0.0
    for week in range(weeks):
        began = time.process_time()
        policy = learner.policy(week)
        seconds += time.process_time() - began
        lived = world.week(policy, week)
        began = time.process_time()
        learner.learn(lived)
        seconds += time.process_time() - began
        shares.append(round(lived.gain / lived.best, 4))
        lost.append((lived.best - lived.gain) * lived.leaf.size)
        quits.append(lived.opt_outs * lived.leaf.size)
    return {
        "world": world_name, "method": method, "seed": seed, "share": shares, "regret": round(sum(lost), 1),
        "opt_outs": round(sum(quits), 2), "seconds": round(seconds, 2),
    }  # fmt: skip


def wanted(config: Mapping[str, Any], settings: Mapping[str, Any], small: bool) -> Iterator[tuple[str, str, int, int]]:
    """(world, method, seed, weeks) of every run, seed by seed, so that what is there can be compared at any time."""
    first = settings["first_seed"]
    extra, explorers = config["extra"], config["explorers"]
    for seed in range(first, first + settings["seeds"]):
        for world in settings["worlds"]:
            more = EXPLORERS if small or (world in explorers["worlds"] and seed < first + explorers["seeds"]) else ()
            methods = [*MAIN, *more]
            yield from ((world, m, seed, settings["weeks"]) for m in methods)
        for world, asked in () if small else extra.items():
            if seed < first + asked["seeds"]:
                yield from ((world, m, seed, asked["weeks"]) for m in asked["methods"])


def absent(method: str) -> bool:
    """Whether a method's package is not there (Vowpal Wabbit has none for every Python); it says so."""
    name = PACKAGES.get(method.split()[0])
    if name is None or find_spec(name) is not None:
        return False
    print(f"{method}: {name} is not installed, left out", file=sys.stderr, flush=True)
    return True


def load(store: Path) -> list[dict[str, Any]]:
    """The runs that are there."""
    if not store.exists():
        return []
    return [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]


def measure(bench: Bench, store: Path, small: bool, only: Sequence[str]) -> None:
    """Every run that is not there yet."""
    done = {(r["world"], r["method"], r["seed"]) for r in load(store)}
    for world, method, seed, weeks in wanted(bench.config, bench.settings, small):
        if (world, method, seed) in done or (only and method not in only) or absent(method):
            continue
        result = one(bench, world, method, seed, weeks)
        with store.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        last = f"{result['share'][-1]:.3f}"
        print(f"{world}, {method}, {seed}: {last} at the end, {result['seconds']:.1f} s", file=sys.stderr, flush=True)


def tune(bench: Bench, only: Sequence[str]) -> None:
    """The mean share over the later weeks of every setting of every grid; nothing is changed by it."""
    asked = bench.config["tuning"]
    for method, grid in asked["grids"].items():
        if only and method not in only:
            continue
        for knobs in grid:
            runs = [
                one(bench, world, method, seed, asked["weeks"], knobs=knobs)
                for world in asked["worlds"]
                for seed in asked["seeds"]
            ]
            by_world = [np.mean([np.mean(r["share"][1:]) for r in runs if r["world"] == w]) for w in asked["worlds"]]
            shown = ", ".join(f"{w} {m:.3f}" for w, m in zip(asked["worlds"], by_world, strict=True))
            print(f"{method} {knobs}: {np.mean(by_world):.3f} ({shown})", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--small", action="store_true", help="two small seeds")
    options.add_argument("--draw", action="store_true", help="only the tables and the figure, from runs.jsonl")
    options.add_argument("--tune", action="store_true", help="the knobs of peers")
    options.add_argument("--seeds", type=int, help="stop after so many seeds, for now")
    options.add_argument("--only", nargs="*", default=(), help="methods to run")
    options.add_argument("--out", type=Path, default=HERE, help="folder of runs.jsonl, README.md and the figure")
    asked = options.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))
    settings = config["small" if asked.small else "run"]
    bench = Bench(config, settings | {"seeds": asked.seeds or settings["seeds"]}, asked.out)
    store = asked.out / "runs.jsonl"
    if asked.tune:
        tune(bench, asked.only)
        return
    if not asked.draw:
        measure(bench, store, asked.small, asked.only)
    publish(Runs(load(store), config, bench.settings.get("users")), asked.out)


def publish(runs: Runs, out: Path) -> None:
    """The tables and the figure, and one tracked run that holds them."""
    draw(runs, out / "regret.png")
    text = (HERE / "README.md").read_text(encoding="utf-8")
    (out / "README.md").write_text(readme(runs, text), encoding="utf-8")
    made = tables(runs)
    run = record(
        default_uri(out / "out"),
        experiment=HERE.name,
        run_name="tables",
        params={"runs": len(runs.runs), **runs.config["run"]},
        metrics={name: value for table in made for name, value in table.metrics.items()},
        tags={"tactful_version": tt.__version__},
        artifacts={"config": HERE / "config.toml", "runs": out / "runs.jsonl"},
    )
    print("\n".join(table.markdown() for table in made))
    print(f"recorded as run {run} in out/mlflow.db")


if __name__ == "__main__":
    main()
