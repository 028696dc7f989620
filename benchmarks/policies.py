"""Contextual policies, measured: pmfs of one decision and of many, 28 actions × 16 features, beside peers.

Run: python benchmarks/policies.py            (about a minute)
     python benchmarks/policies.py --small    (smoke, some seconds)
Times of single calls are medians and 99th percentiles on one core; batches are the best of several. What a service pays
for a whole decision stands in ``serving.py``. Every ratio is taken in this run: the machine is shared and drifts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from harness.command import parser
from harness.policies import ACTIONS, FEATURES, PATHS, TREE, bank, linear, table
from harness.timing import call_times, fastest, fastest_in_turn, one_core, print_machine
from peers import mabwiser_peer, vowpal_wabbit_peer
from peers.training import training

import tactful as tt

NODE = np.array([TREE.index(PATHS[0])])
DECADES = 4  # between the smallest and the largest standard deviation
TRAINING_ROWS = 3000

Call = Callable[[int], object]


def scaled(policy: tt.Contextual, scales: Any, *, equal_arms: bool = False) -> tt.Contextual:
    """The linear policy with other standard deviations of its k utilities, or with arms that are all alike."""
    score: Any = policy.score
    mean, root = (np.zeros_like(score.mean), score.root[:, :1]) if equal_arms else (score.mean, score.root)
    return replace(policy, score=replace(score, mean=mean, root=root * scales[:, None, None]))


def report_calls(n: int) -> None:
    rng = np.random.default_rng(1)
    contexts = rng.normal(size=(n, len(FEATURES)))
    utilities, ones = linear(), np.ones(ACTIONS.k)
    designs = utilities.design(contexts)

    def pmf(policy: tt.Contextual) -> Call:
        return lambda i: policy.pmf(NODE, contexts[i : i + 1])

    tables = table()
    point, decades = np.r_[0.0, ones[1:]], 10 ** rng.uniform(-DECADES / 2, DECADES / 2, ACTIONS.k)
    calls: dict[str, tuple[Call, str]] = {
        "table: look-up": (lambda _: tables.pmf(NODE), ""),
        "linear: design, moments, integral": (pmf(utilities), "a decision ≤ 50"),
        "  the moments alone": (lambda i: utilities.score.moments(NODE, designs[i : i + 1]), ""),
        "  28 equal arms (nothing learnt)": (pmf(scaled(utilities, ones, equal_arms=True)), ""),
        "  one arm without variance": (pmf(scaled(utilities, point)), ""),
        f"  scales 10^{DECADES}-fold apart": (pmf(scaled(utilities, decades)), ""),
        "bank of 256 draws": (pmf(bank()), "a decision ≤ 200"),
        **{name: (call, "") for name, call in peer_calls(contexts)},
    }
    print(f"\n{'one pmf, µs':<40}{'p50':>9}{'p99':>9}   aim")
    for name, (call, aim) in calls.items():
        times = call_times(call, n, warm_up=20)
        print(f"{name:<40}{np.median(times):9.1f}{np.percentile(times, 99):9.1f}   {aim}")


def peer_calls(contexts: Any) -> Iterator[tuple[str, Call]]:
    """One prediction of a peer as its users call it."""
    rows = training(TRAINING_ROWS, len(FEATURES), ACTIONS.k, seed=3)
    if (predict := vowpal_wabbit_peer.trained(rows, FEATURES, ACTIONS.k)) is not None:
        texts = [vowpal_wabbit_peer.as_text(c, FEATURES) for c in contexts]
        yield "VowpalWabbit predict, text ready", lambda i: predict(texts[i])
        yield "VowpalWabbit predict", lambda i: predict(vowpal_wabbit_peer.as_text(contexts[i], FEATURES))
    if (predict_many := mabwiser_predict()) is not None:
        yield "MABWiser LinTS predict, no propensity", lambda i: predict_many(contexts[i : i + 1])


def mabwiser_predict() -> Callable[[Any], object] | None:
    """MABWiser's actions at many contexts, which have no propensity."""
    if (mab := mabwiser_peer.learner(range(ACTIONS.k), "LinTS")) is None:
        return None
    rows = training(TRAINING_ROWS, len(FEATURES), ACTIONS.k, seed=3)
    mab.fit(rows.action, rows.reward, rows.context)
    return mab.predict


def report_batches(n: int, slow_rows: int, runs: int) -> None:
    rng = np.random.default_rng(2)
    nodes, contexts = rng.integers(len(TREE), size=n), rng.normal(size=(n, len(FEATURES)))
    utilities, draws = linear(), bank()
    print(f"\n{'many pmfs':<40}{'rows/s':>12}{'µs a row':>10}   exact propensities in every row but the peers'")

    def print_line(name: str, rows: int, seconds: float) -> None:
        print(f"{name:<40}{rows / seconds:12,.0f}{seconds / rows * 1e6:10.2f}")

    def moments() -> object:
        return utilities.score.moments(nodes, utilities.design(contexts))

    seconds = fastest_in_turn({"kernel": lambda: tt.pmf_of(utilities, nodes, contexts), "moments": moments}, runs)
    print_line("linear, kernel, all threads", n, seconds["kernel"].wall)
    print_line("  a core", n, seconds["kernel"].cpu)
    print_line("moments alone: BLAS", n, seconds["moments"].wall)
    print_line("  a core", n, seconds["moments"].cpu)
    nodes, contexts = nodes[:slow_rows], contexts[:slow_rows]
    print_line("linear, numpy alone", slow_rows, fastest(lambda: utilities.pmf(nodes, contexts), 1).wall)
    print_line("bank of 256 draws", slow_rows, fastest(lambda: tt.pmf_of(draws, nodes, contexts), 1).wall)
    if (predict := mabwiser_predict()) is not None:
        print_line("MABWiser LinTS predict, no propensity", slow_rows, fastest(lambda: predict(contexts), 1).wall)
    gap = np.abs(tt.pmf_of(utilities, nodes, contexts) - utilities.pmf(nodes, contexts)).max()
    print(f"largest difference of kernel and numpy: {gap:.1e}")


def main() -> None:
    small = parser(__doc__).parse_args().small
    print_machine()
    with one_core():
        report_calls(300 if small else 5_000)
    report_batches(20_000 if small else 200_000, 200 if small else 2_000, 2 if small else 7)


if __name__ == "__main__":
    main()
