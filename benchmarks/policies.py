"""Contextual policies, measured: pmfs of one decision and of many, 28 actions × 16 features, beside peers.

Run: python benchmarks/policies.py            (about a minute)
     python benchmarks/policies.py --small    (smoke, some seconds)
Times of single calls are medians and 99th percentiles on one core; batches are the best of several. What a service pays
for a whole decision stands in ``serving.py``. Every ratio is taken in this run: the machine is shared and drifts.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable

import numpy as np
from reliability.policies import ACTIONS, FEATURES, PATHS, TREE, bank, linear, table
from timing import best

from tactful.batch import pmf as pmfs
from tactful.core import parallel
from tactful.policies import gauss
from tactful.policies.contextual import Contextual

NODE = np.array([TREE.index(PATHS[0])])
WILD = 4  # decades between the smallest and the largest standard deviation


def each(work: Callable[[int], object], n: int) -> tuple[float, float]:
    """Median and 99th percentile of n calls, µs."""
    clock, took = time.perf_counter_ns, np.empty(n)
    for i in range(20):
        work(i)
    for i in range(n):
        start = clock()
        work(i)
        took[i] = clock() - start
    return float(np.median(took)) / 1e3, float(np.percentile(took, 99)) / 1e3


def scalar(n: int) -> None:
    rng = np.random.default_rng(1)
    contexts = rng.normal(size=(n, FEATURES.d - 1))
    plain, lin, draws = table(), linear(), bank(draws=256)
    mean, sd = lin.score.moments(np.repeat(NODE, n), lin.design(contexts))
    wild = sd * 10 ** rng.uniform(-WILD / 2, WILD / 2, sd.shape)
    point = np.where(np.arange(ACTIONS.k) == 0, 0.0, sd)
    ways: dict[str, tuple[Callable[[int], object], str]] = {
        "table: look-up": (lambda _: plain.pmf(NODE), ""),
        "linear: design, moments, integral": (lambda i: lin.pmf(NODE, contexts[i : i + 1]), "a decision ≤ 50"),
        "  the integral alone": (lambda i: gauss.best(mean[i], sd[i]), ""),
        "  28 equal arms (nothing learnt)": (lambda _: gauss.best(np.zeros(ACTIONS.k), sd[0]), ""),
        "  one arm without variance": (lambda i: gauss.best(mean[i], point[i]), ""),
        f"  scales 10^{WILD}-fold apart": (lambda i: gauss.best(mean[i], wild[i]), ""),
        "bank of 256 draws": (lambda i: draws.pmf(NODE, contexts[i : i + 1]), "a decision ≤ 200"),
        **peers(contexts),
    }
    print(f"\n{'one pmf, µs':<40}{'p50':>9}{'p99':>9}   aim")
    for name, (way, aim) in ways.items():
        middle, late = each(way, n)
        print(f"{name:<40}{middle:9.1f}{late:9.1f}   {aim}")


def batch(n: int, few: int, runs: int) -> None:
    rng = np.random.default_rng(2)
    nodes, contexts = rng.integers(len(TREE), size=n), rng.normal(size=(n, FEATURES.d - 1))
    lin, draws = linear(), bank(draws=256)
    mean, sd = lin.score.moments(nodes, lin.design(contexts))
    print(f"\n{'many pmfs':<40}{'rows/s':>12}{'µs a row':>10}   exact propensities in every row but the peers'")

    def line(name: str, rows: int, seconds: float) -> None:
        print(f"{name:<40}{rows / seconds:12,.0f}{seconds / rows * 1e6:10.2f}")

    threads = parallel.THREADS
    for count in dict.fromkeys((1, threads)):
        parallel.THREADS = count
        line(f"integral alone, kernel, {count} threads", n, best(lambda: pmfs.best(mean, sd), runs))
        line(f"linear, kernel, {count} threads", n, best(lambda: pmfs.pmf_of(lin, nodes, contexts), runs))
    parallel.THREADS = threads
    line("moments alone: BLAS", n, best(lambda: lin.score.moments(nodes, lin.design(contexts)), runs))
    part = slice(0, few)
    line("linear, numpy alone", few, best(lambda: lin.pmf(nodes[part], contexts[part]), 1))
    line("bank of 256 draws", few, best(lambda: pmfs.pmf_of(draws, nodes[part], contexts[part]), 1))
    for name, predict in batch_peers().items():
        line(name, few, best(lambda predict=predict: predict(contexts[part]), 1))
    agree(lin, nodes[:2000], contexts[:2000])


def agree(policy: Contextual, nodes: np.ndarray, contexts: np.ndarray) -> None:
    away = np.abs(pmfs.pmf_of(policy, nodes, contexts) - policy.pmf(nodes, contexts)).max()
    print(f"largest difference of kernel and numpy: {away:.1e}")


def trained() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    n = 3000
    return rng.normal(size=(n, FEATURES.d - 1)), rng.integers(ACTIONS.k, size=n), rng.random(n)


def peers(contexts: np.ndarray) -> dict[str, tuple[Callable[[int], object], str]]:
    """One prediction of a peer as its users call it; MABWiser's has no propensity."""
    ways: dict[str, tuple[Callable[[int], object], str]] = {}
    x, action, reward = trained()
    try:
        from vowpalwabbit import Workspace
    except ImportError:
        print("VowpalWabbit is not installed: pip install --group bench")
    else:
        vw = Workspace(f"--cb_explore {ACTIONS.k} --epsilon 0.1 --quiet")
        for row, a, r in zip(x, action, reward, strict=True):
            vw.learn(f"{a + 1}:{-r}:{1 / ACTIONS.k} | {text(row)}")
        ready = [f"| {text(row)}" for row in contexts]
        ways["VowpalWabbit predict, text ready"] = (lambda i: vw.predict(ready[i]), "")
        ways["VowpalWabbit predict"] = (lambda i: vw.predict(f"| {text(contexts[i])}"), "")
    for name, predict in batch_peers().items():
        ways[name] = (lambda i, predict=predict: predict(contexts[i : i + 1]), "")
    return ways


def batch_peers() -> dict[str, Callable[[np.ndarray], object]]:
    try:
        from mabwiser.mab import MAB, LearningPolicy
    except ImportError:
        print("MABWiser is not installed: pip install --group bench")
        return {}
    x, action, reward = trained()
    mab = MAB(list(range(ACTIONS.k)), LearningPolicy.LinTS())
    mab.fit(action, reward, x)
    return {"MABWiser LinTS predict, no propensity": mab.predict}


def text(x: np.ndarray) -> str:
    return " ".join(f"{name}:{v:.6g}" for name, v in zip(FEATURES.names, x.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a smoke run of some seconds")
    small = parser.parse_args().small
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print(f"load {os.getloadavg()[0]:.1f}")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    scalar(300 if small else 5_000)
    os.sched_setaffinity(0, cores)
    batch(20_000 if small else 200_000, 200 if small else 2_000, 2 if small else 7)


if __name__ == "__main__":
    main()
