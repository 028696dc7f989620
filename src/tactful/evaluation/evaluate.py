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
from tactful.evaluation.comparison import Entries
from tactful.evaluation.eligibility import (
    Name,
    check_askable,
    estimands,
    objective_of,
    sends_can_tire,
    several_users,
    usable,
)
from tactful.evaluation.estimator_registry import DEFAULT, check_names
from tactful.evaluation.results import Entry, Evaluation
from tactful.evaluation.sequential.sequential_evaluation import Horizons, sequential
from tactful.evaluation.sequential.states import states
from tactful.evaluation.target_policies import resolve
from tactful.ope.reliability import REFUSE_ESS

ONE_STEP = "one-step"
TIRING = "one-step: sends of one period can change the user of the next; these estimates leave that out"


def evaluate(
    log: Log,
    policy: Name,
    baseline: Name = "logging",
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
    target, base = resolve(policy, log.actions), resolve(baseline, log.actions)
    check_askable(log)
    left_out = dict(log.left_out)
    rows, seen = usable(log, target, base, left_out)
    log = log.take(rows)
    several_users(log)
    reward = objective_of(objective, log, target)
    outcomes = estimands(log, reward)
    if not any(log.known(parts).any() for parts in outcomes.values()):
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    long = None
    if horizon is not None:
        long = sequential(Horizons(log, (target, base), seen, reward, horizon, states(log, state), level), outcomes)
    table = Entries(
        log, target, base, reward, outcomes, level=level, seen=seen, reward_model=reward_model, banding=banding
    )
    notes = [TIRING] if sends_can_tire(log) else []
    by_period = _by_period(log, table, names, notes)
    return Evaluation(
        log.n,
        log.users,
        target.version,
        base.version,
        level,
        [entry for o in outcomes for entry in table.entries(o, np.arange(log.n), names)],
        {path: list(table.part(rows, names)) for path, rows in _by_segment(log)},
        by_period,
        [x for o in outcomes for x in table.more_intervals(o)] if intervals else [],
        left_out,
        notes,
        long,
        ONE_STEP if sends_can_tire(log) else "",
    )


def _by_period(log: Log, table: Entries, names: tuple[str, ...], notes: list[str]) -> dict[int, Sequence[Entry]]:
    """The entries of each period, where there are several; what is left out is noted."""
    periods, count = np.unique(log.period, return_counts=True)
    if periods.size < 2:
        return {}
    large = periods[count >= REFUSE_ESS]
    if large.size < periods.size:
        few = periods.size - large.size
        notes.append(f"by_period: {few:,} periods with too few rows for any estimate are left out")
    return {int(p): list(table.part(np.flatnonzero(log.period == p), names)) for p in large}


def _by_segment(log: Log) -> Iterator[tuple[str, I64]]:
    """Each segment's path and rows, where there is more than one."""
    order = np.argsort(log.segment, kind="stable")
    nodes, starts = np.unique(log.segment[order], return_index=True)
    if nodes.size > 1:
        for node, rows in zip(nodes, np.split(order, starts[1:]), strict=True):
            yield log.segments.paths[node], rows
