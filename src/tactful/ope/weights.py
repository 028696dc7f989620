"""From pmfs and reward models by action to what estimators take, by row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.parallel import in_threads
from tactful.kernels import weights as kernels

LEAST = 1 << 14  # rows that are worth a thread


class Rows(NamedTuple):
    """(n,) each: w = π(A|x) / p, q̂(x, A) and Σ_a π(a|x) q̂(x, a)."""

    weight: F64
    q_logged: F64
    q_target: F64


def on_rows(pmf: F64, q: F64, action: I64, propensity: F64) -> Rows:
    """The weights and the reward model along the logged actions, in one pass over ``pmf`` and ``q``, both (n, k).

    ``action`` and ``propensity`` (n,) are logged. All cores share the rows, and nothing of size (n, k) is made.

    Examples
    --------
    >>> on_rows(np.array([[0.2, 0.8]]), np.array([[1.0, 2.0]]), np.array([1]), np.array([0.5]))
    Rows(weight=array([1.6]), q_logged=array([2.]), q_target=array([1.8]))
    """
    n = action.size
    pmf, q, propensity = (np.ascontiguousarray(x, np.float64) for x in (pmf, q, propensity))
    action = np.ascontiguousarray(action, np.int64)
    out = Rows(*np.empty((3, n)))

    def block(rows: slice) -> None:
        kernels.along(pmf[rows], q[rows], action[rows], propensity[rows], *(column[rows] for column in out))

    in_threads(block, n, LEAST)
    return out
