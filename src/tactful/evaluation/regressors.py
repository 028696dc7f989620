"""Any regressor as a reward model: its features, its copies by fold and outcome, and its predictions in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.evaluation.action_groups import minute_of_day

FEATURE_BLOCK = 1 << 16
DAY_MINUTES = 1440
Predictor = Callable[[F64], F64]
"""From features (m, d) to predictions (m,)."""


@runtime_checkable
class Predicts(Protocol):
    """A regressor: it predicts from a matrix."""

    def predict(self, X: F64, /) -> Any:
        """(m,) predictions from features (m, d)."""
        ...


@runtime_checkable
class Parametrised(Protocol):
    """A regressor that says its parameters, as those of scikit-learn do, so that it can be copied."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of its class, by name."""
        ...


def is_regressor(model: Any) -> bool:
    """Whether a model predicts from a matrix, or makes one that does."""
    return isinstance(model, type | Predicts) or (callable(model) and not hasattr(model, "fit"))


def action_features(space: ActionSpace) -> F64:
    """(k, a) of each action: indicators; sends, their logarithm, and the hour on its circle where it has them."""
    columns = [np.eye(space.k)]
    if None not in space.frequencies:
        columns.append(np.stack([space.sends, np.log1p(space.sends)], 1))
    if any(space.slots):
        angle = [2 * math.pi * minute_of_day(s) / DAY_MINUTES if s else math.nan for s in space.slots]
        columns.append(np.nan_to_num(np.stack([np.sin(angle), np.cos(angle)], 1)))
    return np.concatenate(columns, 1)


def segment_features(segments: Segments) -> F64:
    """(s, p) indicators of each node's path up to every depth, without the root."""
    nodes = segments.paths[1:]
    return np.array([[float(path == n or path.startswith(f"{n}/")) for n in nodes] for path in segments.paths])


def unfitted_copy(model: Any) -> Any:
    """Another regressor with the same parameters, by a call of its class or of the function that makes it.

    Raises
    ------
    SpecError
        An object that does not say its parameters (``get_params``).
    """
    if isinstance(model, type) or not isinstance(model, Predicts):
        return model()
    if not isinstance(model, Parametrised):
        do = "give its class, or a function that makes one"
        raise SpecError(f"{type(model).__name__} has no get_params, so it cannot be copied", "reward_model", do)
    return _copy_parameter(model)


def _copy_parameter(value: Any) -> Any:
    """A parameter, with the regressors inside it made anew."""
    if type(value) in (list, tuple):
        return type(value)(_copy_parameter(item) for item in value)
    if isinstance(value, Parametrised) and not isinstance(value, type):
        parameters = value.get_params(deep=False)
        return type(value)(**{name: _copy_parameter(parameter) for name, parameter in parameters.items()})
    return value


@dataclass(frozen=True, slots=True, eq=False)
class RegressorRewardModel:
    """Predictions of a regressor from segment, context and action, side by side; one copy an outcome and fold."""

    predictors: list[list[Predictor]]
    """By outcome and fold, fitted on the users of the other folds."""
    fold: I64
    """(n,) the fold of each row."""
    log: Log
    """n decisions."""
    by_segment: F64
    """(s, p) features of the nodes."""
    by_action: F64
    """(k, a) features of the actions."""

    @classmethod
    def fit(cls, log: Log, fold: I64, model: Any, folds: int) -> RegressorRewardModel:
        """Fit a copy for every outcome and fold, on the users of the other folds who know the outcome.

        Parameters
        ----------
        log
            n decisions.
        fold
            (n,) the fold of each row, from 0 to ``folds`` − 1.
        model
            The regressor, its class, or a function that makes it.
        folds
            How many there are.
        """
        reward_model = cls([], fold, log, segment_features(log.segments), action_features(log.actions))
        for measured in log.outcomes.values():
            by_fold: list[Predictor] = []
            for f in range(folds):
                rows = np.flatnonzero((fold != f) & measured.known)
                x = reward_model.features(rows, log.action[rows])
                by_fold.append(_fit(model, x, measured.value[rows]))
            reward_model.predictors.append(by_fold)
        return reward_model

    def features(self, rows: I64, action: I64) -> F64:
        """(m, d) of some rows, as if ``action`` (m,) had been taken."""
        log = self.log
        context = np.empty((rows.size, 0)) if log.context is None else log.context[rows]
        return np.concatenate([self.by_segment[log.segment[rows]], context, self.by_action[action]], 1)

    def logged(self, outcome: int) -> F64:
        """(n,) predictions at the logged actions."""
        out = np.empty(self.log.n)
        for start in range(0, self.log.n, FEATURE_BLOCK):
            rows = np.arange(start, min(start + FEATURE_BLOCK, self.log.n))
            x = self.features(rows, self.log.action[rows])
            for f, predict in enumerate(self.predictors[outcome]):
                in_fold = self.fold[rows] == f
                if in_fold.any():
                    out[rows[in_fold]] = predict(x[in_fold])
        return out

    def block(self, outcome: int, rows: I64 | slice) -> F64:
        """(m, k) predictions of every action on some rows."""
        index = np.arange(self.log.n)[rows]
        out = np.empty((index.size, self.log.actions.k))
        for f, predict in enumerate(self.predictors[outcome]):
            places = np.flatnonzero(self.fold[index] == f)
            if not places.size:
                continue
            x = self.features(index[places], np.zeros(places.size, np.int64))
            action_columns = slice(x.shape[1] - self.by_action.shape[1], None)
            for action, features in enumerate(self.by_action):
                x[:, action_columns] = features
                out[places, action] = predict(x)
        return out


def _fit(model: Any, x: F64, y: F64) -> Predictor:
    """A fitted copy of the model; it predicts 0 where nobody knows the outcome."""
    if not y.size:
        return lambda features: np.zeros(len(features))
    regressor = unfitted_copy(model)
    regressor.fit(x, y)
    return lambda features: np.asarray(regressor.predict(features), np.float64).reshape(len(features))
