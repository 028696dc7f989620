"""The tables of the README, from the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from harness.tables import Table, mean_and_error

MARKS = (0.80, 0.90, 0.95)
TITLES = {
    "plain": "Plain world: independent decisions, a smooth surface over hour and frequency",
    "notifications": "Notification world: users tire, form habits and leave",
    "rough": "Rough world: every (segment, action) has a rate of its own",
    "few": "Few segments: two, with 1,000 decisions a week each",
    "much": "Much data: the plain world with ten times the decisions",
    "long": "The plain world for two years",
}
DEFAULT = "Hierarchical"
EXPLORERS = {  # by their name in the runs
    DEFAULT: "Thompson, β = 2 (the default)",
    "Thompson, β = 1": "plain Thompson (β = 1)",
    "Thompson, β = 4": "Thompson, β = 4",
    "β grows": "Thompson, β from 1 to 7",
    "Thompson, width ¼": "Thompson, deviations × ¼",
    "UCB": "UCB, one deviation",
    "inverse gap, γ = 1000": "inverse gap, γ = 1000",
    "greedy": "greedy",
    "β = 2, uniform 1 %": "Thompson, β = 2, uniform share 1 % instead of 3 %",
}
ORDER = (
    DEFAULT, "Linear", "Logistic", "Conjugate", "separate arms, β = 2", "separate arms", "pooled arms", "VW SquareCB",
    "VW bagging", "MABWiser LinUCB", "MABWiser LinTS", "bayesianbandits", "uniform",
)  # fmt: skip


class Runs:
    """Runs by world and method."""

    def __init__(self, runs: Sequence[Mapping[str, Any]], config: Mapping[str, Any], users: int | None = None) -> None:
        self.runs, self.config, self.small_users = runs, config, users

    def select(self, world: str, method: str) -> list[Mapping[str, Any]]:
        return [r for r in self.runs if r["world"] == world and r["method"] == method]

    def has(self, world: str, method: str) -> bool:
        return any(r["world"] == world and r["method"] == method for r in self.runs)

    def shares(self, world: str, method: str, seeds: set[int] | None = None) -> np.ndarray:
        """(seeds, weeks) share of the oracle's utility."""
        return np.array([r["share"] for r in self.select(world, method) if seeds is None or r["seed"] in seeds])

    def users(self, world: str) -> int:
        """Decisions a week."""
        return self.small_users or int(self.config["worlds"][world]["users"])

    def weeks_to(self, world: str, method: str, mark: float) -> int | None:
        """Weeks of data after which the mean over seeds is at the mark, and stays there; None: never."""
        success = self.shares(world, method).mean(0) >= mark
        if not success[-1]:
            return None
        return int(success.size - success[::-1].argmin()) if not success.all() else 0


def tables(runs: Runs) -> list[Table]:
    """Every table, in the README's order."""
    worlds = [w for w in TITLES if runs.has(w, "separate arms")]
    main = [world_table(runs, w) for w in worlds if runs.has(w, "uniform")]
    extra = [world_table(runs, w) for w in worlds if not runs.has(w, "uniform")]
    return [*main, explorer_table(runs, [w for w in worlds if runs.has(w, "greedy")]), *extra]


def world_table(runs: Runs, world: str) -> Table:
    rows, metrics = [], {}
    for method in ORDER:
        if not runs.has(world, method):
            continue
        share, repeats = runs.shares(world, method), runs.select(world, method)
        weeks, users = share.shape[1], runs.users(world)
        marks = [runs.weeks_to(world, method, m) for m in MARKS]
        regret = np.array([r["regret"] for r in repeats]) / (users * weeks) * 1000
        opt_outs = np.array([r["opt_outs"] for r in repeats]) / (users * weeks) * 10_000
        rows.append(
            [
                f"**{method}**" if method == DEFAULT else method,
                mean_and_error(share[:, 1:8].mean(1)),
                mean_and_error(share[:, 1:].mean(1)),
                mean_and_error(share[:, -1]),
                *("–" if w is None else f"{w} ({w * users / 1000:,.0f}k)" for w in marks),
                f"{regret.mean():.0f}",
                f"{opt_outs.mean():.0f}",
                f"{np.median([r['seconds'] for r in repeats]):.1f}",
            ]
        )
        metrics |= {f"{world}/{method}/share": float(share[:, 1:].mean())}
        metrics |= {f"{world}/{method}/weeks_to_{m}": float(w) for m, w in zip(MARKS, marks, strict=True) if w}
    columns = [
        "", "share, weeks 2–8", "share, all weeks from 2", "last week", "weeks (decisions) to 80 %", "90 %", "95 %",
        "regret", "opt-outs", "CPU s",
    ]  # fmt: skip
    seeds = len(runs.select(world, "separate arms"))
    return Table(f"{TITLES[world]} ({seeds} seeds, {runs.users(world):,} decisions a week)", columns, rows, metrics)


def explorer_table(runs: Runs, worlds: Sequence[str]) -> Table:
    """The default model under several explorers, on the seeds that all of them have."""
    rows, metrics = [], {}
    names = {m: name for m, name in EXPLORERS.items() if all(runs.has(w, m) for w in worlds)}
    seeds = {w: set.intersection(*({r["seed"] for r in runs.select(w, m)} for m in names)) for w in worlds}
    for method, name in names.items():
        cells = []
        for world in worlds:
            share = runs.shares(world, method, seeds[world])
            cells += [mean_and_error(share[:, 1:8].mean(1)), mean_and_error(share[:, 1:].mean(1))]
            metrics[f"explorers/{world}/{method}"] = float(share[:, 1:].mean())
        rows.append([name, *cells])
    columns = ["", *(f"{w}, {span}" for w in worlds for span in ("weeks 2–8", "from 2"))]
    counts = ", ".join(f"{len(seeds[w])} in {w}" for w in worlds)
    return Table(
        f"Hierarchical under several explorers: share of the oracle's utility (seeds: {counts})", columns, rows, metrics
    )
