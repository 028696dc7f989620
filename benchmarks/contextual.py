"""The contextual models, measured: sums of 10⁶ rows beside MABWiser, posteriors from sums, small updates, streams.

Run: python benchmarks/contextual.py            (about a minute; MABWiser is in the dependency group ``bench``)
     python benchmarks/contextual.py --small    (smoke, some seconds)
Every ratio is taken in this run, in turns: the machine is shared and drifts. The limit is one read of the contexts.
Processor time stands beside the clock's, since a shared machine's clock measures its neighbours too.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.draw import user_keys
from tactful.core.log import Coded, Log, Measured
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.contextual.linear import Linear, LinearPosterior
from tactful.models.contextual.logistic import Logistic
from tactful.models.contextual.moments import Contexts, Rows

FEATURES = 16
SPACE = ActionSpace.grid(["08:00", "12:00", "18:00"], [1, 2, 3, 4, 5, 6, 7, 8, 9], period_days=9)
WEEK_US = 7 * 86_400_000_000


def log_of(n: int, leaves: int, per_user: int = 12, seed: int = 1) -> Log:
    """Decisions with normal features, an engagement rate and a real outcome that depend on features and action."""
    rng = np.random.default_rng(seed)
    users = -(-n // per_user)
    segments = Segments.of([f"s{i}" for i in range(leaves)])
    user, period = np.arange(n) // per_user, np.arange(n) % per_user
    action = rng.integers(SPACE.k, size=n)
    context = rng.normal(size=(n, FEATURES))
    theta = 0.3 * rng.normal(size=(SPACE.k, FEATURES))
    eta = np.einsum("nf,nf->n", context, theta[action])
    ids = np.arange(users).astype(object)
    value = (rng.random(n) < 1 / (1 + np.exp(1 - eta))) * 1.0
    outcomes = {
        "engaged": Measured(Outcome("engaged", "binary"), value, np.ones(n, np.bool_)),
        "spend": Measured(Outcome("spend", "real"), eta + rng.normal(size=n), np.ones(n, np.bool_)),
    }
    node = 1 + user % leaves if leaves else np.zeros(n, np.int64)
    coded = (Coded.constant(name, n) for name in ("policy", "p0", ""))
    names = tuple(f"x{j}" for j in range(FEATURES))
    return Log(
        SPACE, segments, user, ids, user_keys(ids), period, node, action, *coded, outcomes,
        decided_at=period * WEEK_US, context=context, context_names=names,
    )  # fmt: skip


def only(log: Log, outcome: str) -> Log:
    """The log with one outcome."""
    return replace(log, outcomes={outcome: log.outcomes[outcome]})


def timed(works: dict[str, Callable[[], Any]], runs: int) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of the fastest of some runs, all works in turn; after one to warm up."""
    for work in works.values():
        work()
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            took[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: (min(t[0] for t in times), min(t[1] for t in times)) for name, times in took.items()}


def accumulation(log: Log, runs: int) -> None:
    """Rows a second into sums, beside one read of the contexts and MABWiser's fit."""
    n, d = log.n, FEATURES + 1
    features = Linear().fit(only(log.take(np.arange(1000)), "spend")).features
    everything = np.ones(n, np.bool_)
    context = np.asarray(log.context)
    halves = [context[: n // 2], context[n // 2 :]]
    pool = ThreadPoolExecutor(2)

    def sums(pooled: bool) -> None:
        rows = Rows.of(log, "spend", everything, None, features, pooled)
        nodes = () if pooled else (len(log.segments),)
        rows.add(rows.value, rows.weight, np.zeros((*nodes, SPACE.k, d + 1, d + 1)))

    works: dict[str, Callable[[], Any]] = {
        "one read of the contexts, two threads": lambda: list(pool.map(np.sum, halves)),
        "sums, 28 actions": lambda: sums(True),
        f"sums, {len(log.segments)} nodes × 28 actions": lambda: sums(False),
        "sums, with the pairs of users": lambda: Contexts(features, True).of(log, "spend", everything),
    }
    works |= {f"Linear.fit, {name}": fit for name, fit in fits(only(log, "spend")).items()}
    if (peer := mabwiser(log)) is not None:
        works["MABWiser 2.7.4, LinGreedy.fit"] = peer
    found = timed(works, runs)
    theirs = found.get("MABWiser 2.7.4, LinGreedy.fit", (np.nan, np.nan))[0]
    print(f"\n{n:,} rows × {FEATURES} features × {SPACE.k} actions: million rows a second")
    for name, (wall, cpu) in found.items():
        print(f"  {name:<42}{n / wall / 1e6:8.1f}  {n / cpu / 1e6:8.1f} a core  {theirs / wall:7.1f} × MABWiser")


def fits(log: Log) -> dict[str, Callable[[], Any]]:
    """Whole fits: centres and scales, sums, dispersion and the sample of contexts."""
    return {"pooled": lambda: Linear(pooled=True).fit(log), "by segment": lambda: Linear().fit(log)}


def mabwiser(log: Log) -> Callable[[], Any] | None:
    """MABWiser's fit of the same rows, as its users call it; None where it is not installed."""
    try:
        from mabwiser.mab import MAB, LearningPolicy
    except ImportError:
        return None
    names = np.array(SPACE.names)[log.action]
    value = log.outcomes["spend"].value
    return lambda: MAB(list(SPACE.names), LearningPolicy.LinGreedy(epsilon=0.0)).fit(names, value, log.context)


def posteriors(log: Log, runs: int) -> None:
    """From sums to coefficients, and small updates."""
    small, block = only(log.take(np.arange(min(log.n, 100_000))), "spend"), only(log.take(np.arange(1000)), "spend")

    def solved(fit: LinearPosterior) -> Any:
        return LinearPosterior(fit.model, fit.evidence, fit.features, fit.kept).coefficients("spend")

    works: dict[str, Callable[[], Any]] = {}
    for name, options in (("", {}), (", pooled", {"pooled": True}), (", action features", {"action_features": True})):
        for given in (30.0, None):
            fit = Linear(strength=given, **options).fit(small)
            how = "strength given" if given else "strengths chosen"
            works[f"coefficients{name}, {how}"] = lambda fit=fit: solved(fit)
    pooled = Linear(pooled=True, strength=30.0).fit(small)
    works["update by 1,000 rows, pooled: sums"] = lambda: pooled.update(block)
    works["update by 1,000 rows, pooled: coefficients"] = lambda: pooled.update(block).coefficients("spend")
    print(f"\n{len(log.segments)} nodes × {SPACE.k} actions × {FEATURES + 1} coefficients: milliseconds")
    for name, (wall, cpu) in timed(works, runs).items():
        print(f"  {name:<52}{1e3 * wall:9.2f} wall {1e3 * cpu:9.2f} cpu")


def filtering(log: Log) -> None:
    """How far a stream of updates of Logistic is from one fit on all, in posterior standard deviations."""
    log = only(log, "engaged")
    model = Logistic(pooled=True)
    start = time.perf_counter()
    whole = model.fit(log)
    seconds = time.perf_counter() - start
    stream = model.fit(log.take(log.period == 0), features=whole.features)
    for week in range(1, int(log.period.max()) + 1):
        stream = stream.update(log.take(log.period == week))
    sd = np.linalg.norm(whole.roots("engaged"), axis=3)
    gap = np.abs(stream.coefficients("engaged") - whole.coefficients("engaged")) / sd
    print(f"\nLogistic, {log.n:,} rows: one fit {seconds:.2f} s; {int(log.period.max()) + 1} updates instead differ by")
    print(f"  {gap.mean():.3f} posterior sds a coefficient on average, {gap.max():.2f} at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a smoke run of some seconds")
    small = parser.parse_args().small
    n, runs = (20_000, 2) if small else (1_000_000, 5)
    print(f"Python {platform.python_version()}, {platform.machine()}")
    accumulation(log_of(n, 47), runs)
    posteriors(log_of(min(n, 100_000), 47), runs)
    for rows in (n // 50, n // 5):
        filtering(log_of(rows, 1))
