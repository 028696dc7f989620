"""The comparison of a target policy with a baseline: both values and their paired difference, for one estimand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import OBJECTIVE
from tactful.evaluation.action_groups import NO_GEOMETRY, NO_VECTORS, Banding
from tactful.evaluation.analysis_set import AnalysisSet, Estimand
from tactful.evaluation.estimator_registry import BANDED, ESTIMATORS, EstimatorResult, PolicySample
from tactful.evaluation.importance import PolicyWeights, band_weights, importance_weights
from tactful.evaluation.results import EstimateRow, Role
from tactful.evaluation.reward_models import fit_reward_model
from tactful.ope.intervals import cluster_t
from tactful.ope.reliability import (
    Assessment,
    Circumstances,
    GradedWeights,
    WeightDiagnostics,
    assess,
    weighted_events,
)

ROLES: tuple[Role, Role, Role] = ("target", "baseline", "difference")
MODEL_ONLY = "model only: its error is bias, so it has no interval"


class Weighting(NamedTuple):
    """Estimators that use the same weights.

    Attributes
    ----------
    estimators
        Their names.
    weights
        Of the target and of the baseline; empty where there are none.
    obstacle
        Why there are none.
    """

    estimators: tuple[str, ...]
    weights: tuple[PolicyWeights, ...]
    obstacle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Both policies on the rows of an analysis set: weights and model values, computed once for all estimates."""

    analysis: AnalysisSet
    """Whose two policies are the target and the baseline."""
    level: float
    """Of the two-sided intervals."""
    weights: tuple[PolicyWeights, PolicyWeights]
    """Of the target and of the baseline, by action."""
    weightings: tuple[Weighting, ...]
    """Which estimators use which weights."""
    q_logged: F64
    """(o, n) the reward model of each outcome at the logged actions."""

    @classmethod
    def build(
        cls,
        analysis: AnalysisSet,
        estimators: tuple[str, ...],
        *,
        level: float = 0.95,
        reward_model: Any = None,
        banding: Banding | None = None,
    ) -> Comparison:
        """Fit the reward model on other users and weigh the rows, once for all that follows.

        Parameters
        ----------
        analysis
            Of two policies: the target and the baseline.
        estimators
            Names in ``ESTIMATORS``.
        level
            Of the two-sided intervals.
        reward_model
            As in ``evaluate``.
        banding
            Where the bands of actions begin, for ``mips``.
        """
        log, (target, baseline) = analysis.log, analysis.policies
        model = fit_reward_model(log, analysis.fold, reward_model)
        weights = (
            importance_weights(target, log, analysis.propensity, model),
            importance_weights(baseline, log, analysis.propensity, model),
        )
        by_action = tuple(name for name in estimators if name not in BANDED)
        by_band = tuple(name for name in estimators if name in BANDED)
        weightings = [Weighting(by_action, weights)] if by_action else []
        if by_band or banding is not None:  # bands that cannot be read are refused, whoever asks for them
            band = (banding or Banding()).codes(log.actions)
            weightings += [_weigh_bands(analysis, by_band, band)] if by_band else []
        q_logged = np.array([model.logged(o) for o in range(len(log.outcomes))])
        return cls(analysis=analysis, level=level, weights=weights, weightings=tuple(weightings), q_logged=q_logged)

    def compare(self, estimand: Estimand, rows: I64 | None = None) -> Iterator[EstimateRow]:
        """Estimate the target, the baseline and their paired difference.

        Parameters
        ----------
        estimand
            One outcome, or the objective.
        rows
            (m,) rows of the analysis set, by default all. Those that do not know the estimand yet are left out.

        Yields
        ------
        EstimateRow
            Three an estimator. A difference has the reliability of its weaker side and the smaller effective sample
            size.
        """
        chosen = np.arange(self.analysis.log.n) if rows is None else rows
        observed = chosen[self.analysis.known(estimand)[chosen]]
        missing = int(np.count_nonzero(self.analysis.missing(estimand)[chosen]))
        for weighting in self.weightings:
            reason = weighting.obstacle or ("" if observed.size else "no outcome is known yet")
            if reason:
                yield from _refuse(estimand, weighting.estimators, reason)
            else:
                yield from self._estimate(estimand, observed, missing, weighting)

    def samples(self, estimand: Estimand, rows: I64, weights: tuple[PolicyWeights, ...]) -> list[PolicySample]:
        """What estimators see of each policy on rows (m,) that know the estimand."""
        user = np.unique(self.analysis.log.user[rows], return_inverse=True)[1]
        reward = self.analysis.reward(estimand, rows)
        q_logged = self._model_value(estimand, self.q_logged, rows)
        return [
            PolicySample(
                reward, w.weight[rows], q_logged, self._model_value(estimand, w.q_target, rows), user, self.level
            )
            for w in weights
        ]

    def _estimate(self, estimand: Estimand, rows: I64, missing: int, weighting: Weighting) -> Iterator[EstimateRow]:
        """The rows of estimators that share their weights, all on the same rows of the log."""
        analysis, counted = self.analysis, self.analysis.counted(estimand)
        samples = self.samples(estimand, rows, weighting.weights)
        graded: list[GradedWeights] = []
        for sample, weights, in_sample in zip(samples, weighting.weights, analysis.in_sample, strict=True):
            diagnostics = WeightDiagnostics.from_weights(sample.weight, sample.user)
            events = min((weighted_events(m.value[rows], sample.weight) for m in counted), default=None)
            circumstances = Circumstances(analysis.estimated, in_sample, missing, weights.unsupported)
            graded.append(GradedWeights(diagnostics, assess(diagnostics, circumstances, events)))
        target_grade, baseline_grade = graded
        user, pair = samples[0].user, target_grade.weaker(baseline_grade)
        for name in weighting.estimators:
            target, baseline = (ESTIMATORS[name](sample) for sample in samples)
            yield self._row("target", estimand, name, target, target_grade, user)
            yield self._row("baseline", estimand, name, baseline, baseline_grade, user)
            yield self._row("difference", estimand, name, target.paired_difference(baseline), pair, user)

    def _row(
        self, role: Role, estimand: Estimand, estimator: str, result: EstimatorResult, graded: GradedWeights, user: I64
    ) -> EstimateRow:
        """An estimate with its interval and its reliability; a refused one has neither value nor interval."""
        estimate, diagnostics = result.estimate, graded.diagnostics
        reliability, why = graded.assessment
        value = interval = None
        if reliability != "refused" and math.isfinite(estimate.value):
            value = estimate.value
            if estimate.interval and diagnostics.users > 1:
                interval = cluster_t(estimate, user, self.level)
            elif reliability == "ok":
                reliability, why = "weak", MODEL_ONLY
            if reliability == "ok" and result.caveat:
                reliability, why = "weak", result.caveat
        return EstimateRow.from_interval(
            interval,
            diagnostics,
            Assessment(reliability, why),
            policy=role,
            outcome=estimand.name,
            estimator=estimator,
            value=value,
            n=user.size,
            parameter=None if value is None else result.parameter,
        )

    def _model_value(self, estimand: Estimand, q: F64, rows: I64) -> F64:
        """(m,) what a reward model ``q`` (o, n) says of the estimand."""
        names = list(self.analysis.log.outcomes)
        by_outcome = {name: q[names.index(name), rows] for name in estimand.outcomes}
        return self.analysis.objective.combine(by_outcome) if estimand.name == OBJECTIVE else by_outcome[estimand.name]


def _weigh_bands(analysis: AnalysisSet, estimators: tuple[str, ...], band: I64 | None) -> Weighting:
    """The weights of bands of actions, where actions have a geometry and vectors are logged."""
    log = analysis.log
    if band is None:
        return Weighting(estimators, (), NO_GEOMETRY)
    if log.propensities is None:
        return Weighting(estimators, (), NO_VECTORS)
    return Weighting(estimators, tuple(band_weights(policy, log, band) for policy in analysis.policies))


def _refuse(estimand: Estimand, estimators: tuple[str, ...], why: str) -> Iterator[EstimateRow]:
    """Rows that say why there is no estimate."""
    for estimator in estimators:
        for role in ROLES:
            yield EstimateRow(
                policy=role, outcome=estimand.name, estimator=estimator, value=None, verdict="refused", why=why
            )
