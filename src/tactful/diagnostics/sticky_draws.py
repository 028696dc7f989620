"""Are a user's draws fresh each time? A draw keyed by the user alone gives the same action period after period."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.diagnostics.finding import EACH, Finding
from tactful.ope.tails import bennett, log_evidence

DO = "key the draw by user and period, or weights over several periods are meaningless"


def sticky(log: Log) -> Iterator[Finding]:
    """Error ``sticky``: successive actions of a user are alike beyond what their probabilities allow.

    With vectors: repeats against their probability, and products of successive mid-ranks v = F(A) − p(A)/2 − 1/2,
    which have mean 0 given the past; Bennett's bound, two parts of one rate. Without: 1{A = previous}/p has mean 1.
    """
    before, after = _pairs(log)
    if log.propensity is None or log.provenance == "estimated" or not after.size:
        return
    repeats = log.action[before] == log.action[after]
    if log.propensities is None:
        evidence = log_evidence(
            1 / log.propensity[after[repeats]], np.zeros(int(repeats.sum()), np.int64), np.array([float(after.size)])
        )
        p = min(1.0, math.exp(-float(evidence[0])))
        if p < EACH:
            mean = float(np.sum(1 / log.propensity[after[repeats]]) / after.size)
            what = f"users repeat their last action {mean:.1f} times as often as its propensity says; {DO}"
            yield Finding("error", what, "sticky", p)
        return
    q = log.propensities[after, log.action[before]]
    wanted = float(q.sum())
    p_repeat = float(bennett(np.array(repeats.sum() - wanted), np.array(np.sum(q * (1 - q)))))
    p = min(1.0, 2 * min(p_repeat, _ranks(log.propensities, log.action, before, after)))
    if p < EACH:
        yield Finding(
            "error",
            f"draws of a user repeat: {int(repeats.sum()):,} of {after.size:,} decisions repeat the user's last "
            f"action, {wanted:,.0f} expected (p {p:.2g}); {DO}",
            "sticky",
            p,
        )


def _pairs(log: Log) -> tuple[I64, I64]:
    """Rows (m,) each and the next of the same user and scope."""
    order = np.lexsort((log.period, log.scope.code, log.user))
    same = (np.diff(log.user[order]) == 0) & (np.diff(log.scope.code[order]) == 0)
    at = np.flatnonzero(same)
    return order[at], order[at + 1]


def _ranks(vectors: F64, action: I64, before: I64, after: I64) -> float:
    """Bound on the probability of the products' sum: terms v_t v_{t−1} of at most 1/4, centred given the past."""
    earlier, later = _middle(vectors[before], action[before]), _middle(vectors[after], action[after])
    p = vectors[after]
    middles = np.cumsum(p, 1) - p / 2 - 0.5
    variance = float(np.sum(earlier**2 * np.einsum("na,na->n", p, middles**2)))
    return float(bennett(np.array(4 * np.sum(earlier * later)), np.array(16 * variance)))


def _middle(p: F64, action: I64) -> F64:
    rows = np.arange(action.size)
    return np.cumsum(p, 1)[rows, action] - p[rows, action] / 2 - 0.5
