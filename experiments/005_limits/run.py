"""A year under an opt-out ceiling and a volume limit: run, tabulate, draw.

python experiments/005_limits/run.py          what is missing of 20 seeds; rewrites README's tables, limits.png
python experiments/005_limits/run.py --draw   only the table and the figure, from runs.jsonl
python experiments/005_limits/run.py --small --out /tmp/limits     two small seeds, for CI

Every run is written to runs.jsonl when it ends, so that an interrupted experiment goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "004_regret")]

from limits_figure import draw  # noqa: E402 - siblings, wherever this is started from
from limits_tables import readme, tables  # noqa: E402
from year import Learner, Still, lived, oracle, start  # noqa: E402

import tactful as tt  # noqa: E402
from tactful.simulate.world import World  # noqa: E402
from tactful.simulate.world_config import lively  # noqa: E402
from tactful.tracking.mlflow_run import default_uri, record  # noqa: E402

STILL = ("constrained oracle", "the start, kept")


def load(store: Path) -> list[dict[str, Any]]:
    """The runs that are there."""
    if not store.exists():
        return []
    return [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]


def measure(config: Mapping[str, Any], settings: Mapping[str, Any], out: Path) -> None:
    """Every run that is not there yet, seed by seed."""
    world, store = World(lively()), out / "runs.jsonl"
    done = {(r["method"], r["seed"]) for r in load(store)}
    still = dict(zip(STILL, (oracle(config, settings, out / "oracle.json"), start(world, config)), strict=True))
    for i in range(settings["seeds"]):
        seed = settings["first_seed"] + i
        for method in (*STILL, *config["methods"]):
            enough = i >= config["methods"].get(method, {}).get("seeds", settings["seeds"])
            if (method, seed) in done or enough:
                continue
            who = Still(still[method]) if method in still else Learner(world, seed, config, config["methods"][method])
            result = {"method": method, "seed": seed, **lived(who, world, seed, settings)}
            with store.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
        print(f"seed {seed}", file=sys.stderr, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--small", action="store_true", help="two small seeds")
    options.add_argument("--draw", action="store_true", help="only the table and the figure, from runs.jsonl")
    options.add_argument("--seeds", type=int, help="stop after so many seeds, for now")
    options.add_argument("--out", type=Path, default=HERE, help="folder of runs.jsonl, README.md and the figure")
    asked = options.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))
    settings = config["small" if asked.small else "run"]
    settings |= {"seeds": asked.seeds or settings["seeds"]}
    if not asked.draw:
        measure(config, settings, asked.out)
    runs = load(asked.out / "runs.jsonl")
    draw(runs, config, asked.out / "limits.png")
    text = (HERE / "README.md").read_text(encoding="utf-8")
    (asked.out / "README.md").write_text(readme(runs, config, text), encoding="utf-8")
    made = tables(runs, config)
    run = record(
        default_uri(asked.out / "out"),
        experiment=HERE.name,
        run_name="tables",
        params={**settings, **config["limits"]},
        metrics={name: value for table in made for name, value in table.metrics.items()},
        tags={"tactful_version": tt.__version__},
        artifacts={"config": HERE / "config.toml", "runs": asked.out / "runs.jsonl"},
    )
    print("\n".join(table.markdown() for table in made))
    print(f"recorded as run {run} in out/mlflow.db")


if __name__ == "__main__":
    main()
