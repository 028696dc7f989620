"""What a decision log must obey (design 4.1): each rule refuses with the column, the count and the first rows."""

from __future__ import annotations

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Coded
from tactful.frames.reading.rows import Rows
from tactful.frames.reading.values import codes, numbers, texts, vectors
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.toml_tables import nearest

TOLERANCE = 1e-6
FILTER = "leave these rows out with [log] where"


def actions(rows: Rows, spec: LogSpec) -> I64:
    """(n,) indices of the logged actions.

    Raises
    ------
    LogError
        A null or unknown action.
    """
    column = texts(rows, "action")
    rows.refuse(column.is_null().to_numpy(), "action", "no action", FILTER, show=False)
    code, distinct = codes(column)
    mapped = spec.action_map
    known = list(spec.actions.names if mapped is None else mapped)
    index = [spec.actions.names.index(v if mapped is None else mapped[v]) if v in known else -1 for v in distinct]
    action = np.array(index, np.int64)[code]
    if (action < 0).any():
        odd = str(distinct[index.index(-1)])
        do = (
            f"the nearest known one is {nearest(odd, known)}; list it under [actions], or translate it in [actions] map"
        )
        rows.refuse(action < 0, "action", f"unknown action {odd!r}", do)
    return action


def eligible(rows: Rows, action: I64, k: int) -> Bool | None:
    """(n, k) which actions could be taken; None where the log does not say.

    Raises
    ------
    LogError
        Lists of another length, entries that are no truths, no eligible action, or a logged action that was not.
    """
    if "eligible" not in rows:
        return None
    entry = vectors(rows, "eligible", k)
    rows.refuse(
        np.any((entry != 0) & (entry != 1), axis=1),
        "eligible",
        "entries other than true and false",
        "write true or false",
    )
    may = entry != 0
    rows.refuse(~may.any(axis=1), "eligible", "no eligible action", FILTER)
    ineligible = ~may[np.arange(rows.n), action]
    rows.refuse(ineligible, "eligible", "the logged action is not eligible", "correct the list or the action")
    return may


def propensities(rows: Rows, action: I64, may: Bool | None, spec: LogSpec) -> tuple[F64 | None, F64 | None]:
    """(n,) propensities of the logged actions and (n, k) whole vectors, where the log has them.

    Raises
    ------
    LogError
        A propensity outside (0, 1], vectors that are no probabilities, or the two at odds.
    """
    vector = _vectors(rows, may, spec.actions) if "propensities" in rows else None
    logged = None if vector is None else vector[np.arange(rows.n), action]
    if "propensity" in rows:
        given = numbers(rows, "propensity")
        _in_unit(rows, "propensity", given)
        if logged is not None:
            apart = np.abs(given - logged) > TOLERANCE
            rows.refuse(apart, "propensity", "differs from the entry of propensities", "log both from one draw")
        logged = given
    elif logged is not None:
        _in_unit(rows, "propensities", logged)
    if logged is not None and spec.min_propensity is not None:
        low = logged < spec.min_propensity - TOLERANCE
        what = f"propensity below [log] min_propensity = {spec.min_propensity:g}"
        rows.refuse(low, "propensity" if "propensity" in rows else "propensities", what, "lower min_propensity")
    return logged, vector


def _in_unit(rows: Rows, role: str, propensity: F64) -> None:
    do = "log the probability with which the action was drawn, or leave these rows out with [log] where"
    rows.refuse(~((propensity > 0) & (propensity <= 1)), role, "propensity outside (0, 1]", do)


def _vectors(rows: Rows, may: Bool | None, space: ActionSpace) -> F64:
    role = "propensities"
    vector = vectors(rows, role, space.k)
    rows.refuse(np.any(vector < 0, axis=1), role, "negative entries", "log probabilities")
    total = np.abs(vector.sum(axis=1) - 1) > TOLERANCE
    rows.refuse(total, role, "a vector that does not sum to 1", "log the whole pmf, after masks and floors")
    if may is not None:
        mass = np.any((vector > TOLERANCE) & ~may, axis=1)
        rows.refuse(mass, role, "probability on an action that is not eligible", "log the pmf after the mask")
    return vector


def unique(rows: Rows, user: I64, scope: Coded, period: I64) -> None:
    """Refuse a second decision of one (user, period) within a scope.

    Raises
    ------
    LogError
        Counts the rows that repeat an earlier one.
    """
    order = np.lexsort((period, scope.code, user))
    again = np.zeros(rows.n, np.bool_)
    same = np.ones(rows.n - 1, np.bool_)
    for key in (user, scope.code, period):
        same &= np.diff(key[order]) == 0
    again[order[1:][same]] = True
    role = "period" if "period" in rows or "decided_at" not in rows else "decided_at"
    do = "keep one decision of a (user, period), or map scope to what tells them apart"
    rows.refuse(again, role, "a second decision of the same (user, period)", do)


def absorbed(rows: Rows, event: Bool, group: I64, at: I64, window: int, name: str) -> None:
    """Refuse decisions more than a window after one whose absorbing outcome came.

    ``event`` (n,) marks the rows where it came, ``group`` (n,) the (user, scope), ``at`` (n,) the time in the unit of
    ``window``.

    Raises
    ------
    LogError
        Counts these decisions.
    """
    start = np.full(int(group.max()) + 1, np.iinfo(np.int64).max - window)
    np.minimum.at(start, group[event], at[event])
    role = "decided_at" if "decided_at" in rows else "period"
    what = f"a decision after the absorbing outcome {name!r} and its window"
    do = 'leave these rows out with [log] where, or set rejoin = "spell" if people came back'
    rows.refuse(at > start[group] + window, role, what, do)
