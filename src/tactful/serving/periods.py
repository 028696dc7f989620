"""Indices of periods, and the times that they are found from."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from operator import index

from tactful.errors import PolicyError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST, LAST = -(1 << 63), (1 << 63) - 1  # what the hash of a draw has room for


def now_us() -> int:
    """The time by the system's clock, µs UTC."""
    return time.time_ns() // 1000


def instant_us(at: datetime | str) -> int:
    """µs UTC of a datetime or an ISO 8601 text, either with its offset.

    Raises
    ------
    PolicyError
        A naive time, or a text that is none.

    Examples
    --------
    >>> instant_us("1970-01-01T01:00:00.000001+01:00")
    1
    """
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise PolicyError(f"not a time: {at!r}", "period", "write it as 2026-11-02T08:00:00Z") from None
    if at.tzinfo is None:
        raise PolicyError(f"a time without offset: {at}", "period", "give it a time zone")
    return (at - EPOCH) // MICROSECOND


def whole(period: object) -> int:
    """An index of a period as an int.

    Raises
    ------
    PolicyError
        It is none, or has more than 64 bits.
    """
    try:
        whole = index(period)  # type: ignore[arg-type]
    except TypeError:
        raise PolicyError(f"{period!r} is no index", "period", "give an integer; decider.period(at) does") from None
    if not FIRST <= whole <= LAST:
        raise PolicyError(f"period {whole} has more than 64 bits", "period", "give the index of a period")
    return whole
