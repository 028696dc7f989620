"""The hierarchical model, measured: 1,000 leaf segments × 41 actions × 2 outcomes.

Run: python benchmarks/models.py            (about a minute)
     python benchmarks/models.py --small    (smoke, some seconds)
Every time stands beside a limit timed in the same run: LAPACK's inverses of as many (k, k) matrices as there are nodes
(what one Newton step cannot do without), and filling an array of the draws' size. The machine is shared and drifts.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tactful import ActionSpace
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Objective, Outcome
from tactful.core.segments import Segments
from tactful.models.evidence import Evidence
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior
from tactful.models.sufficient_statistics import Sums
from tactful.optimisation.explorers import Thompson

SPACE = ActionSpace.grid([f"{hour:02d}:00" for hour in range(6, 22, 2)], [1, 2, 3, 5, 7])
VALUE = Objective({"engaged": 1.0, "opted_out": -15.0})
OUTCOMES = {"engaged": Outcome("engaged", "count", has_trials=True), "opted_out": Outcome("opted_out", "binary")}


@dataclass
class World:
    """Leaves with smooth surfaces of their own, near those of their platform."""

    leaves: int
    seed: int = 0

    def __post_init__(self) -> None:
        self.segments = Segments.of(f"p{i % 4}/q{i % 40:02d}/{i:04d}" for i in range(self.leaves))
        rng, n = np.random.default_rng(self.seed), len(self.segments)
        sends = SPACE.sends
        hour = np.array([0.0 if s is None else int(s[:2]) for s in SPACE.slots])
        wave = np.cos(2 * np.pi * (hour - rng.uniform(0, 24, (n, 1))) / 24)
        octave = np.log2(np.maximum(sends, 1))
        logit = rng.normal(-2, 0.3, (n, 1)) + 0.6 * wave - 0.15 * (octave - rng.normal(1.2, 0.5, (n, 1))) ** 2
        self.rates = {"engaged": 1 / (1 + np.exp(-logit)), "opted_out": np.tile(0.0008 * (sends + 0.2), (n, 1))}
        self.trials = {"engaged": sends, "opted_out": np.ones(SPACE.k)}

    def evidence(self, decisions_a_cell: float, seed: int) -> Evidence:
        """As many decisions in every leaf and action, on average."""
        rng, deep = np.random.default_rng(seed), self.segments.depths == 2
        n = rng.poisson(decisions_a_cell, (len(self.segments), SPACE.k)) * deep[:, None] * 1.0
        sums = {}
        for o in OUTCOMES:
            t = n * self.trials[o]
            y = rng.binomial(t.astype(int), self.rates[o]) * 1.0
            sums[o] = Sums(n, t, y, y, t, y, y)
        return Evidence(SPACE, self.segments, OUTCOMES, sums, {}, Lineage())


def seconds(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """The best wall time of some runs, and its processor time (all threads)."""
    took = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(took)


def means(posterior: HierarchicalPosterior) -> HierarchicalPosterior:
    for o in OUTCOMES:
        posterior.mean(o)
        posterior.sd(o)
    return posterior


def report(leaves: int, banks: tuple[int, ...], runs: int) -> None:
    world, model = World(leaves), Hierarchical(dispersion=False)
    before = world.evidence(10, 1)
    after = HierarchicalPosterior(model, before).evidence.merge(world.evidence(2, 2))
    fitted = means(HierarchicalPosterior(model, before))  # compiles
    thetas = {o: fitted.hyperparameters(o) for o in OUTCOMES}
    little = {o: 0.5 * n for o, n in fitted.sizes.items()}  # as if the decisions had doubled since the last tuning
    nodes, k = len(world.segments), SPACE.k
    matrices = np.eye(k) + np.zeros((nodes, k, k))

    print(f"\n{leaves:,} leaf segments ({nodes:,} nodes) × {k} actions × {len(OUTCOMES)} outcomes, best of {runs}")
    inverse, _ = seconds(lambda: np.linalg.inv(matrices), runs)
    line("LAPACK: as many inverses", inverse, inverse, inverse, "")
    refit = seconds(lambda: means(HierarchicalPosterior(model, before)), runs)
    line("refit, hyper-parameters too", *refit, inverse, "aim: under 2 s")
    tuned = seconds(lambda: means(HierarchicalPosterior(model, after, thetas, tuned_at=little)), runs)
    line("update, tuned again", *tuned, inverse, "once the decisions have grown by a quarter")
    update = seconds(lambda: means(HierarchicalPosterior(model, after, thetas, tuned_at=fitted.sizes)), runs)
    line("update", *update, inverse, "")
    posterior = means(HierarchicalPosterior(model, after, thetas, tuned_at=fitted.sizes))
    for m in banks:
        fill, _ = seconds(lambda m=m: [np.full((m, nodes, k), 1.0) for _ in OUTCOMES], runs)
        draw = seconds(lambda m=m: [posterior.draws(o, m, 7) for o in OUTCOMES], runs)
        line(f"draws, M = {m:,}", *draw, fill, "(ratio: to filling the arrays)")
        pmf = seconds(lambda m=m: Thompson(m).pmf(posterior, VALUE, 7), runs)
        line(f"Thompson's pmf, M = {m:,}", *pmf, fill, "drawn and counted block by block")
        print(f"  update + means + pmf  {update[0] + pmf[0]:16.2f} s     aim: under 1 s on two cores of its own")


def line(name: str, wall: float, cpu: float, limit: float, more: str) -> None:
    print(f"  {name:<32}{wall:6.2f} s wall{cpu:7.2f} s cpu{wall / limit:7.1f} × limit   {more}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a smoke run of some seconds")
    small = parser.parse_args().small
    print(f"Python {platform.python_version()}, {platform.machine()}")
    report(60 if small else 1000, (64,) if small else (256, 1024), 2 if small else 5)
