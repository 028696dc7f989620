"""Columns of times, as µs since 1970 in UTC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from tactful.core.arrays import I64
from tactful.frames.reading.epochs import EPOCH_PATTERN, read_epochs_us, refuse_implausible
from tactful.frames.reading.rows import FileRows
from tactful.frames.spec.timezones import to_utc

# BigQuery writes UTC after a space; Postgres +00, SQL Server +00:00 after a space.
UTC_PATTERN = r"\s*(?:UTC|GMT)$"
SPACED_OFFSET_PATTERN = r"\s+([zZ]|[+-]\d{2}(?::?\d{2})?)$"
OFFSET_PATTERN = r"\d{2}:\d{2}.*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
# Years 1 to 9999: what a calendar can print.
FIRST_YEAR_US, LAST_YEAR_US = -62_135_596_800_000_000, 253_402_300_799_999_999
ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
NAIVE_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
TIME_HINT = "write it as 2026-11-02T08:00:00Z"
ZONE_HINT = 'set [log] timezone = "UTC", or the zone in which they were written'


class Times(NamedTuple):
    """A column of times that was read."""

    us: I64
    """(n,) µs UTC."""
    epoch_unit: str = ""
    """The unit of numbers since 1970, in words; empty where the column held none."""


class ParsedTexts(NamedTuple):
    """Texts of times, as far as they can be read; null elsewhere."""

    instants: pl.Series
    """(n,) µs UTC of texts with an offset."""
    naive: pl.Series
    """(n,) Times of texts without one."""
    epochs: pl.Series
    """(n,) Numbers since 1970, as text."""


def read_times_us(rows: FileRows, role: str, timezone: str | None) -> I64:
    """(n,) µs UTC of a column of times between 1990 and 2100; otherwise as :func:`read_times`."""
    times_us = read_times(rows, role, timezone).us
    refuse_implausible(rows, role, times_us)
    return times_us


def read_times(rows: FileRows, role: str, timezone: str | None) -> Times:
    """Datetimes, dates, ISO texts as databases write them, or numbers since 1970 in s, ms, µs or ns.

    A naive time that happens twice when clocks go back is taken as the first of the two. Whether the instants are
    plausible is left to the caller.

    Raises
    ------
    LogError
        Not times, unknown ones, naive ones without a ``timezone``, or some that a change of clocks left out.
    """
    column = rows[role]
    rows.refuse(column.is_null().to_numpy(), role, "no time", "leave these rows out with [log] where", show=False)
    if column.dtype.is_integer() or column.dtype.is_float():
        return Times(*read_epochs_us(rows, role, column))
    unit = ""
    if column.dtype == pl.String:
        times, unit = _read_texts(rows, role, timezone)
    elif column.dtype == pl.Date:
        times = _place(rows, role, column.cast(pl.Datetime("us")), timezone)
    elif isinstance(column.dtype, pl.Datetime):
        _refuse_beyond_us(rows, role, column)
        column = column.dt.cast_time_unit("us")
        times = column.to_physical() if column.dtype.time_zone else _place(rows, role, column, timezone)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    else:
        do = "map a column of datetimes, of ISO texts, or of numbers since 1970 in s, ms, µs or ns"
        raise rows.column_error(role, f"holds {column.dtype} where times are expected", do)
    return Times(times.to_numpy(), unit)


def parse_texts(column: pl.Series) -> ParsedTexts:
    """Texts of times: ISO 8601 with ``T`` or a space, an offset, ``UTC`` or neither; or numbers since 1970."""
    text = column.str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2})[ t]\s*", "${1}T")
    instants, naive = _parse_iso(text)
    epochs = pl.repeat(None, text.len(), dtype=pl.String, eager=True)
    remainder = text.set(instants.is_not_null() | naive.is_not_null(), None)
    if remainder.null_count() == text.len():
        return ParsedTexts(instants, naive, epochs)
    # Rarer forms are looked for only where the usual ones do not fit.
    retried, _ = _parse_iso(remainder.str.replace(UTC_PATTERN, "Z").str.replace(SPACED_OFFSET_PATTERN, "${1}"))
    epochs = remainder.set(~remainder.str.contains(EPOCH_PATTERN), None)
    return ParsedTexts(instants.zip_with(instants.is_not_null(), retried), naive, epochs)


def _parse_iso(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """µs UTC of ISO texts with an offset, and times of those without; null elsewhere."""
    has_offset = text.str.contains(OFFSET_PATTERN)
    naive = _parse_formats(text.set(has_offset, None), NAIVE_FORMATS, None)
    return _parse_formats(text.set(~has_offset, None), ZONED_FORMATS, "UTC").to_physical(), naive


def _read_texts(rows: FileRows, role: str, timezone: str | None) -> tuple[pl.Series, str]:
    """µs UTC of texts, each judged by itself, and the unit of those that are numbers."""
    parsed = parse_texts(rows[role])
    unreadable = (parsed.instants.is_null() & parsed.naive.is_null() & parsed.epochs.is_null()).to_numpy()
    rows.refuse(unreadable, role, "not an ISO time", TIME_HINT)
    times, unit = parsed.instants, ""
    if parsed.epochs.null_count() < rows.n:
        is_epoch = parsed.epochs.is_not_null().to_numpy()
        numbers = parse_numbers(parsed.epochs.drop_nulls())
        epochs_us, unit = read_epochs_us(rows.take(is_epoch), role, numbers)
        filled = np.zeros(rows.n, np.int64)
        filled[is_epoch] = epochs_us
        times = times.zip_with(pl.Series(~is_epoch), pl.Series(filled))
    if parsed.naive.null_count() < rows.n:
        times = times.zip_with(parsed.naive.is_null(), _place(rows, role, parsed.naive, timezone))
    return times, unit


def parse_numbers(text: pl.Series) -> pl.Series:
    """Whole numbers where all texts are whole, as 1780304400.0 is too; floats otherwise."""
    whole = text.str.replace(r"\.0*$", "")
    integers = whole.cast(pl.Int64, strict=False)
    return integers if not integers.null_count() else text.cast(pl.Float64)


def _refuse_beyond_us(rows: FileRows, role: str, column: pl.Series) -> None:
    """Refuse instants that are too far away to be written in µs."""
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_unit == "ms":
        physical = column.to_physical().to_numpy()
        beyond = np.abs(physical) > np.iinfo(np.int64).max // 1000
        refuse_implausible(rows, role, np.where(beyond, np.sign(physical) * np.iinfo(np.int64).max, 0), beyond)


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
        rows.refuse(present.to_numpy(), role, "a time without offset", ZONE_HINT)
    # Zones have no clocks outside of the years 1 to 9999.
    physical = naive.to_physical().fill_null(0).to_numpy()
    refuse_implausible(rows, role, physical, (physical < FIRST_YEAR_US) | (physical > LAST_YEAR_US))
    times = to_utc(naive, timezone or "UTC")
    skipped = (present & times.is_null()).to_numpy()
    rows.refuse(skipped, role, f"a time that {timezone} never had", "map times with offsets")
    return times
