"""Further intervals: the bootstrap by user, and finite-sample intervals where what they need is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import U64
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.errors import TactfulError
from tactful.evaluation.analysis_set import Estimand
from tactful.evaluation.comparison import Comparison
from tactful.evaluation.estimator_registry import PolicySample
from tactful.evaluation.importance import PolicyWeights
from tactful.evaluation.results import IntervalRow, Role
from tactful.ope.bernstein import empirical_bernstein
from tactful.ope.betting import betting
from tactful.ope.bootstrap import bootstrap
from tactful.ope.estimators import dr, snips
from tactful.ope.intervals import BERNSTEIN, BETTING, VALID_FOR
from tactful.ope.reliability import Circumstances, WeightDiagnostics, assess
from tactful.ope.wealth import cap_for, stakes


class DeclaredBounds(NamedTuple):
    """What is known before any outcome is seen: all that a finite-sample interval may rest on.

    Attributes
    ----------
    bounds
        The lowest and highest value of the outcome; None where no range is declared.
    largest_weight
        The largest importance weight possible; None where no vectors are logged.
    periods
        The most decisions that a user can have.
    absorbing
        Whether the outcome happens to a user at most once.
    """

    bounds: tuple[float, float] | None
    largest_weight: float | None
    periods: int
    absorbing: bool

    @classmethod
    def from_log(cls, log: Log, weights: PolicyWeights, outcome: Outcome | None) -> DeclaredBounds:
        """Read them off the specification and the logged vectors; the objective (None) has no declared range."""
        bounds = None
        if outcome is not None:
            bounds = (0.0, 1.0) if outcome.kind == "binary" else outcome.range
        periods = int(log.period.max() - log.period.min()) + 1
        absorbing = outcome is not None and outcome.absorbing
        return cls(bounds, weights.largest, periods, absorbing)

    @property
    def obstacle(self) -> str:
        """Why no finite-sample interval can be had; empty where one can."""
        if self.bounds is None:
            return "no declared range: set range in [outcomes]"
        if self.largest_weight is None:
            return "no logged propensity vectors, so that the largest weight is not known"
        if self.largest_weight > cap_for(self.largest_weight):
            return f"weights may reach {self.largest_weight:,.0f}, too many to bet on"
        return ""


def further_intervals(comparison: Comparison) -> list[IntervalRow]:
    """Intervals beside cluster-t, of every estimand for the target and the baseline, where estimates are not refused.

    Bootstrap intervals are around SNIPS and DR, betting and empirical Bernstein intervals around IPS.
    """
    estimands = comparison.analysis.estimands.values()
    return [interval for estimand in estimands for interval in _intervals(comparison, estimand)]


def _intervals(comparison: Comparison, estimand: Estimand) -> Iterator[IntervalRow]:
    analysis, log = comparison.analysis, comparison.analysis.log
    rows = np.flatnonzero(analysis.known(estimand))
    if not rows.size:
        return
    missing = int(np.count_nonzero(analysis.missing(estimand)))
    key = log.user_key[np.unique(log.user[rows])]
    outcome = log.outcomes[estimand.name].spec if estimand.name in log.outcomes else None
    samples = comparison.samples(estimand, rows, comparison.weights)
    roles: tuple[Role, Role] = ("target", "baseline")
    for role, weights, sample in zip(roles, comparison.weights, samples, strict=True):
        circumstances = Circumstances(missing=missing, unsupported=weights.unsupported)
        diagnostics = WeightDiagnostics.from_weights(sample.weight, sample.user)
        if assess(diagnostics, circumstances, None).reliability != "refused":
            yield from _bootstrap(role, estimand, sample, key)
            yield from _finite_sample(role, estimand, sample, key, DeclaredBounds.from_log(log, weights, outcome))


def _bootstrap(role: Role, estimand: Estimand, sample: PolicySample, key: U64) -> Iterator[IntervalRow]:
    """Around SNIPS and DR; ``key`` (u,) names the users, so that draws do not depend on the order of rows."""
    estimates = (
        ("snips", snips(sample.reward, sample.weight), sample.weight),
        ("dr", dr(sample.reward, sample.weight, sample.q_logged, sample.q_target), None),
    )
    for estimator, estimate, denominator in estimates:
        interval = bootstrap(estimate, sample.user, denominator=denominator, key=key, level=sample.level)
        yield IntervalRow(
            policy=role,
            outcome=estimand.name,
            estimator=estimator,
            interval=interval.method,
            low=interval.low,
            high=interval.high,
            valid_for=interval.valid_for,
        )


def _finite_sample(
    role: Role, estimand: Estimand, sample: PolicySample, key: U64, declared: DeclaredBounds
) -> Iterator[IntervalRow]:
    """Betting and empirical Bernstein around IPS, or why there are none."""
    obstacle = declared.obstacle
    if not obstacle and declared.bounds is not None and declared.largest_weight is not None:
        try:
            bets = stakes(
                sample.reward,
                sample.weight,
                sample.user,
                max_rows=declared.periods,
                cap=declared.largest_weight,
                bounds=declared.bounds,
                absorbing=declared.absorbing,
                key=key,
            )
            for interval in (betting(bets, sample.level), empirical_bernstein(bets, sample.level)):
                yield IntervalRow(
                    policy=role,
                    outcome=estimand.name,
                    estimator="ips",
                    interval=interval.method,
                    low=float(np.clip(interval.low, *declared.bounds)),
                    high=float(np.clip(interval.high, *declared.bounds)),
                    valid_for=interval.valid_for,
                )
        except TactfulError as error:
            obstacle = str(error)
    if obstacle:
        for method in (BETTING, BERNSTEIN):
            yield IntervalRow(
                policy=role,
                outcome=estimand.name,
                estimator="ips",
                interval=method,
                valid_for=VALID_FOR[method],
                why=obstacle,
            )
