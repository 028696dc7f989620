"""Time zones of a spec, and instants in them."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from tactful.core.actions import time_us
from tactful.errors import SpecError


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


def parse_instant_us(text: str, timezone: str | None, where: str) -> int:
    """µs UTC of an ISO time; without offset it is in ``timezone``, or in UTC where that is None.

    Raises
    ------
    SpecError
        The text is not an ISO time.
    """
    instant_us = time_us(text, where)
    if timezone is None or datetime.fromisoformat(text).tzinfo is not None:
        return instant_us
    return int(to_utc(pl.Series([instant_us]).cast(pl.Datetime("us")), timezone)[0])


def to_local(times: pl.Series, timezone: str) -> pl.Series:
    """µs of the clock in a zone, of µs UTC."""
    local = times.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(timezone)
    return local.dt.replace_time_zone(None).to_physical()


def to_utc(naive: pl.Series, timezone: str) -> pl.Series:
    """µs UTC of naive times in a zone: the first of two, and null where clocks jumped over them."""
    return naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").to_physical()
