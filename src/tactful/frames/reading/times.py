"""Times, as µs since 1970 in UTC."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from tactful.core.actions import time_us
from tactful.core.arrays import I64
from tactful.errors import SpecError
from tactful.frames.reading.rows import Rows

OFFSET = r"\d{2}:\d{2}.*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


def check_timezone(name: str, where: str) -> None:
    """Refuse a timezone that is not in the IANA database.

    Raises
    ------
    SpecError
        Such as ``CEST``; the message shows how one is written.
    """
    try:
        pl.select(pl.lit(datetime(2000, 1, 1)).dt.replace_time_zone(name))
    except pl.exceptions.PolarsError:
        raise SpecError(f"unknown timezone {name!r}", where, "write it as UTC or Europe/Berlin") from None


def instant_us(text: str, timezone: str | None, where: str) -> int:
    """µs UTC of an ISO time; without offset it is in ``timezone``, or in UTC where none is given.

    Raises
    ------
    SpecError
        The text is not an ISO time.
    """
    at_us = time_us(text, where)
    if timezone is None or datetime.fromisoformat(text).tzinfo is not None:
        return at_us
    return int(_in_zone(pl.Series([at_us]).cast(pl.Datetime("us")), timezone)[0])


def times_us(rows: Rows, role: str, timezone: str | None) -> I64:
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
        at = _parsed(rows, role, timezone)
    elif column.dtype == pl.Date:
        at = _zoned(rows, role, column.cast(pl.Datetime("us")), timezone)
    elif isinstance(column.dtype, pl.Datetime):
        column = column.dt.cast_time_unit("us")
        at = column.to_physical() if column.dtype.time_zone else _zoned(rows, role, column, timezone)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    else:
        do = 'cast it: { expr = "CAST(seconds * 1000000 AS TIMESTAMP)" } with [log] timezone = "UTC"'
        raise rows.fail(role, f"holds {column.dtype} where times are expected", do)
    return at.to_numpy()


def _parsed(rows: Rows, role: str, timezone: str | None) -> pl.Series:
    text = rows[role].str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T")
    zoned = text.str.contains(OFFSET)
    naive = _any_format(text.set(zoned, None), NAIVE, None)
    at = _any_format(text.set(~zoned, None), ZONED, "UTC").to_physical()
    rows.refuse(
        (at.is_null() & naive.is_null()).to_numpy(), role, "not an ISO time", "write it as 2026-11-02T08:00:00Z"
    )
    if naive.null_count() == naive.len():
        return at
    return at.zip_with(naive.is_null(), _zoned(rows, role, naive, timezone))


def _any_format(text: pl.Series, formats: tuple[str, ...], zone: str | None) -> pl.Series:
    """The first format that fits each text; later formats are tried only where earlier ones failed."""
    at = text.str.to_datetime(formats[0], time_unit="us", time_zone=zone, strict=False)
    for format_ in formats[1:]:
        if at.null_count() > text.null_count():
            other = text.str.to_datetime(format_, time_unit="us", time_zone=zone, strict=False)
            at = at.zip_with(at.is_not_null(), other)
    return at


def _zoned(rows: Rows, role: str, naive: pl.Series, timezone: str | None) -> pl.Series:
    """µs UTC of naive times, null where there is none."""
    given = naive.is_not_null()
    if timezone is None:
        do = 'set [log] timezone = "UTC", or the zone in which they were written'
        rows.refuse(given.to_numpy(), role, "a time without offset", do)
    at = _in_zone(naive, timezone or "UTC")
    rows.refuse((given & at.is_null()).to_numpy(), role, f"a time that {timezone} never had", "map times with offsets")
    return at


def _in_zone(naive: pl.Series, timezone: str) -> pl.Series:
    return naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").to_physical()
