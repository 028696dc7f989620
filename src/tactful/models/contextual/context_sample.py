"""A keyed sample of the contexts that a model has counted: what averages over contexts run over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tactful.core.actions import DAY_US
from tactful.core.arrays import F64, I64, U64, Bool
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.kernels import philox
from tactful.models.contextual.moments import context_of

MOST = 4096
SEED, STEP = 0x7AC7F01, 0x9E3779B97F4A7C15  # of the key; one odd step a period


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows with the smallest keys: ``key`` (r,) ascending, ``node`` (r,) and raw ``context`` (r, f).

    A row's key is an exponential variate that depends on its user and period alone, so that the sample of a union is
    the same in any order. With a half-life it is divided by the row's weight (on the scale of logarithms), which
    draws rows in proportion to their weights. Reference: Efraimidis & Spirakis 2006.
    """

    key: F64
    node: I64
    context: F64

    @classmethod
    def none(cls, features: Features) -> Sample:
        """No rows."""
        return cls(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, len(features.names))))

    def update(self, log: Log, features: Features, rows: Bool, half_life_days: float | None) -> Sample:
        """With the chosen rows (n,) of a log on the same tree."""
        key, chosen = keys(log, rows, half_life_days), np.flatnonzero(rows)
        if key.size > MOST:
            least = np.argpartition(key, MOST)[:MOST]
            key, chosen = key[least], chosen[least]
        part = log.take(chosen)
        return self.union(Sample(key, part.segment, context_of(part, features)))

    def union(self, other: Sample) -> Sample:
        """Of two samples on the same tree: rows of the same key are one."""
        key = np.concatenate((self.key, other.key))
        _, first = np.unique(key, return_index=True)
        kept = first[:MOST]
        node, context = np.concatenate((self.node, other.node)), np.concatenate((self.context, other.context))
        return Sample(key[kept], node[kept], context[kept])

    def without(self, log: Log, rows: Bool, half_life_days: float | None) -> Sample:
        """Without the chosen rows (n,) of a log. Rows that the cap had kept out do not come back."""
        left = ~np.isin(self.key, keys(log, rows, half_life_days))
        return Sample(self.key[left], self.node[left], self.context[left])

    def over(self, old: Segments, new: Segments) -> Sample:
        """The same rows on a larger tree."""
        return self if old == new else Sample(self.key, new.locate(old)[self.node], self.context)

    def by_node(self, segments: Segments) -> list[I64]:
        """For each node the rows at or below it; where there are none, those of its parent."""
        order = np.argsort(self.node, kind="stable")
        bounds = np.searchsorted(self.node[order], np.arange(len(segments) + 1))
        parents: list[int] = segments.parents.tolist()
        inside: list[I64] = [order[a:b].astype(np.int64) for a, b in pairwise(bounds.tolist())]
        for v in range(len(segments) - 1, 0, -1):
            inside[parents[v]] = np.concatenate((inside[parents[v]], inside[v]))
        for v in range(1, len(segments)):
            if not inside[v].size:
                inside[v] = inside[parents[v]]
        return [np.sort(rows) for rows in inside]


def keys(log: Log, rows: Bool, half_life_days: float | None) -> F64:
    """(r,) the logarithms of the keys of the chosen rows."""
    period = log.period[rows].astype(np.uint64)
    scrambled: U64 = log.user_key[log.user[rows]] + period * np.uint64(STEP)
    u = np.empty(scrambled.size)
    philox.uniforms(np.uint64(SEED), scrambled, np.uint64(0), u)
    key = np.log(-np.log(u))
    if half_life_days is None or log.decided_at is None:
        return key
    key -= log.decided_at[rows] * (math.log(2) / DAY_US / half_life_days)
    return key
