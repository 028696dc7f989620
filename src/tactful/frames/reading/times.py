"""Columns of times, as µs since 1970 in UTC."""

from __future__ import annotations

import polars as pl

from tactful.core.arrays import I64
from tactful.frames.reading.rows import FileRows
from tactful.frames.spec.timezones import to_utc

OFFSET_PATTERN = r"\d{2}:\d{2}.*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
NAIVE_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


def read_times_us(rows: FileRows, role: str, timezone: str | None) -> I64:
    """(n,) µs UTC of a column of times: datetimes, dates, or ISO texts.

    A naive time that happens twice when clocks go back is taken as the first of the two.

    Raises
    ------
    LogError
        Not times, unknown ones, naive ones without a ``timezone``, or some that a change of clocks left out.
    """
    column = rows[role]
    rows.refuse(column.is_null().to_numpy(), role, "no time", "leave these rows out with [log] where", show=False)
    if column.dtype == pl.String:
        times = _parse_texts(rows, role, timezone)
    elif column.dtype == pl.Date:
        times = _place(rows, role, column.cast(pl.Datetime("us")), timezone)
    elif isinstance(column.dtype, pl.Datetime):
        column = column.dt.cast_time_unit("us")
        times = column.to_physical() if column.dtype.time_zone else _place(rows, role, column, timezone)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    else:
        do = 'cast it: { expr = "CAST(seconds * 1000000 AS TIMESTAMP)" } with [log] timezone = "UTC"'
        raise rows.column_error(role, f"holds {column.dtype} where times are expected", do)
    return times.to_numpy()


def _parse_texts(rows: FileRows, role: str, timezone: str | None) -> pl.Series:
    """µs UTC of ISO texts, with offsets or without."""
    text = rows[role].str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T")
    has_offset = text.str.contains(OFFSET_PATTERN)
    naive = _parse_formats(text.set(has_offset, None), NAIVE_FORMATS, None)
    times = _parse_formats(text.set(~has_offset, None), ZONED_FORMATS, "UTC").to_physical()
    unreadable = (times.is_null() & naive.is_null()).to_numpy()
    rows.refuse(unreadable, role, "not an ISO time", "write it as 2026-11-02T08:00:00Z")
    if naive.null_count() == naive.len():
        return times
    return times.zip_with(naive.is_null(), _place(rows, role, naive, timezone))


def _parse_formats(text: pl.Series, formats: tuple[str, ...], zone: str | None) -> pl.Series:
    """The first format that fits each text; later formats are tried only where earlier ones failed."""
    times = text.str.to_datetime(formats[0], time_unit="us", time_zone=zone, strict=False)
    for format_ in formats[1:]:
        if times.null_count() > text.null_count():
            retried = text.str.to_datetime(format_, time_unit="us", time_zone=zone, strict=False)
            times = times.zip_with(times.is_not_null(), retried)
    return times


def _place(rows: FileRows, role: str, naive: pl.Series, timezone: str | None) -> pl.Series:
    """µs UTC of naive times in the zone of the spec, null where there is no time.

    Parameters
    ----------
    rows, role
        The rows and the column, for messages.
    naive
        (n,) times without offset.
    timezone
        Their zone; None refuses them.
    """
    present = naive.is_not_null()
    if timezone is None:
        do = 'set [log] timezone = "UTC", or the zone in which they were written'
        rows.refuse(present.to_numpy(), role, "a time without offset", do)
    times = to_utc(naive, timezone or "UTC")
    skipped = (present & times.is_null()).to_numpy()
    rows.refuse(skipped, role, f"a time that {timezone} never had", "map times with offsets")
    return times
