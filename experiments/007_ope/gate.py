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
from typing import Any, NamedTuple

import numpy as np

from tactful.core.estimate import Estimate
from tactful.ope.betting import certify, keeps
from tactful.ope.certificate_power import Design, chance_kept
from tactful.ope.e_process import Monitor
from tactful.ope.estimators import ips, snips
from tactful.ope.intervals import cluster_t
from tactful.ope.wealth import Stakes
from tactful.planning.verdict_chance import chance_seen

HERE = Path(__file__).parent
SEED, RUNS, SMALL = 70_001, 4000, 100
DELTA, LIMIT = 0.05, 0.004
RATIOS, SIZES = (0.25, 0.5, 1.0, 1.5, 2.0), (2000, 5000, 20_000)
LOOKS = 60


class World(NamedTuple):
    """Weights of one kind: with the ``share`` of decisions that have each, and the decisions of a user."""

    name: str
    weight: tuple[float, ...]
    share: tuple[float, ...]
    rows: int

    @property
    def design(self) -> Design:
        weight, share = np.array(self.weight), np.array(self.share)
        return Design(weight, share, self.rows, self.rows, float(weight.max()))


WORLDS = (
    World("to 2.7, one decision a user", (2.7, 0.15), (1 / 3, 2 / 3), 1),
    World("to 2.7, eight a user", (2.7, 0.15), (1 / 3, 2 / 3), 8),
    World("to 10, one a user", (10.0, 0.2 / 0.92), (0.08, 0.92), 1),
)


def staked(rng: np.random.Generator, world: World, users: int, rate: float) -> Stakes:
    """The stakes of users who end with an event that comes at ``rate`` a decision, as opting out does."""
    k, most = max(world.weight), world.rows
    count = np.full(users, float(most))
    lost = np.flatnonzero(rng.random(users) < 1 - (1 - rate) ** most)
    first = np.ones(lost.size)
    if most > 1:  # given that it comes, the period in which it does
        first = np.ceil(np.log1p(-rng.random(lost.size) * (1 - (1 - rate) ** most)) / np.log1p(-rate))
    count[lost] = first
    low = np.zeros(users)
    low[lost] = np.array(world.weight)[(rng.random(lost.size) >= world.share[0]).astype(np.int64)]
    return Stakes(low, count - low, count, (0.0, k - 1), (k, 1.0), most, k, (0.0, 1.0), (np.inf, k))


def limits(runs: int) -> list[dict[str, Any]]:
    """A limited outcome at multiples of its ceiling: the share of runs in which it is called kept."""
    cells: list[dict[str, Any]] = []
    for w, world in enumerate(WORLDS):
        for e, ess in enumerate(SIZES):
            users = round(ess * world.design.square / world.rows)
            for r, ratio in enumerate(RATIOS):
                rng = np.random.default_rng([SEED, 1, w, e, r])
                kept = np.zeros(runs, np.bool_)
                unlike = 0
                for i in range(runs):
                    stakes = staked(rng, world, users, ratio * LIMIT)
                    kept[i] = keeps(stakes, LIMIT, DELTA)
                    if i < 25:
                        unlike += (certify(stakes, LIMIT, DELTA).upper <= LIMIT) != kept[i]
                foretold = chance_kept(world.design, LIMIT, ratio * LIMIT, users, delta=DELTA)
                cells.append(
                    {
                        "weights": world.name,
                        "ess": ess,
                        "users": users,
                        "ratio": ratio,
                        "kept": float(kept.mean()),
                        "power": foretold,
                        "unlike_the_bound": int(unlike),
                    }
                )
            print(f"limits: weights {world.name}, ESS {ess:,}", file=sys.stderr, flush=True)
    return cells


GAINS = (0.0, 1.0, 2.0, 3.0)  # in standard errors
MORE = 10  # times as many runs at a gain of 0, whose share is compared with δ itself; the first are those of the rest
ROWS, MEAN, ALIKE = 4, 0.13, 0.1
SHARP = np.array([1.8, 0.2])  # weights of a candidate that takes the better of two actions nine times in ten


def people(rng: np.random.Generator, users: int) -> np.ndarray[Any, Any]:
    """(u, 1) each user's own mean: rows of one user have the intraclass correlation ALIKE."""
    size = 1 / ALIKE - 1
    return rng.beta(MEAN * size, (1 - MEAN) * size, (users, 1))


def promoted(reward: Any, weight: Any, user: Any, delta: float) -> tuple[float, float]:
    """The interval of a candidate's gain on logging, whose low end a gate reads."""
    difference: Estimate = snips(reward, weight) - ips(reward, np.ones_like(reward))
    found = cluster_t(difference, user, 1 - 2 * delta)
    return found.low, found.high


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
            seen, count = 0, runs if gain else MORE * runs
            for _ in range(count):
                action = rng.integers(2, size=(users, ROWS))
                chance = people(rng, users) + shift * (0.5 - action)
                reward = (rng.random((users, ROWS)) < chance).astype(np.float64).ravel()
                seen += promoted(reward, SHARP[action.ravel()], user, DELTA)[0] > 0
            foretold = chance_seen(gain * se, se, delta=DELTA)
            cells.append({"ess": ess, "users": users, "gain": gain, "promoted": seen / count, "power": foretold})
        print(f"gains: ESS {ess:,}", file=sys.stderr, flush=True)
    return cells


MANY = 20


def best_of_many(runs: int) -> list[dict[str, Any]]:
    """Twenty candidates that are all worth what logging earns: how often is one promoted, at δ/20 and at δ each?"""
    cells: list[dict[str, Any]] = []
    heavy, light = 0.5 * MANY + 0.5, 0.5  # half of the mass on an action of their own, half uniform
    square = (heavy**2 + (MANY - 1) * light**2) / MANY
    for e, ess in enumerate(SIZES[:2]):
        users = round(ess * square / ROWS)
        user = np.repeat(np.arange(users), ROWS)
        rng = np.random.default_rng([SEED, 3, e])
        wrong, careless, covered = 0, 0, 0
        for _ in range(runs):
            action = rng.integers(MANY, size=users * ROWS)
            reward = (rng.random((users, ROWS)) < people(rng, users)).astype(np.float64).ravel()
            ends = [promoted(reward, np.where(action == a, heavy, light), user, DELTA / MANY) for a in range(MANY)]
            best = max(ends)
            wrong += best[0] > 0
            covered += best[0] <= 0 <= best[1]
            middle = np.mean(ends, axis=1)
            reach = (np.array([high for _, high in ends]) - middle) * _shrink()
            careless += (middle - reach).max() > 0
        cells.append(
            {
                "ess": ess,
                "users": users,
                "promoted": wrong / runs,
                "covered": covered / runs,
                "promoted_at_delta_each": careless / runs,
            }
        )
        print(f"best of {MANY}: ESS {ess:,}", file=sys.stderr, flush=True)
    return cells


def _shrink() -> float:
    """From the reach at δ/20 to that at δ, with many users."""
    from scipy.special import ndtri

    return float(ndtri(1 - DELTA) / ndtri(1 - DELTA / MANY))


def monitors(runs: int) -> list[dict[str, Any]]:
    """Monitors looked at 60 times: what they say at the ceiling, and how long they take above and below it."""
    cells: list[dict[str, Any]] = []
    for r, ratio in enumerate((0.5, 1.0, 1.5, 2.0)):
        for s, size in enumerate((300, 1000, 5000)):
            rng = np.random.default_rng([SEED, 4, r, s])
            events = rng.binomial(size, ratio * LIMIT, (runs, LOOKS))
            safe, back, delay = 0, 0, np.full(runs, np.inf)
            start = Monitor.start(LIMIT, DELTA)
            looks = {k: start.update(np.arange(size) < k) for k in range(int(events.max()) + 1)}
            for i in range(runs):
                monitor, said = start, dict[str, int]()
                for look in range(LOOKS):
                    monitor = monitor.merge(looks[int(events[i, look])])
                    said.setdefault(monitor.advice, look + 1)
                safe += "widen" in said
                back += "roll back" in said
                delay[i] = said.get("roll back", np.inf)
            seen = events.cumsum(1)
            n = size * np.arange(1, LOOKS + 1)
            rate = seen / n
            z_safe = (rate + 1.6449 * np.sqrt(rate * (1 - rate) / n) < LIMIT).any(1)
            median = float(np.median(delay))
            cells.append(
                {
                    "ratio": ratio,
                    "decisions_a_look": size,
                    "safe": safe / runs,
                    "roll_back": back / runs,
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


def fragment(found: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    lines = [
        f"{found['runs']:,} runs a cell, seed {found['seed']}, δ = {found['delta']}, ceiling {found['limit']}.",
        "In brackets what `power` foretells. Weights: " + "; ".join(w.name for w in WORLDS) + ".",
        "",
        "Share of runs in which the limited outcome is called kept, by its true rate over the ceiling:",
        "",
        "| weights | ESS | users | " + " | ".join(f"{r:g} ×" for r in RATIOS) + " |",
        "|---|---|---|" + "---|" * len(RATIOS),
    ]
    cells = found["limits"]
    for i in range(0, len(cells), len(RATIOS)):
        row = cells[i : i + len(RATIOS)]
        shares = " | ".join(f"{c['kept']:.3f} ({c['power']:.3f})" for c in row)
        lines.append(f"| {row[0]['weights']} | {row[0]['ess']:,} | {row[0]['users']:,} | {shares} |")
    lines += [
        "",
        "Share of runs in which a gain of so many standard errors is seen "
        f"(0: a false promotion, in {MORE * found['runs']:,} runs a cell):",
        "",
        "| ESS | users | " + " | ".join(f"{g:g} SE" for g in GAINS) + " |",
        "|---|---|" + "---|" * len(GAINS),
    ]
    cells = found["gains"]
    for i in range(0, len(cells), len(GAINS)):
        row = cells[i : i + len(GAINS)]
        shares = " | ".join(f"{c['promoted']:.3f} ({c['power']:.3f})" for c in row)
        lines.append(f"| {row[0]['ess']:,} | {row[0]['users']:,} | {shares} |")
    lines += [
        "",
        "The best of 20 candidates that are all worth what logging earns:",
        "",
        "| ESS | users | one is promoted | interval of the best covers 0 | promoted, were δ not divided by 20 |",
        "|---|---|---|---|---|",
    ]
    for c in found["best_of_20"]:
        shares = " | ".join(f"{c[k]:.3f}" for k in ("promoted", "covered", "promoted_at_delta_each"))
        lines.append(f"| {c['ess']:,} | {c['users']:,} | {shares} |")
    lines += [
        "",
        f"Monitors, looked at {LOOKS} times:",
        "",
        '| true rate | decisions a look | ever "widen" | ever "roll back" | median looks until then | ever safe by z |',
        "|---|---|---|---|---|---|",
    ]
    for c in found["monitors"]:
        median = c["median_looks_to_roll_back"]
        shown = f"{median:g}" if median is not None else f"more than {LOOKS}"
        shares = f"{c['safe']:.3f} | {c['roll_back']:.3f} | {shown} | {c['safe_by_z']:.3f}"
        lines.append(f"| {c['ratio']:g} × | {c['decisions_a_look']:,} | {shares} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", action="store_true", help="100 runs a cell, printed alone")
    small = parser.parse_args().small
    began = time.perf_counter()
    found = run(SMALL if small else RUNS)
    print(fragment(found))
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    if not small:
        (HERE / "gate.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (HERE / "gate.md").write_text(fragment(found), encoding="utf-8")


if __name__ == "__main__":
    main()
