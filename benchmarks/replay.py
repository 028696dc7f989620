"""Replay, measured: a linear Thompson learner on 10⁶ rows × 16 features × 28 actions, a table learner beside it.

Run: python benchmarks/replay.py            (about a minute)
     python benchmarks/replay.py --small    (smoke, some seconds)
Rows a second of the whole replay: publish, probabilities of every row, acceptance, updates, values with intervals.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import tactful as tt
from tactful.core.actions import DAY_US
from tactful.core.draw import user_keys
from tactful.core.log import Coded, Measured
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.contextual.linear import Linear

K, D, WEEKS = 28, 16, 12


def world(n: int) -> tt.Log:
    """A uniform log of n decisions in twelve weeks, whose reward is linear in the context."""
    rng = np.random.default_rng(7)
    users = n // WEEKS
    ids = np.array([f"u{i}" for i in range(users)], object)
    x, action = rng.normal(size=(users * WEEKS, D)), rng.integers(K, size=users * WEEKS)
    theta = rng.normal(0, 0.3, (K, D))
    reward = np.einsum("nd,nd->n", x, theta[action]) + rng.normal(0, 1, action.size)
    period, m = 2900 + np.repeat(np.arange(WEEKS), users), action.size
    actions = tt.ActionSpace.named([f"a{i}" for i in range(K)], period_days=7)
    return tt.Log(
        actions, Segments(("",)), np.tile(np.arange(users), WEEKS), ids, user_keys(ids), period, np.zeros(m, np.int64),
        action, Coded.constant("policy", m), Coded.constant("uniform", m), Coded.constant("", m),
        {"spend": Measured(Outcome("spend", "real"), reward, np.ones(m, bool))},
        decided_at=actions.origin_us + period * 7 * DAY_US, propensity=np.full(m, 1 / K), context=x,
        context_names=tuple(f"x{j}" for j in range(D)), provenance="logged", objective=tt.Objective({"spend": 1.0}),
    )  # fmt: skip


def report(name: str, log: tt.Log, learner: Any) -> None:
    """One replay, after a short one to compile."""
    tt.replay(log.take(np.arange(0, log.n, 50)), learner, min_propensity=1 / K)
    start, busy = time.perf_counter(), time.process_time()
    found = tt.replay(log, learner, uniform=0.03, min_propensity=1 / K)
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    value = found["objective", "dr-ns"]
    print(
        f"{name:<18} {found.n / taken:9,.0f} rows/s, {found.n / busy:9,.0f} a second of one core; {taken:.2f} s, "
        f"{len(found.curve)} publications, "
        f"{found.accepted:,} accepted, dr-ns {value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a smoke run")
    log = world(24_000 if parser.parse_args().small else 1_000_000)
    print(f"{log.n:,} rows × {D} features × {K} actions")
    report("Linear, Thompson", log, Linear(pooled=True))
    report("Conjugate, Thompson", log, tt.Conjugate())


if __name__ == "__main__":
    main()
