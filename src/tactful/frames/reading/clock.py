"""When decisions were made: their times, their periods, and what "now" is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from tactful.core.arrays import I64, Bool
from tactful.errors import LogError, SpecError
from tactful.frames.reading.rows import Rows
from tactful.frames.reading.times import times_us
from tactful.frames.reading.values import whole
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import RANK

# Years 1 to 9999: what a calendar can print.
EARLIEST_US, LATEST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


@dataclass(frozen=True, slots=True)
class Clock:
    """Periods (n,), None where they are the rank within the user; times (n,) in µs UTC, None where unknown."""

    period: I64 | None
    decided_at: I64 | None
    as_of: int | None

    def take(self, rows: Bool) -> Clock:
        """The chosen rows."""
        period = None if self.period is None else self.period[rows]
        return replace(self, period=period, decided_at=None if self.decided_at is None else self.decided_at[rows])

    @property
    def future(self) -> Bool | None:
        """(n,) rows decided after ``as_of``; None where there are no times."""
        return None if self.decided_at is None or self.as_of is None else self.decided_at > self.as_of

    @property
    def age_us(self) -> I64 | None:
        """(n,) the age of each decision at ``as_of``."""
        return None if self.decided_at is None or self.as_of is None else self.as_of - self.decided_at


def clock(rows: Rows, spec: LogSpec) -> Clock:
    """Periods from times, or times from periods, where the file has one of the two and the length is known.

    Raises
    ------
    LogError
        Neither of the two, or values that are none.
    SpecError
        Periods should follow from times, but their length is not known.
    """
    decided_at = times_us(rows, "decided_at", spec.timezone) if "decided_at" in rows else None
    period = whole(rows, "period") if "period" in rows else None
    if period is not None and decided_at is None:
        decided_at = _starts(period, spec)
    elif period is None and not _ranked(spec):
        period = _periods(rows, decided_at, spec)
    as_of = spec.as_of
    if as_of is None and decided_at is not None:
        as_of = int(decided_at.max())
        if "joined_at" in rows:  # until then outcomes were joined, so they are known past the newest decision
            as_of = max(as_of, int(times_us(rows, "joined_at", spec.timezone).max()))
    return Clock(period, decided_at, as_of)


def ranks(group: I64, decided_at: I64 | None) -> I64:
    """(n,) the order from 0 of each row within its ``group`` (n,): by time, then by place in the file."""
    n = group.size
    order = np.argsort(group, kind="stable") if decided_at is None else np.lexsort((decided_at, group))
    ordered = group[order]
    fresh = np.r_[True, ordered[1:] != ordered[:-1]]
    start = np.maximum.accumulate(np.where(fresh, np.arange(n), 0))
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - start
    return rank


def iso(at_us: int) -> str:
    """A time as ISO text."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).isoformat()


def _ranked(spec: LogSpec) -> bool:
    source = spec.columns.roles.get("period")
    return source is not None and source.column == RANK


def _periods(rows: Rows, decided_at: I64 | None, spec: LogSpec) -> I64:
    if decided_at is None:
        do = "set [columns] period, or decided_at with [actions] period_days"
        raise LogError("no column 'period' and no column 'decided_at'", rows.name, do)
    length = spec.actions.period_us
    if length is None:
        do = "set [actions] period_days = 7 for weeks, or map [columns] period"
        raise SpecError("period cannot follow from decided_at: the length of a period is not known", "[actions]", do)
    return (decided_at - spec.actions.origin_us) // length


def _starts(period: I64, spec: LogSpec) -> I64 | None:
    """Period starts, where all of them are times; an index such as 20261102 of weeks is not one."""
    length, origin = spec.actions.period_us, spec.actions.origin_us
    if length is None:
        return None
    ends = [origin + int(p) * length for p in (period.min(), period.max())]
    return origin + period * length if ends[0] >= EARLIEST_US and ends[1] <= LATEST_US else None
