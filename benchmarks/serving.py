"""Deciding, measured: one decision of each form of policy beside its peers, a frame of a million users, a cold start.

Run: python benchmarks/serving.py            (about a minute)
     python benchmarks/serving.py --small    (smoke, some seconds)

One process and one core (but for the frame, which takes all), every way of deciding in turn in one run, so that the
ratios hold where the machine is shared and its clock drifts. ``p50`` and ``p99`` are over all decisions; ``quiet`` is
the smallest p50 of a block of 200, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import numpy as np
from reliability.policies import ACTIONS, FEATURES, PATHS, bank, linear, table

from tactful.core.draw import user_keys
from tactful.policies.arms import Arms
from tactful.policies.artifact import save
from tactful.serving import Decider

BLOCK = 200
NOW = "since = time.perf_counter(), time.process_time()"
THEN = "wall, cpu = time.perf_counter() - since[0], time.process_time() - since[1]"
COLD = f"""
import sys, time
{NOW}
from tactful.serving import Decider
decider = Decider.open(sys.argv[1])
first = decider.decide("u-42", 2960, "ios/new/1", [0.5] * 16)
{THEN}
import json
heavy = sorted({{m.partition(".")[0] for m in sys.modules}} & {{"numba", "scipy", "polars", "mlflow"}})
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([wall * 1e3, cpu * 1e3, peak / 1024, heavy]))  # the peak of getrusage may be the parent's
"""


def main(small: bool) -> None:
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print(f"load {os.getloadavg()[0]:.1f}")
    n = 2_000 if small else 50_000
    rng = np.random.default_rng(7)
    users = [f"u-{i:07d}" for i in range(n)]
    contexts = rng.normal(size=(n, FEATURES.d - 1))
    rows, mappings = contexts.tolist(), [dict(zip(FEATURES.names, c, strict=True)) for c in contexts[:500].tolist()]
    mask = [True] * (ACTIONS.k - 3) + [False] * 3
    plain, arms = Decider(table()), Decider(table(arms=Arms(0.05, 0.05)))
    lin, draws = Decider(linear()), Decider(bank(draws=256))
    path = PATHS[0]
    ways: dict[str, tuple[Callable[[int], object], int, str]] = {
        "bare hash, bisection, propensity": (bare(users), n, ""),
        "table": (lambda i: plain.decide(users[i], 2960, path), n, "p50 ≤ 2.5, p99 ≤ 10"),
        "table with arms": (lambda i: arms.decide(users[i], 2960, path), n, ""),
        "table with a mask": (lambda i: plain.decide(users[i], 2960, path, eligible=mask), n // 5, ""),
        "linear, exact Thompson": (lambda i: lin.decide(users[i], 2960, path, rows[i]), n // 5, "p50 ≤ 50"),
        "linear, context by name": (lambda i: lin.decide(users[i], 2960, path, mappings[i % 500]), n // 5, ""),
        "bank of 256 draws": (lambda i: draws.decide(users[i], 2960, path, rows[i]), n // 5, "p50 ≤ 200"),
        **peers(contexts, small),
    }
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    report({name: (timed(name, way, count), aim) for name, (way, count, aim) in ways.items()})
    os.sched_setaffinity(0, cores)
    frame(20_000 if small else 1_000_000)
    cold(3 if small else 15)


def bare(users: list[str]) -> Callable[[int], object]:
    """What a decision cannot do without."""
    cumulative, key = [(i + 1) * 2**32 // 28 for i in range(28)], bytes(32)

    def one(i: int) -> tuple[int, float]:
        digest = blake2b(users[i].encode(), digest_size=8).digest() + (2960).to_bytes(8, "little")
        u = int.from_bytes(blake2b(digest, key=key, digest_size=8).digest(), "little") >> 32
        return bisect_right(cumulative, u), 1 / 28

    return one


def timed(name: str, way: Callable[[int], object], n: int) -> np.ndarray:
    """µs of each of n calls."""
    clock, took = time.perf_counter_ns, np.empty(n)
    for i in range(min(n, 50)):
        way(i)
    print(f"  … {name}", file=sys.stderr)
    for i in range(n):
        start = clock()
        way(i)
        took[i] = clock() - start
    return took / 1e3


def report(results: dict[str, tuple[np.ndarray, str]]) -> None:
    print(f"\n{'one decision, µs':<38}{'p50':>9}{'p99':>9}{'quiet':>9}   aim")
    for name, (took, aim) in results.items():
        blocks = took[: took.size // BLOCK * BLOCK].reshape(-1, BLOCK)
        quiet = np.median(blocks, 1).min() if blocks.size else np.median(took)
        print(f"{name:<38}{np.median(took):9.2f}{np.percentile(took, 99):9.2f}{quiet:9.2f}   {aim}")


def peers(contexts: np.ndarray, small: bool) -> dict[str, tuple[Callable[[int], object], int, str]]:
    """The same question to VowpalWabbit and MABWiser, where they are installed: 28 actions, 16 features."""
    ways: dict[str, tuple[Callable[[int], object], int, str]] = {}
    rng, n = np.random.default_rng(1), 200 if small else 2_000
    train = rng.normal(size=(n, contexts.shape[1]))
    action, reward = rng.integers(ACTIONS.k, size=n), rng.random(n)
    try:
        from vowpalwabbit import Workspace
    except ImportError:
        print("VowpalWabbit is not installed: pip install --group bench")
    else:
        vw = Workspace(f"--cb_explore {ACTIONS.k} --epsilon 0.1 --quiet")
        for x, a, r in zip(train, action, reward, strict=True):
            vw.learn(f"{a + 1}:{-r}:{1 / ACTIONS.k} | " + line(x))
        ready = ["| " + line(x) for x in contexts[:2000]]
        ways["VowpalWabbit, pmf alone, text ready"] = (lambda i: vw.predict(ready[i % 2000]), 5 * n, "")
        ways["VowpalWabbit, text and draw"] = (lambda i: draw(vw.predict("| " + line(contexts[i]))), 5 * n, "")
    try:
        from mabwiser.mab import MAB, LearningPolicy
    except ImportError:
        print("MABWiser is not installed: pip install --group bench")
        return ways
    arms = list(range(ACTIONS.k))
    free = MAB(arms, LearningPolicy.ThompsonSampling())
    free.fit(action, (reward > 0.5).astype(int))
    ways["MABWiser, Thompson, no context"] = (lambda _: free.predict(), n, "")
    for name, policy in (("LinUCB", LearningPolicy.LinUCB()), ("LinTS", LearningPolicy.LinTS())):
        mab = MAB(arms, policy)
        mab.fit(action, reward, train)
        ways[f"MABWiser, {name}, no propensity"] = (lambda i, m=mab: m.predict(contexts[i : i + 1]), n // 2, "")
    return ways


def line(x: np.ndarray) -> str:
    return " ".join(f"{name}:{v:.6g}" for name, v in zip(FEATURES.names, x.tolist(), strict=True))


def draw(pmf: list[float]) -> int:
    u = np.random.random()  # noqa: NPY002 - as its users do
    total = 0.0
    for a, p in enumerate(pmf):
        total += p
        if total > u:
            return a
    return len(pmf) - 1


def frame(n: int) -> None:
    """``tactful.decide`` on a frame of n users; the CPU time says what a machine of its own would take."""
    import polars as pl

    import tactful as tt

    rng = np.random.default_rng(7)
    users = pl.DataFrame(
        {"user": [f"u-{i:07d}" for i in range(n)], "segment": np.array(PATHS)[rng.integers(24, size=n)]}
    )
    print(f"\n{'a frame of ' + format(n, ',') + ' users':<38}{'best wall':>10}{'CPU':>8}{'a second':>12}")
    for name, policy in (("table", table()), ("table with arms", table(arms=Arms(0.05, 0.05)))):
        tt.decide(policy, users[:1000], 2960)
        walls, cpus = [], []
        for _ in range(5):
            wall, cpu = time.perf_counter(), time.process_time()
            tt.decide(policy, users, 2960)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        print(f"{name:<38}{min(walls):8.2f} s{min(cpus):6.2f} s{n / min(walls):12,.0f}   aim ≥ 1,000,000")
    start = time.perf_counter()
    user_keys(users["user"][: n // 10].to_list())
    print(f"{'hashing ids alone, in Python':<38}{(time.perf_counter() - start) * 10:8.2f} s")


def cold(runs: int) -> None:
    """Import, load and first decision in a fresh process, beside a bare ``import numpy``."""
    code = f"import time; {NOW}; import numpy; {THEN}; print(wall, cpu)"
    title = f"cold start, best of {runs}"
    print(f"\n{title:<38}{'wall ms':>9}{'CPU ms':>9}{'MiB':>9}   aim: 300 ms, 45 MiB, no numba")
    with tempfile.TemporaryDirectory() as folder:
        for name, policy in (("table", table()), ("linear", linear()), ("bank of 256 draws", bank())):
            save(policy, Path(folder) / name)
            results = [json.loads(run(COLD, str(Path(folder) / name))) for _ in range(runs)]
            wall, cpu, peak = (min(r[c] for r in results) for c in range(3))
            print(f"{name:<38}{wall:9.0f}{cpu:9.0f}{peak:9.1f}   heavy imports: {results[0][3] or 'none'}")
    bare = np.array([run(code).split() for _ in range(runs)], float).min(0) * 1e3
    print(f"{'import numpy alone':<38}{bare[0]:9.0f}{bare[1]:9.0f}")


def run(code: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a smoke run of some seconds")
    main(parser.parse_args().small)
