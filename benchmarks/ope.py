"""Off-policy evaluation, measured: estimators on 10⁶ × 28, bootstrap by user, betting, beside numpy (and obp).

Run: python benchmarks/ope.py                  (about a minute)
     python benchmarks/ope.py --obp WHEEL      beside obp out of its wheel (see obp_peer.py)
     python benchmarks/ope.py --small          (smoke, some seconds)
Every ratio is taken in this run: the machine is shared and drifts. Times are the best of several; the bootstrap of
whole rows, as obp and plain numpy do it, is timed for a few replicates and scaled.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from obp_peer import Peer
from timing import best

from tactful.ope.betting import betting
from tactful.ope.bootstrap import bootstrap_replicates
from tactful.ope.estimators import dr, ips, snips
from tactful.ope.wealth import stakes
from tactful.ope.weights import on_rows

PER_USER = 10
REPLICATES = 1000


def beside(ours: Callable[[], Any], other: Callable[[], Any], runs: int) -> tuple[float, float]:
    """How many times faster ours is, and the other's seconds: both best of so many runs in turn, as loads drift."""
    ours(), other()
    times = np.empty((runs, 2))
    for i in range(runs):
        for j, work in enumerate((ours, other)):
            start = time.perf_counter()
            work()
            times[i, j] = time.perf_counter() - start
    best_of = times.min(0)
    return float(best_of[1] / best_of[0]), float(best_of[1])


def beyond_inputs(work: Callable[[], Any]) -> float:
    """Peak megabytes that numpy allocates."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def world(n: int, k: int) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    pmf = rng.random((n, k))
    pmf /= pmf.sum(1, keepdims=True)
    return {
        "pmf": pmf,
        "q": rng.random((n, k)),
        "action": rng.integers(k, size=n),
        "propensity": np.full(n, 1 / k),
        "reward": (rng.random(n) < 0.13).astype(float),
        "user": np.repeat(np.arange(n // PER_USER), PER_USER),
    }


def with_tactful(pmf: Any, q: Any, action: Any, propensity: Any, reward: Any, **_: Any) -> list[float]:
    rows = on_rows(pmf, q, action, propensity)
    estimates = ips(reward, rows.weight), snips(reward, rows.weight), dr(reward, *rows)
    return [e.value for e in estimates]


def with_numpy(pmf: Any, q: Any, action: Any, propensity: Any, reward: Any, **_: Any) -> list[float]:
    """Each estimator on its own, from the same inputs, in the fewest lines."""
    rows = np.arange(action.size)

    def weight() -> Any:
        return pmf[rows, action] / propensity

    return [
        float((weight() * reward).mean()),
        float((weight() * reward / weight().mean()).mean()),
        float(((q * pmf).sum(1) + weight() * (reward - q[rows, action])).mean()),
    ]


def report_estimators(data: dict[str, Any], peer: Peer, runs: int) -> None:
    n, k = data["pmf"].shape
    print(f"\nIPS + SNIPS + DR, {n:,} rows × {k} actions")
    read = best(lambda: data["pmf"].sum() + data["q"].sum(), runs)
    values = with_tactful(**data)
    ours = best(lambda: with_tactful(**data), runs)
    memory = beyond_inputs(lambda: with_tactful(**data))
    print(f"  tactful           {ours * 1e3:8.1f} ms   {memory:6.0f} MB beyond the inputs")
    for name, other in (("numpy", with_numpy), (peer.name, peer.values)):
        np.testing.assert_allclose(other(**data), values, rtol=1e-9)
        ratio, taken = beside(lambda: with_tactful(**data), lambda other=other: other(**data), runs)
        memory = beyond_inputs(lambda other=other: other(**data))
        print(f"  {name:<17} {taken * 1e3:8.1f} ms   {memory:6.0f} MB   tactful is {ratio:.1f} × faster")
    print(f"  numpy's sum of the two inputs, one core: {read * 1e3:.1f} ms")


def report_bootstrap(data: dict[str, Any], peer: Peer, runs: int, few: int) -> None:
    rows = on_rows(data["pmf"], data["q"], data["action"], data["propensity"])
    estimates = [ips(data["reward"], rows.weight), snips(data["reward"], rows.weight), dr(data["reward"], *rows)]
    columns = [e.influence + e.value for e in estimates]
    n, users = data["user"].size, int(data["user"][-1]) + 1
    rng = np.random.default_rng(1)

    def by_user() -> Any:
        return bootstrap_replicates(estimates, data["user"], replicates=REPLICATES)

    def whole_rows() -> None:
        for column in columns:
            peer.bootstrap(column, few)

    def whole_users() -> None:
        totals = np.stack([np.bincount(data["user"], c) for c in columns])
        for _ in range(few):
            _ = totals @ np.bincount(rng.integers(users, size=users), minlength=users)

    ours = best(by_user, runs)
    print(f"\n{REPLICATES:,} bootstrap replicates of 3 estimators, {n:,} rows of {users:,} users")
    print(f"  tactful, Poisson by user     {ours:8.3f} s   {beyond_inputs(by_user):6.0f} MB")
    for name, other in ((f"{peer.name}, rows", whole_rows), ("numpy, users", whole_users)):
        taken = best(other, 1) * REPLICATES / few
        print(f"  {name:<27}  {taken:8.1f} s   scaled from {few};  tactful is {taken / ours:.0f} × faster")
    alone = np.arange(n)
    each = best(lambda: bootstrap_replicates(estimates, alone, replicates=REPLICATES), 1)
    print(f"  tactful, every row a user    {each:8.3f} s")


def report_betting(data: dict[str, Any], runs: int) -> None:
    weight = on_rows(data["pmf"], data["q"], data["action"], data["propensity"]).weight
    staked = stakes(data["reward"], weight, data["user"], most=PER_USER, cap=float(weight.max()))
    taken = best(lambda: betting(staked), runs)
    print(f"\nbetting by user, both sides, {staked.low.size:,} users: {taken * 1e3:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a smoke run")
    parser.add_argument("--obp", type=Path, help="obp's wheel, where obp is not installed")
    asked = parser.parse_args()
    small, peer = asked.small, Peer(asked.obp)
    data = world(20_000 if small else 1_000_000, 28)
    report_estimators(data, peer, 3 if small else 9)
    report_bootstrap(data, peer, 1 if small else 3, 2 if small else 10)
    report_betting(data, 1 if small else 3)


if __name__ == "__main__":
    main()
