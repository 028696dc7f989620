"""How often gates and monitors err, how often they say what is true, and whether ``power`` foretells it.

python experiments/007_ope/gate.py            4,000 runs a cell (some minutes on one core); writes gate.json and gate.md
python experiments/007_ope/gate.py --small    100 runs a cell, printed and not written, for CI

Users are drawn as sums: a user's rows matter to a gate only by their number and by Σ w r.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from gate_design import (
    CANDIDATES,
    CORRELATION,
    DELTA,
    GAINS,
    LIMIT,
    LOOKS,
    MEAN,
    NULL_FACTOR,
    RATIOS,
    ROWS,
    SEED,
    SIZES,
    WORLDS,
    draw_stakes,
)
from gate_tables import fragment
from scipy.special import ndtri

import tactful as tt
from tactful.ope import Monitor, certify, chance_kept, cluster_t, ips, keeps, snips

HERE = Path(__file__).parent
RUNS, SMALL = 4000, 100


def limits(runs: int) -> list[dict[str, Any]]:
    """A limited outcome at multiples of its ceiling: the share of runs in which it is called kept."""
    cells: list[dict[str, Any]] = []
    for w, world in enumerate(WORLDS):
        for e, ess in enumerate(SIZES):
            users = round(ess * world.design.square / world.rows)
            for r, ratio in enumerate(RATIOS):
                rng = np.random.default_rng([SEED, 1, w, e, r])
                verdicts = np.zeros(runs, np.bool_)
                contradictions = 0
                for i in range(runs):
                    stakes = draw_stakes(rng, world, users, ratio * LIMIT)
                    verdicts[i] = keeps(stakes, LIMIT, DELTA)
                    if i < 25:
                        contradictions += (certify(stakes, LIMIT, DELTA).upper <= LIMIT) != verdicts[i]
                power = chance_kept(world.design, LIMIT, ratio * LIMIT, users, delta=DELTA)
                cells.append(
                    {
                        "weights": world.name,
                        "ess": ess,
                        "users": users,
                        "ratio": ratio,
                        "kept": float(verdicts.mean()),
                        "power": power,
                        "unlike_the_bound": int(contradictions),
                    }
                )
            print(f"limits: weights {world.name}, ESS {ess:,}", file=sys.stderr, flush=True)
    return cells


SHARP = np.array([1.8, 0.2])  # weights of a candidate that takes the better of two actions nine times in ten


def people(rng: np.random.Generator, users: int) -> np.ndarray[Any, Any]:
    """(u, 1) each user's own mean: rows of one user have the intraclass correlation CORRELATION."""
    size = 1 / CORRELATION - 1
    return rng.beta(MEAN * size, (1 - MEAN) * size, (users, 1))


def promoted(reward: Any, weight: Any, user: Any, delta: float) -> tuple[float, float]:
    """The interval of a candidate's gain on logging, whose low end a gate reads."""
    difference = snips(reward, weight) - ips(reward, np.ones_like(reward))
    interval = cluster_t(difference, user, 1 - 2 * delta)
    return interval.low, interval.high


def gains(runs: int) -> list[dict[str, Any]]:
    """A gain of so many standard errors: the share of runs in which it is seen."""
    cells: list[dict[str, Any]] = []
    square = float(np.mean(SHARP**2))
    for e, ess in enumerate(SIZES):
        users = round(ess * square / ROWS)
        n = users * ROWS
        se = float(np.sqrt((square - 1) * MEAN * (1 - MEAN) / n))
        user = np.repeat(np.arange(users), ROWS)
        for g, gain in enumerate(GAINS):
            rng = np.random.default_rng([SEED, 2, e, g])
            shift = gain * se / 0.4  # of the better action's mean against the other: the gain is (.9 − .5) of it
            wins, count = 0, runs if gain else NULL_FACTOR * runs
            for _ in range(count):
                action = rng.integers(2, size=(users, ROWS))
                chance = people(rng, users) + shift * (0.5 - action)
                reward = (rng.random((users, ROWS)) < chance).astype(np.float64).ravel()
                wins += promoted(reward, SHARP[action.ravel()], user, DELTA)[0] > 0
            power = tt.chance_seen(gain * se, se, delta=DELTA)
            cells.append({"ess": ess, "users": users, "gain": gain, "promoted": wins / count, "power": power})
        print(f"gains: ESS {ess:,}", file=sys.stderr, flush=True)
    return cells


def best_of_many(runs: int) -> list[dict[str, Any]]:
    """Twenty candidates that are all worth what logging earns: how often is one promoted, at δ/20 and at δ each?"""
    cells: list[dict[str, Any]] = []
    heavy, light = 0.5 * CANDIDATES + 0.5, 0.5  # half of the mass on an action of their own, half uniform
    square = (heavy**2 + (CANDIDATES - 1) * light**2) / CANDIDATES
    for e, ess in enumerate(SIZES[:2]):
        users = round(ess * square / ROWS)
        user = np.repeat(np.arange(users), ROWS)
        rng = np.random.default_rng([SEED, 3, e])
        errors, uncorrected, covered = 0, 0, 0
        for _ in range(runs):
            action = rng.integers(CANDIDATES, size=users * ROWS)
            reward = (rng.random((users, ROWS)) < people(rng, users)).astype(np.float64).ravel()
            weights = (np.where(action == a, heavy, light) for a in range(CANDIDATES))
            ends = [promoted(reward, weight, user, DELTA / CANDIDATES) for weight in weights]
            best = max(ends)
            errors += best[0] > 0
            covered += best[0] <= 0 <= best[1]
            middle = np.mean(ends, axis=1)
            reach = (np.array([high for _, high in ends]) - middle) * _shrink()
            uncorrected += (middle - reach).max() > 0
        cells.append(
            {
                "ess": ess,
                "users": users,
                "promoted": errors / runs,
                "covered": covered / runs,
                "promoted_at_delta_each": uncorrected / runs,
            }
        )
        print(f"best of {CANDIDATES}: ESS {ess:,}", file=sys.stderr, flush=True)
    return cells


def _shrink() -> float:
    """From the reach at δ/20 to that at δ, with many users."""
    return float(ndtri(1 - DELTA) / ndtri(1 - DELTA / CANDIDATES))


def watch(events: np.ndarray[Any, Any], size: int) -> tuple[float, float, np.ndarray[Any, Any]]:
    """Shares of monitors that ever advise to widen and to roll back, and the look (runs,) of the latter (inf: never).

    ``events`` (runs, looks) are those among the ``size`` decisions of each look.
    """
    widened, withdrawn, delay = 0, 0, np.full(len(events), np.inf)
    start = Monitor.start(LIMIT, DELTA)
    looks = {k: start.update(np.arange(size) < k) for k in range(int(events.max()) + 1)}
    for i, counts in enumerate(events.tolist()):
        monitor, first_look = start, dict[str, int]()
        for look, count in enumerate(counts):
            monitor = monitor.merge(looks[count])
            first_look.setdefault(monitor.advice, look + 1)
        widened += "widen" in first_look
        withdrawn += "roll back" in first_look
        delay[i] = first_look.get("roll back", np.inf)
    return widened / len(events), withdrawn / len(events), delay


def monitors(runs: int) -> list[dict[str, Any]]:
    """Monitors looked at 60 times: what they say at the ceiling, and how long they take above and below it."""
    cells: list[dict[str, Any]] = []
    for r, ratio in enumerate((0.5, 1.0, 1.5, 2.0)):
        for s, size in enumerate((300, 1000, 5000)):
            rng = np.random.default_rng([SEED, 4, r, s])
            events = rng.binomial(size, ratio * LIMIT, (runs, LOOKS))
            widened, withdrawn, delay = watch(events, size)
            n = size * np.arange(1, LOOKS + 1)
            rate = events.cumsum(1) / n
            z_safe = (rate + 1.6449 * np.sqrt(rate * (1 - rate) / n) < LIMIT).any(1)
            median = float(np.median(delay))
            cells.append(
                {
                    "ratio": ratio,
                    "decisions_a_look": size,
                    "safe": widened,
                    "roll_back": withdrawn,
                    "median_looks_to_roll_back": median if np.isfinite(median) else None,
                    "safe_by_z": float(z_safe.mean()),
                }
            )
        print(f"monitors: {ratio} × the ceiling", file=sys.stderr, flush=True)
    return cells


def run(runs: int = RUNS) -> dict[str, Any]:
    """Every part; the seeds are fixed above."""
    parts = {"limits": limits, "gains": gains, "best_of_20": best_of_many, "monitors": monitors}
    return {"seed": SEED, "runs": runs, "delta": DELTA, "limit": LIMIT} | {name: f(runs) for name, f in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", action="store_true", help="100 runs a cell, printed alone")
    small = parser.parse_args().small
    start = time.perf_counter()
    result = run(SMALL if small else RUNS)
    print(fragment(result))
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    if not small:
        (HERE / "gate.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (HERE / "gate.md").write_text(fragment(result), encoding="utf-8")


if __name__ == "__main__":
    main()
