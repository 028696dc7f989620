"""Deciding, measured: one decision of each form of policy beside its peers, a frame of a million users, a cold start.

Run: python benchmarks/serving.py            (about a minute)
     python benchmarks/serving.py --small    (smoke, some seconds)

One process and one core (but for the frame, which takes all), every way of deciding in turn in one run, so that the
ratios hold where the machine is shared and its clock drifts. ``p50`` and ``p99`` are over all decisions; ``quiet`` is
the smallest p50 of a block of 200, which other work on the machine disturbs least.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness.command import in_new_process, parser
from harness.policies import ACTIONS, FEATURES, PATHS, bank, bare_decision, linear, table
from harness.timing import call_times, fastest_in_turn, one_core, print_machine, timed
from peers import mabwiser_peer, vowpal_wabbit_peer
from peers.training import training

import tactful as tt
from tactful.serving import Decider

BLOCK = 200
PERIOD = 2960
ARMS = tt.Arms(0.05, 0.05)
START_CLOCKS = "wall, cpu = time.perf_counter(), time.process_time()"
STOP_CLOCKS = "wall, cpu = time.perf_counter() - wall, time.process_time() - cpu"
COLD_START = f"""
import sys, time
{START_CLOCKS}
from tactful.serving import Decider
decider = Decider.open(sys.argv[1])
first = decider.decide("u-42", {PERIOD}, "ios/new/1", [0.5] * 16)
{STOP_CLOCKS}
import json
heavy = sorted({{m.partition(".")[0] for m in sys.modules}} & {{"numba", "scipy", "polars", "mlflow"}})
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([wall * 1e3, cpu * 1e3, peak / 1024, heavy]))  # the peak of getrusage may be the parent's
"""


class Way(NamedTuple):
    """A way of deciding: what decision i calls, how many are timed, and the aim."""

    decide: Callable[[int], object]
    count: int
    aim: str = ""


def main(small: bool) -> None:
    print_machine()
    n = 2_000 if small else 50_000
    contexts = np.random.default_rng(7).normal(size=(n, len(FEATURES)))
    ways = ours(n, contexts) | dict(peers(contexts, small))
    with one_core():
        report(ways)
    report_frame(20_000 if small else 1_000_000)
    report_cold_start(3 if small else 15)


def ours(n: int, contexts: Any) -> dict[str, Way]:
    """Every form of policy, of n users."""
    users, path = [f"u-{i:07d}" for i in range(n)], PATHS[0]
    rows, mappings = contexts.tolist(), [dict(zip(FEATURES, c, strict=True)) for c in contexts[:500].tolist()]
    mask = [True] * (ACTIONS.k - 3) + [False] * 3
    tables, arms = Decider(table()), Decider(table(arms=ARMS))
    utilities, draws = Decider(linear()), Decider(bank())
    return {
        "bare hash, bisection, propensity": Way(bare_decision(users, PERIOD, ACTIONS.k), n),
        "table": Way(lambda i: tables.decide(users[i], PERIOD, path), n, "p50 ≤ 2.5, p99 ≤ 10"),
        "table with arms": Way(lambda i: arms.decide(users[i], PERIOD, path), n),
        "table with a mask": Way(lambda i: tables.decide(users[i], PERIOD, path, eligible=mask), n // 5),
        "linear, exact Thompson": Way(lambda i: utilities.decide(users[i], PERIOD, path, rows[i]), n // 5, "p50 ≤ 50"),
        "linear, context by name": Way(lambda i: utilities.decide(users[i], PERIOD, path, mappings[i % 500]), n // 5),
        "bank of 256 draws": Way(lambda i: draws.decide(users[i], PERIOD, path, rows[i]), n // 5, "p50 ≤ 200"),
    }


def peers(contexts: Any, small: bool) -> Iterator[tuple[str, Way]]:
    """The same question to VowpalWabbit and MABWiser, where they are installed: 28 actions, 16 features."""
    n = 200 if small else 2_000
    rows = training(n, contexts.shape[1], ACTIONS.k)
    if (predict := vowpal_wabbit_peer.trained(rows, FEATURES, ACTIONS.k)) is not None:
        texts = [vowpal_wabbit_peer.as_text(c, FEATURES) for c in contexts[:2000]]

        def with_text(i: int) -> int:
            return vowpal_wabbit_peer.draw(predict(vowpal_wabbit_peer.as_text(contexts[i], FEATURES)))

        yield "VowpalWabbit, pmf alone, text ready", Way(lambda i: predict(texts[i % 2000]), 5 * n)
        yield "VowpalWabbit, text and draw", Way(with_text, 5 * n)
    if (free := mabwiser_peer.learner(range(ACTIONS.k), "ThompsonSampling")) is None:
        return
    free.fit(rows.action, (rows.reward > 0.5).astype(int))
    yield "MABWiser, Thompson, no context", Way(lambda _: free.predict(), n)
    for name in ("LinUCB", "LinTS"):
        mab: Any = mabwiser_peer.learner(range(ACTIONS.k), name)
        mab.fit(rows.action, rows.reward, rows.context)
        yield f"MABWiser, {name}, no propensity", Way(lambda i, m=mab: m.predict(contexts[i : i + 1]), n // 2)


def report(ways: dict[str, Way]) -> None:
    """Every way in turn, then the table."""
    results = {}
    for name, way in ways.items():
        print(f"  … {name}", file=sys.stderr)
        results[name] = call_times(way.decide, way.count)
    print(f"\n{'one decision, µs':<38}{'p50':>9}{'p99':>9}{'quiet':>9}   aim")
    for name, times in results.items():
        blocks = times[: times.size // BLOCK * BLOCK].reshape(-1, BLOCK)
        quiet = np.median(blocks, 1).min() if blocks.size else np.median(times)
        print(f"{name:<38}{np.median(times):9.2f}{np.percentile(times, 99):9.2f}{quiet:9.2f}   {ways[name].aim}")


def report_frame(n: int) -> None:
    """``tactful.decide`` on a frame of n users; the CPU time says what a machine of its own would take."""
    import polars as pl

    rng = np.random.default_rng(7)
    users = pl.DataFrame(
        {"user": [f"u-{i:07d}" for i in range(n)], "segment": np.array(PATHS)[rng.integers(24, size=n)]}
    )
    works = {
        name: lambda policy=policy: tt.decide(policy, users, PERIOD)
        for name, policy in (("table", table()), ("table with arms", table(arms=ARMS)))
    }
    print(f"\n{'a frame of ' + format(n, ',') + ' users':<38}{'best wall':>10}{'CPU':>8}{'a second':>12}")
    for name, (wall, cpu) in fastest_in_turn(works, 5).items():
        print(f"{name:<38}{wall:8.2f} s{cpu:6.2f} s{n / wall:12,.0f}   aim ≥ 1,000,000")
    ids = users["user"][: n // 10].to_list()
    print(f"{'hashing ids alone, in Python':<38}{timed(lambda: tt.user_keys(ids)).wall * 10:8.2f} s")


def report_cold_start(runs: int) -> None:
    """Import, load and first decision in a fresh process, beside a bare ``import numpy``."""
    title = f"cold start, best of {runs}"
    print(f"\n{title:<38}{'wall ms':>9}{'CPU ms':>9}{'MiB':>9}   aim: 300 ms, 45 MiB, no numba")
    with tempfile.TemporaryDirectory() as folder:
        for name, policy in (("table", table()), ("linear", linear()), ("bank of 256 draws", bank())):
            artifact = Path(folder) / name
            tt.save(policy, artifact)
            results = [json.loads(in_new_process("-c", COLD_START, str(artifact))) for _ in range(runs)]
            wall, cpu, peak = (min(r[column] for r in results) for column in range(3))
            print(f"{name:<38}{wall:9.0f}{cpu:9.0f}{peak:9.1f}   heavy imports: {results[0][3] or 'none'}")
    code = f"import time; {START_CLOCKS}; import numpy; {STOP_CLOCKS}; print(wall, cpu)"
    wall, cpu = np.array([in_new_process("-c", code).split() for _ in range(runs)], float).min(0) * 1e3
    print(f"{'import numpy alone':<38}{wall:9.0f}{cpu:9.0f}")


if __name__ == "__main__":
    main(parser(__doc__).parse_args().small)
