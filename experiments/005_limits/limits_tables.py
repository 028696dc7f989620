"""The tables of the README, from the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from harness.tables import Table, mean_and_error
from scipy.stats import binom

FIRST_LEARNED = 4  # weeks until the first policy that has learned from anything
METHODS = (
    "Hierarchical",
    "Hierarchical, half-life 8 weeks",
    "Hierarchical, certainty 99 %",
    "Conjugate",
    "Hierarchical, no limits",
    "constrained oracle",
    "the start, kept",
)


def column(runs: Sequence[Mapping[str, Any]], method: str, name: str) -> np.ndarray:
    """(seeds, weeks) one figure of a method, from the first policy that has learned."""
    return np.array([r[name] for r in runs if r["method"] == method])[:, FIRST_LEARNED:]


def tables(runs: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> list[Table]:
    """Every table, in the README's order."""
    return [limits_table(runs, config), worth_table(runs)]


def limits_table(runs: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> Table:
    ceiling, volume = config["limits"]["opted_out"], config["limits"]["sends_per_period"]
    rows, metrics = [], {}
    for method in METHODS:
        expected, n = column(runs, method, "expected"), column(runs, method, "n")
        count, sends = column(runs, method, "opt_outs"), column(runs, method, "sends")
        significant = count > binom.ppf(0.95, n, ceiling)
        excess = (expected > ceiling).mean(1)
        rows.append(
            [
                method,
                mean_and_error(100 * expected.mean(1), 3),
                f"{100 * expected.max(1).mean():.3f}",
                mean_and_error(100 * excess, 1),
                mean_and_error(100 * (count / n > ceiling).mean(1), 1),
                mean_and_error(100 * significant.mean(1), 1),
                mean_and_error(sends.mean(1), 2),
                mean_and_error(100 * (sends > volume * 1.001).mean(1), 1),
            ]
        )
        metrics |= {f"above/{method}": float(excess.mean()), f"rate/{method}": float(expected.mean())}
    columns = [
        "", "expected opt-outs, %", "highest week", "weeks above the ceiling, %", "realised above, %",
        "surely above, %", "sends a week", "weeks above the volume, %",
    ]  # fmt: skip
    title = (
        f"Limits: {100 * ceiling:g} % opt-outs per decision and {volume:g} sends a week, weeks {FIRST_LEARNED + 1} on"
    )
    return Table(title, columns, rows, metrics)


def worth_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    rows, metrics = [], {}
    oracle = column(runs, "constrained oracle", "gain")
    for method in METHODS:
        gain, n = column(runs, method, "gain"), column(runs, method, "n")
        best = oracle[: len(gain)]  # the same seeds: runs go seed by seed
        share = gain.mean(1) / best.mean(1)
        late = gain[:, -13:].mean(1) / best[:, -13:].mean(1)
        refused = np.mean([r["refused"] for r in runs if r["method"] == method])
        last = n[:, -1] / column(runs, method, "n")[:, 0]
        rows.append(
            [method, mean_and_error(gain.mean(1)), mean_and_error(share, 2), mean_and_error(late, 2),
             mean_and_error(100 * last, 1), f"{refused:.1f}"]
        )  # fmt: skip
        metrics |= {f"share/{method}": float(share.mean())}
    columns = ["", "gain per decision", "of the constrained oracle", "in the last quarter", "reachable at the end, %",
               "weeks without a policy"]  # fmt: skip
    return Table("What it is worth: sessions − 15 · opt-outs, beyond sending nothing that week", columns, rows, metrics)
