"""When decisions were made: their times, their periods, and the time that counts as now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from tactful.core.arrays import I64, Bool
from tactful.core.instants import is_plausible
from tactful.errors import LogError, SpecError
from tactful.frames.reading.epochs import refuse_implausible
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.times import FIRST_YEAR_US, LAST_YEAR_US, read_times, read_times_us
from tactful.frames.reading.typed_columns import read_integers
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import RANK_AS_PERIOD
from tactful.frames.spec.timezones import to_local


@dataclass(frozen=True, slots=True)
class DecisionTimes:
    """When n decisions were made."""

    period: I64 | None
    """(n,) Periods; None where they are the rank within the user."""
    decided_at: I64 | None
    """(n,) Times in µs UTC; None where they are not known."""
    as_of: int | None
    """The time that is now, in µs UTC; None where no times are known."""
    notes: tuple[str, ...] = ()
    """How the times were read, in sentences, where that is not plain."""

    def take(self, rows: Bool) -> DecisionTimes:
        """The chosen rows."""
        period = None if self.period is None else self.period[rows]
        return replace(self, period=period, decided_at=None if self.decided_at is None else self.decided_at[rows])

    @property
    def future(self) -> Bool | None:
        """(n,) rows decided after ``as_of``; None where there are no times."""
        return None if self.decided_at is None or self.as_of is None else self.decided_at > self.as_of

    @property
    def age_us(self) -> I64 | None:
        """(n,) the age of each decision at ``as_of``; None where there are no times."""
        return None if self.decided_at is None or self.as_of is None else self.as_of - self.decided_at


def read_decision_times(rows: FileRows, spec: LogSpec) -> DecisionTimes:
    """Periods from times, or times from periods, where the file has one of the two and the length is known.

    Raises
    ------
    LogError
        Neither of the two, or values that are none.
    SpecError
        Periods should follow from times, but their length is not known.
    """
    times = read_times(rows, "decided_at", spec.timezone) if "decided_at" in rows else None
    decided_at = None if times is None else times.us
    period = read_integers(rows, "period") if "period" in rows else None
    if decided_at is not None:
        _check_plausible(rows, period, decided_at, spec)
    if period is not None and decided_at is None:
        decided_at = _period_starts(period, spec)
    elif period is None and not _periods_are_ranks(spec):
        period = _periods_of(rows, decided_at, spec)
    as_of = spec.as_of
    if as_of is None and decided_at is not None:
        as_of = int(decided_at.max())
        if "joined_at" in rows:  # until then outcomes were joined, so they are known past the newest decision
            as_of = max(as_of, int(read_times_us(rows, "joined_at", spec.timezone).max()))
    notes: tuple[str, ...] = ()
    if times is not None and times.epoch_unit:
        notes = (f"{rows.labels.get('decided_at', 'decided_at')} was read as {times.epoch_unit} since 1970",)
    return DecisionTimes(period, decided_at, as_of, notes)


def _check_plausible(rows: FileRows, period: I64 | None, decided_at: I64, spec: LogSpec) -> None:
    """Refuse times outside 1990 to 2100, unless they are nothing but the starts of periods counted from 0.

    Parameters
    ----------
    rows
        The rows, for messages.
    period
        (n,) periods, where the file has them.
    decided_at
        (n,) µs UTC.
    spec
        The clock of periods.
    """
    starts = None if period is None else _period_starts(period, spec)
    refuse_implausible(rows, "decided_at", decided_at, None if starts is None else decided_at != starts)


def rank_within(group: I64, decided_at: I64 | None) -> I64:
    """(n,) the order from 0 of each row within its ``group`` (n,): by time, then by place in the file."""
    n = group.size
    order = np.argsort(group, kind="stable") if decided_at is None else np.lexsort((decided_at, group))
    ordered = group[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]]
    start = np.maximum.accumulate(np.where(is_first, np.arange(n), 0))
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - start
    return rank


def describe_period(period: int, spec: LogSpec) -> str:
    """A period as messages name it: its index, and when it begins where that is known."""
    start = _period_starts(np.array([period]), spec)
    if start is None or not is_plausible(int(start[0])):
        return f"period {period}"
    return f"period {period}, which begins at {format_iso(int(start[0]))}"


def local_periods(times: DecisionTimes, spec: LogSpec) -> I64 | None:
    """(n,) periods by the clocks of ``[log] timezone``; None where they are those of UTC, or not known."""
    length = spec.actions.period_us
    if times.decided_at is None or length is None or spec.timezone is None:
        return None
    local = to_local(pl.Series(times.decided_at), spec.timezone).to_numpy()
    return (local - spec.actions.origin_us) // length


def format_iso(instant_us: int) -> str:
    """A time (µs UTC) as ISO text."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)).isoformat()


def _periods_are_ranks(spec: LogSpec) -> bool:
    source = spec.columns.roles.get("period")
    return source is not None and source.column == RANK_AS_PERIOD


def _periods_of(rows: FileRows, decided_at: I64 | None, spec: LogSpec) -> I64:
    if decided_at is None:
        do = "set [columns] period, or decided_at with [actions] period_days"
        raise LogError("no column 'period' and no column 'decided_at'", rows.name, do)
    length = spec.actions.period_us
    if length is None:
        do = "set [actions] period_days = 7 for weeks, or map [columns] period"
        raise SpecError("period cannot follow from decided_at: the length of a period is not known", "[actions]", do)
    return (decided_at - spec.actions.origin_us) // length


def _period_starts(period: I64, spec: LogSpec) -> I64 | None:
    """Period starts, where all of them are times; an index such as 20261102 of weeks is not one."""
    length, origin = spec.actions.period_us, spec.actions.origin_us
    if length is None:
        return None
    extremes = [origin + int(p) * length for p in (period.min(), period.max())]
    return origin + period * length if extremes[0] >= FIRST_YEAR_US and extremes[1] <= LAST_YEAR_US else None
