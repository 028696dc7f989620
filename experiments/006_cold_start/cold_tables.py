"""The tables of the README, from the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from regret_tables import END, START, Table  # those of 004_regret, which run.py finds

METHODS = ("separate arms", "Conjugate", "Hierarchical")


def of(runs: Sequence[Mapping[str, Any]], part: str, method: str) -> list[Mapping[str, Any]]:
    """The runs of one method in one part."""
    return [r for r in runs if r["part"] == part and r["method"] == method]


def figure(x: np.ndarray) -> str:
    """Mean ± standard error over seeds."""
    se = x.std(ddof=1) / np.sqrt(x.size) if x.size > 1 else 0.0
    return f"{x.mean():.3f} ± {se:.3f}"


def days_to(share: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """(seeds,) days until the policy of a week is better than the bar; NaN where it never is."""
    ahead = share > bar[:, None]
    return np.where(ahead.any(1), 7.0 * ahead.argmax(1), np.nan)


def days(found: np.ndarray, weeks: int) -> str:
    """Median and quartiles over seeds; those who never got there count as longer than the experiment."""
    held = np.where(np.isnan(found), 7.0 * weeks, found)
    low, middle, high = np.quantile(held, [0.25, 0.5, 0.75], method="higher")
    never = int(np.isnan(found).sum())
    shown = "over " if middle >= 7 * weeks else ""
    more = f", never in {never}" if never else ""
    return f"{shown}{middle:.0f} ({low:.0f}–{high:.0f}{more})"


def tables(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Table]:
    """Every table, in the README's order."""
    return [until_better(runs, settings), at_the_end(runs, settings), late(runs, settings)]


def until_better(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    rows, metrics = [], {}
    for method in METHODS:
        mine = of(runs, "sizes", method)
        cells = []
        for i, users in enumerate(settings["sizes"]["users"]):
            share = np.array([r["share"] for r in mine])[:, :, i]
            found = days_to(share, np.array([r["fixed"][i] for r in mine]))
            cells.append(days(found, settings["weeks"]))
            metrics[f"days/{method}/{users}"] = float(np.median(np.nan_to_num(found, nan=7.0 * settings["weeks"])))
        rows.append([method, *cells])
    return Table(
        "Days from a uniform first week to a policy better than the best fixed cadence, by users in a leaf: median"
        " (quartiles) over seeds",
        ["", *(f"{n:,}" for n in settings["sizes"]["users"])], rows, metrics,
    )  # fmt: skip


def at_the_end(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    rows, metrics, sizes = [], {}, settings["sizes"]["users"]
    for week in (1, min(4, settings["weeks"] - 1), settings["weeks"] - 1):
        for method in METHODS:
            share = np.array([r["share"] for r in of(runs, "sizes", method)])[:, week]
            rows.append([f"after {week}", method, *(figure(share[:, i]) for i in range(len(sizes)))])
            metrics |= {f"share/{method}/{n}/{week}": float(share[:, i].mean()) for i, n in enumerate(sizes)}
    fixed = np.array([r["fixed"] for r in of(runs, "sizes", METHODS[0])])
    rows.append(["always", "best fixed cadence, in hindsight", *(figure(fixed[:, i]) for i in range(len(sizes)))])
    return Table(
        "Share of the oracle's utility in those leaves, after so many weeks (mean ± standard error over seeds)",
        ["weeks", "", *(f"{n:,}" for n in sizes)], rows, metrics,
    )  # fmt: skip


def late(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    rows, metrics, weeks = [], {}, settings["late"]["weeks"]
    shown = sorted({0, 1, 2, 4, weeks - 1} & set(range(weeks)))
    for method in METHODS:
        mine = of(runs, "late", method)
        share = np.array([r["share"] for r in mine])
        found = days_to(share, np.array([r["fixed"] for r in mine]))
        old = np.array([r["others"] for r in mine])[:, 0]
        rows.append([method, *(figure(share[:, w]) for w in shown), days(found, weeks), figure(old)])
        metrics |= {f"late/{method}/{w}": float(share[:, w].mean()) for w in shown}
    fixed = np.array([r["fixed"] for r in of(runs, "late", METHODS[0])])
    rows.append(["best cadence of the others", *[figure(fixed)] * len(shown), "", ""])
    return Table(
        "Leaves that appear late: share of the oracle's utility there, after so many weeks with users",
        ["", *map(str, shown), "days to better than the others' best cadence", "the others, then"], rows, metrics,
    )  # fmt: skip


def readme(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], text: str) -> str:
    """The README with its tables anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return before + START + "\n".join(t.markdown() for t in tables(runs, settings)) + END + after
