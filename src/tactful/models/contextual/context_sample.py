"""A keyed sample of the contexts that a model has counted: averages over contexts run over it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from tactful.core.actions import DAY_US
from tactful.core.arrays import F64, I64, U64, Bool
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.kernels import philox
from tactful.models.contextual.context_rows import context_of

MAX_SAMPLED_CONTEXTS = 4096
SAMPLE_SEED = 0x7AC7F01  # of the keys
PERIOD_STEP = 0x9E3779B97F4A7C15  # between the counters of one user's periods: odd, so that no two are alike


@final
@dataclass(frozen=True, slots=True)
class ContextSample:
    """The rows with the smallest keys.

    A row's key is an exponential variate that depends on its user and period alone, so that the sample of a union is
    the same in any order. With a half-life it is divided by the row's weight (on the scale of logarithms), which
    draws rows in proportion to their weights. Reference: Efraimidis & Spirakis 2006, algorithm A.
    """

    key: F64
    """(r,) logarithms of the keys, ascending."""
    node: I64
    """(r,) node of each row."""
    context: F64
    """(r, f) raw features of each row."""

    @classmethod
    def empty(cls, features: Features) -> ContextSample:
        """No rows."""
        return cls(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, len(features.names))))

    def update(self, log: Log, features: Features, rows: Bool, half_life_days: float | None) -> ContextSample:
        """With the chosen rows of a log on the same tree.

        Parameters
        ----------
        log
            Decisions with the columns of the features.
        features
            Their names.
        rows
            (n,) the rows that may enter.
        half_life_days
            Of a row's weight; None weighs all alike.
        """
        key, chosen = row_keys(log, rows, half_life_days), np.flatnonzero(rows)
        if key.size > MAX_SAMPLED_CONTEXTS:
            smallest = np.argpartition(key, MAX_SAMPLED_CONTEXTS)[:MAX_SAMPLED_CONTEXTS]
            key, chosen = key[smallest], chosen[smallest]
        sampled = log.take(chosen)
        return self.union(ContextSample(key, sampled.segment, context_of(sampled, features)))

    def union(self, sample: ContextSample) -> ContextSample:
        """Of two samples on the same tree; rows with the same key count once."""
        key = np.concatenate((self.key, sample.key))
        _, first = np.unique(key, return_index=True)
        chosen = first[:MAX_SAMPLED_CONTEXTS]
        node, context = np.concatenate((self.node, sample.node)), np.concatenate((self.context, sample.context))
        return ContextSample(key[chosen], node[chosen], context[chosen])

    def without(self, log: Log, rows: Bool, half_life_days: float | None) -> ContextSample:
        """Without the chosen rows (n,) of a log. Rows for which there was no room do not come back."""
        remain = ~np.isin(self.key, row_keys(log, rows, half_life_days))
        return ContextSample(self.key[remain], self.node[remain], self.context[remain])

    def relocated(self, old: Segments, new: Segments) -> ContextSample:
        """The same rows on a larger tree."""
        return self if old == new else ContextSample(self.key, new.locate(old)[self.node], self.context)

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


def row_keys(log: Log, rows: Bool, half_life_days: float | None) -> F64:
    """(r,) the logarithms of the keys of the chosen rows (n,)."""
    period = log.period[rows].astype(np.uint64)
    scrambled: U64 = log.user_key[log.user[rows]] + period * np.uint64(PERIOD_STEP)
    u = np.empty(scrambled.size)
    philox.uniforms(np.uint64(SAMPLE_SEED), scrambled, np.uint64(0), u)
    key = np.log(-np.log(u))
    if half_life_days is None or log.decided_at is None:
        return key
    key -= log.decided_at[rows] * (math.log(2) / DAY_US / half_life_days)
    return key
