"""Replay, measured: a linear Thompson learner on 10⁶ rows × 16 features × 28 actions, a table learner beside it.

Run: python benchmarks/replay.py            (about a minute)
     python benchmarks/replay.py --small    (smoke, some seconds)
Rows a second of the whole replay: publish, probabilities of every row, acceptance, updates, values with intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness.command import parser
from harness.timing import timed

import tactful as tt

K, FEATURES, WEEKS = 28, 16, 12


def uniform_log(n: int) -> tt.Log:
    """A uniform log of n decisions in twelve weeks, whose reward is linear in the context."""
    rng = np.random.default_rng(7)
    users = n // WEEKS
    ids = np.array([f"u{i}" for i in range(users)], object)
    context, action = rng.normal(size=(users * WEEKS, FEATURES)), rng.integers(K, size=users * WEEKS)
    slopes = rng.normal(0, 0.3, (K, FEATURES))
    reward = np.vecdot(context, slopes[action]) + rng.normal(0, 1, action.size)
    period, m = 2900 + np.repeat(np.arange(WEEKS), users), action.size
    actions = tt.ActionSpace.named([f"a{i}" for i in range(K)], period_days=7)
    return tt.Log(
        actions=actions,
        segments=tt.Segments(("",)),
        user=np.tile(np.arange(users), WEEKS),
        user_ids=ids,
        user_key=tt.user_keys(ids),
        period=period,
        segment=np.zeros(m, np.int64),
        action=action,
        arm=tt.Coded.constant("policy", m),
        policy=tt.Coded.constant("uniform", m),
        scope=tt.Coded.constant("", m),
        outcomes={"spend": tt.Measured(tt.Outcome("spend", "real"), reward, np.ones(m, bool))},
        decided_at=actions.origin_us + period * 7 * tt.DAY_US,
        propensity=np.full(m, 1 / K),
        context=context,
        context_names=tuple(f"x{j}" for j in range(FEATURES)),
        provenance="logged",
        objective=tt.Objective({"spend": 1.0}),
    )


def report(name: str, log: tt.Log, learner: Any) -> None:
    """One replay, after a short one to compile."""
    tt.replay(log.take(np.arange(0, log.n, 50)), learner, min_propensity=1 / K)
    results: list[tt.Replay] = []
    wall, cpu = timed(lambda: results.append(tt.replay(log, learner, uniform=0.03, min_propensity=1 / K)))
    (result,) = results
    value = result["objective", "dr-ns"]
    print(
        f"{name:<18} {result.n / wall:9,.0f} rows/s, {result.n / cpu:9,.0f} a second of one core; {wall:.2f} s, "
        f"{len(result.curve)} publications, "
        f"{result.accepted:,} accepted, dr-ns {value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
    )


def main() -> None:
    log = uniform_log(24_000 if parser(__doc__).parse_args().small else 1_000_000)
    print(f"{log.n:,} rows × {FEATURES} features × {K} actions")
    report("Linear, Thompson", log, tt.Linear(pooled=True))
    report("Conjugate, Thompson", log, tt.Conjugate())


if __name__ == "__main__":
    main()
