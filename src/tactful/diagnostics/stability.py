"""Does the logging policy stay what its version says? Propensities of one version, early against late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.diagnostics.finding import TEST_LEVEL, Finding

FEW_ROWS, FEW_USERS = 30, 200
MAX_SPREAD = 1e-9  # of propensities that count as constant
MIN_CHANGE = 1e-6  # of a constant that counts as another one


class PropensityChange(NamedTuple):
    """Mean propensities of each cell in two parts of a log, all (c,)."""

    early: F64
    """Mean in the first part."""
    late: F64
    """Mean in the second part."""
    p: F64
    """Bound on the probability that chance made the difference."""


def find_policy_drift(log: Log) -> Iterator[Finding]:
    """Find propensities that change under one version, within (arm, segment, mask): warnings ``policy-drift``.

    The first half of the periods against the rest: any change where the propensities of a cell are constant on both
    sides, otherwise a z-test of the means with errors by user. Where there are context columns, only a constant that
    becomes another constant in the last period counts, since contexts may move. Logs without versions promise nothing.
    """
    if log.propensity is None or log.provenance == "estimated" or log.n == 0 or not any(log.policy.names):
        return
    half = np.quantile(log.period, 0.5, method="lower")
    contextual = log.context is not None and log.context.shape[1] > 0
    early, late = log.period <= half, log.period == log.period.max() if contextual else log.period > half
    rows = np.flatnonzero((early | late) & ~(early & late) & ~log.policy.equals(""))
    if not rows.size or not late[rows].any() or not early[rows].any():
        return
    cell, first_row = _cells(log, rows)
    change = _changes(log.propensity[rows], cell, log.user[rows], late[rows], constant_only=contextual)
    c = int(np.argmin(change.p))
    p = min(1.0, change.p.size * float(change.p[c]))
    if p < TEST_LEVEL:
        row = rows[first_row[c]]
        version, path = log.policy.names[log.policy.code[row]], log.segments.paths[log.segment[row]]
        yield Finding(
            "warning",
            f"policy {version}: the propensity of {log.actions.names[log.action[row]]} in {path or 'the root'} went "
            f"from {change.early[c]:.3g} to {change.late[c]:.3g}, though the version stayed: give every change of the "
            "logging policy a version of its own",
            "policy-drift",
            p,
        )


def _cells(log: Log, rows: I64) -> tuple[I64, I64]:
    """Codes (r,) of (version, arm, segment, number of eligible, action) from 0, and a row (c,) of each."""
    m = np.zeros(log.n, np.int64) if log.eligible is None else log.eligible.sum(1)
    code = log.policy.code[rows]
    for column, size in (
        (log.arm.code, len(log.arm.names)),
        (log.segment, len(log.segments)),
        (m, log.actions.k + 1),
        (log.action, log.actions.k),
    ):
        code = code * size + column[rows]
    _, first_row, cell = np.unique(code, return_index=True, return_inverse=True)
    return cell.astype(np.int64), first_row


def _changes(value: F64, cell: I64, user: I64, late: Bool, *, constant_only: bool) -> PropensityChange:
    """Compare the mean ``value`` (r,) of early and late rows by cell; too few rows or users on a side give p = 1."""
    size = int(cell.max()) + 1
    side = 2 * cell + late
    n = np.bincount(side, minlength=2 * size).astype(np.float64)
    mean = np.bincount(side, value, 2 * size) / np.maximum(n, 1)
    deviation = value - mean[side]
    spread = np.zeros(2 * size)
    np.maximum.at(spread, side, np.abs(deviation))
    difference = np.abs(mean[1::2] - mean[::2])
    enough_rows = (n.reshape(-1, 2) >= FEW_ROWS).all(1)
    constant = (spread.reshape(-1, 2) <= MAX_SPREAD).all(1)
    p = np.where(constant & enough_rows & (difference > MIN_CHANGE), 0.0, 1.0)
    if not constant_only:
        users, variance = _by_user(deviation * np.where(late, 1, -1) / n[side], cell, user, side)
        tested = ~constant & (users >= FEW_USERS).all(1)
        z = difference / np.sqrt(np.maximum(variance, 1e-300))
        p = np.where(tested, 2 * ndtr(-z), p)
    return PropensityChange(mean[::2], mean[1::2], p)


def _by_user(influence: F64, cell: I64, user: I64, side: I64) -> tuple[F64, F64]:
    """Users (c, 2) on either side, and the variance (c,) of the difference with a user's rows as one."""
    cells, users = int(cell.max()) + 1, int(user.max()) + 1
    pairs, code = np.unique(cell * users + user, return_inverse=True)
    total = np.bincount(code, influence)
    variance = np.bincount(pairs // users, total**2, cells)
    side_of_pair = np.unique(side * users + user) // users
    count = np.bincount(side_of_pair, minlength=2 * cells).reshape(-1, 2)
    return count.astype(np.float64), variance.astype(np.float64)
