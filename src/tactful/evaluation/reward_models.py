"""What a reward model expects of every action on every row, fitted on the users of other folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import expit

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.errors import SpecError
from tactful.evaluation.crossfit import FOLDS, posteriors
from tactful.evaluation.regressors import Regressed, is_regressor
from tactful.models.base import ContextualPosterior
from tactful.models.conjugate.posterior import Conjugate

Chosen = I64 | slice


class RewardModel(Protocol):
    """Predictions of each outcome per decision, by the place of the outcome in the log."""

    def logged(self, outcome: int) -> F64:
        """(n,) at the logged actions."""
        ...

    def block(self, outcome: int, rows: Chosen) -> F64:
        """(m, k) of every action on some rows."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Tabled:
    """A table ``q`` (o, f, s, k) by outcome, ``fold`` (n,) and segment."""

    q: F64
    fold: I64
    log: Log

    def logged(self, outcome: int) -> F64:
        return self.q[outcome, self.fold, self.log.segment, self.log.action]

    def block(self, outcome: int, rows: Chosen) -> F64:
        return self.q[outcome, self.fold[rows], self.log.segment[rows]]


@dataclass(frozen=True, slots=True, eq=False)
class Contextual:
    """A posterior a fold that depends on a context."""

    of_fold: tuple[ContextualPosterior, ...]
    fold: I64
    log: Log

    def logged(self, outcome: int) -> F64:
        out = np.empty(self.log.n)
        for start in range(0, self.log.n, 1 << 16):
            rows = np.arange(start, min(start + (1 << 16), self.log.n))
            out[rows] = self.block(outcome, rows)[np.arange(rows.size), self.log.action[rows]]
        return out

    def block(self, outcome: int, rows: Chosen) -> F64:
        fold, node = self.fold[rows], self.log.segment[rows]
        name = tuple(self.log.outcomes)[outcome]
        out = np.empty((fold.size, self.log.actions.k))
        for f, posterior in enumerate(self.of_fold):
            mine = np.flatnonzero(fold == f)
            z = posterior.features.design(self._context(posterior, rows, mine), mine.size)
            theta, scale = posterior.coefficients(name), posterior.scale(name)
            for s in np.unique(node[mine]):
                here = node[mine] == s
                out[mine[here]] = scale[s] * LINKS[posterior.link(name)](z[here] @ theta[s].T)
        return out

    def _context(self, posterior: ContextualPosterior, rows: Chosen, mine: I64) -> F64 | None:
        if not posterior.features.names or self.log.context is None:
            return None
        places = [self.log.context_names.index(c) for c in posterior.features.names]
        return self.log.context[rows][mine][:, places]


LINKS: Mapping[str, Any] = {"identity": np.asarray, "logistic": expit, "log": np.exp}


def crossfitted(log: Log, fold: I64, model: Any = None) -> RewardModel:
    """A reward model whose prediction on a row comes from users of the other folds.

    Parameters
    ----------
    fold
        (n,) fold of each row, by user.
    model
        One of tactful's own models, ``Conjugate()`` by default, or any regressor with ``fit(X, y)`` and ``predict(X)``:
        an object, whose class is called anew with its parameters for each fold and outcome, or a class or function
        that makes one (``evaluation.regressors``). A :class:`RewardModel` of this log is itself.

    Raises
    ------
    SpecError
        Something that is neither.
    """
    if hasattr(model, "block"):
        return model
    if model is not None and is_regressor(model):
        return Regressed.of(log, fold, model, FOLDS)
    model = model or Conjugate()
    if not hasattr(model, "fit"):
        do = "give one of tactful's models, or a regressor with fit and predict"
        raise SpecError(f"{type(model).__name__} is no reward model", "reward_model", do)
    fitted: Any = posteriors(log, fold, model)
    if hasattr(fitted[0], "coefficients"):
        return Contextual(tuple(fitted), fold, log)
    return Tabled(np.array([[p.mean(o) for p in fitted] for o in log.outcomes]), fold, log)
