"""Cross-fitting: folds of users, and posteriors and propensities for each row that were fitted on other users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.draw import ONE, sticky
from tactful.core.log import Log
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.hierarchical.posterior import Hierarchical

FOLDS = 5


def folds(log: Log, count: int = FOLDS) -> I64:
    """(n,) fold of each row, by user: keyed by the identifier, so the same in any log."""
    by_user = sticky(log.user_key, "crossfit").astype(np.int64) * count // ONE
    return by_user[log.user]


class Mergeable(Protocol):
    """A posterior that can be added to that of other users."""

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision."""
        ...

    def merge(self, shard: Any) -> Any:
        """The posterior of the users of both."""
        ...


def posteriors(log: Log, fold: I64, model: Any) -> Sequence[Mergeable]:
    """For each fold the posterior of one of tactful's models, from the users of the other folds.

    Models of counts are fitted once a fold and their sums are added, so that the cost is that of one fit on the whole
    log. Any other model is fitted anew on the other folds, since each fit has a scale of its own for the features.

    Parameters
    ----------
    log
        n decisions.
    fold
        (n,) the fold of each row, by user.
    model
        One of tactful's models.
    """
    if not isinstance(model, Conjugate | Hierarchical):
        return [model.fit(log.take(fold != f)) for f in range(FOLDS)]
    by_fold = [model.fit(log.take(fold == f)) for f in range(FOLDS)]
    return [_merge([posterior for g, posterior in enumerate(by_fold) if g != f]) for f in range(FOLDS)]


def _merge(shards: Sequence[Mergeable]) -> Mergeable:
    total = shards[0]
    for shard in shards[1:]:
        total = total.merge(shard)
    return total


def estimated_propensities(log: Log, fold: I64) -> F64:
    """(n,) share of the logged action among the decisions of its segment by users of the other folds.

    Shares are shrunk to those of the whole log by the weight of k decisions, and divided by that of the eligible
    actions.
    """
    s, k = len(log.segments), log.actions.k
    propensity = np.empty(log.n)
    for f in range(FOLDS):
        fitting, rows = fold != f, np.flatnonzero(fold == f)
        cell = log.segment[fitting] * k + log.action[fitting]
        count = np.bincount(cell, minlength=s * k).reshape(s, k).astype(np.float64)
        overall = (count.sum(0) + 1) / (count.sum() + k)
        share = (count + k * overall) / (count.sum(1, keepdims=True) + k)
        logged = share[log.segment[rows], log.action[rows]]
        if log.eligible is None:
            propensity[rows] = logged
        else:
            propensity[rows] = logged / np.einsum("na,na->n", share[log.segment[rows]], log.eligible[rows])
    return propensity
