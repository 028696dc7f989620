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
        fitted on; where none is left, all are used and the verdict is ``in-sample``.
    policy, baseline
        A policy, its folder, ``uniform``, ``logging`` (weights 1) or ``always:ACTION``.
    objective
        The reward; by default that of the log's specification, or else the policy's own.
    level
        Of the intervals, two-sided.
    estimators
        Which: ``ips``, ``snips``, ``dm``, ``dr``, ``sndr``, and ``clipped-ips``, ``switch-dr``, ``dros``, whose
        parameter SLOPE++ chooses, and ``mips``: these trade bias for variance, their intervals leave the bias out,
        and so they are at best weak.
    intervals
        Also give bootstrap and finite-sample intervals beside cluster-t.
    reward_model
        What the direct method and the doubly robust estimators expect of actions, fitted on other users:
        ``Conjugate()`` by default, another of tactful's models, or any regressor with ``fit(X, y)`` and ``predict(X)``
        (``evaluation.reward_models``).
    banding
        Where the bands of ``mips`` begin; parts of the day, low and high frequencies by default.
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
        sends can tire users.

    Raises
    ------
    NothingToSayError
        No propensities, no mature outcome, no row but control's, or a single user.
    PolicyError, PolicyFormatError, SpecError
        A policy cannot be loaded or has other actions than the log; a state that is not in the log, or a horizon that
        is longer.
    """
    names = check_names(estimators)
    if state is not None and horizon is None:
        raise SpecError("a state without a horizon", "state", "say over how many periods, such as horizon = 4")
    analysis = AnalysisSet.build(log, (policy, baseline), objective=objective)
    analysis.check_users()
    rows, estimands = analysis.log, list(analysis.estimands.values())
    if not any(analysis.known(estimand).any() for estimand in estimands):
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    sequential = None
    if horizon is not None:
        sequential = evaluate_sequentially(analysis, horizon, states(rows, state), level=level)
    comparison = Comparison.build(analysis, names, level=level, reward_model=reward_model, banding=banding)
    notes = [TIRING] if analysis.can_tire else []
    by_period, few = _by_period(rows.period)
    if few:
        notes.append(f"by_period: {few:,} periods with too few rows for any estimate are left out")

    def compare(part: I64 | None = None) -> list[EstimateRow]:
        return [row for estimand in estimands for row in comparison.compare(estimand, part)]

    target, base = analysis.policies
    return Evaluation(
        n=rows.n,
        users=rows.users,
        target=target.version,
        baseline=base.version,
        level=level,
        estimates=compare(),
        by_segment={path: compare(part) for path, part in _by_segment(rows)},
        by_period={period: compare(part) for period, part in by_period.items()},
        intervals=[row for e in estimands for row in further_intervals(comparison, e)] if intervals else [],
        left_out=analysis.left_out,
        notes=notes,
        sequential=sequential,
        label=ONE_STEP if analysis.can_tire else "",
    )


def _by_period(period: I64) -> tuple[dict[int, I64], int]:
    """The rows of each period, where there are several, and the number of periods with too few rows."""
    periods, count = np.unique(period, return_counts=True)
    if periods.size < 2:
        return {}, 0
    large = periods[count >= REFUSE_ESS]
    return {int(p): np.flatnonzero(period == p) for p in large}, periods.size - large.size


def _by_segment(log: Log) -> Iterator[tuple[str, I64]]:
    """Each segment's path and rows, where there is more than one segment."""
    order = np.argsort(log.segment, kind="stable")
    nodes, starts = np.unique(log.segment[order], return_index=True)
    if nodes.size > 1:
        for node, rows in zip(nodes, np.split(order, starts[1:]), strict=True):
            yield log.segments.paths[node], rows
