"""Scalar decisions against batch decisions, and actions against their propensities.

Run: python benchmarks/reliability/decisions.py            (some minutes)
     python benchmarks/reliability/decisions.py --small    (smoke, some seconds)

1. Every decision of ``Decider.decide`` (arms, masks, unknown segments among them) is the batch's: its action for every
   form of policy, its propensity bit for bit for tables. A linear policy's pmf is integrated by numpy for one decision
   and by a kernel in batch: their propensities agree to 1e-8.
2. χ² of the actions drawn in batch against the sums of their propensities, by table row and arm. Each test fails a
   sound draw once in 10⁶ times; with 27 of them the false-alarm rate of the whole study is below 3e-5. What a row
   serves is computed by tests/reference/draw.py.
"""

from __future__ import annotations

import sys
from typing import Any

import find_harness  # noqa: F401
import numpy as np
from harness.command import parser
from harness.policies import ACTIONS, FEATURES, PATHS, TREE, bank, linear, table
from harness.reference import load_reference
from harness.timing import timed
from scipy import stats

import tactful as tt
from tactful.serving import Decider

WHOLE = 2**32
TOLERANCE = 50  # units of 2**-32: 1.2e-8, the accuracy of the integral that a linear policy is served by
FALSE_ALARM = 1e-6  # of each test
ARMS = tt.Arms(control=0.05, uniform=0.05)
ARM_SHARES = {"control": 0.05, "uniform": 0.05, "policy": 0.9}


class Comparison:
    """n random decisions for one policy, half of them with a mask, made one by one and in batch."""

    def __init__(self, policy: Any, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.policy, self.n = policy, n
        self.users, self.periods = [f"u-{i:07d}" for i in rng.integers(0, 10**9, n)], rng.integers(2900, 3100, n)
        paths = [*PATHS, "mac", "ios/new/1/beta"]
        self.paths = np.array(paths)[rng.integers(len(paths), size=n)].tolist()
        self.masks = rng.random((n, ACTIONS.k)) < 0.7
        self.masks[np.arange(n), rng.integers(ACTIONS.k, size=n)] = True
        self.masks[::2] = True
        self.contexts = rng.normal(size=(n, len(FEATURES))) if isinstance(policy, tt.Contextual) else None
        self.different, self.largest_gap = 0, 0.0

    def batches(self) -> tuple[tt.Decisions, tt.Decisions]:
        """All decisions with their masks, and all without any, which takes another way through the code."""
        nodes = np.array([TREE.nearest(p) for p in self.paths])
        options = {} if self.contexts is None else {"context": self.contexts}
        keys = tt.user_keys(self.users)
        return (
            tt.decide_rows(self.policy, keys, self.periods, nodes, self.masks, **options),
            tt.decide_rows(self.policy, keys, self.periods, nodes, **options),
        )

    def decide_one_by_one(self, batches: tuple[tt.Decisions, tt.Decisions]) -> None:
        decider = Decider(self.policy)
        for i in range(self.n):
            context = None if self.contexts is None else self.contexts[i]
            free = i % 2 == 0
            mask = None if free else self.masks[i].tolist()
            decision = decider.decide(self.users[i], int(self.periods[i]), self.paths[i], context, mask)
            for batch in batches if free else batches[:1]:
                drawn = batch.arm[i], batch.action[i]
                self.different += (decision.arm, ACTIONS.index(decision.action)) != drawn
                self.largest_gap = max(self.largest_gap, abs(decision.propensity - batch.propensity[i]) * WHOLE)


def compare(name: str, policy: Any, n: int, seed: int) -> int:
    """How much differs between the two ways: 0 where nothing does."""
    comparison = Comparison(policy, n, seed)
    batches = comparison.batches()
    each = timed(lambda: comparison.decide_one_by_one(batches)).wall / n * 1e6
    print(
        f"{name:<8} {n:>10,} decisions: {comparison.different} actions differ from the batch, propensities by at most "
        f"{comparison.largest_gap:.0f} / 2**32   ({each:.1f} µs each)",
        flush=True,
    )
    return comparison.different + (comparison.largest_gap > (0 if name == "table" else TOLERANCE))


def served_shares(policy: tt.Table) -> dict[tuple[str, str], np.ndarray]:
    """(k,) propensities by arm and path, by the plain code of the tests; control and uniform users have one each."""
    serve, eligible = load_reference("draw").served_integers, [True] * ACTIONS.k
    shares = {
        ("control", ""): np.eye(ACTIONS.k)[0],
        ("uniform", ""): np.array(serve([0] * ACTIONS.k, eligible, 0.0)) / WHOLE,
    }
    for path in PATHS:
        row = policy.shares[policy.segments.index(path)].tolist()
        shares["policy", path] = np.array(serve(row, eligible, policy.uniform)) / WHOLE
    return shares


def count_draws(policy: tt.Table, shares: dict[tuple[str, str], np.ndarray], n: int, seed: int) -> dict[Any, Any]:
    """How often each action was drawn, by arm and path; every propensity must be the share that is served."""
    rng, block = np.random.default_rng(seed), min(n, 1_000_000)
    counts = {key: np.zeros(ACTIONS.k, np.int64) for key in shares}
    for start in range(0, n, block):
        nodes = np.array([TREE.index(p) for p in PATHS])[rng.integers(len(PATHS), size=block)]
        keys = tt.user_keys(range(start, start + block))
        drawn = tt.decide_rows(policy, keys, np.full(block, 2960 + start // block), nodes)
        for arm, path in shares:
            rows = (drawn.arm == arm) & ((arm != "policy") | (nodes == TREE.index(path or PATHS[0])))
            action = drawn.action[rows]
            if (drawn.propensity[rows] != shares[arm, path][action]).any():
                raise SystemExit(f"a propensity of {arm} {path} is not the share that is served")
            counts[arm, path] += np.bincount(action, minlength=ACTIONS.k)
    return counts


def count_alarms(n: int, seed: int) -> int:
    """χ² of n drawn actions by (row, arm), and of the arms: how many tests give an alarm."""
    policy = table(arms=ARMS)
    shares = served_shares(policy)
    counts = count_draws(policy, shares, n, seed)
    p_values = [p_value(counts[key], shares[key]) for key in shares]
    arms = [sum(c.sum() for (arm, _), c in counts.items() if arm == name) for name in ARM_SHARES]
    p_values.append(stats.chisquare(arms, np.array(list(ARM_SHARES.values())) * n).pvalue)
    alarms = sum(p < FALSE_ALARM for p in p_values)
    print(f"χ²       {n:>10,} decisions, {len(p_values)} tests, smallest p {min(p_values):.2g}, {alarms} below 1e-6")
    return alarms


def p_value(counts: np.ndarray, pmf: np.ndarray) -> float:
    """Cells of fewer than 5 expected draws are taken together; what cannot be drawn must not have been."""
    n = counts.sum()
    if counts[pmf == 0].any():
        return 0.0
    rare = pmf * n < 5
    observed, expected = np.append(counts[~rare], counts[rare].sum()), np.append(pmf[~rare], pmf[rare].sum()) * n
    possible = expected > 0
    if possible.sum() < 2:
        return 1.0
    return float(stats.chisquare(observed[possible], expected[possible]).pvalue)


if __name__ == "__main__":
    small = parser(__doc__).parse_args().small
    n = 5_000 if small else 1_000_000
    failures = compare("table", table(arms=ARMS), n, 1)
    failures += compare("linear", linear(arms=ARMS), n // 10 if small else n, 2)
    failures += compare("bank", bank(arms=ARMS), n // 10 if small else n, 3)
    failures += count_alarms(200_000 if small else 10_000_000, 4)
    sys.exit(int(failures > 0))
