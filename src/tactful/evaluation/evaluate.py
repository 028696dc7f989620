"""Off-policy evaluation of a policy on a log, beside a baseline: every outcome, every estimator, with its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tactful.core.arrays import I64
from tactful.core.log import Log
from tactful.core.outcomes import Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.evaluation.action_groups import Banding
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.comparison import Comparison
from tactful.evaluation.estimator_registry import DEFAULT, check_names
from tactful.evaluation.finite_sample import further_intervals
from tactful.evaluation.results import EstimateRow, Evaluation
from tactful.evaluation.sequential.sequential_evaluation import evaluate_sequentially
from tactful.evaluation.sequential.states import states
from tactful.evaluation.target_policies import PolicySource
from tactful.ope.reliability import REFUSE_ESS

ONE_STEP = "one-step"
TIRING = "one-step: sends of one period can change the user of the next; these estimates leave that out"


def evaluate(
    log: Log,
    policy: PolicySource,
    baseline: PolicySource = "logging",
    *,
    objective: Objective | None = None,
    level: float = 0.95,
    estimators: tuple[str, ...] = DEFAULT,
    intervals: bool = False,
    reward_model: Any = None,
    banding: Banding | None = None,
    horizon: int | None = None,
    state: str | Sequence[str] | None = None,
) -> Evaluation:
    """Estimate what a policy would have earned per decision on the decisions of a log.

    Parameters
    ----------
    log
        Decisions with propensities. Rows of the arm ``control`` are left out, and so are those that a policy was
        fitted on; where none is left, all are used and the estimates are ``in-sample``.
    policy, baseline
        A policy, its folder, ``uniform``, ``logging`` (weights 1) or ``always:ACTION``.
    objective
        The reward; by default that of the log's specification, or else the policy's own.
    level
        Of the intervals, two-sided.
    estimators
        Names: ``ips``, ``snips``, ``dm``, ``dr``, ``sndr``; and ``clipped-ips``, ``switch-dr``, ``dros``, whose
        parameter SLOPE++ chooses, and ``mips``. These four trade bias for variance: their intervals leave the bias out,
        and so they are at best weak.
    intervals
        Whether to give bootstrap and finite-sample intervals beside cluster-t.
    reward_model
        What the direct method and the doubly robust estimators expect of actions, fitted on other users:
        ``Conjugate()`` by default, another of tactful's models, or any regressor with ``fit(X, y)`` and ``predict(X)``
        (``evaluation.reward_models``).
    banding
        Where the bands of ``mips`` begin: by default at parts of the day, for low and high frequencies.
    horizon
        Also estimate, under ``sequential``, what users earn over so many periods when sends change them.
    state
        What the marginalised sequential estimate knows of a user before a decision: one or several columns
        (``evaluation.sequential.states``), beside being there at all.

    Returns
    -------
    Evaluation
        The estimates of the policy, the baseline and their paired difference, for every outcome and the
        objective. The estimates are one-step: they hold at the states that logging brought about, and say so where
        sends can tire users. IPS is unbiased where propensities are right and logging could take every action that the
        policy takes; DR also where the reward model is right.

    Raises
    ------
    NothingToSayError
        No propensities, no mature outcome, no row but control's, or a single user.
    PolicyError, PolicyFormatError
        A policy cannot be loaded, or has other actions than the log.
    SpecError
        An unknown estimator, a state that is not in the log, or a horizon that is longer than the log.
    LogError
        With a horizon: the log has several scopes, or nobody was followed for so long.

    References
    ----------
    Dudík, Langford & Li 2011 (DR); Swaminathan & Joachims 2015 (SNIPS); ``docs/evaluation.md``.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(2000, 4, seed=1).log
    >>> result = tt.evaluate(log, "uniform", objective=tt.Objective({"engaged": 1.0}))
    >>> gain = result["difference", "engaged", "snips"]
    >>> gain.low < gain.value < gain.high, gain.interval, gain.verdict
    (True, 'cluster-t', 'ok')
    """
    names = check_names(estimators)
    if state is not None and horizon is None:
        raise SpecError("a state without a horizon", "state", "say over how many periods, such as horizon = 4")
    analysis = AnalysisSet.build(log, (policy, baseline), objective=objective)
    analysis.check_users()
    if not any(analysis.known(estimand).any() for estimand in analysis.estimands.values()):
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    sequential = None
    if horizon is not None:
        sequential = evaluate_sequentially(analysis, horizon, states(analysis.log, state), level=level)
    comparison = Comparison.build(analysis, names, level=level, reward_model=reward_model, banding=banding)
    estimates = _compare(comparison)
    by_segment = {path: _compare(comparison, rows) for path, rows in _rows_by_segment(analysis.log)}
    by_period, scarce = _rows_by_period(analysis.log)
    notes = [*([TIRING] if analysis.can_tire else []), *analysis.log.notes]
    if scarce:
        notes.append(f"by_period: {scarce:,} periods with too few rows for any estimate are left out")
    return Evaluation(
        n=analysis.log.n,
        users=analysis.log.users,
        target=analysis.policies[0].version,
        baseline=analysis.policies[1].version,
        level=level,
        estimates=estimates,
        by_segment=by_segment,
        by_period={period: _compare(comparison, rows) for period, rows in by_period.items()},
        intervals=further_intervals(comparison) if intervals else [],
        left_out=analysis.left_out,
        notes=notes,
        sequential=sequential,
        label=ONE_STEP if analysis.can_tire else "",
    )


def _compare(comparison: Comparison, rows: I64 | None = None) -> list[EstimateRow]:
    """Every estimand by every estimator on some rows (m,) of the analysis set, by default on all."""
    return [row for estimand in comparison.analysis.estimands.values() for row in comparison.compare(estimand, rows)]


def _rows_by_segment(log: Log) -> Iterator[tuple[str, I64]]:
    """Each segment's path and rows, where there is more than one segment."""
    order = np.argsort(log.segment, kind="stable")
    nodes, starts = np.unique(log.segment[order], return_index=True)
    if nodes.size > 1:
        for node, rows in zip(nodes, np.split(order, starts[1:]), strict=True):
            yield log.segments.paths[node], rows


def _rows_by_period(log: Log) -> tuple[dict[int, I64], int]:
    """The rows of each period, where there are several, and the number of periods with too few rows."""
    periods, count = np.unique(log.period, return_counts=True)
    if periods.size < 2:
        return {}, 0
    large = periods[count >= REFUSE_ESS]
    return {int(period): np.flatnonzero(log.period == period) for period in large}, periods.size - large.size
