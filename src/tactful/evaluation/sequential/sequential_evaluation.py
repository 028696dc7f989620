"""What a policy would earn per user over a horizon, when the sends of one period change the user of the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import SpecError
from tactful.evaluation.crossfit import estimated_propensities, folds
from tactful.evaluation.eligibility import Name, check_askable, estimands, objective_of, several_users, usable
from tactful.evaluation.importance import side_of
from tactful.evaluation.results import Role, Sequential, SequentialEntry
from tactful.evaluation.sequential.fitted_q import fitted_q
from tactful.evaluation.sequential.panel import Lines
from tactful.evaluation.sequential.states import States, states
from tactful.evaluation.target_policies import Logging, resolve
from tactful.ope.intervals import VALID_FOR, cluster_t
from tactful.ope.reliability import ORDER, Circumstances, Health, Verdict, judge, weighted_events
from tactful.ope.sequential import marginalised, pdis, sequential_dr, weighted_pdis
from tactful.ope.trajectories import Trajectories
from tactful.policies.protocol import Published

REFUTED = 0.05  # p-value of the Markov test below which marginalised estimates are weak
VANISHED = 0.05  # share of users who stop without an opt-out, beyond which every estimate is weak


@dataclass(frozen=True, slots=True)
class ValueBound:
    """The paired difference of two policies per user over the horizon, by marginalised importance sampling.

    ``low`` and ``high`` bound a two-sided interval; they are None, as ``value`` and ``se`` are, where the verdict is
    ``refused``. ``markov`` is the p-value of "the state is Markov".
    """

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    verdict: str
    why: str
    markov: float


class _Side(NamedTuple):
    policy: Published | Logging
    weight: F64
    unsupported: int
    in_sample: bool


def value_bound(
    log: Log,
    candidate: Name,
    baseline: Name,
    *,
    horizon: int,
    state: str | Sequence[str] | None,
    outcome: str = OBJECTIVE,
    level: float = 0.95,
    objective: Objective | None = None,
) -> ValueBound:
    """The bound on a candidate's gain per user over ``horizon`` periods, in which sends may tire users.

    Parameters
    ----------
    log
        Decisions with propensities; rows of the arm ``control``, and those that a policy was fitted on, are left out.
    state
        Of the user before each decision: one column or several (``evaluation.sequential.states``), beside being there
        at all.
    outcome
        One of the log, or ``objective``.
    level
        Of the two-sided interval: a lower bound at 1 − δ is the ``low`` of level 1 − 2δ.

    Raises
    ------
    NothingToSayError, SpecError, LogError
        No propensities, an unknown outcome or state, a horizon beyond the log, or several scopes.
    """
    check_askable(log)
    target, base = resolve(candidate, log.actions), resolve(baseline, log.actions)
    rows, seen = usable(log, target, base, {})
    log = log.take(rows)
    several_users(log)
    reward = objective_of(objective, log, target)
    known = estimands(log, reward)
    if outcome not in known:
        raise SpecError(f"unknown outcome {outcome!r}", "outcome", f"choose among {', '.join(known)}")
    made = Horizons(log, (target, base), seen, reward, horizon, states(log, state), level)
    entry = next(e for e in made.entries(outcome, known[outcome], ("mis",)) if e.policy == "difference")
    return ValueBound(
        entry.value, entry.low, entry.high, entry.se, entry.verdict, entry.why, made.markov.get(outcome, 1.0)
    )


class Horizons:
    """All that the sequential estimates of one evaluation share: weights, lines by maturity, Markov tests."""

    def __init__(
        self,
        log: Log,
        policies: tuple[Published | Logging, Published | Logging],
        seen: tuple[bool, bool],
        objective: Objective,
        horizon: int,
        state: States,
        level: float,
    ) -> None:
        self.log, self.objective, self.horizon, self.state, self.level = log, objective, horizon, state, level
        self.fold = folds(log)
        given = log.propensity if log.provenance != "estimated" else None
        propensity = estimated_propensities(log, self.fold) if given is None else given
        self.sides = tuple(
            _Side(p, side.weight, side.unsupported, s)
            for p, s in zip(policies, seen, strict=True)
            for side in (side_of(p, log, propensity),)
        )
        self.markov: dict[str, float] = {}
        self.lines: dict[str, Lines] = {}

    def entries(self, outcome: str, parts: tuple[str, ...], estimators: tuple[str, ...]) -> Iterator[SequentialEntry]:
        """Target, baseline and paired difference of one estimand, made of the outcomes ``parts``."""
        lines = self.lines[outcome] = Lines.of(self.log, self.state, self.horizon, parts)
        missing = int(np.count_nonzero(self.log.missing(parts)[lines.rows]))
        reward = np.nan_to_num(self._reward(outcome))
        self.markov[outcome] = lines.markov(reward).p_value
        runs = [_Run(lines, side, lines.trajectories(side.weight, reward), self.fold) for side in self.sides]
        counted = [self.log.outcomes[o] for o in parts if self.log.outcomes[o].spec.kind != "real"]
        events = [np.where(lines.aligned.alive, np.nan_to_num(m.value)[lines.aligned.row], 0).sum(1) for m in counted]
        basis = [self._basis(lines, side, missing) for side in self.sides]
        for name in estimators:
            made = [ESTIMATORS[name](run) for run in runs]
            judged = [self._judge(name, outcome, e, b, events) for e, b in zip(made, basis, strict=True)]
            yield from self._three(name, outcome, made, judged)

    def _three(
        self,
        name: str,
        outcome: str,
        made: Sequence[Estimate],
        judged: Sequence[tuple[Health, Verdict, str]],
    ) -> Iterator[SequentialEntry]:
        worst = max(judged, key=lambda j: ORDER[j[1]])
        starved = min(judged, key=lambda j: j[0].ess)[0]
        roles: tuple[Role, Role] = ("target", "baseline")
        for role, estimate, (health, grade, why) in zip(roles, made, judged, strict=True):
            yield self._entry(role, outcome, name, estimate, health, grade, why)
        yield self._entry("difference", outcome, name, made[0] - made[1], starved, *worst[1:])

    def _entry(
        self, role: Role, outcome: str, name: str, estimate: Estimate, health: Health, grade: Verdict, why: str
    ) -> SequentialEntry:
        if not np.isfinite(estimate.value):
            grade, why = "refused", "no weight is left in some period"
        value = se = low = high = method = None
        if grade != "refused":
            value = estimate.value
            se, low, high, method = cluster_t(estimate, np.arange(estimate.influence.size), self.level)
        valid = VALID_FOR[method] if method else None
        sizes = (health.ess, health.max_weight, health.mean_weight)
        return SequentialEntry(
            role, outcome, name, value, se, low, high, method, valid, *sizes, grade, why, estimate.influence.size
        )

    def _basis(self, lines: Lines, side: _Side, missing: int) -> tuple[Verdict, str]:
        """What the one-step weights say: they must have a mean of 1, and every action its support."""
        rows = lines.rows
        health = Health.of(side.weight[rows], np.unique(self.log.user[rows], return_inverse=True)[1])
        around = Circumstances(self.log.provenance == "estimated", side.in_sample, missing, side.unsupported)
        found = judge(health, around, None)
        if ORDER[found[0]] < ORDER["weak"] and lines.vanished > VANISHED * lines.users:
            share = 100 * lines.vanished / lines.users
            return "weak", f"{share:.0f} % of users have periods without a decision or an opt-out: these count as 0"
        return found

    def _judge(
        self, name: str, outcome: str, estimate: Estimate, basis: tuple[Verdict, str], events: Sequence[F64]
    ) -> tuple[Health, Verdict, str]:
        weight = estimate.weight
        health = Health.of(weight, np.arange(weight.size))
        least = min((weighted_events(e, weight) for e in events), default=None)
        found = [basis, judge(health, Circumstances(), least)]
        p = self.markov[outcome]
        if name == "mis" and p < REFUTED:
            found.append(("weak", f"the state is not Markov (p = {p:.2g}): earlier history says more of what comes"))
        grade, why = max(found, key=lambda v: ORDER[v[0]])
        return health, grade, why

    def _reward(self, outcome: str) -> F64:
        return self.log.reward(self.objective) if outcome == OBJECTIVE else self.log.outcomes[outcome].value


class _Run(NamedTuple):
    """One side over the horizon; ``fold`` (n,) of the log's rows."""

    lines: Lines
    side: _Side
    one: Trajectories
    fold: I64


def _robust(run: _Run) -> Estimate:
    if isinstance(run.side.policy, Logging):
        return pdis(run.one)  # what logging earned is a mean
    first = run.lines.aligned.row[:, 0]
    fitted = fitted_q(run.lines, run.one, run.side.policy, run.fold[first])
    return sequential_dr(run.one, fitted.q_logged, fitted.v_target)


ESTIMATORS: Mapping[str, Callable[[_Run], Estimate]] = {
    "mis": lambda run: marginalised(run.one, normalised=True),
    "wpdis": lambda run: weighted_pdis(run.one),
    "pdis": lambda run: pdis(run.one),
    "seq-dr": _robust,
}
SEQUENTIAL = tuple(ESTIMATORS)


def sequential(
    made: Horizons, estimands: Mapping[str, tuple[str, ...]], estimators: tuple[str, ...] = SEQUENTIAL
) -> Sequential:
    """Every estimand through every sequential estimator, with what was assumed in words."""
    entries = [e for outcome, parts in estimands.items() for e in made.entries(outcome, parts, estimators)]
    lines = max(made.lines.values(), key=lambda x: x.late)
    notes = [
        f"per user over {made.horizon} periods, from each user's own first decision on; those who opted out stay in"
    ]
    if any(made.log.outcomes[o].spec.absorbing for o in made.objective.outcomes):
        notes.append(
            "the objective prices an opt-out that these estimates already pay for: later rewards are 0 after it"
        )
    if lines.vanished:
        notes.append(f"{lines.vanished:,} users have periods without a decision or an opt-out: these count as 0")
    left_out = {"users whose horizon had not passed, or is not measured yet": lines.late} if lines.late else {}
    return Sequential(
        made.horizon, made.state.said, made.state.number, lines.users, entries, dict(made.markov), left_out, notes
    )
