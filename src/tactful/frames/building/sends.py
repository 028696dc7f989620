"""Sends, and what came of them, as one typed table: who, when in local time, and how near to a slot of the grid."""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple

import numpy as np
import polars as pl

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.arrays import I64
from tactful.core.segments import is_path
from tactful.errors import LogError, SpecError
from tactful.frames.reading.rows import Rows
from tactful.frames.reading.scan import FAILURES, failure, scan
from tactful.frames.reading.times import times_us
from tactful.frames.reading.values import numbers, texts
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import RollupSpec
from tactful.frames.spec.sources import Source
from tactful.frames.spec.toml_tables import nearest

MINUTE_US, DAY_MINUTES = 60_000_000, 1440


class Sends(NamedTuple):
    """The table, and in words how local time was known.

    Columns: ``user``, ``scope``, ``segment``, ``at`` (µs UTC), ``local`` (µs of the user's clock), ``period``,
    ``type``, ``send``, ``slot`` (its place in the grid), ``away`` (minutes from it), ``propensity`` if there is one;
    for each outcome ``t.<name>`` (µs UTC, from a column of the send) or ``v.<name>`` (the value of the event).
    """

    frame: pl.DataFrame
    clock: str


def read_sends(source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, spec: LogSpec, how: RollupSpec) -> Sends:
    """The events of a file or a frame.

    Raises
    ------
    LogError
        A column is missing, no row, no send, or values that are no users, times or types; with rows and what to do.
    """
    rows = _collect(source, how)
    at = times_us(rows, "time", spec.timezone)
    user = texts(rows, "user")
    rows.refuse(user.is_null().to_numpy(), "user", "no user", "leave these rows out of the file", show=False)
    local, clock = _local(rows, at, spec)
    type_ = texts(rows, "type") if "type" in rows else pl.Series([how.send[0]] * rows.n, dtype=pl.String)
    send = type_.is_in(list(how.send)).fill_null(False)
    if not send.any():
        found = ", ".join(map(repr, type_.drop_nulls().unique(maintain_order=True).to_list()[:5]))
        what = f"no row is a send; the types are {found}"
        raise LogError(what, rows.where("type"), "set [rollup] send to one of them")
    slot, away = _nearest(local, spec.actions)
    length = spec.actions.period_us or 7 * DAY_US
    lag = round(how.lag_days * DAY_US)
    columns = {
        "user": user,
        "scope": texts(rows, "scope").fill_null("") if "scope" in rows else pl.repeat("", rows.n, eager=True),
        "segment": _segment(rows),
        "at": pl.Series(at),
        "local": pl.Series(local),
        "period": pl.Series((local - lag - spec.actions.origin_us) // length),
        "type": type_,
        "send": send,
        "slot": pl.Series(slot),
        "away": pl.Series(away),
    }
    if "propensity" in rows:
        columns["propensity"] = pl.Series(numbers(rows, "propensity")).fill_nan(None)
    return Sends(pl.DataFrame(columns | _outcomes(rows, spec, how)), clock)


def _collect(source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, how: RollupSpec) -> Rows:
    opened = scan(source)
    found: dict[str, Source] = dict(how.roles)
    found |= {f"segment.{i}" if len(how.segment) > 1 else "segment": s for i, s in enumerate(how.segment)}
    for g in how.outcomes:
        found |= {f"t.{g.name}": g.time} if g.time else {}
        found |= {f"v.{g.name}": g.value} if g.value else {}
    for one in found.values():
        for column in one.columns:
            if column not in opened.schema:
                what = f"no column {column!r}; the nearest is {nearest(column, opened.schema)}"
                raise LogError(what, opened.name, f"set {one.key} to what the file has")
    opened = opened.as_text([s.column for role, s in found.items() if role in ("user", "type", "scope") and s.column])
    try:
        frame = opened.lazy.select(s.expr.alias(role) for role, s in found.items()).collect(engine="streaming")
    except FAILURES as error:
        raise failure(error, opened.name) from None
    if not frame.height:
        raise LogError("no rows", opened.name, "give a file of events")
    return Rows(frame, np.arange(1, frame.height + 1), {r: s.label for r, s in found.items()}, opened.name)


def _local(rows: Rows, at: I64, spec: LogSpec) -> tuple[I64, str]:
    """(n,) µs of the users' clocks, and whence they are known."""
    if "local_time" in rows:
        given = texts(rows, "local_time").str.extract_groups(r"^\s*(\d{1,2}):(\d{2})")
        minute = given.struct.field("1").cast(pl.Int64) * 60 + given.struct.field("2").cast(pl.Int64)
        bad = (minute.is_null() | (minute >= DAY_MINUTES)).fill_null(True).to_numpy()
        rows.refuse(bad, "local_time", "no local time of day", "write it as 19:30")
        ahead = minute.to_numpy() - (at // MINUTE_US) % DAY_MINUTES
        # The clock that is less than half a day from UTC: which day it was there is not in an hour of the day.
        ahead = (ahead + DAY_MINUTES // 2) % DAY_MINUTES - DAY_MINUTES // 2
        return at + ahead * MINUTE_US, "local times are those of the events, less than half a day from UTC"
    if "timezone" in rows:
        return _zoned(rows, at), "local times are those of each event's timezone"
    zone = spec.timezone or "UTC"
    return _in(pl.Series(at), zone).to_numpy(), f"everybody's local time is taken to be that of {zone}"


def _zoned(rows: Rows, at: I64) -> I64:
    zone = texts(rows, "timezone")
    rows.refuse(zone.is_null().to_numpy(), "timezone", "no timezone", "fill it, or use local_time", show=False)
    out = np.empty(rows.n, np.int64)
    for name in zone.unique():
        here = (zone == name).to_numpy()
        try:
            out[here] = _in(pl.Series(at[here]), name).to_numpy()
        except pl.exceptions.PolarsError:
            rows.refuse(here, "timezone", "an unknown timezone", "write it as UTC or Europe/Berlin")
    return out


def _in(at: pl.Series, zone: str) -> pl.Series:
    """µs of the clock in a zone."""
    there = at.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    return there.dt.replace_time_zone(None).to_physical()


def _nearest(local: I64, actions: ActionSpace) -> tuple[I64, I64]:
    """(n,) the place of the slot nearest on the circle of the day, and the minutes to it."""
    minute = (local // MINUTE_US) % DAY_MINUTES
    slot, away = np.zeros(local.size, np.int64), np.full(local.size, DAY_MINUTES)
    for i, text in enumerate(slots_of(actions)):
        apart = np.abs(minute - 60 * int(text[:2]) - int(text[3:]))
        apart = np.minimum(apart, DAY_MINUTES - apart)
        nearer = apart < away
        slot[nearer], away[nearer] = i, apart[nearer]
    return slot, away


def slots_of(actions: ActionSpace) -> tuple[str, ...]:
    """The slots of a grid, in its order.

    Raises
    ------
    SpecError
        The actions are plain names.
    """
    slots = tuple(dict.fromkeys(s for s in actions.slots if s))
    if not slots or None in actions.frequencies:
        do = "give slots and frequencies under [actions]"
        raise SpecError("a rollup needs a grid of cadences, and these are plain names", "[actions]", do)
    return slots


def _segment(rows: Rows) -> pl.Series:
    """The path; parts are escaped and joined, null where a part is."""
    roles = [c for c in rows.frame.columns if c.split(".")[0] == "segment"]
    if not roles:
        return pl.repeat(None, rows.n, dtype=pl.String, eager=True)
    if roles == ["segment"]:
        path = texts(rows, "segment")
        broken = ~path.fill_null("").map_elements(is_path, pl.Boolean)
        rows.refuse(broken.to_numpy(), "segment", "a path with an empty part", "name every part, as in ios/new")
        return path
    # core.segments.escape, for a column
    parts = [
        texts(rows, role).str.replace_all("%", "%25", literal=True).str.replace_all("/", "%2F", literal=True)
        for role in roles
    ]
    return pl.select(pl.concat_str(parts, separator="/")).to_series()


def _outcomes(rows: Rows, spec: LogSpec, how: RollupSpec) -> dict[str, pl.Series]:
    found: dict[str, pl.Series] = {}
    for g in how.outcomes:
        if g.time is not None:
            given = rows[f"t.{g.name}"].is_not_null()
            known = rows.take(given.to_numpy())
            at = np.full(rows.n, -1, np.int64)
            if known.n:
                at[given.to_numpy()] = times_us(known, f"t.{g.name}", spec.timezone)
            found[f"t.{g.name}"] = pl.Series(at).set(~given, None)
        else:
            value = pl.Series(numbers(rows, f"v.{g.name}")).fill_nan(0.0) if g.value else None
            found[f"v.{g.name}"] = pl.repeat(1.0, rows.n, eager=True) if value is None else value
    return found
