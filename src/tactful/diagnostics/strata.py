"""Strata of a log, in which the actions that were taken are counted against what the propensity vectors promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from tactful.core.arrays import F64, I64
from tactful.core.log import Log

ROW_BLOCK = 1 << 16
MAX_STRATA = 4096  # of one stratification: with more of them it is left out
_sparse: Any = sparse


class ActionCounts(NamedTuple):
    """Counts of each action in each stratum, all (g, k)."""

    taken: F64
    """How often the action was taken."""
    expected: F64
    """Its expectation: the sum of the action's propensities."""
    variance: F64
    """Variance of ``taken`` under the propensity vectors."""


class Stratification(NamedTuple):
    """One way to divide the rows of a log."""

    name: str
    """What rows of a stratum have in common, such as ``segment``."""
    stratum: I64
    """(n,) the stratum of each row, a code into ``names``."""
    names: list[str]
    """Names of the strata."""


def stratifications(log: Log) -> Iterator[Stratification]:
    """By segment, number of eligible actions, arm and period, where there is more than one of them."""
    yield from _unless_single("segment", log.segment, segment_names(log))
    if log.eligible is not None:
        m = log.eligible.sum(1)
        yield from _unless_single("eligible actions", m, [str(i) for i in range(log.actions.k + 1)])
    yield from _unless_single("arm", log.arm.code, list(log.arm.names))
    periods, stratum = np.unique(log.period, return_inverse=True)
    yield from _unless_single("period", stratum, [str(p) for p in periods.tolist()])


def segment_names(log: Log) -> list[str]:
    """(s,) what each segment node is called in a finding."""
    return [path or "the root" for path in log.segments.paths]


def _unless_single(name: str, stratum: I64, names: list[str]) -> Iterator[Stratification]:
    if np.count_nonzero(np.bincount(stratum, minlength=len(names))) > 1 and len(names) <= MAX_STRATA:
        yield Stratification(name, stratum, names)


def count_actions(log: Log, vectors: F64, stratum: I64, size: int) -> ActionCounts:
    """Count actions by stratum, in one pass over blocks of rows.

    Parameters
    ----------
    log
        Decisions, n of them over k actions.
    vectors
        (n, k) propensities of every action.
    stratum
        (n,) codes from 0.
    size
        Number of strata g.

    Returns
    -------
    ActionCounts
        Each (g, k).
    """
    k = log.actions.k
    expected, square = np.zeros((size, k)), np.zeros((size, k))
    for start in range(0, log.n, ROW_BLOCK):
        p, code = vectors[start : start + ROW_BLOCK], stratum[start : start + ROW_BLOCK]
        member = _sparse.csr_array((np.ones(code.size), (code, np.arange(code.size))), (size, code.size))
        expected += member @ p
        square += member @ (p * p)
    taken = np.bincount(stratum * k + log.action, minlength=size * k).reshape(size, k).astype(np.float64)
    return ActionCounts(taken, expected, np.maximum(expected - square, 0.0))
