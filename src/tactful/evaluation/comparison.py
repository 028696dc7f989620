"""The entries of an evaluation: both sides on the rows that know an outcome, through every estimator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.evaluation.action_groups import NO_GEOMETRY, NO_VECTORS, Banding, on_bands
from tactful.evaluation.crossfit import estimated_propensities, folds
from tactful.evaluation.estimator_registry import BANDED, ESTIMATORS, Made, Rows
from tactful.evaluation.finite_sample import Design, beside
from tactful.evaluation.importance import side_of
from tactful.evaluation.results import Entry, MoreInterval, Role
from tactful.evaluation.reward_models import crossfitted
from tactful.evaluation.target_policies import Logging, Side
from tactful.ope.intervals import cluster_t
from tactful.ope.reliability import ORDER, Circumstances, Health, Verdict, judge, weighted_events
from tactful.policies.protocol import Published


class Entries:
    """All that the entries of one evaluation share: weights and reward models, computed once."""

    def __init__(
        self,
        log: Log,
        target: Published | Logging,
        base: Published | Logging,
        objective: Objective,
        outcomes: Mapping[str, tuple[str, ...]],
        *,
        level: float,
        seen: tuple[bool, bool],
        reward_model: Any = None,
        banding: Banding | None = None,
    ) -> None:
        self.log, self.objective, self.outcomes, self.level = log, objective, outcomes, level
        fold = folds(log)
        model = crossfitted(log, fold, reward_model)
        given = log.propensity if log.provenance != "estimated" else None
        propensity = estimated_propensities(log, fold) if given is None else given
        self.q_logged = np.array([model.logged(o) for o in range(len(log.outcomes))])
        self.policies = target, base
        self.seen = seen
        self.sides = side_of(target, log, propensity, model), side_of(base, log, propensity, model)
        self.band = (banding or Banding()).codes(log.actions)

    @cached_property
    def banded(self) -> tuple[Side, Side] | str:
        """Both sides by band, or why there are none."""
        if self.band is None:
            return NO_GEOMETRY
        target, base = (on_bands(p, self.log, self.band) for p in self.policies)
        return NO_VECTORS if target is None or base is None else (target, base)

    def part(self, rows: I64, estimators: tuple[str, ...]) -> Iterator[Entry]:
        """The entries of a part of the log, estimated anew within it."""
        for outcome in self.outcomes:
            yield from self.entries(outcome, rows, estimators)

    def entries(self, outcome: str, rows: I64, estimators: tuple[str, ...]) -> Iterator[Entry]:
        """Target, baseline and difference of one outcome on the rows that know it."""
        known = rows[self.log.known(self.outcomes[outcome])[rows]]
        by_band = [name for name in estimators if name in BANDED]
        for names, sides in (
            ([name for name in estimators if name not in BANDED], self.sides),
            (by_band, self.banded if by_band else ""),
        ):
            silent = sides if isinstance(sides, str) else "" if known.size else "no outcome is known yet"
            for name in names if silent else ():
                for role in ("target", "baseline", "difference"):
                    yield _silent(role, outcome, name, silent)
            if names and not silent and not isinstance(sides, str):
                yield from self._both(outcome, rows, known, names, sides)

    def _both(
        self, outcome: str, rows: I64, known: I64, names: Sequence[str], sides: tuple[Side, Side]
    ) -> Iterator[Entry]:
        parts = self.outcomes[outcome]
        missing = int(np.count_nonzero(self.log.missing(parts)[rows]))
        user = np.unique(self.log.user[known], return_inverse=True)[1]
        reward, q_logged = self._reward(outcome, known), self._q(outcome, self.q_logged, known)
        both: list[tuple[dict[str, Made], Health, tuple[Verdict, str]]] = []
        for side, seen in zip(sides, self.seen, strict=True):
            weight = side.weight[known]
            at = Rows(reward, weight, q_logged, self._q(outcome, side.q_target, known), user, self.level)
            made = {name: ESTIMATORS[name](at) for name in names}
            health = Health.of(weight, user)
            around = Circumstances(self.log.provenance == "estimated", seen, missing, side.unsupported)
            both.append((made, health, judge(health, around, self._events(parts, weight, known))))
        (target, health, verdict), (base, other_health, other_verdict) = both
        worst = max(verdict, other_verdict, key=lambda v: ORDER[v[0]])
        starved = min(health, other_health, key=lambda h: h.ess)
        for name in names:
            yield self._entry("target", outcome, name, target[name], health, verdict, user)
            yield self._entry("baseline", outcome, name, base[name], other_health, other_verdict, user)
            yield self._entry("difference", outcome, name, target[name].less(base[name]), starved, worst, user)

    def _entry(
        self,
        role: Role,
        outcome: str,
        estimator: str,
        made: Made,
        health: Health,
        verdict: tuple[Verdict, str],
        user: I64,
    ) -> Entry:
        grade, why = verdict
        estimate = made.estimate
        value = se = low = high = method = None
        if grade != "refused" and math.isfinite(estimate.value):
            value = estimate.value
            if estimate.interval and health.users > 1:
                se, low, high, method = cluster_t(estimate, user, self.level)
            elif grade == "ok":
                grade, why = "weak", "model only: its error is bias, so it has no interval"
            if grade == "ok" and made.caveat:
                grade, why = "weak", made.caveat
        sizes = (health.ess, health.max_weight, health.mean_weight)
        return Entry(
            role,
            outcome,
            estimator,
            value,
            se,
            low,
            high,
            method,
            *sizes,
            grade,
            why,
            user.size,
            health.users,
            made.parameter if value is not None else None,
        )

    def more_intervals(self, outcome: str) -> Iterator[MoreInterval]:
        """Intervals beside cluster-t, of the estimates that are not refused."""
        parts = self.outcomes[outcome]
        known = np.flatnonzero(self.log.known(parts))
        if known.size == 0:
            return
        users, user = np.unique(self.log.user[known], return_inverse=True)
        reward, q_logged = self._reward(outcome, known), self._q(outcome, self.q_logged, known)
        spec = self.log.outcomes[outcome].spec if outcome in self.log.outcomes else None
        for role, side in zip(("target", "baseline"), self.sides, strict=True):
            weight = side.weight[known]
            missing = int(np.count_nonzero(self.log.missing(parts)))
            around = Circumstances(False, False, missing, side.unsupported)
            if judge(Health.of(weight, user), around, None)[0] != "refused":
                at = Rows(reward, weight, q_logged, self._q(outcome, side.q_target, known), user, self.level)
                yield from beside(role, outcome, at, self.log.user_key[users], Design.of(self.log, side, spec))

    def _reward(self, outcome: str, rows: I64) -> F64:
        if outcome == OBJECTIVE:
            return self.log.reward(self.objective)[rows]
        return self.log.outcomes[outcome].value[rows]

    def _q(self, outcome: str, q: F64, rows: I64) -> F64:
        by_name = {o: q[i, rows] for i, o in enumerate(self.log.outcomes)}
        return self.objective.combine(by_name) if outcome == OBJECTIVE else by_name[outcome]

    def _events(self, parts: tuple[str, ...], weight: F64, rows: I64) -> float | None:
        counted = [self.log.outcomes[o] for o in parts if self.log.outcomes[o].spec.kind != "real"]
        return min((weighted_events(m.value[rows], weight) for m in counted), default=None)


def _silent(role: Role, outcome: str, estimator: str, why: str) -> Entry:
    return Entry(role, outcome, estimator, None, None, None, None, None, 0.0, 0.0, 0.0, "refused", why, 0, 0)
