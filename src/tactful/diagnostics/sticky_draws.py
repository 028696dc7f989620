"""Are a user's draws fresh each time? A draw keyed by the user alone gives the same action period after period."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.diagnostics.finding import TEST_LEVEL, Finding
from tactful.ope.tails import bennett, log_evidence

DO = "key the draw by user and period, or weights over several periods are meaningless"
SUBTESTS = 2  # repeats, and products of mid-ranks


def find_sticky_draws(log: Log) -> Iterator[Finding]:
    """Find successive actions of a user that are alike beyond what their probabilities allow: errors ``sticky``.

    With vectors: repeats against their probability, and products of successive mid-ranks v = F(A) − p(A)/2 − 1/2,
    which have mean 0 given the past; Bennett's bound, two subtests of one significance level. Without: 1{A =
    previous}/p has mean 1.
    """
    earlier, later = _successive(log)
    if log.propensity is None or log.provenance == "estimated" or not later.size:
        return
    repeated = log.action[earlier] == log.action[later]
    if log.propensities is None:
        yield from _from_propensity(1 / log.propensity[later[repeated]], later.size)
    else:
        yield from _from_vectors(log.propensities, log.action, earlier, later)


def _from_propensity(weight: F64, trials: int) -> Iterator[Finding]:
    """From the inverse propensities of the decisions that repeat the one before, of so many that could."""
    evidence = log_evidence(weight, np.zeros(weight.size, np.int64), np.array([float(trials)]))
    p = min(1.0, math.exp(-float(evidence[0])))
    if p < TEST_LEVEL:
        mean = float(np.sum(weight) / trials)
        what = f"users repeat their last action {mean:.1f} times as often as its propensity says; {DO}"
        yield Finding("error", what, "sticky", p)


def _from_vectors(vectors: F64, action: I64, earlier: I64, later: I64) -> Iterator[Finding]:
    repeats = (action[earlier] == action[later]).sum()
    q = vectors[later, action[earlier]]
    expected = float(q.sum())
    p_repeat = float(bennett(np.array(repeats - expected), np.array(np.sum(q * (1 - q)))))
    p = min(1.0, SUBTESTS * min(p_repeat, _p_of_ranks(vectors, action, earlier, later)))
    if p < TEST_LEVEL:
        yield Finding(
            "error",
            f"draws of a user repeat: {int(repeats):,} of {later.size:,} decisions repeat the user's last "
            f"action, {expected:,.0f} expected (p {p:.2g}); {DO}",
            "sticky",
            p,
        )


def _successive(log: Log) -> tuple[I64, I64]:
    """Rows (m,) each and the next of the same user and scope."""
    order = np.lexsort((log.period, log.scope.code, log.user))
    same_user = (np.diff(log.user[order]) == 0) & (np.diff(log.scope.code[order]) == 0)
    position = np.flatnonzero(same_user)
    return order[position], order[position + 1]


def _p_of_ranks(vectors: F64, action: I64, earlier: I64, later: I64) -> float:
    """Bound on the probability of the products' sum: terms v_t v_{t−1} of at most 1/4, centred given the past."""
    rank, next_rank = _mid_rank(vectors[earlier], action[earlier]), _mid_rank(vectors[later], action[later])
    p = vectors[later]
    ranks = np.cumsum(p, 1) - p / 2 - 0.5
    variance = float(np.sum(rank**2 * np.einsum("na,na->n", p, ranks**2)))
    return float(bennett(np.array(4 * np.sum(rank * next_rank)), np.array(16 * variance)))


def _mid_rank(p: F64, action: I64) -> F64:
    """(m,) the distribution function at the middle of the action's own step, less its mean ½."""
    rows = np.arange(action.size)
    return np.cumsum(p, 1)[rows, action] - p[rows, action] / 2 - 0.5
