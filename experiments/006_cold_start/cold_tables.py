"""The tables of the README, from the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from harness.tables import Table, mean_and_error

METHODS = ("separate arms", "Conjugate", "Hierarchical")


def select(runs: Sequence[Mapping[str, Any]], part: str, method: str) -> list[Mapping[str, Any]]:
    """The runs of one method in one part."""
    return [r for r in runs if r["part"] == part and r["method"] == method]


def days_to(share: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """(seeds,) days until the policy of a week is better than the bar; NaN where it never is."""
    better = share > bar[:, None]
    return np.where(better.any(1), 7.0 * better.argmax(1), np.nan)


def days_text(days: np.ndarray, weeks: int) -> str:
    """Median and quartiles over seeds; those who never got there count as longer than the experiment."""
    censored = np.where(np.isnan(days), 7.0 * weeks, days)
    low, middle, high = np.quantile(censored, [0.25, 0.5, 0.75], method="higher")
    failures = int(np.isnan(days).sum())
    prefix = "over " if middle >= 7 * weeks else ""
    suffix = f", never in {failures}" if failures else ""
    return f"{prefix}{middle:.0f} ({low:.0f}–{high:.0f}{suffix})"


def tables(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Table]:
    """Every table, in the README's order."""
    return [days_table(runs, settings), share_table(runs, settings), late_table(runs, settings)]


def days_table(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    rows, metrics = [], {}
    for method in METHODS:
        repeats = select(runs, "sizes", method)
        cells = []
        for i, users in enumerate(settings["sizes"]["users"]):
            share = np.array([r["share"] for r in repeats])[:, :, i]
            days = days_to(share, np.array([r["fixed"][i] for r in repeats]))
            cells.append(days_text(days, settings["weeks"]))
            metrics[f"days/{method}/{users}"] = float(np.median(np.nan_to_num(days, nan=7.0 * settings["weeks"])))
        rows.append([method, *cells])
    return Table(
        "Days from a uniform first week to a policy better than the best fixed cadence, by users in a leaf: median"
        " (quartiles) over seeds",
        ["", *(f"{n:,}" for n in settings["sizes"]["users"])], rows, metrics,
    )  # fmt: skip


def share_table(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    rows, metrics, sizes = [], {}, settings["sizes"]["users"]
    for week in (1, min(4, settings["weeks"] - 1), settings["weeks"] - 1):
        for method in METHODS:
            share = np.array([r["share"] for r in select(runs, "sizes", method)])[:, week]
            rows.append([f"after {week}", method, *(mean_and_error(share[:, i]) for i in range(len(sizes)))])
            metrics |= {f"share/{method}/{n}/{week}": float(share[:, i].mean()) for i, n in enumerate(sizes)}
    fixed = np.array([r["fixed"] for r in select(runs, "sizes", METHODS[0])])
    rows.append(
        ["always", "best fixed cadence, in hindsight", *(mean_and_error(fixed[:, i]) for i in range(len(sizes)))]
    )
    return Table(
        "Share of the oracle's utility in those leaves, after so many weeks (mean ± standard error over seeds)",
        ["weeks", "", *(f"{n:,}" for n in sizes)], rows, metrics,
    )  # fmt: skip


def late_table(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    rows, metrics, weeks = [], {}, settings["late"]["weeks"]
    columns = sorted({0, 1, 2, 4, weeks - 1} & set(range(weeks)))
    for method in METHODS:
        repeats = select(runs, "late", method)
        share = np.array([r["share"] for r in repeats])
        days = days_to(share, np.array([r["fixed"] for r in repeats]))
        old = np.array([r["others"] for r in repeats])[:, 0]
        rows.append(
            [method, *(mean_and_error(share[:, w]) for w in columns), days_text(days, weeks), mean_and_error(old)]
        )
        metrics |= {f"late/{method}/{w}": float(share[:, w].mean()) for w in columns}
    fixed = np.array([r["fixed"] for r in select(runs, "late", METHODS[0])])
    rows.append(["best cadence of the others", *[mean_and_error(fixed)] * len(columns), "", ""])
    return Table(
        "Leaves that appear late: share of the oracle's utility there, after so many weeks with users",
        ["", *map(str, columns), "days to better than the others' best cadence", "the others, then"], rows, metrics,
    )  # fmt: skip
