"""How often do intervals hold the truth, and what does the verdict say: by size, weights, likeness of users, rarity."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from results import Results
from scipy.stats import binom

from tactful.ope import (
    Circumstances,
    WeightDiagnostics,
    assess,
    betting,
    bootstrap_replicates,
    cluster_t,
    dr,
    ips,
    sndr,
    snips,
    stakes,
    weighted_events,
)

Array = Any
ESTIMATORS = ("ips", "snips", "dr", "sndr")
RESAMPLED = ("ips", "snips", "dr")
INTERVALS = (*(f"{e} t" for e in ESTIMATORS), *(f"{e} bootstrap" for e in RESAMPLED))
SEGMENTS, ACTIONS, FOLDS = 4, 5, 5
OF_SEGMENT, OF_ACTION = np.array([0.6, 0.8, 1.2, 1.4]), np.array([1.15, 0.5, 0.8, 1.0, 1.3])
PRIOR = 5.0  # imagined decisions of the reward model


@dataclass(frozen=True)
class CoverageWorld:
    """Four segments of users and five actions, the target taking the first with .9 and logging with .9 / weight.

    The weight of that action is 1, W^⅓, W^⅔ and W in the four segments; the rest of the target is shared out as
    logging does. With probability √ρ a decision's outcome hangs on a uniform number of the user and else on its own,
    so that two outcomes of equal rates have correlation ρ exactly.
    """

    target: Array
    logging: Array
    rate: Array
    alike: float

    @classmethod
    def build(cls, largest: float, alike: float, mean: float) -> CoverageWorld:
        """The world with this largest weight, intraclass correlation and mean of the target."""
        favourite = 0.9 / largest ** (np.arange(SEGMENTS) / (SEGMENTS - 1))
        tail = np.array([0.4, 0.3, 0.2, 0.1])
        target, logging = (np.column_stack([f, np.outer(1 - f, tail)]) for f in (np.full(SEGMENTS, 0.9), favourite))
        rate = np.outer(OF_SEGMENT, OF_ACTION)
        return cls(target, logging, rate * mean / (target * rate).sum(1).mean(), alike)

    def draw(self, rng: np.random.Generator, users: int, rows: int) -> Iterator[Array]:
        """Reward, weight, user, segment and action of every decision."""
        user = np.repeat(np.arange(users), rows)
        segment = rng.integers(SEGMENTS, size=users)[user]
        action = (rng.random(user.size)[:, None] > np.cumsum(self.logging, 1)[segment, :-1]).sum(1)
        shared = rng.random(user.size) < np.sqrt(self.alike)
        luck = np.where(shared, rng.random(users)[user], rng.random(user.size))
        reward = (luck < self.rate[segment, action]).astype(float)
        return iter((reward, (self.target / self.logging)[segment, action], user, segment, action))


def crossfitted(world: CoverageWorld, reward: Array, user: Array, segment: Array, action: Array) -> tuple[Array, Array]:
    """Shrunk means by (segment, action) of the other folds' users: at the logged action, and under the target."""
    fold, cells = user % FOLDS, SEGMENTS * ACTIONS
    code = fold * cells + segment * ACTIONS + action
    total, count = (np.bincount(code, w, FOLDS * cells).reshape(FOLDS, SEGMENTS, ACTIONS) for w in (reward, None))
    total, count = total.sum(0) - total, count.sum(0) - count
    overall = total.sum((1, 2), keepdims=True) / count.sum((1, 2), keepdims=True)
    q = (total + PRIOR * overall) / (count + PRIOR)
    return q[fold, segment, action], (q * world.target).sum(2)[fold, segment]


def verdict_on(reward: Array, weight: Array, user: Array) -> str:
    """As `evaluate` gives it."""
    diagnostics = WeightDiagnostics.from_weights(weight, user)
    return assess(diagnostics, Circumstances(), weighted_events(reward, weight)).reliability


def one_log(world: CoverageWorld, rng: np.random.Generator, users: int, rows: int, replicates: int) -> dict[str, Any]:
    """The verdict on one log, and every interval of it."""
    reward, weight, user, segment, action = world.draw(rng, users, rows)
    logged, target = crossfitted(world, reward, user, segment, action)
    estimates = {
        "ips": ips(reward, weight),
        "snips": snips(reward, weight),
        "dr": dr(reward, weight, logged, target),
        "sndr": sndr(reward, weight, logged, target),
    }
    intervals: dict[str, Any] = {"verdict": verdict_on(reward, weight, user)}
    for name in ESTIMATORS:
        _, low, high, _ = cluster_t(estimates[name], user)
        intervals[f"{name} t"] = low, high
    drawn = bootstrap_replicates(
        [estimates[name] for name in RESAMPLED], user,
        denominators=[None, weight, None], replicates=replicates, seed=int(rng.integers(2**63)),
    )  # fmt: skip
    for name, row in zip(RESAMPLED, drawn, strict=True):
        low, high = np.quantile(row[np.isfinite(row)], (0.025, 0.975))
        intervals[f"{name} bootstrap"] = low, high
    staked = stakes(reward, weight, user, max_rows=rows, cap=float((world.target / world.logging).max()))
    bet = betting(staked)
    intervals |= {"betting": (bet.low, bet.high), "z": 2 * 1.959964 * bet.se}
    return intervals


def cell(settings: dict[str, Any], index: int, n: int, largest: float, alike: float, mean: float) -> dict[str, Any]:
    """Coverage over the logs of one cell."""
    start, world = time.perf_counter(), CoverageWorld.build(largest, alike, mean)
    rng = np.random.default_rng((settings["seed"], index))
    rows = settings["rows"]
    logs = [one_log(world, rng, n // rows, rows, settings["replicates"]) for _ in range(settings["logs"])]
    verdict = np.array([x["verdict"] for x in logs])
    result: dict[str, Any] = {"n": n, "largest": largest, "alike": alike, "mean": mean, "logs": len(logs)}
    result |= {f"share {v}": float((verdict == v).mean()) for v in ("ok", "weak", "refused")}
    for name in (*INTERVALS, "betting"):
        low, high = np.array([x[name] for x in logs]).T
        covered = (low <= mean) & (mean <= high)
        result[name] = float(covered.mean())
    z = np.array([x["z"] for x in logs])
    result["width"] = float(np.diff([x["betting"] for x in logs]).mean() / z.mean()) if z.mean() > 0 else None
    print(
        f"coverage n {n}, W {largest}, ICC {alike}, mean {mean}: ok {result['share ok']:.2f}, "
        f"snips {result['snips t']:.3f}, {time.perf_counter() - start:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    return result


def width(settings: dict[str, Any], index: int, users: int, rows: int, alike: float) -> dict[str, Any]:
    """The mean width of betting's interval over that of cluster-z, weights to 3 and a mean of .13."""
    rng, world = np.random.default_rng((settings["seed"], 1000 + index)), CoverageWorld.build(3.0, alike, 0.13)
    widths = np.zeros(2)
    for _ in range(settings["width_logs"]):
        reward, weight, user, *_ = world.draw(rng, users, rows)
        bet = betting(stakes(reward, weight, user, max_rows=rows, cap=3.0))
        widths += bet.high - bet.low, 2 * 1.959964 * bet.se
    return {"users": users, "rows": rows, "alike": alike, "width": widths[0] / widths[1]}


def run(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Every cell, and the widths."""
    axes = (settings[name] for name in ("mean", "decisions", "largest", "alike"))
    for i, (mean, n, largest, alike) in enumerate(product(*axes)):
        name = f"mean {mean}, n {n}, W {largest}, ICC {alike}"
        results.once(name, lambda key=(i, n, largest, alike, mean): cell(settings, *key))
    axes = (settings[name] for name in ("width_users", "width_rows", "alike"))
    for i, (users, rows, alike) in enumerate(product(*axes)):
        results.once(f"width {users} × {rows}, ICC {alike}", lambda key=(i, users, rows, alike): width(settings, *key))
    return results.cells()


def trusted(cells: dict[str, Any]) -> list[dict[str, Any]]:
    """Cells in which at least 95 % of the logs are ok."""
    return [c for c in cells.values() if c.get("share ok", 0) >= 0.95]


def band(cells: dict[str, Any]) -> tuple[float, float]:
    """Coverage that all intervals of all trusted cells keep at once with .99, if each is .95 (Bonferroni)."""
    tests = max(len(trusted(cells)) * len(INTERVALS), 1)
    logs = next(c["logs"] for c in cells.values() if "logs" in c)
    low, high = binom.ppf([0.005 / tests, 1 - 0.005 / tests], logs, 0.95)
    return float(low / logs), float(high / logs)


def outside(cells: dict[str, Any]) -> list[str]:
    """Intervals of trusted cells that leave the band."""
    low, high = band(cells)
    return [
        f"{name}: {c[name]:.3f} at n = {c['n']:,}, W = {c['largest']}, ICC = {c['alike']}, mean {c['mean']}"
        for c in trusted(cells)
        for name in INTERVALS
        if not low <= c[name] <= high
    ]
