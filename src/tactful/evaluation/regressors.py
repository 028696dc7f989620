"""Any regressor as a reward model: its features, its copies by fold and outcome, and its predictions in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.evaluation.action_groups import minute_of_day

BLOCK = 1 << 16
DAY_MINUTES = 1440


def is_regressor(model: Any) -> bool:
    """Whether a model predicts from a matrix, or makes one that does."""
    return isinstance(model, type) or hasattr(model, "predict") or (callable(model) and not hasattr(model, "fit"))


def action_features(space: ActionSpace) -> F64:
    """(k, a) of each action: indicators; sends, their logarithm, and the hour on its circle where it has them."""
    columns = [np.eye(space.k)]
    if None not in space.frequencies:
        sends = np.array([float(f or 0) for f in space.frequencies])
        columns.append(np.stack([sends, np.log1p(sends)], 1))
    if any(space.slots):
        angle = [2 * math.pi * minute_of_day(s) / DAY_MINUTES if s else math.nan for s in space.slots]
        columns.append(np.nan_to_num(np.stack([np.sin(angle), np.cos(angle)], 1)))
    return np.concatenate(columns, 1)


def segment_features(segments: Segments) -> F64:
    """(s, p) indicators of each node's path up to every depth, the root's aside."""
    nodes = segments.paths[1:]
    return np.array([[float(path == n or path.startswith(f"{n}/")) for n in nodes] for path in segments.paths])


def fresh(model: Any) -> Any:
    """Another regressor with the same parameters, unfitted, by a call of its class or of the function given.

    Raises
    ------
    SpecError
        An object that does not say its parameters (``get_params``).
    """
    if isinstance(model, type) or not hasattr(model, "predict"):
        return model()
    if not hasattr(model, "get_params"):
        do = "give its class, or a function that makes one"
        raise SpecError(f"{type(model).__name__} has no get_params, so it cannot be copied", "reward_model", do)
    return _copied(model)


def _copied(value: Any) -> Any:
    """A parameter, with the regressors inside it made anew."""
    if type(value) in (list, tuple):
        return type(value)(_copied(v) for v in value)
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value)(**{name: _copied(v) for name, v in value.get_params(deep=False).items()})
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Regressed:
    """``fitted[outcome][fold]`` regressors; features are segment, context and action, side by side."""

    fitted: list[list[Callable[[F64], F64]]]
    fold: I64
    log: Log
    by_segment: F64
    by_action: F64

    @classmethod
    def of(cls, log: Log, fold: I64, model: Any, count: int) -> Regressed:
        """Fitted for every fold on the users of the others who know the outcome; a constant where nobody does."""
        made = cls([], fold, log, segment_features(log.segments), action_features(log.actions))
        for measured in log.outcomes.values():
            each: list[Callable[[F64], F64]] = []
            for f in range(count):
                rows = np.flatnonzero((fold != f) & measured.known)
                each.append(_fit(model, made.features(rows, log.action[rows]), measured.value[rows]))
            made.fitted.append(each)
        return made

    def features(self, rows: I64, action: I64) -> F64:
        """(m, d) of some rows, as if ``action`` (m,) had been taken."""
        log = self.log
        context = np.empty((rows.size, 0)) if log.context is None else log.context[rows]
        return np.concatenate([self.by_segment[log.segment[rows]], context, self.by_action[action]], 1)

    def logged(self, outcome: int) -> F64:
        out = np.empty(self.log.n)
        for start in range(0, self.log.n, BLOCK):
            rows = np.arange(start, min(start + BLOCK, self.log.n))
            x = self.features(rows, self.log.action[rows])
            for f, predict in enumerate(self.fitted[outcome]):
                mine = self.fold[rows] == f
                if mine.any():
                    out[rows[mine]] = predict(x[mine])
        return out

    def block(self, outcome: int, rows: I64 | slice) -> F64:
        at = np.arange(self.log.n)[rows]
        out = np.empty((at.size, self.log.actions.k))
        for f, predict in enumerate(self.fitted[outcome]):
            mine = np.flatnonzero(self.fold[at] == f)
            if not mine.size:
                continue
            x = self.features(at[mine], np.zeros(mine.size, np.int64))
            place = x.shape[1] - self.by_action.shape[1]
            for action, row in enumerate(self.by_action):
                x[:, place:] = row
                out[mine, action] = predict(x)
        return out


def _fit(model: Any, x: F64, y: F64) -> Callable[[F64], F64]:
    if not y.size:
        return lambda at: np.zeros(len(at))
    regressor = fresh(model)
    regressor.fit(x, y)
    return lambda at: np.asarray(regressor.predict(at), np.float64).reshape(len(at))
