"""A sequence that is watched: does it ever leave the truth out, and does an interval for one look."""

from __future__ import annotations

from typing import Any

import numpy as np
from cover import CoverageWorld
from results import Results

from tactful.ope import excluded_at, stakes

Array = Any


def path(settings: dict[str, Any], rng: np.random.Generator) -> tuple[int | None, int | None, bool]:
    """After how many users each first excludes the truth, and whether the fixed interval does after the last."""
    largest, mean, users = (settings[name] for name in ("largest", "mean", "users"))
    reward, weight, user, *_ = CoverageWorld.build(largest, 0.0, mean).draw(rng, users, 1)
    bet = excluded_at(stakes(reward, weight, user, max_rows=1, cap=largest), mean)
    row, n = weight * reward, np.arange(1, users + 1)
    average = np.cumsum(row) / n
    error = np.sqrt(np.maximum(np.cumsum(row**2) / n - average**2, 0) / np.maximum(n - 1, 1))
    excluded = np.abs(average - mean) > 1.959964 * error
    looks = np.flatnonzero(excluded[settings["first_look"] - 1 :])
    return bet, int(looks[0]) + settings["first_look"] if looks.size else None, bool(excluded[-1])


def run(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Shares of paths that leave the truth out by so many users."""

    def measure() -> dict[str, Any]:
        rng = np.random.default_rng(settings["seed"])
        paths = [path(settings, rng) for _ in range(settings["paths"])]
        shares: dict[str, Any] = {"at the end": float(np.mean([end for *_, end in paths]))}
        for i, name in enumerate(("betting", "fixed")):
            first = np.array([p[i] or np.inf for p in paths])
            looks = [n for n in (100, 300, 1000, 3000, 10_000) if n <= settings["users"]]
            shares[name] = {str(n): float((first <= n).mean()) for n in looks}
        return shares

    results.once("paths", measure)
    return results.cells()
