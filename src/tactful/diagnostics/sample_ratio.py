"""The sample ratio: are users in the arms, and in the periods, in the numbers that they should be?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.special import bdtr, bdtrc, chdtrc

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.diagnostics.finding import TEST_LEVEL, Finding
from tactful.errors import LogError, first

MIN_EXPECTED = 20.0  # users in a cell, from which χ² is used
MIN_NEIGHBOURS = 100  # users in both neighbours of a period, from which a hole is told from chance
SUBTESTS = 2  # arms against their shares, arms against segments


def find_sample_ratio_mismatch(log: Log, shares: Mapping[str, float] | None = None) -> Iterator[Finding]:
    """Find arms and periods with wrong numbers of users: errors ``sample-ratio``, warnings ``arm-switch``, ``holes``.

    Users per arm against the ``shares`` that were meant, by binomial tails, and per (segment, arm) against
    independence, by χ²: assignment by user cannot depend on the segment of the first decision. Reference: Fabijan
    et al. 2019.

    Raises
    ------
    LogError
        A share of an arm that the log does not have, or shares that do not sum to 1.
    """
    arm, segment = _first_decisions(log)
    count = np.bincount(arm, minlength=len(log.arm.names)).astype(np.float64)
    if shares:
        yield from _compare_shares(log, count, _complete(log, shares))
    if np.count_nonzero(count) > 1:
        yield from _compare_segments(log, arm, segment)
        yield from _find_switches(log)
    yield from _find_holes(log)


def _first_decisions(log: Log) -> tuple[I64, I64]:
    """(u,) the arm and segment of each user's first decision."""
    order = np.lexsort((log.period, log.user))
    rows = order[np.flatnonzero(np.diff(log.user[order], prepend=-1))]
    return log.arm.code[rows], log.segment[rows]


def _complete(log: Log, shares: Mapping[str, float]) -> F64:
    """(arms,) the share of each arm; what remains goes to the one that is not named."""
    names = log.arm.names
    if unknown := [a for a in shares if a not in names]:
        raise LogError(f"no arm {unknown[0]!r}", "arms", f"the arms are {', '.join(names)}")
    remainder = 1 - sum(shares.values())
    unnamed = [a for a in names if a not in shares]
    if min(shares.values()) < 0 or remainder < -1e-9 or len(unnamed) > 1 or (not unnamed and remainder > 1e-9):
        raise LogError("shares that do not sum to 1", "arms", "give a share of every arm, or of all but one")
    return np.array([shares.get(a, remainder) for a in names])


def _compare_shares(log: Log, count: F64, share: F64) -> Iterator[Finding]:
    total = count.sum()
    p = np.where(count < total * share, bdtr(count, int(total), share), bdtrc(count - 1, int(total), share))
    worst = int(np.argmin(p))
    bound = min(1.0, 2 * SUBTESTS * count.size * float(p[worst]))
    if bound < TEST_LEVEL:
        yield Finding(
            "error",
            f"arm {log.arm.names[worst]} has {count[worst]:,.0f} of {total:,.0f} users, {total * share[worst]:,.0f} "
            f"expected (p {bound:.2g}): users are lost or added after the assignment; compare no arms before that is "
            "found",
            "sample-ratio",
            bound,
        )


def _compare_segments(log: Log, arm: I64, segment: I64) -> Iterator[Finding]:
    """χ² of independence over the segments in which every arm has enough users expected."""
    s, m = len(log.segments), len(log.arm.names)
    table = np.bincount(segment * m + arm, minlength=s * m).reshape(s, m).astype(np.float64)
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    table = table[(expected >= MIN_EXPECTED).all(1)]
    if len(table) < 2:
        return
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    chi2 = float(np.sum((table - expected) ** 2 / expected))
    df = (len(table) - 1) * (m - 1)
    p = min(1.0, SUBTESTS * float(chdtrc(df, chi2)))
    if p < TEST_LEVEL:
        what = f"the arms hold other shares of the users in some segments than in others (χ² {chi2:.1f}, p {p:.2g})"
        yield Finding("error", f"{what}: the assignment is not random, or users of an arm are lost", "sample-ratio", p)


def _find_switches(log: Log) -> Iterator[Finding]:
    m = len(log.arm.names)
    pairs = np.unique(log.user * m + log.arm.code)
    switched = int(np.count_nonzero(np.bincount(pairs // m) > 1))
    if switched:
        yield Finding(
            "warning",
            f"{switched:,} users are in more than one arm: arms are meant to stick to a user; compare them by period",
            "arm-switch",
        )


def _find_holes(log: Log) -> Iterator[Finding]:
    periods, code = np.unique(log.period, return_inverse=True)
    if periods.size < 3:
        return
    users = np.bincount(code)
    neighbours = np.minimum(users[:-2], users[2:])
    sparse = periods[1:-1][(neighbours >= MIN_NEIGHBOURS) & (users[1:-1] < neighbours / 2)]
    absent = int(periods[-1] - periods[0]) + 1 - periods.size
    if sparse.size:
        shown = first(sparse.tolist())
        what = f"period {shown} has fewer than half the users of the periods around it: rows may be missing"
        yield Finding("warning", what, "holes")
    if 0 < absent <= periods.size // 10:
        logged = set(periods.tolist())
        holes = [p for p in range(int(periods[0]), int(periods[-1])) if p not in logged]
        what = f"no decision at all in period {first(holes)}: rows may be missing"
        yield Finding("warning", what, "holes")
