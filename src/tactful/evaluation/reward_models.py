"""Reward models: what is expected of every action on every row, fitted on the users of other folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from scipy.special import expit

from tactful.core.arrays import F64, I64
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.errors import SpecError
from tactful.evaluation.crossfit import FOLDS, posteriors
from tactful.evaluation.regressors import RegressorRewardModel, is_regressor
from tactful.models.base import Link
from tactful.models.conjugate.posterior import Conjugate

LOGGED_BLOCK = 1 << 16
LINKS: Mapping[Link, Callable[[F64], F64]] = {"identity": np.asarray, "logistic": expit, "log": np.exp}
"""From the linear predictor of a contextual posterior to its mean per trial."""


@runtime_checkable
class RewardModel(Protocol):
    """Predictions of each outcome per decision; outcomes are numbered as in the log."""

    def logged(self, outcome: int) -> F64:
        """(n,) predictions at the logged actions."""
        ...

    def block(self, outcome: int, rows: I64 | slice) -> F64:
        """(m, k) predictions of every action on some rows."""
        ...


@runtime_checkable
class Fits(Protocol):
    """One of tactful's models: it makes a posterior from a log."""

    def fit(self, log: Log) -> Any:
        """The posterior."""
        ...


@runtime_checkable
class LinearInContext(Protocol):
    """A posterior whose mean of an outcome is scale · link⁻¹(z · θ), with z the design of its features."""

    @property
    def features(self) -> Features:
        """The columns of the context."""
        ...

    def coefficients(self, outcome: str) -> F64:
        """(s, k, d) θ by node and action."""
        ...

    def scale(self, outcome: str) -> F64:
        """(s, k) what the mean per trial is multiplied by."""
        ...

    def link(self, outcome: str) -> Link:
        """The name of the link function."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TableRewardModel:
    """Predictions by segment and action, from a posterior a fold."""

    q: F64
    """(o, f, s, k) by outcome, fold, node and action."""
    fold: I64
    """(n,) the fold of each row."""
    log: Log
    """n decisions."""

    def logged(self, outcome: int) -> F64:
        """(n,) predictions at the logged actions."""
        return self.q[outcome, self.fold, self.log.segment, self.log.action]

    def block(self, outcome: int, rows: I64 | slice) -> F64:
        """(m, k) predictions of every action on some rows."""
        return self.q[outcome, self.fold[rows], self.log.segment[rows]]


@dataclass(frozen=True, slots=True, eq=False)
class ContextualRewardModel:
    """Predictions that depend on a context, from a posterior a fold."""

    by_fold: tuple[LinearInContext, ...]
    """The posterior of the users outside each fold."""
    fold: I64
    """(n,) the fold of each row."""
    log: Log
    """n decisions."""

    def logged(self, outcome: int) -> F64:
        """(n,) predictions at the logged actions."""
        out = np.empty(self.log.n)
        for start in range(0, self.log.n, LOGGED_BLOCK):
            rows = np.arange(start, min(start + LOGGED_BLOCK, self.log.n))
            out[rows] = self.block(outcome, rows)[np.arange(rows.size), self.log.action[rows]]
        return out

    def block(self, outcome: int, rows: I64 | slice) -> F64:
        """(m, k) predictions of every action on some rows."""
        fold, node = self.fold[rows], self.log.segment[rows]
        name = tuple(self.log.outcomes)[outcome]
        out = np.empty((fold.size, self.log.actions.k))
        for f, posterior in enumerate(self.by_fold):
            places = np.flatnonzero(fold == f)
            z = posterior.features.design(self._context(posterior, rows, places), places.size)
            theta, scale = posterior.coefficients(name), posterior.scale(name)
            inverse_link = LINKS[posterior.link(name)]
            for s in np.unique(node[places]):
                at_node = node[places] == s
                out[places[at_node]] = scale[s] * inverse_link(z[at_node] @ theta[s].T)
        return out

    def _context(self, posterior: LinearInContext, rows: I64 | slice, places: I64) -> F64 | None:
        """The columns of the context that the posterior was fitted on, at some places of the rows."""
        if not posterior.features.names or self.log.context is None:
            return None
        columns = [self.log.context_names.index(name) for name in posterior.features.names]
        return self.log.context[rows][places][:, columns]


def fit_reward_model(log: Log, fold: I64, model: Any = None) -> RewardModel:
    """Fit a reward model whose prediction on a row comes from users of the other folds.

    Parameters
    ----------
    log
        n decisions.
    fold
        (n,) fold of each row, by user.
    model
        One of tactful's own models, ``Conjugate()`` by default, or any regressor with ``fit(X, y)`` and ``predict(X)``:
        an object, whose class is called anew with its parameters for each fold and outcome, or a class or function
        that makes one (``evaluation.regressors``). A :class:`RewardModel` of this log is returned as it is.

    Raises
    ------
    SpecError
        Something that is none of these.
    """
    if isinstance(model, RewardModel):
        return model
    if model is not None and is_regressor(model):
        return RegressorRewardModel.fit(log, fold, model, FOLDS)
    model = model or Conjugate()
    if not isinstance(model, Fits):
        do = "give one of tactful's models, or a regressor with fit and predict"
        raise SpecError(f"{type(model).__name__} is no reward model", "reward_model", do)
    by_fold = posteriors(log, fold, model)
    if isinstance(by_fold[0], LinearInContext):
        return ContextualRewardModel(tuple(cast("tuple[LinearInContext, ...]", by_fold)), fold, log)
    return TableRewardModel(np.array([[p.mean(name) for p in by_fold] for name in log.outcomes]), fold, log)
