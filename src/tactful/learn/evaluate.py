"""Off-policy evaluation of a policy on a log, beside a baseline: every outcome, every estimator, with its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tactful.core.arrays import I64, Bool
from tactful.core.log import CONTROL, Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import NothingToSayError
from tactful.learn.entries import Entries
from tactful.learn.estimates import DEFAULT, check_names
from tactful.learn.evaluation import Evaluation
from tactful.learn.targets import Logging, in_sample, resolve
from tactful.ope.verdicts import REFUSE_ESS
from tactful.policies.table import Table

Name = str | Path | Table | Logging


def evaluate(
    log: Log,
    policy: Name,
    baseline: Name = "logging",
    *,
    objective: Objective | None = None,
    level: float = 0.95,
    estimators: tuple[str, ...] = DEFAULT,
    intervals: bool = False,
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
        parameter SLOPE++ chooses: these trade bias for variance, their intervals leave the bias out, and so they are
        at best weak.
    intervals
        Also give bootstrap and finite-sample intervals beside cluster-t.

    Returns
    -------
    Evaluation
        The estimates of the policy, the baseline and their paired difference, for every outcome and the
        objective. The estimates are one-step: they hold at the states that logging brought about.

    Raises
    ------
    NothingToSayError
        No propensities, no mature outcome, no row but control's, or a single user.
    PolicyError, PolicyFormatError, SpecError
        A policy cannot be loaded or has other actions than the log.
    """
    names = check_names(estimators)
    target, base = resolve(policy, log.actions), resolve(baseline, log.actions)
    check_askable(log)
    left_out = dict(log.left_out)
    rows, seen = _rows(log, target, base, left_out)
    log = log.take(rows)
    _several_users(log)
    reward = _objective(objective, log, target)
    outcomes = {o: (o,) for o in log.outcomes} | ({OBJECTIVE: reward.outcomes} if reward.outcomes else {})
    if not any(log.known(parts).any() for parts in outcomes.values()):
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    table = Entries(log, target, base, reward, outcomes, level, seen)
    entries = [entry for o in outcomes for entry in table.entries(o, np.arange(log.n), names)]
    by_segment = {path: list(table.part(rows)) for path, rows in _by_segment(log)}
    notes = ["one-step: sends of one period can change the user of the next; these estimates leave that out"]
    periods, count = np.unique(log.period, return_counts=True)
    large = periods[count >= REFUSE_ESS] if periods.size > 1 else periods[:0]
    if periods.size > 1 and large.size < periods.size:
        notes.append(
            f"by_period: {periods.size - large.size:,} periods with too few rows for any estimate are left out"
        )
    by_period = {int(p): list(table.part(np.flatnonzero(log.period == p))) for p in large}
    return Evaluation(
        log.n,
        log.users,
        target.version,
        base.version,
        level,
        entries,
        by_segment,
        by_period,
        [x for o in outcomes for x in table.more_intervals(o)] if intervals else [],
        left_out,
        notes,
    )


def check_askable(log: Log) -> None:
    """Refuse a log from which no off-policy estimate follows.

    Raises
    ------
    NothingToSayError
        No propensities, or a single user.
    """
    if log.provenance == "absent" or (log.provenance != "estimated" and log.propensity is None):
        raise NothingToSayError(
            "the log has no propensities, so it cannot say what another policy would have earned",
            "propensity",
            'randomise a slice first (tactful init), or set propensities_are = "estimated" for a weak answer',
        )
    _several_users(log)


def _several_users(log: Log) -> None:
    if log.users < 2:
        raise NothingToSayError("the log has a single user, so nothing can be said of others", "user", "log more users")


def _rows(
    log: Log, target: Table | Logging, base: Table | Logging, left_out: dict[str, int]
) -> tuple[Bool, tuple[bool, bool]]:
    """The rows to use, and for each side whether it was fitted on them."""
    control = log.arm.equals(CONTROL)
    if control.any():
        left_out["arm: control"] = int(control.sum())
    rows = ~control
    if not rows.any():
        raise NothingToSayError("every row is in the control arm", "arm", "evaluate a log with another arm")
    fitted = in_sample(target, log), in_sample(base, log)
    fresh = rows & ~fitted[0] & ~fitted[1]
    if not fresh.any():
        return rows, (bool((fitted[0] & rows).any()), bool((fitted[1] & rows).any()))
    if dropped := int((rows & ~fresh).sum()):
        left_out["in-sample: the policy was fitted on them"] = dropped
    return fresh, (False, False)


def _objective(given: Objective | None, log: Log, target: Table | Logging) -> Objective:
    own = None if isinstance(target, Logging) else target.objective
    objective = given or (log.objective if log.objective.outcomes else own) or Objective({})
    objective.check(log.outcomes)
    return objective


def _by_segment(log: Log) -> Iterator[tuple[str, I64]]:
    """Each segment's path and rows, where there is more than one."""
    order = np.argsort(log.segment, kind="stable")
    nodes, starts = np.unique(log.segment[order], return_index=True)
    if nodes.size > 1:
        for node, rows in zip(nodes, np.split(order, starts[1:]), strict=True):
            yield log.segments.paths[node], rows
