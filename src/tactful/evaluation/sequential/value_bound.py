"""The bound on what a candidate gains per user over a horizon: what a gate asks where sends may tire users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import SpecError
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.results import find_estimate
from tactful.evaluation.sequential.sequential_evaluation import SequentialComparison
from tactful.evaluation.sequential.states import states
from tactful.evaluation.target_policies import PolicySource
from tactful.ope.reliability import Reliability


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueBound:
    """The paired difference of two policies per user over the horizon, by marginalised importance sampling."""

    value: float | None
    """The candidate's gain; None where it is refused, as are the next three."""
    low: float | None
    """Lower end of the two-sided interval."""
    high: float | None
    """Upper end of the two-sided interval."""
    se: float | None
    """Standard error by user."""
    verdict: Reliability
    """How far the gain may be relied on."""
    why: str
    """The reason, where it is not ``ok``."""
    markov: float
    """The p-value of "the state is Markov"."""


def value_bound(
    log: Log,
    candidate: PolicySource,
    baseline: PolicySource,
    *,
    horizon: int,
    state: str | Sequence[str] | None,
    outcome: str = OBJECTIVE,
    level: float = 0.95,
    objective: Objective | None = None,
) -> ValueBound:
    """Bound a candidate's gain per user over ``horizon`` periods, in which sends may tire users.

    Parameters
    ----------
    log
        Decisions with propensities; rows of the arm ``control``, and those that a policy was fitted on, are left out.
    candidate, baseline
        A policy, its folder, ``uniform``, ``logging`` or ``always:ACTION``.
    horizon
        Periods from each user's first decision on.
    state
        Of the user before each decision: one column or several (``evaluation.sequential.states``), beside being there
        at all.
    outcome
        One of the log, or ``objective``.
    level
        Of the two-sided interval: a lower bound at 1 − δ is the ``low`` of level 1 − 2δ.
    objective
        The reward; by default that of the log's specification, or else the candidate's own.

    Raises
    ------
    NothingToSayError, SpecError, LogError
        No propensities, an unknown outcome or state, a horizon beyond the log, or several scopes.
    """
    analysis = AnalysisSet.build(log, (candidate, baseline), objective=objective)
    analysis.check_users()
    if outcome not in analysis.estimands:
        raise SpecError(f"unknown outcome {outcome!r}", "outcome", f"choose among {', '.join(analysis.estimands)}")
    comparison = SequentialComparison.build(analysis, horizon, states(analysis.log, state), level=level)
    estimates = comparison.compare(analysis.estimands[outcome], ("mis",))
    gain = find_estimate(estimates.rows, "difference", outcome, "mis")
    return ValueBound(
        value=gain.value,
        low=gain.low,
        high=gain.high,
        se=gain.se,
        verdict=gain.verdict,
        why=gain.why,
        markov=estimates.markov,
    )
