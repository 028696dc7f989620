"""Does the logging policy stay what its version says? Propensities of one version, early against late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.diagnostics.finding import EACH, Finding

FEW_ROWS, FEW_USERS = 30, 200
SAME = 1e-9


class Change(NamedTuple):
    """By cell: means early and late, and a bound on the probability that chance made the difference."""

    early: F64
    late: F64
    p: F64


def stability(log: Log) -> Iterator[Finding]:
    """Warning ``policy-drift``: under one version, an action's propensity changes within (arm, segment, mask).

    The first half of the periods against the rest: any change where the propensities of a cell are constant on both
    sides, otherwise a z-test of the means with errors by user. Where there are context columns, only a constant that
    becomes another constant in the last period counts, since contexts may move. Logs without versions promise nothing.
    """
    if log.propensity is None or log.provenance == "estimated" or log.n == 0 or not any(log.policy.names):
        return
    half = np.quantile(log.period, 0.5, method="lower")
    moving = log.context is not None and log.context.shape[1] > 0
    early, late = log.period <= half, log.period == log.period.max() if moving else log.period > half
    rows = np.flatnonzero((early | late) & ~(early & late) & ~log.policy.equals(""))
    if not rows.size or not late[rows].any() or not early[rows].any():
        return
    cell, first = _cells(log, rows)
    found = _changes(log.propensity[rows], cell, log.user[rows], late[rows], constant_only=moving)
    c = int(np.argmin(found.p))
    p = min(1.0, found.p.size * float(found.p[c]))
    if p < EACH:
        at = rows[first[c]]
        version, path = log.policy.names[log.policy.code[at]], log.segments.paths[log.segment[at]]
        yield Finding(
            "warning",
            f"policy {version}: the propensity of {log.actions.names[log.action[at]]} in {path or 'the root'} went "
            f"from {found.early[c]:.3g} to {found.late[c]:.3g}, though the version stayed: give every change of the "
            "logging policy a version of its own",
            "policy-drift",
            p,
        )


def _cells(log: Log, rows: I64) -> tuple[I64, I64]:
    """Codes (r,) of (version, arm, segment, number of eligible, action) from 0, and a row (c,) of each."""
    m = np.zeros(log.n, np.int64) if log.eligible is None else log.eligible.sum(1)
    code = log.policy.code[rows]
    for part, size in (
        (log.arm.code, len(log.arm.names)),
        (log.segment, len(log.segments)),
        (m, log.actions.k + 1),
        (log.action, log.actions.k),
    ):
        code = code * size + part[rows]
    _, first, cell = np.unique(code, return_index=True, return_inverse=True)
    return cell.astype(np.int64), first


def _changes(value: F64, cell: I64, user: I64, late: np.ndarray, *, constant_only: bool) -> Change:
    """Cells with too few rows or users on a side have p = 1."""
    cells = int(cell.max()) + 1
    side = 2 * cell + late
    n = np.bincount(side, minlength=2 * cells).astype(np.float64)
    mean = np.bincount(side, value, 2 * cells) / np.maximum(n, 1)
    away = value - mean[side]
    spread = np.zeros(2 * cells)
    np.maximum.at(spread, side, np.abs(away))
    apart = np.abs(mean[1::2] - mean[::2])
    enough = (n.reshape(-1, 2) >= FEW_ROWS).all(1)
    constant = (spread.reshape(-1, 2) <= SAME).all(1)
    p = np.where(constant & enough & (apart > 1e-6), 0.0, 1.0)
    if not constant_only:
        users, variance = _by_user(away * np.where(late, 1, -1) / n[side], cell, user, side)
        tested = ~constant & (users >= FEW_USERS).all(1)
        z = apart / np.sqrt(np.maximum(variance, 1e-300))
        p = np.where(tested, 2 * ndtr(-z), p)
    return Change(mean[::2], mean[1::2], p)


def _by_user(influence: F64, cell: I64, user: I64, side: I64) -> tuple[F64, F64]:
    """Users (c, 2) on either side, and the variance (c,) of the difference with a user's rows as one."""
    cells, size = int(cell.max()) + 1, int(user.max()) + 1
    pairs, at = np.unique(cell * size + user, return_inverse=True)
    total = np.bincount(at, influence)
    variance = np.bincount(pairs // size, total**2, cells)
    seen = np.unique(side * size + user) // size
    return np.bincount(seen, minlength=2 * cells).reshape(-1, 2).astype(np.float64), variance.astype(np.float64)
