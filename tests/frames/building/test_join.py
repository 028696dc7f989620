"""Events to decisions: any history gives what a plain, sorted, de-duplicated walk gives, and every event is counted."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful as tt
from reference import join as reference
from tactful.core.actions import time_us
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.frames.building.event_frames import read_events
from tactful.frames.building.join import join

DAY = 86_400_000_000
START = time_us("2026-11-02", "")
SPEC = tt.LogSpec.from_dict(
    {
        "actions": {"names": ["none", "send"], "period_days": 7},
        "outcomes": {
            "opened": {"kind": "binary", "window_days": 2, "null": "immature"},
            "visits": {"kind": "count", "window_days": 7, "null": "immature"},
        },
        "objective": {"visits": 1.0},
    }
)
WINDOWS = {"opened": 2 * DAY, "visits": 7 * DAY}
KINDS = {"opened": "binary", "visits": "count"}


def frame(events):
    return read_events(pl.DataFrame([e | {"body": json.dumps(e["body"])} for e in events], infer_schema_length=None))


def rows(joined):
    names = ("sends_made", *WINDOWS)
    return {(r["user"], r["period"], r["scope"]): {n: r[n] for n in names} for r in joined.table.iter_rows(named=True)}


def event(i, kind, user="u1", at=0.0, period=None, scope="", **body):
    return {
        "id": f"e{i}",
        "kind": kind,
        "user": user,
        "at_us": START + round(at * DAY),
        "period": period,
        "scope": scope,
        "body": dict(body),
    }


def decided(i, user="u1", at=0.0, period=0, scope="", **body):
    base = {"segment": "ios", "action": "send", "propensity": 0.5, "policy": "p"}
    return event(i, "decision", user, at, period, scope, **(base | body))


def outcome(i, name="opened", user="u1", at=0.0, scope="", **body):
    return event(i, "outcome", user, at, None, scope, name=name, **body)


def test_an_outcome_goes_to_the_latest_decision_inside_its_window():
    events = [
        decided(0, at=0, period=0),
        decided(1, at=7, period=1),
        outcome(2, at=1.9),
        outcome(3, at=2.1),
        outcome(4, "visits", at=6.9, value=3),
        outcome(5, "visits", at=7.0),
        outcome(6, "visits", at=7.5, value=2),
        event(7, "send", at=0.5),
        outcome(8, at=30),
    ]
    joined = join(frame(events), SPEC)
    assert rows(joined) == {
        ("u1", 0, ""): {"sends_made": 1, "opened": 1.0, "visits": 3.0},
        ("u1", 1, ""): {"sends_made": 0, "opened": 0.0, "visits": 3.0},
    }
    assert joined.used == {"decision": 2, "outcome": 4, "send": 1}
    assert joined.dropped == {"after the window": 2}
    assert joined.describe(SPEC)[1] == "2 events were left out: after the window"


def test_outcomes_are_unknown_until_their_window_has_passed():
    events = [decided(0), outcome(1, at=0.5), outcome(2, "visits", at=3.0)]
    assert rows(join(frame(events), SPEC)) == {("u1", 0, ""): {"sends_made": 0, "opened": 1.0, "visits": None}}
    early = join(frame(events), SPEC, as_of_us=START + DAY)
    assert rows(early) == {("u1", 0, ""): {"sends_made": 0, "opened": None, "visits": None}}
    assert early.dropped == {"after the time of the log": 1}


def test_the_table_reads_as_a_log_and_keeps_what_was_decided(tmp_path):
    events = [
        decided(i, f"u{i}", 0, 0, propensities=[0.5, 0.5], eligible=[True, True], arm="policy", fallback=None)
        for i in range(30)
    ]
    events += [outcome(100 + i, "visits", f"u{i}", 1) for i in range(10)] + [outcome(300, "visits", "u1", 8)]
    path = tmp_path / "log.parquet"
    join(frame(events), SPEC).table.write_parquet(path)
    log = tt.read_log(path, SPEC)
    assert (log.n, log.users, log.provenance) == (30, 30, "logged")
    assert log.outcomes["visits"].value.sum() == 10
    np.testing.assert_array_equal(log.propensities, 0.5)


def test_trials_are_those_told_or_the_sends_made():
    spec = tt.LogSpec.from_dict(
        {
            "actions": {"names": ["none", "send"], "period_days": 7},
            "outcomes": {"opens": {"kind": "count", "trials": "opens_trials", "window_days": 2, "null": "immature"}},
        }
    )
    events = [decided(0), decided(1, "u2"), *(event(10 + i, "send", at=0.1) for i in range(3))]
    events += [
        outcome(20, "opens", at=0.2),
        outcome(21, "opens", "u2", 0.2, trials=5, value=2),
        event(99, "send", at=9),
    ]
    table = join(frame(events), spec).table.sort("user")
    assert table["opens"].to_list() == [1.0, 2.0]
    assert table["opens_trials"].to_list() == [3.0, 5.0]


HISTORY = st.lists(
    st.one_of(
        st.builds(
            lambda i, u, at, p, s: decided(i, f"u{u}", at / 8, p, s),
            st.integers(0, 40),
            st.integers(0, 2),
            st.integers(0, 200),
            st.integers(0, 3),
            st.sampled_from(["", "push"]),
        ),
        st.builds(
            lambda i, name, u, at, s, d, v: outcome(
                i, name, f"u{u}", at / 8, s, **({} if d is None else {"decision": f"e{d}"}), value=v
            ),
            st.integers(0, 40),
            st.sampled_from(["opened", "visits", "bought"]),
            st.integers(0, 2),
            st.integers(0, 240),
            st.sampled_from(["", "push", "mail"]),
            st.none() | st.integers(0, 40),
            st.integers(0, 3),
        ),
        st.builds(
            lambda i, kind, u, at: event(i, kind, f"u{u}", at / 8),
            st.integers(0, 40),
            st.sampled_from(["send", "consent", "erase"]),
            st.integers(0, 2),
            st.integers(0, 200),
        ),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(HISTORY, st.none() | st.integers(0, 240), st.randoms(use_true_random=False))
def test_any_history_is_that_of_the_plain_walk(events, as_of, chance):
    copies = [*events, *chance.sample(events, chance.randrange(len(events) + 1))]
    chance.shuffle(copies)
    as_of = None if as_of is None else START + round(as_of / 8 * DAY)
    expected, used, dropped = reference.join(copies, WINDOWS, KINDS, as_of=as_of)
    try:
        joined = join(frame(copies), SPEC, as_of_us=as_of)
    except NothingToSayError:
        assert not expected
        return
    assert rows(joined) == expected
    assert (joined.used, joined.dropped) == (used, dropped)
    assert sum(joined.used.values()) + sum(joined.dropped.values()) == len(copies)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (pl.DataFrame({"id": ["a"], "kind": ["send"]}), "no column 'user'"),
        (pl.DataFrame({"id": ["a"], "kind": ["send"], "user": ["u"]}), "no column 'at'"),
        (
            pl.DataFrame({"id": ["a", ""], "kind": ["send"] * 2, "user": ["u"] * 2, "at_us": [START, START]}),
            "column 'id': no id in 1 row (row 2)",
        ),
        (
            pl.DataFrame({"id": ["a"], "kind": ["click"], "user": ["u"], "at_us": [START]}),
            "unknown kind in 1 of 1 events (rows 0)",
        ),
        (
            pl.DataFrame({"id": ["a"], "kind": ["decision"], "user": ["u"], "at_us": [START]}),
            "a decision without period in 1 of 1 events",
        ),
        (
            pl.DataFrame({"id": ["a"], "kind": ["send"], "user": ["u"], "at": ["yesterday"]}),
            "a time without offset",
        ),
        (
            pl.DataFrame({"id": ["a"], "kind": ["send"], "user": ["u"], "at": ["2026-11-02T08:00:00"]}),
            "a time without offset",
        ),
    ],
)
def test_events_that_cannot_be_understood_are_refused_in_one_line(events, message):
    with pytest.raises(LogError) as caught:
        read_events(events)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "times", "says"),
    [
        (
            "at_us",
            [1_780_304_400_000, 1_780_304_500_000],
            "'at_us': a time outside 1990 to 2100 (the first is in the year 1970, as it comes of millisec",
        ),
        ("at_us", [1_780_304_400, 1_780_304_500], "seconds taken for microseconds"),
        ("at_us", [1_780_304_400_000_000, 1_780_304_500_000_000_000], "in 1 of 2 events (rows 1)"),
        ("at", ["2026-06-01T09:00:00Z", "1970-01-01T00:00:00Z"], "'at': a time outside 1990 to 2100"),
        ("at", [1_780_304_400, 1_780_304_400_000], "in seconds since 1970"),
        ("at", [7, 8], "no time between 1990 and 2100"),
    ],
)
def test_events_at_times_that_cannot_be_meant_are_refused(column, times, says):
    events = pl.DataFrame({"id": ["a", "b"], "kind": ["send"] * 2, "user": ["u"] * 2, column: times})
    with pytest.raises(LogError) as caught:
        read_events(events)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "at",
    [
        *([f"2026-06-01{middle}09:00:00{end}"] for middle in "T " for end in ("Z", " UTC", "+00", "+00:00", " +00:00")),
        *([1_780_304_400 * 1000**i] for i in range(4)),
        *([str(1_780_304_400 * 1000**i)] for i in range(4)),
        [1_780_304_400.0],
        ["2026-06-01 09:00:00.000000 UTC"],
    ],
)
def test_events_have_times_as_databases_write_them(at):
    frame_ = pl.DataFrame({"id": ["a", "b"], "kind": ["send"] * 2, "user": ["u"] * 2, "at": at * 2})
    assert read_events(frame_)["at_us"].to_list() == [1_780_304_400_000_000] * 2


def test_events_of_a_journal_at_times_that_cannot_be_meant_are_counted():
    events = frame([decided(0), outcome(1, at=1)])
    far = events.with_columns(at_us=pl.lit(2**60), id=pl.lit("far") + pl.col("id"))
    joined = join(pl.concat([events, far]), SPEC)
    assert joined.dropped == {"at a time outside 1990 to 2100": 2}
    assert joined.as_of_us == START + DAY
    with pytest.raises(LogError, match="milliseconds taken for microseconds"):
        join(events.with_columns(pl.col("at_us") // 1000), SPEC)


def test_files_may_spread_the_body_over_columns(tmp_path):
    columns = pl.DataFrame(
        {
            "id": ["d", "o"],
            "kind": ["decision", "outcome"],
            "user": [7, 7],
            "at": ["2026-11-02T08:00:00Z", "2026-11-02T10:00:00+01:00"],
            "period": [1, None],
            "action": ["send", None],
            "propensity": [0.25, None],
            "name": [None, "opened"],
        }
    )
    columns.write_ndjson(tmp_path / "e.ndjson")
    table = join(read_events(tmp_path / "e.ndjson"), SPEC, as_of_us=2**60).table
    assert table.select("user", "action", "propensity", "opened", "visits").rows() == [("7", "send", 0.25, 1.0, 0.0)]


def test_a_window_is_needed_and_a_decision_too():
    endless = tt.LogSpec.from_dict({"actions": {"names": ["a", "b"]}, "outcomes": {"x": {"kind": "binary"}}})
    with pytest.raises(SpecError, match="no window to attribute events in"):
        join(frame([decided(0)]), endless)
    with pytest.raises(NothingToSayError, match="no decision among the events"):
        join(frame([outcome(0)]), SPEC)
    with pytest.raises(LogError, match="a body that does not fit"):
        join(frame([decided(0), decided(1, "u2", propensity="half")]), SPEC)
