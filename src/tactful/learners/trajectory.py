"""From a life on a log to its values, its learning curve and its regret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.estimate import Estimate
from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.evaluation.results import EstimateRow
from tactful.learners.results import DOUBLY_ROBUST, LOGGED, REJECTION, Batch, Regret
from tactful.ope.estimators import dr
from tactful.ope.intervals import cluster_t
from tactful.ope.reliability import WEAK_ESS, WEAK_EVENTS, WEAK_USERS, Reliability, WeightDiagnostics, weighted_events


class Lived(Protocol):
    """What ``replay`` fills (see ``Life`` there)."""

    batch: I64
    pi: F64
    q_logged: F64
    q_target: F64
    accepted: Bool
    truth: F64
    best: F64
    learnt_from: list[int]


def values(log: Log, life: Lived, objective: Objective, level: float) -> list[EstimateRow]:
    """Every outcome and the objective, by every estimator."""
    return [v for o in (*log.outcomes, OBJECTIVE) for v in _of(log, life, objective, o, level)]


def curve(log: Log, life: Lived, objective: Objective, starts: Sequence[int]) -> list[Batch]:
    """The objective, batch by batch."""
    reward = log.reward(objective)
    known, row = ~np.isnan(reward), _robust(log, life, objective, OBJECTIVE, reward)
    out: list[Batch] = []
    for b, start in enumerate(starts):
        rows = life.batch == b
        taken = rows & life.accepted
        out.append(
            Batch(
                start,
                int(rows.sum()),
                int(taken.sum()),
                life.learnt_from[b],
                _mean(reward[taken & known]),
                _mean(row[rows & known]),
                _mean(reward[rows & known]),
                _mean(life.truth[rows & ~np.isnan(life.truth)]),
                _mean(life.best[rows & ~np.isnan(life.best)]),
            )
        )
    return out


def regret(life: Lived) -> Regret:
    """What the accepted decisions cost against the best possible, in expectation under the learner's policies."""
    best, got = life.best[life.accepted], life.truth[life.accepted]
    total = float(np.sum(best - got))
    return Regret(total, total / best.size, float(got.sum() / best.sum()) if best.sum() > 0 else None)


def _of(log: Log, life: Lived, objective: Objective, outcome: str, level: float) -> Iterator[EstimateRow]:
    reward = log.reward(objective) if outcome == OBJECTIVE else log.outcomes[outcome].value
    known = ~np.isnan(reward)
    taken = known & life.accepted
    weight = life.pi / _propensity(log)
    robust = dr(*(x[known] for x in (reward, weight, *_q(log, life, objective, outcome))))
    for name, rows, made in (
        (REJECTION, taken, _average(reward[taken])),
        (DOUBLY_ROBUST, known, robust),
        (LOGGED, known, _average(reward[known])),
    ):
        events = _events(log, objective.outcomes if outcome == OBJECTIVE else (outcome,), rows, made.weight)
        yield _value(outcome, name, made, log.user[rows], events, level)


def _events(log: Log, parts: tuple[str, ...], rows: Bool, weight: F64) -> float | None:
    """Effective events of the rarest counted outcome."""
    counted = [log.outcomes[o] for o in parts if log.outcomes[o].spec.kind != "real"]
    return min((weighted_events(m.value[rows], weight) for m in counted), default=None)


def _value(outcome: str, name: str, estimate: Estimate, user: I64, events: float | None, level: float) -> EstimateRow:
    policy = "logging" if name == LOGGED else "learner"
    if not user.size:
        return EstimateRow(
            policy=policy,
            outcome=outcome,
            estimator=name,
            value=None,
            verdict="refused",
            why="no row knows the outcome",
        )
    diagnostics = WeightDiagnostics.from_weights(estimate.weight, user)
    verdict, why = _verdict(diagnostics.ess, diagnostics.users, events)
    interval = None if diagnostics.users < 2 or events == 0 else cluster_t(estimate, user, level)
    return EstimateRow(
        policy=policy,
        outcome=outcome,
        estimator=name,
        value=estimate.value,
        se=interval and interval.se,
        low=interval and interval.low,
        high=interval and interval.high,
        interval=interval and interval.method,
        valid_for=interval and interval.valid_for,
        ess=diagnostics.ess,
        max_weight=diagnostics.max_weight,
        mean_weight=diagnostics.mean_weight,
        verdict=verdict,
        why=why,
        n=user.size,
        users=diagnostics.users,
    )


def _verdict(ess: float, users: int, events: float | None) -> tuple[Reliability, str]:
    """``weak`` by the thresholds of an evaluation; a mean weight other than 1 is part of a learner's life."""
    if ess < WEAK_ESS:
        return "weak", f"{ess:.0f} effective rows; {WEAK_ESS:.0f} make an interval reliable"
    if users < WEAK_USERS:
        return "weak", f"{users} users; {WEAK_USERS} make an interval reliable"
    if events is not None and events < WEAK_EVENTS:
        return "weak", f"{events:.0f} effective events; {WEAK_EVENTS:.0f} make an interval reliable"
    return "ok", ""


def _average(reward: F64) -> Estimate:
    value = float(reward.mean()) if reward.size else float("nan")
    return Estimate(value, reward - value, np.ones(reward.size))


def _robust(log: Log, life: Lived, objective: Objective, outcome: str, reward: F64) -> F64:
    """(n,) Σ_a π q̂ + w (r − q̂) of every row; NaN where the reward is unknown."""
    q_logged, q_target = _q(log, life, objective, outcome)
    return q_target + life.pi / _propensity(log) * (reward - q_logged)


def _q(log: Log, life: Lived, objective: Objective, outcome: str) -> tuple[F64, F64]:
    names = list(log.outcomes)
    if outcome != OBJECTIVE:
        at = names.index(outcome)
        return life.q_logged[at], life.q_target[at]
    logged, target = (objective.combine({o: q[i] for i, o in enumerate(names)}) for q in (life.q_logged, life.q_target))
    return logged, target


def _propensity(log: Log) -> F64:
    assert log.propensity is not None  # noqa: S101 -- replay refuses logs without
    return log.propensity


def _mean(x: F64) -> float | None:
    return float(x.mean()) if x.size else None
