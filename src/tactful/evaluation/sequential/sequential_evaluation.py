"""What policies would earn per user over a horizon, when the sends of one period change the user of the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.estimate import Estimate
from tactful.evaluation.analysis_set import AnalysisSet, Estimand
from tactful.evaluation.importance import PolicyWeights, importance_weights
from tactful.evaluation.results import EstimateRow, Role, SequentialEvaluation
from tactful.evaluation.sequential.panel import Panel
from tactful.evaluation.sequential.sequential_estimators import SEQUENTIAL, SEQUENTIAL_ESTIMATORS, SequentialSample
from tactful.evaluation.sequential.states import States
from tactful.ope.intervals import cluster_t
from tactful.ope.reliability import (
    GRAVITY,
    Assessment,
    Circumstances,
    GradedWeights,
    WeightDiagnostics,
    assess,
    weighted_events,
)

REFUTED_P_VALUE = 0.05  # of the Markov test, below which marginalised estimates are weak
VANISHED_SHARE = 0.05  # of users who stop without an opt-out, beyond which every estimate is weak


class HorizonEstimates(NamedTuple):
    """The estimates of one estimand over the horizon, the users they rest on, and the p-value of the Markov test."""

    rows: list[EstimateRow]
    panel: Panel
    markov: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequentialComparison:
    """Both policies on users over a horizon: one-step weights, computed once for all estimates."""

    analysis: AnalysisSet
    """Whose two policies are the target and the baseline."""
    weights: tuple[PolicyWeights, ...]
    """One-step weights of the target and of the baseline."""
    horizon: int
    """Periods from each user's first decision on."""
    states: States
    """The state of the user before each decision."""
    level: float
    """Of the two-sided intervals."""

    @classmethod
    def build(cls, analysis: AnalysisSet, horizon: int, states: States, *, level: float) -> SequentialComparison:
        """Weigh the rows of the analysis set, once for all that follows."""
        weights = tuple(importance_weights(p, analysis.log, analysis.propensity) for p in analysis.policies)
        return cls(analysis=analysis, weights=weights, horizon=horizon, states=states, level=level)

    def compare(self, estimand: Estimand, estimators: Sequence[str] = SEQUENTIAL) -> HorizonEstimates:
        """Estimate the target, the baseline and their paired difference, per user over the horizon.

        Parameters
        ----------
        estimand
            One outcome, or the objective.
        estimators
            Names in ``SEQUENTIAL_ESTIMATORS``.

        Raises
        ------
        SpecError, LogError
            The horizon is longer than the log, nobody was followed for so long, or the log has several scopes.
        """
        analysis, log = self.analysis, self.analysis.log
        panel = Panel.build(log, self.states, self.horizon, estimand.outcomes)
        reward = np.nan_to_num(analysis.reward(estimand))
        markov = panel.markov(reward).p_value
        samples = [
            SequentialSample(policy, panel, panel.trajectories(w.weight, reward), analysis.fold)
            for policy, w in zip(analysis.policies, self.weights, strict=True)
        ]
        one_step = self._assess_one_step(estimand, panel)
        events = [panel.totals(measured.value) for measured in analysis.counted(estimand)]
        rows: list[EstimateRow] = []
        for name in estimators:
            target, baseline = (SEQUENTIAL_ESTIMATORS[name](sample) for sample in samples)
            target_grade, baseline_grade = (
                _gather(name, estimate, assessment, events, markov)
                for estimate, assessment in zip((target, baseline), one_step, strict=True)
            )
            pair = target_grade.weaker(baseline_grade)
            rows.append(self._row("target", estimand, name, target, target_grade, panel))
            rows.append(self._row("baseline", estimand, name, baseline, baseline_grade, panel))
            rows.append(self._row("difference", estimand, name, target - baseline, pair, panel))
        return HorizonEstimates(rows, panel, markov)

    def _assess_one_step(self, estimand: Estimand, panel: Panel) -> list[Assessment]:
        """What the one-step weights of each policy say: their mean must be 1, and every action needs support."""
        analysis, rows = self.analysis, panel.rows
        missing = int(np.count_nonzero(analysis.missing(estimand)[rows]))
        user = np.unique(analysis.log.user[rows], return_inverse=True)[1]
        assessments: list[Assessment] = []
        for weights, in_sample in zip(self.weights, analysis.in_sample, strict=True):
            circumstances = Circumstances(analysis.estimated, in_sample, missing, weights.unsupported)
            assessment = assess(WeightDiagnostics.from_weights(weights.weight[rows], user), circumstances, None)
            if GRAVITY[assessment.reliability] < GRAVITY["weak"] and panel.vanished > VANISHED_SHARE * panel.users:
                share = f"{100 * panel.vanished / panel.users:.0f} % of users"
                words = f"{share} have periods without a decision or an opt-out: these count as 0"
                assessment = Assessment("weak", words)
            assessments.append(assessment)
        return assessments

    def _row(
        self, role: Role, estimand: Estimand, estimator: str, estimate: Estimate, graded: GradedWeights, panel: Panel
    ) -> EstimateRow:
        """An estimate with its interval by user; a refused one has neither value nor interval."""
        (reliability, why), diagnostics = graded.assessment, graded.diagnostics
        if not np.isfinite(estimate.value):
            reliability, why = "refused", "no weight is left in some period"
        value = interval = None
        if reliability != "refused":
            value, interval = estimate.value, cluster_t(estimate, np.arange(panel.users), self.level)
        return EstimateRow.from_interval(
            interval,
            diagnostics,
            Assessment(reliability, why),
            policy=role,
            outcome=estimand.name,
            estimator=estimator,
            value=value,
            n=panel.rows.size,
        )


def evaluate_sequentially(analysis: AnalysisSet, horizon: int, states: States, *, level: float) -> SequentialEvaluation:
    """Put every estimand through every sequential estimator, and say in words what was assumed.

    Parameters
    ----------
    analysis
        Of two policies: the target and the baseline.
    horizon
        Periods from each user's first decision on.
    states
        The state of the user before each decision, for the marginalised estimate.
    level
        Of the two-sided intervals.
    """
    comparison = SequentialComparison.build(analysis, horizon, states, level=level)
    estimates = {name: comparison.compare(estimand) for name, estimand in analysis.estimands.items()}
    panel = max((estimate.panel for estimate in estimates.values()), key=lambda panel: panel.late)
    notes = [f"per user over {horizon} periods, from each user's own first decision on; those who opted out stay in"]
    if any(analysis.log.outcomes[name].spec.absorbing for name in analysis.objective.outcomes):
        notes.append(
            "the objective prices an opt-out that these estimates already pay for: later rewards are 0 after it"
        )
    if panel.vanished:
        notes.append(f"{panel.vanished:,} users have periods without a decision or an opt-out: these count as 0")
    late = {"users whose horizon had not passed, or is not measured yet": panel.late} if panel.late else {}
    return SequentialEvaluation(
        horizon=horizon,
        state=states.description,
        states=states.number,
        users=panel.users,
        estimates=[row for estimate in estimates.values() for row in estimate.rows],
        markov={name: estimate.markov for name, estimate in estimates.items()},
        left_out=late,
        notes=notes,
    )


def _gather(
    estimator: str, estimate: Estimate, one_step: Assessment, events: Sequence[F64], markov: float
) -> GradedWeights:
    """The evidence for one estimate: its weights over the horizon, those of one step, and the Markov test."""
    weight = estimate.weight
    diagnostics = WeightDiagnostics.from_weights(weight, np.arange(weight.size))
    rarest = min((weighted_events(total, weight) for total in events), default=None)
    assessment = one_step.weaker(assess(diagnostics, Circumstances(), rarest))
    if estimator == "mis" and markov < REFUTED_P_VALUE:
        words = f"the state is not Markov (p = {markov:.2g}): earlier history says more of what comes"
        assessment = assessment.weaker(Assessment("weak", words))
    return GradedWeights(diagnostics, assessment)
