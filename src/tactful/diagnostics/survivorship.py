"""Are the rows of users who left in the log? A log of survivors makes every policy look harmless."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tactful.core.arrays import I64, Bool
from tactful.core.log import Log, Measured
from tactful.diagnostics.finding import TEST_LEVEL, Finding
from tactful.diagnostics.strata import count_actions
from tactful.ope.tails import bennett

MIN_RATE = 1e-3
"""Of an absorbing outcome per decision; below it, none at all may be chance. A send by push brings .0005 to .0015."""
SWING = 2.0  # factor by which a hazard may change over a log
SUBTESTS = 3  # no event, no event in the first periods, attrition


def find_survivorship(log: Log) -> Iterator[Finding]:
    """Find missing rows of users who left: warnings ``survivorship``, by absorbing outcome, and ``attrition``.

    No event: none in n known rows, which has probability (1 − r)^n where the rate r is at least 1 in 1,000. No early
    event: every event in the last periods, though the hazard may have doubled. Attrition: the actions before a user
    vanishes do not follow their vectors, so what was sent decides who is missing.
    """
    absorbing = [m for m in log.outcomes.values() if m.spec.absorbing]
    last_rows, ended = _last_decisions(log)
    for m in absorbing:
        if m.known.any() and not (m.known & (m.value == 1)).any():
            yield from _no_event(log, m, ended, len(absorbing))
        elif m.known.any():
            yield from _no_early_event(log, m, len(absorbing))
    known = np.logical_and.reduce([m.known for m in absorbing]) if absorbing else np.ones(log.n, np.bool_)
    event = np.logical_or.reduce([m.value == 1 for m in absorbing]) if absorbing else np.zeros(log.n, np.bool_)
    yield from _attrition(log, last_rows, ended & known & ~event)


def _last_decisions(log: Log) -> tuple[I64, Bool]:
    """The last row (u,) of each user, and (n,) those of them that come two periods or more before the log's end."""
    order = np.lexsort((log.period, log.user))
    last_rows = order[np.flatnonzero(np.diff(log.user[order], append=log.user.max(initial=-1) + 1))]
    ended = np.zeros(log.n, np.bool_)
    ended[last_rows[log.period[last_rows] <= log.period.max(initial=0) - 2]] = True
    return last_rows, ended


def _no_event(log: Log, m: Measured, ended: Bool, outcomes: int) -> Iterator[Finding]:
    """An absorbing outcome that never happened: where chance excludes it, or many users end without a reason."""
    known = int(m.known.sum())
    silent = int((ended & m.known).sum())
    p = min(1.0, SUBTESTS * outcomes * (1 - MIN_RATE) ** known)
    # Many are 2 % of all users, and not a handful.
    if not (p < TEST_LEVEL or silent >= max(30.0, 0.02 * log.users)):
        return
    contrast = f", though {silent:,} users have no row in the last two periods" if silent else ""
    yield Finding(
        "warning",
        f"{m.spec.name} never happened in {known:,} decisions{contrast}: either it cannot, or the rows of the users "
        "for whom it did are missing, and every policy will look harmless; extract the log from decisions, not from "
        "today's users",
        "survivorship",
        p if p < TEST_LEVEL else None,
    )


def _no_early_event(log: Log, m: Measured, outcomes: int) -> Iterator[Finding]:
    """No event at all in the first periods, all of them after."""
    event = m.known & (m.value == 1)
    start = int(log.period[event].min())
    early = int(np.count_nonzero(m.known & (log.period < start)))
    late = int(np.count_nonzero(m.known)) - early
    if not early or not late:
        return
    share = early / SWING / (early / SWING + late)
    periods = int(np.unique(log.period[log.period <= start]).size)
    p = min(1.0, SUBTESTS * outcomes * periods * (1 - share) ** int(event.sum()))
    if p < TEST_LEVEL:
        yield Finding(
            "warning",
            f"{m.spec.name} happened {int(event.sum()):,} times from period {start} on and never in the {early:,} "
            "decisions before: the rows of users who left early are missing",
            "survivorship",
            p,
        )


def _attrition(log: Log, last_rows: I64, vanished: Bool) -> Iterator[Finding]:
    if log.propensities is None or not vanished.any():
        return
    rows = last_rows[vanished[last_rows]]
    counts = count_actions(log.take(rows), log.propensities[rows], np.zeros(rows.size, np.int64), 1)
    bound = bennett(np.abs(counts.taken - counts.expected)[0], counts.variance[0])
    a = int(np.argmin(bound))
    p = min(1.0, SUBTESTS * 2 * log.actions.k * float(bound[a]))
    if p < TEST_LEVEL and math.isfinite(p):
        yield Finding(
            "warning",
            f"{rows.size:,} users vanish with nothing recorded, {counts.taken[0, a]:,.0f} of them after "
            f"{log.actions.names[a]}, {counts.expected[0, a]:,.0f} expected: what is sent decides whose rows are "
            "missing; record why users end",
            "attrition",
            p,
        )
