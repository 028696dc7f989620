"""Off-policy evaluation of a policy on a log, beside a baseline: every outcome, every estimator, with its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.estimate import Estimate
from tactful.core.log import CONTROL, Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import NothingToSayError
from tactful.learn.crossfit import estimated_propensities, folds, reward_models
from tactful.learn.evaluation import Entry, Evaluation, Role
from tactful.learn.targets import Logging, Side, in_sample, on_log, resolve
from tactful.ope.estimators import dm, dr, ips, snips
from tactful.ope.intervals import cluster_t
from tactful.ope.verdicts import ORDER, REFUSE_ESS, Circumstances, Health, Verdict, judge, weighted_events
from tactful.policies.table import Table

Name = str | Path | Table | Logging
ESTIMATORS = ("ips", "snips", "dm", "dr")
IN_PARTS = ("snips", "dr")


def evaluate(
    log: Log,
    policy: Name,
    baseline: Name = "logging",
    *,
    objective: Objective | None = None,
    level: float = 0.95,
) -> Evaluation:
    """Estimate what a policy would have earned per decision on the decisions of a log.

    Parameters
    ----------
    log
        Decisions with propensities. Rows of the arm ``control`` are left out, and so are those that a policy was
        fitted on; where none is left, all are used and the verdict is ``in-sample``.
    policy, baseline
        A policy, its folder, ``uniform``, ``logging`` (weights 1) or ``always:ACTION``.
    objective
        The reward; by default that of the log's specification, or else the policy's own.
    level
        Of the intervals, two-sided.

    Returns
    -------
    Evaluation
        IPS, SNIPS, DM and DR of the policy, the baseline and their paired difference, for every outcome and the
        objective. The estimates are one-step: they hold at the states that logging brought about.

    Raises
    ------
    NothingToSayError
        No propensities, no mature outcome, no row but control's, or a single user.
    PolicyError, PolicyFormatError, SpecError
        A policy cannot be loaded or has other actions than the log.
    """
    target, base = resolve(policy, log.actions), resolve(baseline, log.actions)
    check_askable(log)
    left_out = dict(log.left_out)
    rows, seen = _rows(log, target, base, left_out)
    log = log.take(rows)
    _several_users(log)
    reward = _objective(objective, log, target)
    outcomes = {o: (o,) for o in log.outcomes} | ({OBJECTIVE: reward.outcomes} if reward.outcomes else {})
    if not any(log.known(parts).any() for parts in outcomes.values()):
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    table = _Table(log, target, base, reward, outcomes, level, seen)
    entries = [entry for o in outcomes for entry in table.entries(o, np.arange(log.n), ESTIMATORS)]
    by_segment = {path: list(table.part(rows)) for path, rows in _by_segment(log)}
    notes = ["one-step: sends of one period can change the user of the next; these estimates leave that out"]
    periods, count = np.unique(log.period, return_counts=True)
    large = periods[count >= REFUSE_ESS] if periods.size > 1 else periods[:0]
    if periods.size > 1 and large.size < periods.size:
        notes.append(
            f"by_period: {periods.size - large.size:,} periods with too few rows for any estimate are left out"
        )
    by_period = {int(p): list(table.part(np.flatnonzero(log.period == p))) for p in large}
    return Evaluation(
        log.n, log.users, target.version, base.version, level, entries, by_segment, by_period, left_out, notes
    )


def check_askable(log: Log) -> None:
    """Refuse a log from which no off-policy estimate follows.

    Raises
    ------
    NothingToSayError
        No propensities, or a single user.
    """
    if log.provenance == "absent" or (log.provenance != "estimated" and log.propensity is None):
        raise NothingToSayError(
            "the log has no propensities, so it cannot say what another policy would have earned",
            "propensity",
            'randomise a slice first (tactful init), or set propensities_are = "estimated" for a weak answer',
        )
    _several_users(log)


def _several_users(log: Log) -> None:
    if log.users < 2:
        raise NothingToSayError("the log has a single user, so nothing can be said of others", "user", "log more users")


@dataclass(frozen=True, slots=True)
class _Side:
    side: Side
    in_sample: bool


class _Table:
    """All that the entries of one evaluation share: weights and reward models, computed once."""

    def __init__(
        self,
        log: Log,
        target: Table | Logging,
        base: Table | Logging,
        objective: Objective,
        outcomes: Mapping[str, tuple[str, ...]],
        level: float,
        seen: tuple[bool, bool],
    ) -> None:
        self.log, self.objective, self.outcomes, self.level = log, objective, outcomes, level
        fold = folds(log)
        q = reward_models(log, fold)
        given = log.propensity if log.provenance != "estimated" else None
        propensity = estimated_propensities(log, fold) if given is None else given
        self.q_logged = q[:, fold, log.segment, log.action]
        self.sides = tuple(
            _Side(on_log(p, log, propensity, q, fold), s) for p, s in zip((target, base), seen, strict=True)
        )

    def part(self, rows: I64) -> Iterator[Entry]:
        """The entries of a part of the log, estimated anew within it."""
        for outcome in self.outcomes:
            yield from self.entries(outcome, rows, IN_PARTS)

    def entries(self, outcome: str, rows: I64, estimators: tuple[str, ...]) -> Iterator[Entry]:
        """Target, baseline and difference of one outcome on the rows that know it."""
        parts = self.outcomes[outcome]
        known = rows[self.log.known(parts)[rows]]
        missing = int(np.count_nonzero(self.log.missing(parts)[rows]))
        if known.size == 0:
            for role in ("target", "baseline", "difference"):
                for name in estimators:
                    yield _silent(role, outcome, name, "no outcome is known yet")
            return
        user = np.unique(self.log.user[known], return_inverse=True)[1]
        reward, q_logged = self._reward(outcome, known), self._q(outcome, self.q_logged, known)
        both: list[tuple[dict[str, Estimate], Health, tuple[Verdict, str]]] = []
        for part in self.sides:
            weight = part.side.weight[known]
            estimates = _estimates(reward, weight, q_logged, self._q(outcome, part.side.q_target, known))
            health = Health.of(weight, user)
            around = Circumstances(self.log.provenance == "estimated", part.in_sample, missing, part.side.unsupported)
            both.append((estimates, health, judge(health, around, self._events(parts, weight, known))))
        (target, health, verdict), (base, other_health, other_verdict) = both
        worst = max(verdict, other_verdict, key=lambda v: ORDER[v[0]])
        starved = min(health, other_health, key=lambda h: h.ess)
        for name in estimators:
            yield self._entry("target", outcome, name, target[name], health, verdict, user)
            yield self._entry("baseline", outcome, name, base[name], other_health, other_verdict, user)
            yield self._entry("difference", outcome, name, target[name] - base[name], starved, worst, user)

    def _entry(
        self,
        role: Role,
        outcome: str,
        estimator: str,
        estimate: Estimate,
        health: Health,
        verdict: tuple[Verdict, str],
        user: I64,
    ) -> Entry:
        grade, why = verdict
        value = se = low = high = method = None
        if grade != "refused" and math.isfinite(estimate.value):
            value = estimate.value
            if estimate.interval and health.users > 1:
                se, low, high, method = cluster_t(estimate, user, self.level)
            elif grade == "ok":
                grade, why = "weak", "model only: its error is bias, so it has no interval"
        sizes = (health.ess, health.max_weight, health.mean_weight)
        return Entry(
            role, outcome, estimator, value, se, low, high, method, *sizes, grade, why, user.size, health.users
        )

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


def _estimates(reward: F64, weight: F64, q_logged: F64, q_target: F64) -> dict[str, Estimate]:
    return {
        "ips": ips(reward, weight),
        "snips": snips(reward, weight),
        "dm": dm(q_target, weight),
        "dr": dr(reward, weight, q_logged, q_target),
    }


def _silent(role: Role, outcome: str, estimator: str, why: str) -> Entry:
    return Entry(role, outcome, estimator, None, None, None, None, None, 0.0, 0.0, 0.0, "refused", why, 0, 0)


def _rows(
    log: Log, target: Table | Logging, base: Table | Logging, left_out: dict[str, int]
) -> tuple[Bool, tuple[bool, bool]]:
    """The rows to use, and for each side whether it was fitted on them."""
    control = log.arm.equals(CONTROL)
    if control.any():
        left_out["arm: control"] = int(control.sum())
    rows = ~control
    if not rows.any():
        raise NothingToSayError("every row is in the control arm", "arm", "evaluate a log with another arm")
    fitted = in_sample(target, log), in_sample(base, log)
    fresh = rows & ~fitted[0] & ~fitted[1]
    if not fresh.any():
        return rows, (bool((fitted[0] & rows).any()), bool((fitted[1] & rows).any()))
    if dropped := int((rows & ~fresh).sum()):
        left_out["in-sample: the policy was fitted on them"] = dropped
    return fresh, (False, False)


def _objective(given: Objective | None, log: Log, target: Table | Logging) -> Objective:
    own = None if isinstance(target, Logging) else target.objective
    objective = given or (log.objective if log.objective.outcomes else own) or Objective({})
    objective.check(log.outcomes)
    return objective


def _by_segment(log: Log) -> Iterator[tuple[str, I64]]:
    """Each segment's path and rows, where there is more than one."""
    order = np.argsort(log.segment, kind="stable")
    nodes, starts = np.unique(log.segment[order], return_index=True)
    if nodes.size > 1:
        for node, rows in zip(nodes, np.split(order, starts[1:]), strict=True):
            yield log.segments.paths[node], rows
