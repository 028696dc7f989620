"""What a decision log must obey: each rule refuses with the column, the count and the first rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Coded
from tactful.frames.reading import rounding
from tactful.frames.reading.clock import DecisionTimes, describe_period, local_periods
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.typed_columns import encode, read_numbers, read_texts, read_vectors
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.toml_tables import find_nearest

PROBABILITY_TOLERANCE = 1e-6
FILTER_HINT = "leave these rows out with [log] where"


class Propensities(NamedTuple):
    """What a log says of the policy that decided."""

    logged: F64 | None
    """(n,) probabilities of the logged actions."""
    vectors: F64 | None
    """(n, k) probabilities of all actions."""
    notes: tuple[str, ...]
    """What was done to them, in words."""


def read_actions(rows: FileRows, spec: LogSpec) -> I64:
    """(n,) indices of the logged actions.

    Raises
    ------
    LogError
        A null or unknown action.
    """
    column = read_texts(rows, "action")
    rows.refuse(column.is_null().to_numpy(), "action", "no action", FILTER_HINT, show=False)
    code, distinct = encode(column)
    action_map, names = spec.action_map, spec.actions.names
    options = list(names if action_map is None else action_map)
    index = [names.index(v if action_map is None else action_map[v]) if v in options else -1 for v in distinct]
    action = np.array(index, np.int64)[code]
    if (action < 0).any():
        name = str(distinct[index.index(-1)])
        nearest = find_nearest(name, options)
        do = f"the nearest known one is {nearest}; list it under [actions], or translate it in [actions] map"
        rows.refuse(action < 0, "action", f"unknown action {name!r}", do)
    return action


def read_eligible(rows: FileRows, action: I64, k: int) -> Bool | None:
    """(n, k) which actions could be taken; None where the log does not say.

    Raises
    ------
    LogError
        Lists of another length, entries that are no truths, no eligible action, or a logged action that was not.
    """
    if "eligible" not in rows:
        return None
    role = "eligible"
    entries = read_vectors(rows, role, k)
    no_truths = np.any((entries != 0) & (entries != 1), axis=1)
    rows.refuse(no_truths, role, "entries other than true and false", "write true or false")
    eligible = entries != 0
    rows.refuse(~eligible.any(axis=1), role, "no eligible action", FILTER_HINT)
    ineligible = ~eligible[np.arange(rows.n), action]
    rows.refuse(ineligible, role, "the logged action is not eligible", "correct the list or the action")
    return eligible


def read_propensities(rows: FileRows, action: I64, eligible: Bool | None, spec: LogSpec) -> Propensities:
    """Propensities of the logged actions, and whole vectors, where the log has them.

    Vectors that miss a sum of 1 by no more than rounding explains are renormalised.

    Parameters
    ----------
    rows
        The rows of the file.
    action
        (n,) indices of the logged actions.
    eligible
        (n, k) which actions could be taken, or None.
    spec
        The actions, and what logging guaranteed.

    Raises
    ------
    LogError
        A propensity outside (0, 1], vectors that are no probabilities, or the two at odds.
    """
    written = _read_pmfs(rows, eligible, spec.actions) if "propensities" in rows else None
    logged, vectors, notes = None, None, ()
    if written is not None:
        vectors, notes = _renormalise(rows, written)
        logged = vectors[np.arange(rows.n), action]
    if "propensity" in rows:
        propensity = read_numbers(rows, "propensity")
        _check_unit_interval(rows, "propensity", propensity)
        if written is not None and logged is not None:
            entry = written[np.arange(rows.n), action]
            _check_agreement(rows, propensity, entry, written)
            # A propensity that repeats a rounded entry is that entry, renormalised.
            repeats = (np.abs(propensity - entry) <= PROBABILITY_TOLERANCE) & (logged != entry)
            propensity = np.where(repeats, logged, propensity)
        logged = propensity
    elif logged is not None:
        _check_unit_interval(rows, "propensities", logged)
    if logged is not None and spec.min_propensity is not None:
        low = logged < spec.min_propensity - PROBABILITY_TOLERANCE
        what = f"propensity below [log] min_propensity = {spec.min_propensity:g}"
        rows.refuse(low, "propensity" if "propensity" in rows else "propensities", what, "lower min_propensity")
    return Propensities(logged, vectors, notes)


def _check_unit_interval(rows: FileRows, role: str, propensity: F64) -> None:
    do = "log the probability with which the action was drawn, or leave these rows out with [log] where"
    rows.refuse(~((propensity > 0) & (propensity <= 1)), role, "propensity outside (0, 1]", do)


def _check_agreement(rows: FileRows, propensity: F64, entry: F64, written: F64) -> None:
    """Refuse propensities that are not the entry of their vector, beyond what the rounding of either explains.

    Parameters
    ----------
    rows
        The rows of the file.
    propensity, entry
        (n,) propensities, and the entries of the logged actions as they are written.
    written
        (n, k) the vectors as they are written.
    """
    differs = np.abs(propensity - entry) > PROBABILITY_TOLERANCE
    if differs.any():
        differs &= np.abs(propensity - entry) > rounding.entry_error(written) + rounding.SLACK
        differs &= ~rounding.is_rounded(propensity, entry)
    rows.refuse(differs, "propensity", "differs from the entry of propensities", "log both from one draw")


def _read_pmfs(rows: FileRows, eligible: Bool | None, actions: ActionSpace) -> F64:
    """(n, k) whole vectors, checked to be probabilities of eligible actions, up to rounding."""
    role = "propensities"
    pmf = read_vectors(rows, role, actions.k)
    rows.refuse(np.any(pmf < 0, axis=1), role, "negative entries", "log probabilities")
    error = np.abs(pmf.sum(axis=1) - 1)
    unnormalised = error > PROBABILITY_TOLERANCE
    if unnormalised.any():
        unnormalised &= error > rounding.sum_error(pmf[unnormalised])
    do = 'log the whole pmf, after masks and floors, with more decimals, or leave it out: [columns] propensities = ""'
    rows.refuse(unnormalised, role, "a vector that does not sum to 1", do)
    if eligible is not None:
        misplaced = np.any((pmf > PROBABILITY_TOLERANCE) & ~eligible, axis=1)
        rows.refuse(misplaced, role, "probability on an action that is not eligible", "log the pmf after the mask")
    return pmf


def _renormalise(rows: FileRows, written: F64) -> tuple[F64, tuple[str, ...]]:
    """(n, k) vectors that sum to 1, and in words how many of them did not as they are written."""
    total = written.sum(axis=1)
    rounded = np.abs(total - 1) > PROBABILITY_TOLERANCE
    if not rounded.any():
        return written, ()
    vectors = written.copy()
    vectors[rounded] /= total[rounded, None]
    low, high = total[rounded].min(), total[rounded].max()
    sums = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    label = rows.labels.get("propensities", "propensities")
    count = int(rounded.sum())
    return vectors, (f"{label}: {count:,} rounded vectors (sums of {sums}) were renormalised to 1",)


def check_unique(rows: FileRows, user: I64, scope: Coded, period: I64, times: DecisionTimes, spec: LogSpec) -> None:
    """Refuse a second decision of one (user, period) within a scope.

    Parameters
    ----------
    rows
        The rows of the file.
    user, scope, period
        (n,) codes of users, scopes, and periods.
    times, spec
        When they were made, and the clock of periods, for messages.

    Raises
    ------
    LogError
        Counts the rows that repeat an earlier one, and names the period of the first.
    """
    repeated = _find_repeated(user, scope, period)
    if not repeated.any():
        return
    is_derived = "period" not in rows and "decided_at" in rows
    name = describe_period(int(period[repeated.argmax()]), spec)
    do = "keep one decision of a (user, period), or map scope to what tells them apart"
    local = local_periods(times, spec) if is_derived else None
    if local is not None and not _find_repeated(user, scope, local).any():
        zone = spec.timezone
        do = f"periods are cut in UTC, and these decisions are of different ones in {zone}: map [columns] period"
    role = "decided_at" if is_derived else "period"
    rows.refuse(repeated, role, f"a second decision of the same (user, period), the first in {name},", do)


def _find_repeated(user: I64, scope: Coded, period: I64) -> Bool:
    """(n,) the rows that repeat the (user, scope, period) of an earlier one."""
    order = np.lexsort((period, scope.code, user))
    repeated = np.zeros(user.size, np.bool_)
    equals_previous = np.ones(user.size - 1, np.bool_)
    for key in (user, scope.code, period):
        equals_previous &= np.diff(key[order]) == 0
    repeated[order[1:][equals_previous]] = True
    return repeated


def check_absorbed(rows: FileRows, event: Bool, group: I64, time: I64, *, window: int, outcome: str) -> None:
    """Refuse decisions more than a window after one whose absorbing outcome came.

    Parameters
    ----------
    rows
        The rows of the file.
    event
        (n,) the decisions whose outcome came.
    group
        (n,) codes of (user, scope).
    time
        (n,) times of the decisions, in the unit of ``window``.
    window
        The outcome's attribution window.
    outcome
        The name of the outcome.

    Raises
    ------
    LogError
        Counts these decisions.
    """
    start = np.full(int(group.max()) + 1, np.iinfo(np.int64).max - window)
    np.minimum.at(start, group[event], time[event])
    role = "decided_at" if "decided_at" in rows else "period"
    what = f"a decision after the absorbing outcome {outcome!r} and its window"
    do = 'leave these rows out with [log] where, or set rejoin = "spell" if people came back'
    rows.refuse(time > start[group] + window, role, what, do)
