"""The contextual models, measured: sums of 10⁶ rows beside MABWiser, posteriors from sums, small updates, streams.

Run: python benchmarks/contextual.py            (about a minute; MABWiser is in the dependency group ``bench``)
     python benchmarks/contextual.py --small    (smoke, some seconds)
Every ratio is taken in this run, in turns: the machine is shared and drifts. The limit is one read of the contexts.
Processor time stands beside the clock's, since a shared machine's clock measures its neighbours too.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from harness.command import parser
from harness.timing import fastest_in_turn, timed
from peers import mabwiser_peer

import tactful as tt
from tactful.models import ContextCounter

FEATURES = 16
SPACE = tt.ActionSpace.grid(["08:00", "12:00", "18:00"], [1, 2, 3, 4, 5, 6, 7, 8, 9], period_days=9)
MABWISER = "MABWiser 2.7.4, LinGreedy.fit"

Works = dict[str, Callable[[], Any]]


def random_log(n: int, leaves: int, per_user: int = 12, seed: int = 1) -> tt.Log:
    """Decisions with normal features, an engagement rate and a real outcome that depend on features and action."""
    rng = np.random.default_rng(seed)
    users = -(-n // per_user)
    user, period = np.arange(n) // per_user, np.arange(n) % per_user
    action = rng.integers(SPACE.k, size=n)
    context = rng.normal(size=(n, FEATURES))
    slopes = 0.3 * rng.normal(size=(SPACE.k, FEATURES))
    eta = np.vecdot(context, slopes[action])
    ids = np.arange(users).astype(object)
    value = (rng.random(n) < 1 / (1 + np.exp(1 - eta))) * 1.0
    return tt.Log(
        actions=SPACE,
        segments=tt.Segments.of([f"s{i}" for i in range(leaves)]),
        user=user,
        user_ids=ids,
        user_key=tt.user_keys(ids),
        period=period,
        segment=1 + user % leaves if leaves else np.zeros(n, np.int64),
        action=action,
        arm=tt.Coded.constant("policy", n),
        policy=tt.Coded.constant("p0", n),
        scope=tt.Coded.constant("", n),
        outcomes={
            "engaged": tt.Measured(tt.Outcome("engaged", "binary"), value, np.ones(n, np.bool_)),
            "spend": tt.Measured(tt.Outcome("spend", "real"), eta + rng.normal(size=n), np.ones(n, np.bool_)),
        },
        decided_at=period * 7 * tt.DAY_US,
        context=context,
        context_names=tuple(f"x{j}" for j in range(FEATURES)),
    )


def with_outcome(log: tt.Log, outcome: str) -> tt.Log:
    """The log with one outcome."""
    return replace(log, outcomes={outcome: log.outcomes[outcome]})


def report_sums(log: tt.Log, runs: int) -> None:
    """Rows a second into sums, beside one read of the contexts and MABWiser's fit."""
    n, spend = log.n, with_outcome(log, "spend")
    features = tt.Linear().fit(spend.take(np.arange(1000))).features
    rows, context = np.ones(n, np.bool_), np.asarray(log.context)
    halves = [context[: n // 2], context[n // 2 :]]
    pool = ThreadPoolExecutor(2)

    def sums(pooled: bool, pairs: bool) -> Callable[[], Any]:
        return lambda: ContextCounter(features, pooled=pooled, clustered=pairs).from_rows(log, "spend", rows)

    works: Works = {
        "one read of the contexts, two threads": lambda: list(pool.map(np.sum, halves)),
        "sums, 28 actions": sums(pooled=True, pairs=False),
        f"sums, {len(log.segments)} nodes × 28 actions": sums(pooled=False, pairs=False),
        "sums, with the pairs of users": sums(pooled=True, pairs=True),
        "Linear.fit, pooled": lambda: tt.Linear(pooled=True).fit(spend),
        "Linear.fit, by segment": lambda: tt.Linear().fit(spend),
    }
    if mabwiser_peer.installed():
        works[MABWISER] = lambda: fit_mabwiser(log)
    seconds = fastest_in_turn(works, runs)
    peer = seconds[MABWISER].wall if MABWISER in seconds else np.nan
    print(f"\n{n:,} rows × {FEATURES} features × {SPACE.k} actions: million rows a second")
    for name, (wall, cpu) in seconds.items():
        print(f"  {name:<42}{n / wall / 1e6:8.1f}  {n / cpu / 1e6:8.1f} a core  {peer / wall:7.1f} × MABWiser")


def fit_mabwiser(log: tt.Log) -> None:
    """MABWiser's fit of the same rows, as its users call it."""
    mab: Any = mabwiser_peer.learner(SPACE.names, "LinGreedy", epsilon=0.0)
    mab.fit(np.array(SPACE.names)[log.action], log.outcomes["spend"].value, log.context)


def report_posteriors(log: tt.Log, runs: int) -> None:
    """From sums to coefficients, and small updates."""
    spend = with_outcome(log, "spend")
    block = spend.take(np.arange(1000))
    works: Works = {}
    forms: dict[str, dict[str, Any]] = {
        "": {},
        ", pooled": {"pooled": True},
        ", action features": {"action_features": True},
    }
    for name, options in forms.items():
        for strength, choice in ((30.0, "strength given"), (None, "strengths chosen")):
            posterior = tt.Linear(strength=strength, **options).fit(spend)
            # A copy has the sums alone: coefficients are computed once for each posterior.
            works[f"coefficients{name}, {choice}"] = lambda p=posterior: replace(p).coefficients("spend")
    pooled = tt.Linear(pooled=True, strength=30.0).fit(spend)
    works["update by 1,000 rows, pooled: sums"] = lambda: pooled.update(block)
    works["update by 1,000 rows, pooled: coefficients"] = lambda: pooled.update(block).coefficients("spend")
    print(f"\n{len(log.segments)} nodes × {SPACE.k} actions × {FEATURES + 1} coefficients: milliseconds")
    for name, (wall, cpu) in fastest_in_turn(works, runs).items():
        print(f"  {name:<52}{1e3 * wall:9.2f} wall {1e3 * cpu:9.2f} cpu")


def report_stream(log: tt.Log) -> None:
    """How far a stream of updates of Logistic is from one fit on all, in posterior standard deviations."""
    log, model = with_outcome(log, "engaged"), tt.Logistic(pooled=True)
    fits: list[Any] = []
    seconds = timed(lambda: fits.append(model.fit(log))).wall
    batch = fits[0]
    weeks = range(1, int(log.period.max()) + 1)
    stream = model.fit(log.take(log.period == 0), features=batch.features)
    for week in weeks:
        stream = stream.update(log.take(log.period == week))
    sd = np.linalg.norm(batch.roots("engaged"), axis=3)
    gap = np.abs(stream.coefficients("engaged") - batch.coefficients("engaged")) / sd
    print(f"\nLogistic, {log.n:,} rows: one fit {seconds:.2f} s; {len(weeks) + 1} updates instead differ by")
    print(f"  {gap.mean():.3f} posterior sds a coefficient on average, {gap.max():.2f} at most")


if __name__ == "__main__":
    small = parser(__doc__).parse_args().small
    n, runs = (20_000, 2) if small else (1_000_000, 5)
    print(f"Python {platform.python_version()}, {platform.machine()}")
    report_sums(random_log(n, 47), runs)
    report_posteriors(random_log(min(n, 100_000), 47), runs)
    for rows in (n // 50, n // 5):
        report_stream(random_log(rows, 1))
