"""From the trajectory of a learner on a log to its values, its learning curve and its regret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.estimate import Estimate
from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.evaluation.results import EstimateRow
from tactful.learners.results import DOUBLY_ROBUST, LOGGED, REJECTION, Batch, Regret, policy_of
from tactful.learners.trajectory import Trajectory
from tactful.ope.estimators import dr
from tactful.ope.intervals import cluster_t
from tactful.ope.reliability import (
    WEAK_ESS,
    WEAK_EVENTS,
    WEAK_USERS,
    Assessment,
    WeightDiagnostics,
    weighted_events,
)


@dataclass(frozen=True, slots=True)
class ReplayedLog:
    """A log with the trajectory of a learner on it, from which estimates are made."""

    log: Log
    """Decisions with propensities."""
    trajectory: Trajectory
    """What the learner would have done on each of them."""
    objective: Objective
    """What it learnt for."""

    @property
    def weight(self) -> F64:
        """(n,) π_t(A|X) / p."""
        assert self.log.propensity is not None  # noqa: S101 -- replay refuses logs without
        return self.trajectory.pi / self.log.propensity

    def reward(self, outcome: str) -> F64:
        """(n,) an outcome, or the objective; NaN where it is not known."""
        return self.log.reward(self.objective) if outcome == OBJECTIVE else self.log.outcomes[outcome].value

    def model_values(self, outcome: str) -> tuple[F64, F64]:
        """(n,) the reward model at the logged action, and (n,) its mean under the learner's policy."""
        logged, target = self.trajectory.q_logged, self.trajectory.q_target
        names = list(self.log.outcomes)
        if outcome != OBJECTIVE:
            position = names.index(outcome)
            return logged[position], target[position]
        combined = (self.objective.combine({o: q[i] for i, o in enumerate(names)}) for q in (logged, target))
        q_logged, q_target = combined
        return q_logged, q_target

    def doubly_robust(self, outcome: str) -> F64:
        """(n,) Σ_a π q̂ + w (r − q̂) of every row; NaN where the reward is unknown."""
        q_logged, q_target = self.model_values(outcome)
        return q_target + self.weight * (self.reward(outcome) - q_logged)


def learner_values(replayed: ReplayedLog, level: float) -> list[EstimateRow]:
    """Estimate every outcome and the objective by every estimator; intervals have the confidence ``level``."""
    outcomes = (*replayed.log.outcomes, OBJECTIVE)
    return [row for outcome in outcomes for row in _estimates(replayed, outcome, level)]


def learning_curve(replayed: ReplayedLog) -> list[Batch]:
    """The objective, batch by batch."""
    trajectory, reward = replayed.trajectory, replayed.reward(OBJECTIVE)
    known, robust = ~np.isnan(reward), replayed.doubly_robust(OBJECTIVE)
    curve: list[Batch] = []
    for b, (start, learnt_from) in enumerate(zip(trajectory.starts, trajectory.learnt_from, strict=True)):
        rows = trajectory.batch == b
        accepted = rows & trajectory.accepted
        curve.append(
            Batch(
                start=start,
                n=int(rows.sum()),
                accepted=int(accepted.sum()),
                learnt_from=learnt_from,
                rejection=_mean(reward[accepted & known]),
                dr=_mean(robust[rows & known]),
                logging=_mean(reward[rows & known]),
                truth=_mean(trajectory.truth[rows & ~np.isnan(trajectory.truth)]),
                best=_mean(trajectory.best[rows & ~np.isnan(trajectory.best)]),
            )
        )
    return curve


def regret(trajectory: Trajectory) -> Regret:
    """What the accepted decisions cost against the best possible, in expectation under the learner's policies."""
    best, earned = trajectory.best[trajectory.accepted], trajectory.truth[trajectory.accepted]
    total = float(np.sum(best - earned))
    return Regret(total, total / best.size, float(earned.sum() / best.sum()) if best.sum() > 0 else None)


def _estimates(replayed: ReplayedLog, outcome: str, level: float) -> Iterator[EstimateRow]:
    reward = replayed.reward(outcome)
    known = ~np.isnan(reward)
    accepted = known & replayed.trajectory.accepted
    robust = dr(*(column[known] for column in (reward, replayed.weight, *replayed.model_values(outcome))))
    for estimator, rows, estimate in (
        (REJECTION, accepted, _average(reward[accepted])),
        (DOUBLY_ROBUST, known, robust),
        (LOGGED, known, _average(reward[known])),
    ):
        events = _effective_events(replayed, outcome, rows, estimate.weight)
        yield _row(outcome, estimator, estimate, replayed.log.user[rows], events, level=level)


def _average(reward: F64) -> Estimate:
    value = float(reward.mean()) if reward.size else float("nan")
    return Estimate(value, reward - value, np.ones(reward.size))


def _effective_events(replayed: ReplayedLog, outcome: str, rows: Bool, weight: F64) -> float | None:
    """Effective events of the rarest counted outcome; None where no outcome is counted."""
    names: Sequence[str] = replayed.objective.outcomes if outcome == OBJECTIVE else (outcome,)
    counted = [m for m in (replayed.log.outcomes[name] for name in names) if m.spec.kind != "real"]
    return min((weighted_events(m.value[rows], weight) for m in counted), default=None)


def _row(
    outcome: str, estimator: str, estimate: Estimate, user: I64, events: float | None, *, level: float
) -> EstimateRow:
    """One estimate with its interval by user, which needs an event and a second user."""
    if not user.size:
        return EstimateRow(
            policy=policy_of(estimator),
            outcome=outcome,
            estimator=estimator,
            value=None,
            verdict="refused",
            why="no row knows the outcome",
        )
    diagnostics = WeightDiagnostics.from_weights(estimate.weight, user)
    assessment = _assess(diagnostics, events)
    interval = None if diagnostics.users < 2 or events == 0 else cluster_t(estimate, user, level)
    return EstimateRow.from_interval(
        interval,
        diagnostics,
        assessment,
        policy=policy_of(estimator),
        outcome=outcome,
        estimator=estimator,
        value=estimate.value,
        n=user.size,
    )


def _assess(diagnostics: WeightDiagnostics, events: float | None) -> Assessment:
    """``weak`` by the thresholds of an evaluation; a mean weight other than 1 is part of a learner's life."""
    if diagnostics.ess < WEAK_ESS:
        return Assessment("weak", f"{diagnostics.ess:.0f} effective rows; {WEAK_ESS:.0f} make an interval reliable")
    if diagnostics.users < WEAK_USERS:
        return Assessment("weak", f"{diagnostics.users} users; {WEAK_USERS} make an interval reliable")
    if events is not None and events < WEAK_EVENTS:
        return Assessment("weak", f"{events:.0f} effective events; {WEAK_EVENTS:.0f} make an interval reliable")
    return Assessment("ok", "")


def _mean(x: F64) -> float | None:
    return float(x.mean()) if x.size else None
