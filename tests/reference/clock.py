"""Wall clocks and rules, minute by minute and pair by pair: slow and plain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(at_us, zone):
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone))


def first_instant(day, minute, zone):
    """The first whole minute (µs UTC) whose local time is on ``day`` and at or past ``minute``; None if there is none.

    Goes through the two days around by minutes, so zones with offsets of seconds are out of its reach.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    at = (start - EPOCH) // timedelta(microseconds=1)
    for step in range(56 * 60):
        here = local(at + step * MINUTE, zone)
        if here.date() == day and 60 * here.hour + here.minute >= minute:
            return at + step * MINUTE
    return None


def is_quiet(at_us, zone, spans):
    """Whether an instant's wall clock is in one of the spans (``HH:MM``, ``HH:MM``), which may pass midnight."""
    now = local(at_us, zone).strftime("%H:%M")
    return any(a <= now < b if a < b else (now >= a or now < b) for a, b in spans)


def breaks_cap(times, at_us, most, *, hours=None, per=None, zone="UTC"):
    """Whether some window that holds ``at_us``, one of the times (µs), holds more of them than a cap allows."""
    if hours is not None:
        length = hours * 60 * MINUTE
        ends = [t for t in times if t - length < at_us <= t]
        return any(sum(end - length < t <= end for t in times) > most for end in ends)
    names = {"day": "%Y-%m-%d", "week": "%G-%V", "month": "%Y-%m"}
    buckets = [local(t, zone).strftime(names[per]) for t in times]
    return buckets.count(local(at_us, zone).strftime(names[per])) > most
