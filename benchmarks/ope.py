"""Off-policy evaluation, measured: estimators on 10⁶ × 28, bootstrap by user, betting, beside numpy (and obp).

Run: python benchmarks/ope.py                  (about a minute)
     python benchmarks/ope.py --obp WHEEL      beside obp out of its wheel (see peers/obp_peer.py)
     python benchmarks/ope.py --small          (smoke, some seconds)
Every ratio is taken in this run: the machine is shared and drifts. Times are the best of several; the bootstrap of
whole rows, as obp and plain numpy do it, is timed for a few replicates and scaled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from harness.command import parser
from harness.timing import allocated_mb, fastest, fastest_in_turn
from peers.obp_peer import Peer

from tactful import ope

PER_USER = 10
REPLICATES = 1000


def random_log(n: int, k: int) -> dict[str, Any]:
    """Inputs of the estimators: uniform logging, and a random target and reward model."""
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
    """The three estimates from one pass over the tables."""
    rows = ope.on_rows(pmf, q, action, propensity)
    estimates = ope.ips(reward, rows.weight), ope.snips(reward, rows.weight), ope.dr(reward, *rows)
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
    read = fastest(lambda: data["pmf"].sum() + data["q"].sum(), runs).wall
    values = with_tactful(**data)
    ours = fastest(lambda: with_tactful(**data), runs).wall
    memory = allocated_mb(lambda: with_tactful(**data))
    print(f"  tactful           {ours * 1e3:8.1f} ms   {memory:6.0f} MB beyond the inputs")
    for name, estimate in (("numpy", with_numpy), (peer.name, peer.values)):
        np.testing.assert_allclose(estimate(**data), values, rtol=1e-9)
        works = {"tactful": lambda: with_tactful(**data), name: lambda estimate=estimate: estimate(**data)}
        seconds = fastest_in_turn(works, runs)
        memory = allocated_mb(works[name])
        ratio, wall = seconds[name].wall / seconds["tactful"].wall, seconds[name].wall
        print(f"  {name:<17} {wall * 1e3:8.1f} ms   {memory:6.0f} MB   tactful is {ratio:.1f} × faster")
    print(f"  numpy's sum of the two inputs, one core: {read * 1e3:.1f} ms")


def report_bootstrap(data: dict[str, Any], peer: Peer, runs: int, peer_replicates: int) -> None:
    rows = ope.on_rows(data["pmf"], data["q"], data["action"], data["propensity"])
    reward = data["reward"]
    estimates = [ope.ips(reward, rows.weight), ope.snips(reward, rows.weight), ope.dr(reward, *rows)]
    columns = [e.influence + e.value for e in estimates]
    n, users = data["user"].size, int(data["user"][-1]) + 1
    rng = np.random.default_rng(1)

    def by_user() -> Any:
        return ope.bootstrap_replicates(estimates, data["user"], replicates=REPLICATES)

    def whole_rows() -> None:
        for column in columns:
            peer.bootstrap(column, peer_replicates)

    def whole_users() -> None:
        totals = np.stack([np.bincount(data["user"], c) for c in columns])
        for _ in range(peer_replicates):
            _ = totals @ np.bincount(rng.integers(users, size=users), minlength=users)

    ours = fastest(by_user, runs).wall
    print(f"\n{REPLICATES:,} bootstrap replicates of 3 estimators, {n:,} rows of {users:,} users")
    print(f"  tactful, Poisson by user     {ours:8.3f} s   {allocated_mb(by_user):6.0f} MB")
    for name, resample in ((f"{peer.name}, rows", whole_rows), ("numpy, users", whole_users)):
        wall = fastest(resample, 1).wall * REPLICATES / peer_replicates
        print(f"  {name:<27}  {wall:8.1f} s   scaled from {peer_replicates};  tactful is {wall / ours:.0f} × faster")
    row_numbers = np.arange(n)
    every_row = fastest(lambda: ope.bootstrap_replicates(estimates, row_numbers, replicates=REPLICATES), 1).wall
    print(f"  tactful, every row a user    {every_row:8.3f} s")


def report_betting(data: dict[str, Any], runs: int) -> None:
    weight = ope.on_rows(data["pmf"], data["q"], data["action"], data["propensity"]).weight
    stakes = ope.stakes(data["reward"], weight, data["user"], max_rows=PER_USER, cap=float(weight.max()))
    wall = fastest(lambda: ope.betting(stakes), runs).wall
    print(f"\nbetting by user, both sides, {stakes.low.size:,} users: {wall * 1e3:.1f} ms")


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--obp", type=Path, help="obp's wheel, where obp is not installed")
    arguments = options.parse_args()
    small, peer = arguments.small, Peer(arguments.obp)
    data = random_log(20_000 if small else 1_000_000, 28)
    report_estimators(data, peer, 3 if small else 9)
    report_bootstrap(data, peer, 1 if small else 3, 2 if small else 10)
    report_betting(data, 1 if small else 3)


if __name__ == "__main__":
    main()
