"""Wall clocks: from a local date and time of day to an instant, in a zone whose clocks may jump."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tactful.errors import SpecError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US = timedelta(microseconds=1)


class Moment(NamedTuple):
    """An instant (µs UTC) and, where the clock had jumped over the time wanted, that it was ``moved``."""

    at_us: int
    moved: bool = False


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a folder of the database
        return None


def known_zone(name: str, where: str) -> str:
    """The name, if it is an IANA zone.

    Raises
    ------
    SpecError
        It is not.
    """
    if zone(name) is None:
        raise SpecError(f"unknown time zone {name!r}", where, "name an IANA zone, such as Europe/Paris")
    return name


def zone_of(user: str | None, country: str | None, countries: Mapping[str, str], account: str | None) -> str | None:
    """The zone to go by: the user's, else the country's, else the account's; None where none of them is known.

    >>> zone_of("Mars/Olympus", "FR", {"FR": "Europe/Paris"}, None)
    'Europe/Paris'
    """
    for name in (user, countries.get(country or ""), account):
        if name and zone(name) is not None:
            return name
    return None


def minutes(text: str) -> int:
    """Minutes after midnight of ``HH:MM``."""
    return 60 * int(text[:2]) + int(text[3:])


def wall(at_us: int, place: ZoneInfo) -> datetime:
    """The local time of an instant."""
    return (EPOCH + at_us * US).astimezone(place)


def micros(at: datetime) -> int:
    """µs since 1970 of an aware time."""
    return (at - EPOCH) // US


@lru_cache(maxsize=1 << 16)
def moment(day: date, minute: int, place: ZoneInfo) -> Moment | None:
    """The instant at which a local date's clock shows a time of day.

    A time that is shown twice (a fold) is its first; one that is jumped over (a gap) is the first valid instant after,
    if that is on the same date; None where the date has no such instant, as on a date that a zone skipped.
    """
    wanted = datetime.combine(day, time(minute // 60, minute % 60), place)
    early = micros(wanted.astimezone(UTC))
    if wall(early, place).replace(tzinfo=None) == wanted.replace(tzinfo=None):
        return Moment(early)
    landing = _end_of_gap(wanted, place)
    return Moment(landing, True) if wall(landing, place).date() == day else None


def _end_of_gap(wanted: datetime, place: ZoneInfo) -> int:
    """The instant of the jump, to the second: before it clocks are behind the time wanted, from it on ahead."""
    target = wanted.replace(tzinfo=None)
    # In a gap, fold 0 counts with the offset before the jump and so lands after it; fold 1 the other way round.
    low = micros(wanted.replace(fold=1).astimezone(UTC)) // 1_000_000
    high = micros(wanted.astimezone(UTC)) // 1_000_000
    while high - low > 1:
        middle = (low + high) // 2
        ahead = wall(middle * 1_000_000, place).replace(tzinfo=None) > target
        low, high = (low, middle) if ahead else (middle, high)
    return high * 1_000_000
