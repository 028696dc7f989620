"""The hierarchical model, measured: 1,000 leaf segments × 41 actions × 2 outcomes.

Run: python benchmarks/models.py            (about a minute)
     python benchmarks/models.py --small    (smoke, some seconds)
Every time stands beside a limit timed in the same run: LAPACK's inverses of as many (k, k) matrices as there are nodes
(what one Newton step cannot do without), and filling an array of the draws' size. The machine is shared and drifts.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

import numpy as np
from harness.command import parser
from harness.timing import Seconds, fastest

import tactful as tt
from tactful.models import CellSums, Evidence, Hierarchical, HierarchicalPosterior

SPACE = tt.ActionSpace.grid([f"{hour:02d}:00" for hour in range(6, 22, 2)], [1, 2, 3, 5, 7])
VALUE = tt.Objective({"engaged": 1.0, "opted_out": -15.0})
OUTCOMES = {
    "engaged": tt.Outcome("engaged", "count", has_trials=True),
    "opted_out": tt.Outcome("opted_out", "binary"),
}


@dataclass
class SmoothWorld:
    """Leaves with smooth surfaces of their own, near those of their platform."""

    leaves: int
    seed: int = 0

    def __post_init__(self) -> None:
        self.segments = tt.Segments.of(f"p{i % 4}/q{i % 40:02d}/{i:04d}" for i in range(self.leaves))
        rng, n = np.random.default_rng(self.seed), len(self.segments)
        sends = np.array([float(f or 0) for f in SPACE.frequencies])
        hour = np.array([0.0 if s is None else int(s[:2]) for s in SPACE.slots])
        wave = np.cos(2 * np.pi * (hour - rng.uniform(0, 24, (n, 1))) / 24)
        octave = np.log2(np.maximum(sends, 1))
        logit = rng.normal(-2, 0.3, (n, 1)) + 0.6 * wave - 0.15 * (octave - rng.normal(1.2, 0.5, (n, 1))) ** 2
        self.rates = {"engaged": 1 / (1 + np.exp(-logit)), "opted_out": np.tile(0.0008 * (sends + 0.2), (n, 1))}
        self.trials = {"engaged": sends, "opted_out": np.ones(SPACE.k)}

    def evidence(self, decisions_a_cell: float, seed: int) -> Evidence:
        """As many decisions in every leaf and action, on average."""
        rng, is_leaf = np.random.default_rng(seed), self.segments.depths == 2
        n = rng.poisson(decisions_a_cell, (len(self.segments), SPACE.k)) * is_leaf[:, None] * 1.0
        sums = {}
        for o in OUTCOMES:
            t = n * self.trials[o]
            y = rng.binomial(t.astype(int), self.rates[o]) * 1.0
            sums[o] = CellSums(n, t, y, y, t, y, y)
        return Evidence(
            actions=SPACE,
            segments=self.segments,
            outcomes=OUTCOMES,
            sums=sums,
            watermarks={},
            lineage=tt.Lineage(),
        )


def means(posterior: HierarchicalPosterior) -> HierarchicalPosterior:
    """The posterior, once all its means and standard deviations are computed."""
    for o in OUTCOMES:
        posterior.mean(o)
        posterior.sd(o)
    return posterior


def report(leaves: int, banks: tuple[int, ...], runs: int) -> None:
    world, model = SmoothWorld(leaves), Hierarchical(dispersion=False)
    evidence = world.evidence(10, 1)
    grown = HierarchicalPosterior(model, evidence).evidence.merge(world.evidence(2, 2))
    fitted = means(HierarchicalPosterior(model, evidence))  # compiles
    thetas = {o: fitted.hyperparameters(o) for o in OUTCOMES}
    half = {o: 0.5 * n for o, n in fitted.sizes.items()}  # as if the decisions had doubled since the last tuning
    nodes, k = len(world.segments), SPACE.k
    matrices = np.eye(k) + np.zeros((nodes, k, k))

    print(f"\n{leaves:,} leaf segments ({nodes:,} nodes) × {k} actions × {len(OUTCOMES)} outcomes, best of {runs}")
    limit = fastest(lambda: np.linalg.inv(matrices), runs).wall
    print_line("LAPACK: as many inverses", Seconds(limit, limit), limit)
    refit = fastest(lambda: means(HierarchicalPosterior(model, evidence)), runs)
    print_line("refit, hyper-parameters too", refit, limit, "aim: under 2 s")
    tuned = fastest(lambda: means(HierarchicalPosterior(model, grown, thetas, tuned_at=half)), runs)
    print_line("update, tuned again", tuned, limit, "once the decisions have grown by a quarter")
    update = fastest(lambda: means(HierarchicalPosterior(model, grown, thetas, tuned_at=fitted.sizes)), runs)
    print_line("update", update, limit)
    posterior = means(HierarchicalPosterior(model, grown, thetas, tuned_at=fitted.sizes))
    for m in banks:
        report_draws(posterior, m, (m, nodes, k), update, runs)


def report_draws(
    posterior: HierarchicalPosterior, m: int, shape: tuple[int, int, int], update: Seconds, runs: int
) -> None:
    """Banks of m draws, and Thompson's pmf from them."""
    fill = fastest(lambda: [np.full(shape, 1.0) for _ in OUTCOMES], runs).wall
    draws = fastest(lambda: [posterior.draws(o, m, 7) for o in OUTCOMES], runs)
    print_line(f"draws, M = {m:,}", draws, fill, "(ratio: to filling the arrays)")
    pmf = fastest(lambda: tt.Thompson(m).pmf(posterior, VALUE, 7), runs)
    print_line(f"Thompson's pmf, M = {m:,}", pmf, fill, "drawn and counted block by block")
    print(f"  update + means + pmf  {update.wall + pmf.wall:16.2f} s     aim: under 1 s on two cores of its own")


def print_line(name: str, seconds: Seconds, limit: float, remark: str = "") -> None:
    wall, cpu = seconds
    print(f"  {name:<32}{wall:6.2f} s wall{cpu:7.2f} s cpu{wall / limit:7.1f} × limit   {remark}")


if __name__ == "__main__":
    small = parser(__doc__).parse_args().small
    print(f"Python {platform.python_version()}, {platform.machine()}")
    report(60 if small else 1000, (64,) if small else (256, 1024), 2 if small else 5)
