"""Parts of a log in which what was taken is held against what its vectors promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from tactful.core.arrays import F64, I64
from tactful.core.log import Log

BLOCK = 1 << 16
MOST = 4096  # parts of one kind: beyond them a kind is left out
_sparse: Any = sparse


class Cells(NamedTuple):
    """Times that each action was ``taken`` in each part, ``expected``, and the ``variance`` of the former: (g, k)."""

    taken: F64
    expected: F64
    variance: F64

    def over(self, part: I64, parts: int) -> Cells:
        """The cells of coarser parts: ``part`` (g,) says to which each belongs."""
        sums = [np.zeros((parts, x.shape[1])) for x in self]
        for total, x in zip(sums, self, strict=True):
            np.add.at(total, part, x)
        return Cells(*sums)


class Kind(NamedTuple):
    """One way to cut a log: ``part`` (n,) codes into ``names``."""

    name: str
    part: I64
    names: list[str]


def kinds(log: Log) -> Iterator[Kind]:
    """By segment, number of eligible actions, arm and period, where there is more than one of them."""
    yield from _several("segment", log.segment, [p or "the root" for p in log.segments.paths])
    if log.eligible is not None:
        m = log.eligible.sum(1)
        yield from _several("eligible actions", m, [str(i) for i in range(log.actions.k + 1)])
    yield from _several("arm", log.arm.code, list(log.arm.names))
    periods, part = np.unique(log.period, return_inverse=True)
    yield from _several("period", part, [str(p) for p in periods.tolist()])


def _several(name: str, part: I64, names: list[str]) -> Iterator[Kind]:
    if np.count_nonzero(np.bincount(part, minlength=len(names))) > 1 and len(names) <= MOST:
        yield Kind(name, part, names)


def cells(log: Log, vectors: F64, part: I64, parts: int) -> Cells:
    """The cells of a cut; one pass over the ``vectors`` (n, k) in blocks."""
    k = log.actions.k
    expected, square = np.zeros((parts, k)), np.zeros((parts, k))
    for start in range(0, log.n, BLOCK):
        p, to = vectors[start : start + BLOCK], part[start : start + BLOCK]
        member = _sparse.csr_array((np.ones(to.size), (to, np.arange(to.size))), (parts, to.size))
        expected += member @ p
        square += member @ (p * p)
    taken = np.bincount(part * k + log.action, minlength=parts * k).reshape(parts, k).astype(np.float64)
    return Cells(taken, expected, np.maximum(expected - square, 0.0))
