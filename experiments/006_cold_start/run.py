"""Segments without a past: leaves of 10 to 10,000 users, and leaves that appear late.

python experiments/006_cold_start/run.py          what is missing of 20 seeds; rewrites README's tables, cold.png
python experiments/006_cold_start/run.py --draw   only the tables and the figure, from runs.jsonl
python experiments/006_cold_start/run.py --small --out /tmp/cold     two small seeds, for CI

Every run is written to runs.jsonl when it ends, so that an interrupted experiment goes on where it stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import numpy as np
from cold_figure import draw
from cold_tables import tables
from harness.learners import DEFAULT_EXPLORER, Arms, Tactful
from harness.runs import NAME, RunFile
from harness.study import read_study, seeds_parser
from harness.tracked import publish
from harness.worlds import TableWorld, Week, leaf_pmf, table_world

import tactful as tt

KEY = ("part", "method", "seed")
PRIOR = 4.0  # of separate arms, as 004_regret tuned it
METHODS = {
    "separate arms": lambda world, seed: Arms(world, seed, PRIOR),
    "Conjugate": lambda world, seed: Tactful(world, seed, tt.Conjugate(), DEFAULT_EXPLORER),
    "Hierarchical": lambda world, seed: Tactful(world, seed, tt.Hierarchical(), DEFAULT_EXPLORER),
}


def sized_world(seed: int, users: list[int]) -> tuple[TableWorld, np.ndarray]:
    """A plain world whose leaves have these numbers of users, and the size (leaves,) of each."""
    world = table_world(seed, 0)
    size = np.random.default_rng([seed, 6]).permutation(np.resize(users, world.leaf_node.size))
    shares = tuple((size / size.sum()).tolist())
    return replace(world, world=replace(world.world, shares=shares), users=int(size.sum())), size


def leaf_utility(world: TableWorld, policy: tt.Table) -> np.ndarray:
    """(leaves,) true utility of what a policy serves in each leaf."""
    return (leaf_pmf(world, policy) * world.utility).sum(1)


def by_size(method: str, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Weeks of learning from the first uniform week on; utility by class of leaves, as a share of the oracle's."""
    sizes = settings["sizes"]["users"]
    world, size = sized_world(seed, sizes)
    learner = METHODS[method](world, seed)
    best = world.utility.max(1)
    fixed = world.utility[:, int((size @ world.utility).argmax())]  # one cadence for everybody, known in hindsight
    shares = []
    for week in range(settings["weeks"]):
        policy = learner.policy(week)
        value = leaf_utility(world, policy)
        shares.append([value[size == n].sum() / best[size == n].sum() for n in sizes])
        learner.learn(world.week(policy, week))
    return {
        "part": "sizes", "method": method, "seed": seed, "share": np.round(shares, 4).tolist(),
        "fixed": [round(fixed[size == n].sum() / best[size == n].sum(), 4) for n in sizes],
    }  # fmt: skip


def appearing(method: str, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Some leaves have nobody until the others have been learned from."""
    late = settings["late"]
    world = table_world(seed, late["users"])
    leaves = world.leaf_node.size
    new = np.random.default_rng([seed, 8]).permutation(leaves)[: late["appear"]]
    learner = METHODS[method](world, seed)
    best = world.utility[new].max(1).sum()
    old = np.setdiff1d(np.arange(leaves), new)
    new_shares, old_shares = [], []
    for week in range(late["after"] + late["weeks"]):
        policy = learner.policy(week)
        value = leaf_utility(world, policy)
        new_shares.append(float(value[new].sum() / best))
        old_shares.append(float(value[old].sum() / world.utility[old].max(1).sum()))
        learner.learn(without(world.week(policy, week), new if week < late["after"] else new[:0]))
    common = world.utility[old].sum(0).argmax()  # the best cadence of those who were there
    return {
        "part": "late", "method": method, "seed": seed, "share": np.round(new_shares[late["after"] :], 4).tolist(),
        "others": np.round(old_shares[late["after"] :], 4).tolist(),
        "fixed": round(float(world.utility[new, common].sum() / best), 4),
    }  # fmt: skip


PARTS = {"sizes": by_size, "late": appearing}


def without(week: Week, leaves: np.ndarray) -> Week:
    """The rows of a week outside some leaves, with a tree that does not know them."""
    rows = ~np.isin(week.leaf, leaves)
    log = week.log.take(rows)
    tree = tt.Segments.of({log.segments.paths[i] for i in np.unique(log.segment)})
    log = replace(log, segments=tree, segment=tree.locate(log.segments)[log.segment])
    return week._replace(log=log, leaf=week.leaf[rows])


def plan(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(part, method, seed) of every run, seed by seed."""
    for seed in range(settings["first_seed"], settings["first_seed"] + settings["seeds"]):
        for part in PARTS:
            for method in METHODS:
                yield part, method, seed


def measure(store: RunFile, settings: Mapping[str, Any]) -> None:
    """Every run that is not there yet."""
    for part, method, seed in store.missing(plan(settings)):
        store.append(PARTS[part](method, seed, settings))
        print(f"{part}, {method}, seed {seed}", file=sys.stderr, flush=True)


def main() -> None:
    study = read_study(__file__, seeds_parser(__doc__))
    settings, store = study.settings, RunFile(study.out / NAME, KEY)
    if not study.draw:
        measure(store, settings)
    runs = store.load()
    draw(runs, settings, study.out / "cold.png")
    publish(study, tables(runs, settings), store.path, {"seeds": settings["seeds"], "weeks": settings["weeks"]})


if __name__ == "__main__":
    main()
