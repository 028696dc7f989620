"""Reward models and propensities for each row, fitted on other users."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.draw import ONE, sticky
from tactful.core.log import Log
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.hierarchical.posterior import Hierarchical

FOLDS = 5


def folds(log: Log, count: int = FOLDS) -> I64:
    """(n,) fold of each row, by user: keyed by the id, so the same in any log."""
    by_user = sticky(log.user_key, "crossfit").astype(np.int64) * count // ONE
    return by_user[log.user]


class Mergeable(Protocol):
    """A posterior that adds to that of other users."""

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision."""
        ...

    def merge(self, other: Any) -> Any:
        """The posterior of both."""
        ...


def posteriors(log: Log, fold: I64, model: Any) -> list[Mergeable]:
    """For each fold the posterior of one of tactful's models, from the users of the others.

    Sums are taken once a fold and added, so their cost is that of one fit on the whole log. Any other model than those
    of counts is fitted anew on the other folds: each fit has a scale of its own for the features.
    """
    if not isinstance(model, Conjugate | Hierarchical):
        return [model.fit(log.take(fold != f)) for f in range(FOLDS)]
    parts: list[Mergeable] = [model.fit(log.take(fold == f)) for f in range(FOLDS)]
    return [_sum([p for g, p in enumerate(parts) if g != f]) for f in range(FOLDS)]


def _sum(parts: list[Mergeable]) -> Mergeable:
    total = parts[0]
    for part in parts[1:]:
        total = total.merge(part)
    return total


def estimated_propensities(log: Log, fold: I64) -> F64:
    """(n,) share of the logged action among decisions of its segment by users of the other folds, among the eligible.

    Shares are shrunk to those of the whole log by the weight of k decisions.
    """
    s, k = len(log.segments), log.actions.k
    propensity = np.empty(log.n)
    for f in range(FOLDS):
        others, here = fold != f, fold == f
        cell = log.segment[others] * k + log.action[others]
        count = np.bincount(cell, minlength=s * k).reshape(s, k).astype(np.float64)
        overall = (count.sum(0) + 1) / (count.sum() + k)
        share = (count + k * overall) / (count.sum(1, keepdims=True) + k)
        rows = np.flatnonzero(here)
        logged = share[log.segment[rows], log.action[rows]]
        if log.eligible is None:
            propensity[rows] = logged
        else:
            propensity[rows] = logged / np.einsum("na,na->n", share[log.segment[rows]], log.eligible[rows])
    return propensity
