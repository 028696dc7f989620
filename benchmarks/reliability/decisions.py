"""Scalar decisions against batch decisions, and actions against their propensities.

Run: python benchmarks/reliability/decisions.py            (some minutes)
     python benchmarks/reliability/decisions.py --small    (smoke, some seconds)

1. Every decision of ``Decider.decide`` (arms, masks, unknown segments among them) is the batch's: its action for every
   form of policy, its propensity bit for bit for tables. A linear policy's pmf is integrated by numpy for one decision
   and by a kernel in batch: their propensities agree to 1e-8.
2. χ² of the actions drawn in batch against the sums of their propensities, by table row and arm. Each test fails a
   sound draw once in 10⁶ times; with 27 of them the false-alarm rate of the whole study is below 3e-5.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from scipy import stats

from policies import ACTIONS, PATHS, TREE, bank, linear, table
from tactful.batch.decide import decide
from tactful.core.draw import ONE, serve, user_keys
from tactful.policies.arms import Arms
from tactful.serving import Decider

CLOSE = 50  # units of 2**-32: 1.2e-8, the accuracy of the integral that a linear policy is served by
ARMS = Arms(control=0.05, uniform=0.05)


def compare(name: str, policy, n: int, seed: int) -> int:
    """Decide n times both ways; half of the decisions have a mask."""
    rng = np.random.default_rng(seed)
    users, periods = [f"u-{i:07d}" for i in rng.integers(0, 10**9, n)], rng.integers(2900, 3100, n)
    paths = [*PATHS, "mac", "ios/new/1/beta"]
    which = rng.integers(len(paths), size=n)
    masks = rng.random((n, ACTIONS.k)) < 0.7
    masks[np.arange(n), rng.integers(ACTIONS.k, size=n)] = True
    masks[::2] = True
    context = rng.normal(size=(n, len(policy.features.names)))
    nodes = np.array([policy.segments.nearest(p) for p in paths])[which]
    more = {"context": context} if policy.features.names else {}
    many = decide(policy, user_keys(users), periods, nodes, masks, **more)
    whole = decide(policy, user_keys(users), periods, nodes, **more)  # another way through the code
    decider, index, differ, furthest = Decider(policy), ACTIONS.index, 0, 0.0
    start = time.perf_counter()
    for i in range(n):
        given = context[i] if policy.features.names else None
        free = i % 2 == 0
        one = decider.decide(users[i], int(periods[i]), paths[which[i]], given, None if free else masks[i].tolist())
        for drawn in (many, whole) if free else (many,):
            differ += (one.arm, index(one.action)) != (drawn.arm[i], drawn.action[i])
            furthest = max(furthest, abs(one.propensity - drawn.propensity[i]) * ONE)
    took = (time.perf_counter() - start) / n * 1e6
    print(f"{name:<8} {n:>10,} decisions: {differ} actions differ from the batch, propensities by at most", end=" ")
    print(f"{furthest:.0f} / 2**32   ({took:.1f} µs each)", flush=True)
    return differ + (furthest > (0 if name == "table" else CLOSE))


def fit(n: int, seed: int) -> int:
    """χ² of n drawn actions by (row, arm)."""
    policy, rng = table(arms=ARMS), np.random.default_rng(seed)
    rows = {path: serve(policy.shares[policy.segments.index(path)].tolist(), None, policy.uniform) for path in PATHS}
    expected = {"control": [ONE] + [0] * (ACTIONS.k - 1), "uniform": serve([0] * ACTIONS.k)}
    counts: dict[tuple[str, str], np.ndarray] = {}
    block = min(n, 1_000_000)
    for done in range(0, n, block):
        keys = user_keys(range(done, done + block))
        node = np.array([TREE.index(p) for p in PATHS])[rng.integers(len(PATHS), size=block)]
        drawn = decide(policy, keys, np.full(block, 2960 + done // block), node)
        for arm in ("policy", "control", "uniform"):
            for path in PATHS if arm == "policy" else ("",):
                at = (drawn.arm == arm) & ((node == TREE.index(path)) | (arm != "policy"))
                shares = np.array(expected[arm] if arm != "policy" else rows[path])
                assert (drawn.propensity[at] == (shares / ONE)[drawn.action[at]]).all()  # noqa: S101
                found = np.bincount(drawn.action[at], minlength=ACTIONS.k)
                counts[arm, path] = counts.get((arm, path), 0) + found
    p_values = []
    for (arm, path), found in counts.items():
        shares = np.array(expected[arm] if arm != "policy" else rows[path]) / ONE
        p_values.append(_p(found, shares))
    arms = [sum(c.sum() for (a, _), c in counts.items() if a == arm) for arm in ("control", "uniform", "policy")]
    p_values.append(stats.chisquare(arms, np.array([0.05, 0.05, 0.9]) * n).pvalue)
    low = sum(p < 1e-6 for p in p_values)
    print(f"χ²       {n:>10,} decisions, {len(p_values)} tests, smallest p {min(p_values):.2g}, {low} below 1e-6")
    return low


def _p(found: np.ndarray, pmf: np.ndarray) -> float:
    """Cells of fewer than 5 expected draws are taken together; what cannot be drawn must not have been."""
    n = found.sum()
    if found[pmf == 0].any():
        return 0.0
    rare = pmf * n < 5
    f, e = np.append(found[~rare], found[rare].sum()), np.append(pmf[~rare], pmf[rare].sum()) * n
    keep = e > 0
    return 1.0 if keep.sum() < 2 else float(stats.chisquare(f[keep], e[keep]).pvalue)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a smoke run of some seconds")
    small = parser.parse_args().small
    n = 5_000 if small else 1_000_000
    wrong = compare("table", table(arms=ARMS), n, 1)
    wrong += compare("linear", linear(arms=ARMS), n // 10 if small else n, 2)
    wrong += compare("bank", bank(arms=ARMS), n // 10 if small else n, 3)
    wrong += fit(200_000 if small else 10_000_000, 4)
    sys.exit(int(wrong > 0))
