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
from tactful.frames.reading.epochs import refuse_implausible
from tactful.frames.reading.identifiers import keep_as_written, read_identifiers
from tactful.frames.reading.nan_checks import drop_flags, find_nan_checks, refuse_nan, select_flags
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.scan import POLARS_FAILURES, one_line_error, scan
from tactful.frames.reading.times import read_times, read_times_us
from tactful.frames.reading.typed_columns import escape_parts, read_numbers, read_texts
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import RollupSpec
from tactful.frames.spec.sources import ColumnSource
from tactful.frames.spec.timezones import to_local
from tactful.frames.spec.toml_tables import find_nearest

MINUTE_US, DAY_MINUTES = 60_000_000, 1440
EXAMPLE_TYPES = 5  # types of events that a message shows


class SendTable(NamedTuple):
    """The events of a file, typed."""

    frame: pl.DataFrame
    """``user``, ``scope``, ``segment``, ``at`` (µs UTC), ``local`` (µs of the user's clock), ``period``, ``type``,
    ``send``, ``slot`` (its place in the grid), ``away`` (minutes from it), ``propensity`` if there is one; for each
    outcome ``t.<name>`` (µs UTC, from a column of the send) or ``v.<name>`` (the value of the event)."""
    clock: str
    """How local time was known, in words."""


def read_sends(
    source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, spec: LogSpec, rollup: RollupSpec
) -> SendTable:
    """The events of a file or a frame.

    Raises
    ------
    LogError
        A column is missing, no row, no send, or values that are no users, times or types; with rows and what to do.
    """
    rows = _collect(source, rollup)
    times, epoch_unit = read_times(rows, "time", spec.timezone)
    refuse_implausible(rows, "time", times)
    user = read_identifiers(rows, "user", do="leave these rows out of the file")
    local, clock = _local_times(rows, times, spec)
    clock += f"; times were read as {epoch_unit} since 1970" * bool(epoch_unit)
    type_ = _read_types(rows, rollup)
    slot, distance = _nearest_slots(local, spec.actions)
    length = spec.actions.period_us or 7 * DAY_US
    lag = round(rollup.lag_days * DAY_US)
    columns = {
        "user": user,
        "scope": read_texts(rows, "scope").fill_null("") if "scope" in rows else pl.repeat("", rows.n, eager=True),
        "segment": _read_segment(rows),
        "at": pl.Series(times),
        "local": pl.Series(local),
        "period": pl.Series((local - lag - spec.actions.origin_us) // length),
        "type": type_,
        "send": type_.is_in(list(rollup.send)).fill_null(False),
        "slot": pl.Series(slot),
        "away": pl.Series(distance),
    }
    if "propensity" in rows:
        columns["propensity"] = pl.Series(read_numbers(rows, "propensity")).fill_nan(None)
    return SendTable(pl.DataFrame(columns | _read_outcomes(rows, spec, rollup)), clock)


def _collect(source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, rollup: RollupSpec) -> FileRows:
    """The columns that the spec names, read under their roles."""
    file = scan(source)
    sources = _find_sources(rollup)
    for role, column_source in sources.items():
        for column in column_source.columns:
            if column not in file.schema:
                what = f"no column {column!r}; the nearest is {find_nearest(column, file.schema)}"
                raise LogError(what, file.name, f"set {column_source.key} to what the file has")
        file.check_parts(column_source.columns, column_source.key, optional=role == "scope")
    texts = [s.column for role, s in sources.items() if role in ("type", "scope") and s.column]
    file = keep_as_written(file, texts, [s.column for role, s in sources.items() if role == "user" and s.column])
    checks = find_nan_checks(sources, file.schema)
    selection = [s.expr.alias(role) for role, s in sources.items()]
    try:
        frame = file.lazy.select(*selection, *select_flags(checks)).collect(engine="streaming")
    except POLARS_FAILURES as error:
        raise one_line_error(error, file.name) from None
    if not frame.height:
        raise LogError("no rows", file.name, "give a file of events")
    labels = {role: s.label for role, s in sources.items()}
    rows = FileRows(drop_flags(frame), np.arange(1, frame.height + 1), labels, file.name)
    refuse_nan(frame, rows, checks)
    return rows


def _find_sources(rollup: RollupSpec) -> dict[str, ColumnSource]:
    """The source of every role; ``t.`` goes before times of outcomes, ``v.`` before their values."""
    sources: dict[str, ColumnSource] = dict(rollup.roles)
    sources |= {f"segment.{i}" if len(rollup.segment) > 1 else "segment": s for i, s in enumerate(rollup.segment)}
    for outcome in rollup.outcomes:
        sources |= {f"t.{outcome.name}": outcome.time} if outcome.time else {}
        sources |= {f"v.{outcome.name}": outcome.value} if outcome.value else {}
    return sources


def _read_types(rows: FileRows, rollup: RollupSpec) -> pl.Series:
    """The types of the events, one of which must be a send; without such a column every row is one."""
    if "type" not in rows:
        return pl.Series([rollup.send[0]] * rows.n, dtype=pl.String)
    types = read_texts(rows, "type")
    if not types.is_in(list(rollup.send)).fill_null(False).any():
        examples = types.drop_nulls().unique(maintain_order=True).to_list()[:EXAMPLE_TYPES]
        what = f"no row is a send; the types are {', '.join(map(repr, examples))}"
        raise LogError(what, rows.locate("type"), "set [rollup] send to one of them")
    return types


def _local_times(rows: FileRows, times: I64, spec: LogSpec) -> tuple[I64, str]:
    """(n,) µs of the users' clocks, and how they are known, in words."""
    if "local_time" in rows:
        clock = read_texts(rows, "local_time").str.extract_groups(r"^\s*(\d{1,2}):(\d{2})")
        minute = clock.struct.field("1").cast(pl.Int64) * 60 + clock.struct.field("2").cast(pl.Int64)
        unreadable = (minute.is_null() | (minute >= DAY_MINUTES)).fill_null(True).to_numpy()
        rows.refuse(unreadable, "local_time", "no local time of day", "write it as 19:30")
        ahead = minute.to_numpy() - (times // MINUTE_US) % DAY_MINUTES
        # The clock that is less than half a day from UTC: which day it was there is not in an hour of the day.
        ahead = (ahead + DAY_MINUTES // 2) % DAY_MINUTES - DAY_MINUTES // 2
        return times + ahead * MINUTE_US, "local times are those of the events, less than half a day from UTC"
    if "timezone" in rows:
        return _convert_by_row(rows, times), "local times are those of each event's timezone"
    zone = spec.timezone or "UTC"
    return to_local(pl.Series(times), zone).to_numpy(), f"everybody's local time is taken to be that of {zone}"


def _convert_by_row(rows: FileRows, times: I64) -> I64:
    """(n,) µs of the clock in each event's own zone."""
    zones = read_texts(rows, "timezone")
    rows.refuse(zones.is_null().to_numpy(), "timezone", "no timezone", "fill it, or use local_time", show=False)
    local = np.empty(rows.n, np.int64)
    for zone in zones.unique():
        in_zone = (zones == zone).to_numpy()
        try:
            local[in_zone] = to_local(pl.Series(times[in_zone]), zone).to_numpy()
        except pl.exceptions.PolarsError:
            rows.refuse(in_zone, "timezone", "an unknown timezone", "write it as UTC or Europe/Berlin")
    return local


def _nearest_slots(local: I64, actions: ActionSpace) -> tuple[I64, I64]:
    """(n,) the place of the slot nearest on the circle of the day, and the minutes to it."""
    minute = (local // MINUTE_US) % DAY_MINUTES
    slot, minutes_away = np.zeros(local.size, np.int64), np.full(local.size, DAY_MINUTES)
    for i, text in enumerate(list_slots(actions)):
        distance = np.abs(minute - 60 * int(text[:2]) - int(text[3:]))
        distance = np.minimum(distance, DAY_MINUTES - distance)
        nearer = distance < minutes_away
        slot[nearer], minutes_away[nearer] = i, distance[nearer]
    return slot, minutes_away


def list_slots(actions: ActionSpace) -> tuple[str, ...]:
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


def _read_segment(rows: FileRows) -> pl.Series:
    """The path; parts are escaped and joined, null where a part is."""
    roles = [c for c in rows.frame.columns if c.split(".")[0] == "segment"]
    if not roles:
        return pl.repeat(None, rows.n, dtype=pl.String, eager=True)
    if roles == ["segment"]:
        path = read_texts(rows, "segment")
        broken = ~path.fill_null("").map_elements(is_path, pl.Boolean)
        rows.refuse(broken.to_numpy(), "segment", "a path with an empty part", "name every part, as in ios/new")
        return path
    columns = [escape_parts(read_texts(rows, role)) for role in roles]
    return pl.select(pl.concat_str(columns, separator="/")).to_series()


def _read_outcomes(rows: FileRows, spec: LogSpec, rollup: RollupSpec) -> dict[str, pl.Series]:
    """The columns ``t.<name>`` and ``v.<name>``."""
    columns: dict[str, pl.Series] = {}
    for outcome in rollup.outcomes:
        time_role, value_role = f"t.{outcome.name}", f"v.{outcome.name}"
        if outcome.time is not None:
            columns[time_role] = _read_outcome_times(rows, time_role, spec)
        elif outcome.value is not None:
            columns[value_role] = pl.Series(read_numbers(rows, value_role)).fill_nan(0.0)
        else:
            columns[value_role] = pl.repeat(1.0, rows.n, eager=True)
    return columns


def _read_outcome_times(rows: FileRows, role: str, spec: LogSpec) -> pl.Series:
    """µs UTC of outcomes in a column of the sends, null where none came."""
    present = rows[role].is_not_null()
    with_time = rows.take(present.to_numpy())
    times = np.full(rows.n, -1, np.int64)
    if with_time.n:
        times[present.to_numpy()] = read_times_us(with_time, role, spec.timezone)
    return pl.Series(times).set(~present, None)
