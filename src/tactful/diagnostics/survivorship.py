"""Are the rows of users who left in the log? A log of survivors makes every policy look harmless."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tactful.core.arrays import I64, Bool
from tactful.core.log import Log, Measured
from tactful.diagnostics.finding import EACH, Finding
from tactful.diagnostics.strata import cells
from tactful.ope.tails import bennett

RATE = 1e-3
"""Of an absorbing outcome per decision; below it, none at all may be chance. A send by push brings .0005 to .0015."""
SWING = 2.0  # factor by which a hazard may change over a log
PARTS = 3  # of the rate: none, none early, attrition


def survivorship(log: Log) -> Iterator[Finding]:
    """Warnings ``survivorship``, for every absorbing outcome, and ``attrition``.

    None: no event in n known rows, which has probability (1 − r)^n where the rate r is at least 1 in 1,000. None
    early: every event in the last periods, though the hazard may have doubled. Attrition: the actions before a
    user vanishes do not follow their vectors, so what was sent decides who is missing.
    """
    absorbing = [m for m in log.outcomes.values() if m.spec.absorbing]
    last, ended = _ends(log)
    for m in absorbing:
        known, came = m.known, m.known & (m.value == 1)
        silent = ended & known & ~came
        p = min(1.0, PARTS * len(absorbing) * (1 - RATE) ** int(known.sum()))
        if known.any() and not came.any():
            if p < EACH or silent.sum() >= _many(log):
                yield _none(m, int(known.sum()), int(silent.sum()), p)
        elif came.any():
            yield from _late(log, m, len(absorbing))
    known = np.logical_and.reduce([m.known for m in absorbing]) if absorbing else np.ones(log.n, np.bool_)
    came = np.logical_or.reduce([m.value == 1 for m in absorbing]) if absorbing else np.zeros(log.n, np.bool_)
    yield from _attrition(log, last, ended & known & ~came)


def _many(log: Log) -> float:
    """Users who end early without a recorded reason: 2 % of all, and not a handful."""
    return max(30.0, 0.02 * log.users)


def _ends(log: Log) -> tuple[I64, Bool]:
    """The last row (u,) of each user, and (n,) those of them that come two periods or more before the log's end."""
    order = np.lexsort((log.period, log.user))
    at = order[np.flatnonzero(np.diff(log.user[order], append=log.user.max(initial=-1) + 1))]
    ended = np.zeros(log.n, np.bool_)
    ended[at[log.period[at] <= log.period.max(initial=0) - 2]] = True
    return at, ended


def _none(m: Measured, known: int, silent: int, p: float) -> Finding:
    seen = f", though {silent:,} users have no row in the last two periods" if silent else ""
    return Finding(
        "warning",
        f"{m.spec.name} never happened in {known:,} decisions{seen}: either it cannot, or the rows of the users for "
        "whom it did are missing, and every policy will look harmless; extract the log from decisions, not from "
        "today's users",
        "survivorship",
        p if p < EACH else None,
    )


def _late(log: Log, m: Measured, looks: int) -> Iterator[Finding]:
    """No event at all in the first periods, all of them after."""
    known, came = m.known, m.known & (m.value == 1)
    start = int(log.period[came].min())
    before = int(np.count_nonzero(known & (log.period < start)))
    after = int(np.count_nonzero(known)) - before
    if not before or not after:
        return
    share = before / SWING / (before / SWING + after)
    periods = int(np.unique(log.period[log.period <= start]).size)
    p = min(1.0, PARTS * looks * periods * (1 - share) ** int(came.sum()))
    if p < EACH:
        yield Finding(
            "warning",
            f"{m.spec.name} happened {int(came.sum()):,} times from period {start} on and never in the {before:,} "
            "decisions before: the rows of users who left early are missing",
            "survivorship",
            p,
        )


def _attrition(log: Log, last: I64, vanished: Bool) -> Iterator[Finding]:
    if log.propensities is None or not vanished.any():
        return
    rows = last[vanished[last]]
    part = log.take(rows)
    at = cells(part, log.propensities[rows], np.zeros(rows.size, np.int64), 1)
    bound = bennett(np.abs(at.taken - at.expected)[0], at.variance[0])
    a = int(np.argmin(bound))
    p = min(1.0, PARTS * 2 * log.actions.k * float(bound[a]))
    if p < EACH and math.isfinite(p):
        yield Finding(
            "warning",
            f"{rows.size:,} users vanish with nothing recorded, {at.taken[0, a]:,.0f} of them after "
            f"{log.actions.names[a]}, {at.expected[0, a]:,.0f} expected: what is sent decides whose rows are missing; "
            "record why users end",
            "attrition",
            p,
        )
