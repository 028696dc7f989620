"""Segments without a past: leaves of 10 to 10,000 users, and leaves that appear late.

python experiments/006_cold_start/run.py          what is missing of 20 seeds; rewrites README's tables, cold.png
python experiments/006_cold_start/run.py --draw   only the tables and the figure, from runs.jsonl
python experiments/006_cold_start/run.py --small --out /tmp/cold     two small seeds, for CI

Every run is written to runs.jsonl when it ends, so that an interrupted experiment goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "004_regret")]

from cold_figure import draw  # noqa: E402 - siblings, wherever this is started from
from cold_tables import readme, tables  # noqa: E402
from worlds import Plain, Week, leaf_pmf, plain  # noqa: E402

import tactful as tt  # noqa: E402
from learners import DEFAULT, Arms, Tactful  # noqa: E402 - those of 004_regret
from tactful.core.segments import Segments  # noqa: E402
from tactful.policies.table import Table  # noqa: E402
from tactful.tracking.mlflow_run import default_uri, record  # noqa: E402

PRIOR = 4.0  # of separate arms, as 004_regret tuned it
METHODS = {
    "separate arms": lambda world, seed: Arms(world, seed, PRIOR),
    "Conjugate": lambda world, seed: Tactful(world, seed, tt.Conjugate(), DEFAULT),
    "Hierarchical": lambda world, seed: Tactful(world, seed, tt.Hierarchical(), DEFAULT),
}


def sized(seed: int, users: list[int]) -> tuple[Plain, np.ndarray]:
    """A plain world whose leaves have these numbers of users, and the size (leaves,) of each."""
    world = plain(seed, 0)
    leaves = world.leaf_node.size
    size = np.random.default_rng([seed, 6]).permutation(np.resize(users, leaves))
    shares = tuple((size / size.sum()).tolist())
    return replace(world, world=replace(world.world, shares=shares), users=int(size.sum())), size


def served(world: Plain, policy: Table) -> np.ndarray:
    """(leaves,) true utility of what a policy serves in each leaf."""
    return (leaf_pmf(world, policy) * world.utility).sum(1)


def by_size(method: str, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Weeks of learning from the first uniform week on; utility by class of leaves, as a share of the oracle's."""
    sizes = settings["sizes"]["users"]
    world, size = sized(seed, sizes)
    learner = METHODS[method](world, seed)
    best = world.utility.max(1)
    fixed = world.utility[:, int((size @ world.utility).argmax())]  # one cadence for everybody, known in hindsight
    found = []
    for week in range(settings["weeks"]):
        policy = learner.policy(week)
        value = served(world, policy)
        found.append([value[size == n].sum() / best[size == n].sum() for n in sizes])
        learner.learn(world.week(policy, week))
    return {
        "part": "sizes", "method": method, "seed": seed, "share": np.round(found, 4).tolist(),
        "fixed": [round(fixed[size == n].sum() / best[size == n].sum(), 4) for n in sizes],
    }  # fmt: skip


def appearing(method: str, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Some leaves have nobody until the others have been learned from."""
    late = settings["late"]
    world = plain(seed, late["users"])
    leaves = world.leaf_node.size
    new = np.random.default_rng([seed, 8]).permutation(leaves)[: late["appear"]]
    learner = METHODS[method](world, seed)
    best = world.utility[new].max(1).sum()
    old = np.setdiff1d(np.arange(leaves), new)
    found, others = [], []
    for week in range(late["after"] + late["weeks"]):
        policy = learner.policy(week)
        value = served(world, policy)
        found.append(float(value[new].sum() / best))
        others.append(float(value[old].sum() / world.utility[old].max(1).sum()))
        learner.learn(without(world.week(policy, week), new if week < late["after"] else new[:0]))
    everybody = world.utility[old].sum(0).argmax()  # the best cadence of those who were there
    return {
        "part": "late", "method": method, "seed": seed, "share": np.round(found[late["after"] :], 4).tolist(),
        "others": np.round(others[late["after"] :], 4).tolist(),
        "fixed": round(float(world.utility[new, everybody].sum() / best), 4),
    }  # fmt: skip


def without(week: Week, leaves: np.ndarray) -> Week:
    """The rows of a week outside some leaves, with a tree that does not know them."""
    rows = ~np.isin(week.leaf, leaves)
    log = week.log.take(rows)
    seen = Segments.of({log.segments.paths[i] for i in np.unique(log.segment)})
    log = replace(log, segments=seen, segment=seen.locate(log.segments)[log.segment])
    return week._replace(log=log, leaf=week.leaf[rows])


def load(store: Path) -> list[dict[str, Any]]:
    """The runs that are there."""
    if not store.exists():
        return []
    return [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]


def measure(store: Path, settings: Mapping[str, Any]) -> None:
    """Every run that is not there yet, seed by seed."""
    done = {(r["part"], r["method"], r["seed"]) for r in load(store)}
    for i in range(settings["seeds"]):
        seed = settings["first_seed"] + i
        for part, work in (("sizes", by_size), ("late", appearing)):
            for method in METHODS:
                if (part, method, seed) in done:
                    continue
                with store.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(work(method, seed, settings)) + "\n")
        print(f"seed {seed}", file=sys.stderr, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--small", action="store_true", help="two small seeds")
    options.add_argument("--draw", action="store_true", help="only the tables and the figure, from runs.jsonl")
    options.add_argument("--seeds", type=int, help="stop after so many seeds, for now")
    options.add_argument("--out", type=Path, default=HERE, help="folder of runs.jsonl, README.md and the figure")
    asked = options.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))
    settings = config["small" if asked.small else "run"]
    settings |= {"seeds": asked.seeds or settings["seeds"]}
    store = asked.out / "runs.jsonl"
    if not asked.draw:
        measure(store, settings)
    runs = load(store)
    draw(runs, settings, asked.out / "cold.png")
    (asked.out / "README.md").write_text(
        readme(runs, settings, (HERE / "README.md").read_text(encoding="utf-8")), encoding="utf-8"
    )
    made = tables(runs, settings)
    run = record(
        default_uri(asked.out / "out"),
        experiment=HERE.name,
        run_name="tables",
        params={"seeds": settings["seeds"], "weeks": settings["weeks"]},
        metrics={name: value for table in made for name, value in table.metrics.items()},
        tags={"tactful_version": tt.__version__},
        artifacts={"config": HERE / "config.toml", "runs": store},
    )
    print("\n".join(table.markdown() for table in made))
    print(f"recorded as run {run} in out/mlflow.db")


if __name__ == "__main__":
    main()
