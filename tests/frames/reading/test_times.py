"""Times in every form that files have: epochs in four units, texts of databases; and times that cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tactful.core.log import Log
from tactful.diagnostics.check import check
from tactful.errors import LogError, SpecError
from tactful.frames.building.rollup import rollup
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec

START_S = 1_780_304_400  # 2026-06-01T09:00:00Z
SECONDS = [START_S, START_S + 1, START_S + 604_800]
EXPECTED = [s * 10**6 for s in SECONDS]
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def spec(expr: str | None = None, **log: Any) -> LogSpec:
    """A spec whose periods are given."""
    columns = {} if expr is None else {"columns": {"decided_at": {"expr": expr}}}
    return LogSpec.from_dict(
        {
            "actions": {"names": ["none", "send"], "period_days": 7},
            "outcomes": {"opened": {"kind": "binary"}},
            "log": log,
            **columns,
        }
    )


def read(times: Any, spec_: LogSpec | None = None, dtype: Any = None) -> Log:
    """A log of three decisions at these times."""
    frame = pl.DataFrame(
        {
            "user": ["a", "b", "a"],
            "decided_at": pl.Series(times, dtype=dtype),
            "action": ["none", "send", "send"],
            "propensity": [0.5] * 3,
            "opened": [0, 1, 1],
        }
    )
    return read_log(frame, spec_ or spec())


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt64, pl.Float64, pl.String])
def test_epochs_of_every_unit_are_read_and_said(unit: str, dtype: Any) -> None:
    log = read(pl.Series([s * UNITS[unit] for s in SECONDS]).cast(dtype))
    assert log.decided_at is not None
    assert log.decided_at.tolist() == EXPECTED
    names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    assert log.notes == (f"column 'decided_at' was read as {names[unit]} since 1970",)
    assert log.notes[0] in [finding.what for finding in check(log).findings]


@pytest.mark.parametrize("dtype", [pl.Int32, pl.UInt32])
def test_seconds_of_32_bits_do_not_overflow(dtype: Any) -> None:
    assert read(SECONDS, dtype=dtype).decided_at.tolist() == EXPECTED  # type: ignore[union-attr]


def test_fractions_of_seconds_are_read_to_the_microsecond() -> None:
    log = read([START_S + 0.25, START_S + 0.123456, START_S + 604_800.5])
    assert (log.decided_at - np.array([START_S * 10**6] * 3)).tolist() == [250_000, 123_456, 604_800_500_000]  # type: ignore[operator]
    with pytest.raises(LogError, match="32-bit floats"):
        read(SECONDS, dtype=pl.Float32)


@pytest.mark.parametrize(
    "forms",
    [
        ["{:%Y-%m-%d %H:%M:%S} UTC"],  # BigQuery
        ["{:%Y-%m-%d %H:%M:%S.%f} UTC"],
        ["{:%Y-%m-%d %H:%M:%S}+00"],  # Postgres
        ["{:%Y-%m-%d %H:%M:%S.%f}+00"],
        ["{:%Y-%m-%d %H:%M:%S.%f0} +00:00"],  # SQL Server, seven digits
        ["{:%Y-%m-%d %H:%M:%S} +0000"],
        ["{:%Y-%m-%dT%H:%M:%S}Z"],
        ["{:%Y-%m-%dT%H:%M:%S}z"],
        ["{:%Y-%m-%d %H:%M:%S} GMT"],
        ["{:%Y-%m-%dt%H:%M:%S}Z"],
        ["  {:%Y-%m-%d %H:%M:%S} UTC "],
        ["{:%Y-%m-%d %H:%M:%S} UTC", "{:%Y-%m-%dT%H:%M:%S}Z", "{:%Y-%m-%d %H:%M:%S}+00"],
    ],
)
def test_texts_as_databases_write_them(forms: list[str]) -> None:
    times = [datetime(2026, 6, 1, 9, tzinfo=UTC) + timedelta(seconds=s - START_S) for s in SECONDS]
    texts = [forms[i % len(forms)].format(time) for i, time in enumerate(times)]
    assert read(texts).decided_at.tolist() == EXPECTED  # type: ignore[union-attr]


def test_texts_with_and_without_offset_and_epochs_are_each_judged_by_themselves() -> None:
    texts = ["2026-06-01 11:00:00", str(START_S + 1), "2026-06-08 09:00:00 UTC"]
    assert read(texts, spec(timezone="Europe/Berlin")).decided_at.tolist() == EXPECTED  # type: ignore[union-attr]
    with pytest.raises(LogError, match=r"without offset in 1 row \(row 1"):
        read(texts)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([1, 2, 3], "no time between 1990 and 2100 in s, ms, µs or ns since 1970 in 3 rows"),
        ([-START_S, -START_S, -START_S], "in 3 rows"),
        (
            [START_S, START_S, START_S * 1000],
            "in seconds since 1970, as most rows are, in 1 row (row 3: 1780304400000)",
        ),
        ([20_260_601] * 3, "in 3 rows"),
        (["20260601090000"] * 3, "not an ISO time in 3 rows"),
        (["202606010900", "202606010901", "202606010902"], "in 3 rows"),
        ([float("inf"), START_S, START_S], "in 1 row (row 1: inf)"),
        ([2**64 - 1, 2**63, 2**63 + 1], "in 3 rows"),
        (["1026-06-01T09:00:00Z", "2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z"], "a time outside 1990 to 2100"),
        ([datetime(3026, 6, 1, tzinfo=UTC)] * 3, "in the year 3026"),
        ([datetime(1970, 1, 21, 14, 31, 44, tzinfo=UTC)] * 3, "milliseconds taken for microseconds"),
        ([datetime(1970, 1, 1, 0, 29, 40, 304400, tzinfo=UTC)] * 3, "seconds taken for microseconds"),
    ],
)
def test_instants_that_cannot_be_meant_are_refused(times: Any, says: str) -> None:
    dtype = pl.UInt64 if isinstance(times[0], int) and times[0] > 2**63 else None
    with pytest.raises(LogError) as caught:
        read(times, dtype=dtype)
    message = str(caught.value)
    if says == "not an ISO time in 3 rows":
        assert "3 rows" in message
    else:
        assert says in message
    assert "'decided_at'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("expr", "factor", "unit"),
    [
        ("CAST(decided_at * 1000000 AS TIMESTAMP)", 10**3, "milliseconds taken for seconds"),
        ("CAST(decided_at * 1000 AS TIMESTAMP)", 1, "seconds for milliseconds"),
        ("CAST(decided_at AS TIMESTAMP)", 10**3, "milliseconds taken for microseconds"),
        ("CAST(decided_at AS TIMESTAMP)", 1, "seconds taken for microseconds"),
        ("CAST(decided_at AS TIMESTAMP)", 10**9, "nanoseconds for microseconds"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_cast_of_another_unit_is_refused_with_the_likely_one(expr: str, factor: int, unit: str, zone: str) -> None:
    with pytest.raises(LogError, match="a time outside 1990 to 2100") as caught:
        read([s * factor for s in SECONDS], spec(expr, timezone=zone))
    assert unit in str(caught.value)
    assert "3 rows (rows 1, 2, 3)" in str(caught.value)


def test_a_cast_that_overflows_is_refused() -> None:
    with pytest.raises(LogError, match="a time outside 1990 to 2100"):
        read(SECONDS, spec("CAST(decided_at * 1000000 AS TIMESTAMP)", timezone="UTC"), pl.Int32)


def test_starts_of_periods_counted_from_zero_are_no_mistake() -> None:
    weeks = [4 * 86_400_000_000 + week * 7 * 86_400_000_000 for week in range(3)]
    frame = pl.DataFrame(
        {
            "user": ["a"] * 3,
            "period": [0, 1, 2],
            "decided_at": pl.Series(weeks).cast(pl.Datetime("us", "UTC")),
            "action": ["none"] * 3,
            "opened": [0] * 3,
        }
    )
    assert read_log(frame, spec()).decided_at.tolist() == weeks  # type: ignore[union-attr]
    with pytest.raises(LogError, match="a time outside 1990 to 2100"):
        read_log(frame.with_columns(pl.col("decided_at") + timedelta(hours=1)), spec())


ROLLUP = LogSpec.from_dict(
    {
        "actions": {"slots": ["08:00", "19:30"], "frequencies": [1, 2]},
        "outcomes": {"opened": {"kind": "count"}},
        "log": {"timezone": "UTC"},
        "rollup": {"outcomes": {"opened": {"time": "opened_at"}}},
    }
)


@pytest.mark.parametrize("unit", UNITS)
def test_a_rollup_reads_epochs_and_says_so(unit: str) -> None:
    sends = {"user": ["a", "b"], "time": [START_S, START_S + 21 * 86_400], "opened_at": [START_S + 60, None]}
    plain = pl.DataFrame(sends).with_columns(pl.from_epoch("time"), pl.from_epoch("opened_at"))
    numbers = pl.DataFrame(sends).with_columns(pl.col("time", "opened_at") * UNITS[unit])
    result = rollup(numbers, ROLLUP)
    assert result.frame.equals(rollup(plain, ROLLUP).frame)
    assert any("since 1970" in note for note in result.notes)


@pytest.mark.parametrize("column", ["time", "opened_at"])
def test_a_rollup_refuses_instants_that_cannot_be_meant(column: str) -> None:
    sends = pl.DataFrame({"user": ["a", "b"], "time": [START_S] * 2, "opened_at": [START_S + 60] * 2})
    sends = sends.with_columns(pl.from_epoch("time"), pl.from_epoch("opened_at"))
    with pytest.raises(LogError, match=f"'{column}'.*1990 to 2100.*2 rows"):
        rollup(sends.with_columns(pl.col(column).dt.offset_by("1000y")), ROLLUP)


@pytest.mark.parametrize("days", [1e9, 1e300, 3661, 4000.5])
def test_a_period_that_is_no_length_is_refused_in_one_line(days: float) -> None:
    for actions in ({"names": ["none", "send"]}, {"slots": ["08:00"], "frequencies": [1]}):
        with pytest.raises(SpecError, match="at most 3,660") as caught:
            LogSpec.from_dict({"actions": actions | {"period_days": days}, "outcomes": {"x": {"kind": "binary"}}})
        assert "\n" not in str(caught.value)


def test_other_lengths_of_time_are_those_of_a_calendar() -> None:
    actions = {"names": ["none", "send"], "period_days": 3660}
    outcome = {"kind": "binary", "window_days": 3_652_059}
    assert (
        LogSpec.from_dict({"actions": actions, "outcomes": {"x": outcome}}).actions.period_us == 3660 * 86_400 * 10**6
    )
    with pytest.raises(SpecError, match="up to 3,652,059"):
        LogSpec.from_dict({"actions": actions, "outcomes": {"x": outcome | {"window_days": 1e9}}})


def weekly(timezone: str | None = None, **actions: Any) -> LogSpec:
    """A spec whose periods follow from times."""
    log = {} if timezone is None else {"log": {"timezone": timezone}}
    named = {"names": ["none", "send"], "period_days": 7} | actions
    return LogSpec.from_dict({"actions": named, "outcomes": {"opened": {"kind": "binary"}}, **log})


def test_a_second_decision_of_a_period_is_refused_with_the_period() -> None:
    with pytest.raises(
        LogError, match=r"first in period 2943, which begins at 2026-05-28T00:00:00\+00:00, in 1 row"
    ) as caught:
        read(["2026-06-01T09:00Z", "2026-06-01T09:00Z", "2026-06-02T09:00Z"], weekly(origin="1970-01-01"))
    assert "in UTC" not in str(caught.value)


@pytest.mark.parametrize(
    ("timezone", "monday", "is_cause"),
    [
        ("Europe/Berlin", "2026-06-08T00:30", True),
        ("Asia/Tokyo", "2026-06-08T08:00", True),
        ("America/New_York", "2026-06-07T23:00", False),
        ("Europe/Berlin", "2026-06-03T00:30", False),
        ("UTC", "2026-06-07T23:59", False),
    ],
)
def test_a_second_decision_hints_at_the_zone_where_that_is_the_cause(
    timezone: str, monday: str, is_cause: bool
) -> None:
    times = ["2026-06-01T12:00", "2026-06-01T12:00", monday]
    if timezone == "America/New_York":
        assert read(times, weekly(timezone)).period.tolist() == [2943, 2943, 2944]
        return
    with pytest.raises(LogError, match="first in period 2943, which begins at 2026-06-01") as caught:
        read(times, weekly(timezone))
    assert (f"different ones in {timezone}" in str(caught.value)) == is_cause


def test_a_second_decision_of_a_counted_period_names_it() -> None:
    frame = pl.DataFrame({"user": ["a"] * 2, "period": [3, 3], "action": ["none"] * 2, "opened": [0, 0]})
    with pytest.raises(LogError, match=r"first in period 3, in 1 row \(row 2: 3\)"):
        read_log(frame, spec())
