"""Sends become decisions: by hand, back from the simulated world, and with every loss said in words."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import tactful as tt
from tactful.errors import LogError, SpecError, TactfulError
from tactful.frames.building.rollup import rollup
from tactful.frames.partitions import events_frame
from tactful.simulate.world_config import lively
from tactful.simulate.world_spec import sends_spec

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)  # period 2922
SPEC = {
    "actions": {"slots": ["08:00", "20:00"], "frequencies": [1, 3]},
    "outcomes": {
        "opened": {"kind": "count", "trials": "sent", "window_days": 7},
        "left": {"kind": "binary", "absorbing": True, "window_days": 7},
    },
    "objective": {"opened": 1.0},
}
TYPED = {
    "type": "what",
    "send": ["push"],
    "outcomes": {"opened": {"type": "open", "by": "send"}, "left": {"type": "unsubscribe"}},
}


def spec(**section):
    return tt.LogSpec.from_dict({**SPEC, "rollup": section})


def events(*rows, columns=("user", "time", "what")):
    """Rows whose time is (day, hour) since Monday."""
    return pl.DataFrame(
        [(u, MONDAY + timedelta(days=d, hours=h), *values) for u, (d, h), *values in rows], columns, orient="row"
    )


def decided(rolled):
    return {(r["user"], r["period"] - 2922): r["action"] for r in rolled.frame.iter_rows(named=True)}


def sends(user, *times):
    return [(user, t, "push") for t in times]


LAST = [*sends("z", (14, 8), (21, 8))]  # so that three weeks are over


def test_by_hand():
    rolled = rollup(
        events(
            *sends("a", (0, 8), (2, 8.5), (4, 7.5)),  # three near 08:00
            *sends("a", (15, 20)),  # then none, then one in the evening
            *sends("b", (8, 20.25)),  # there from its first event on
            *LAST,
        ),
        spec(**TYPED),
    )
    assert decided(rolled) == {
        ("a", 0): "3x@08:00", ("a", 1): "none", ("a", 2): "1x@20:00",
        ("b", 1): "1x@20:00", ("b", 2): "none", ("z", 2): "1x@08:00",
    }  # fmt: skip
    assert rolled.counts["sends_in_unfinished_periods"] == 1
    assert rolled.frame["sends_made"].to_list() == rolled.frame["sent"].to_list() == [3, 0, 1, 1, 0, 1]
    assert rolled.frame["decided_at"][0] == MONDAY
    notes = "\n".join(rolled.notes)
    for words in (
        "7 sends in 7 rows became 6 decisions of 3 users: 2 none, 4 on the grid, 0 other",
        "1 sends fall into a period that was not over",
        "taken to be that of UTC",
        "from their first event to its end",
        "no propensities",
    ):
        assert words in notes


def test_what_is_off_the_grid_is_other_and_said():
    rolled = rollup(
        events(
            *sends("two", (0, 8), (1, 8)),
            *sends("noon", (0, 13)),
            *sends("spread", (0, 8), (1, 20), (2, 13)),
            *sends("most", (0, 8), (1, 8), (2, 20)),
            *LAST,
        ),
        spec(**TYPED),
    )
    assert [decided(rolled)[u, 0] for u in ("two", "noon", "spread", "most")] == ["other", "other", "other", "3x@08:00"]
    assert rolled.counts["other"] == 3
    note = next(text for text in rolled.notes if text.startswith("other"))
    for words in ("1 by their number of sends", "1 by their hour", "1 by their spread over hours", "leaves them out"):
        assert words in note
    log = tt.read_log(rolled.frame, spec(**TYPED))
    assert log.n == rolled.frame.height - 3
    assert log.left_out == (("where: action <> 'other'", 3),)


def test_a_spec_s_own_filter_stays():
    where = {**SPEC, "rollup": TYPED, "log": {"where": "segment <> 'a' OR segment = 'b'"}}
    parsed = tt.LogSpec.from_dict(where)
    assert parsed.where == "(segment <> 'a' OR segment = 'b') AND action <> 'other'"


def test_how_near_and_how_many_can_be_set():
    rows = events(*sends("a", (0, 10), (1, 10), (2, 20)), *LAST)
    assert decided(rollup(rows, spec(**TYPED)))["a", 0] == "other"
    near = rollup(rows, spec(**TYPED, slot_minutes=120))
    assert decided(near)["a", 0] == "3x@08:00"
    assert decided(rollup(rows, spec(**TYPED, slot_minutes=120, agreement=0.9)))["a", 0] == "other"


def test_hours_lie_on_a_circle():
    late = {
        **SPEC,
        "actions": {"slots": ["00:15", "12:00"], "frequencies": [1]},
        "rollup": {"type": "what", "send": "push"},
    }
    rolled = rollup(events(*sends("a", (0, 23.75)), *LAST), tt.LogSpec.from_dict(late))
    assert decided(rolled)["a", 0] == "1x@00:15"


def test_outcomes_of_events_go_to_the_send_before_or_to_their_period():
    rows = events(
        *sends("a", (6, 20)),
        ("a", (7, 1), "open"),  # after midnight of Sunday: of last week's send
        *sends("a", (8, 8)),
        ("a", (8, 9), "open"), ("a", (9, 9), "open"),
        ("b", (1, 1), "open"),  # before any send
        *sends("b", (2, 8)),
        ("b", (13.9, 0), "open"),  # more than a week after the start of its period: late
        *LAST,
    )  # fmt: skip
    rolled = rollup(rows, spec(**TYPED))
    opens = {(r["user"], r["period"] - 2922): r["opened"] for r in rolled.frame.iter_rows(named=True)}
    assert (opens["a", 0], opens["a", 1], opens["a", 2], opens["b", 0]) == (1, 2, 0, 0)
    assert (rolled.counts["without_send_opened"], rolled.counts["late_opened"]) == (1, 1)
    notes = "\n".join(rolled.notes)
    assert "1 of opened came before any send of their user: lost" in notes
    assert "1 of opened came after the window and do not count" in notes
    by_period = {**TYPED, "outcomes": {"opened": {"type": "open"}}}
    opens = {
        (r["user"], r["period"] - 2922): r["opened"]
        for r in rollup(rows, spec(**by_period)).frame.iter_rows(named=True)
    }
    assert (opens["a", 0], opens["a", 1], opens["b", 0], opens["b", 1]) == (0, 3, 1, 1)


def test_an_opt_out_ends_a_user_and_its_week_goes_on_at_its_pace():
    """The second send of three a week comes on day 3: (2 − ½) · 7/3 = 3.4 a week."""
    rows = events(
        *sends("a", (0, 8), (7, 8), (10, 0)), ("a", (10, 3), "unsubscribe"), *sends("a", (12, 8), (15, 8)), *LAST
    )  # fmt: skip
    rolled = rollup(rows, spec(**TYPED, slot_minutes=300))
    decisions = rolled.frame.filter(pl.col("user") == "a")
    assert decisions.select("period", "action", "left").rows() == [(2922, "1x@08:00", 0.0), (2923, "3x@08:00", 1.0)]
    assert (rolled.counts["sends_after_opt_out"], rolled.counts["cut_short"]) == (2, 1)
    notes = "\n".join(rolled.notes)
    assert "2 sends came after their user's opt-out" in notes
    assert "1 periods were cut short by an opt-out" in notes
    log = tt.read_log(rolled.frame, spec(**TYPED, slot_minutes=300))
    assert log.outcomes["left"].value[log.user == 0].tolist() == [0, 1]


def test_values_are_summed_and_segments_copied():
    rows = pl.DataFrame(
        [
            ("a", MONDAY + timedelta(hours=8), "push", None, "ios", "new"),
            ("a", MONDAY + timedelta(days=1), "buy", 2.5, None, None),
            ("a", MONDAY + timedelta(days=2), "buy", 4.0, None, None),
            ("a", MONDAY + timedelta(days=15), "push", None, "ios", "old/er"),
        ],
        ("user", "time", "what", "price", "os", "life"), orient="row",
    )  # fmt: skip
    tables = {**SPEC, "outcomes": {"spend": {"kind": "real"}}, "objective": {}}
    tables["rollup"] = {
        "type": "what", "send": "push", "segment": ["os", "life"],
        "outcomes": {"spend": {"type": ["buy"], "value": "price"}},
    }  # fmt: skip
    rolled = rollup(rows, tt.LogSpec.from_dict(tables))
    assert rolled.frame.select("segment", "spend").rows() == [("ios/new", 6.5), ("ios/new", 0.0)]


def test_clocks():
    """08:00 in Tokyo on Monday is Sunday 23:00 in UTC."""
    rows = pl.DataFrame(
        {
            "user": ["a", "z"],
            "time": [MONDAY - timedelta(hours=1), MONDAY + timedelta(days=8)],
            "tz": ["Asia/Tokyo", "UTC"],
            "clock": ["08:00", "00:00"],
        }
    )
    by_zone = {**SPEC, "rollup": {"timezone": "tz"}}
    assert decided(rollup(rows, tt.LogSpec.from_dict(by_zone)))["a", 0] == "1x@08:00"
    by_clock = {**SPEC, "rollup": {"local_time": "clock"}}
    assert decided(rollup(rows, tt.LogSpec.from_dict(by_clock)))["a", 0] == "1x@08:00"
    by_account = {**SPEC, "log": {"timezone": "Asia/Tokyo"}, "rollup": {}}
    assert decided(rollup(rows, tt.LogSpec.from_dict(by_account)))["a", 0] == "1x@08:00"


def test_propensities_are_kept_only_where_every_decision_has_one():
    rows = events(
        *[(u, t, "push", 0.25) for u, t in (("a", (0, 8)), ("a", (7, 8)))], columns=("user", "time", "what", "p")
    )
    complete = rollup(
        rows, tt.LogSpec.from_dict({**SPEC, "log": {"as_of": "2026-02-01"}, "rollup": {"propensity": "p"}})
    )
    assert complete.frame["propensity"].to_list() == [0.25, 0.25]
    gap = events(
        *[(u, t, "push", 0.25) for u, t in (("a", (0, 8)), ("a", (14, 8)))], columns=("user", "time", "what", "p")
    )
    lost = rollup(gap, tt.LogSpec.from_dict({**SPEC, "log": {"as_of": "2026-02-01"}, "rollup": {"propensity": "p"}}))
    assert "propensity" not in lost.frame.columns
    assert any(text.startswith("1 decisions have no propensity") for text in lost.notes)


@pytest.fixture(scope="module")
def world():
    world = tt.World(lively())
    return world, world.simulate(400, 6, seed=5, events=True, truth=False)


def test_the_simulated_sends_give_back_the_simulated_decisions(world):
    """All but the frequencies of weeks that an opt-out cut short; users who were never sent anything are unknown."""
    simulated = world[1]
    read = tt.LogSpec.from_dict(tomllib.loads(sends_spec(world[0].config, simulated.log.as_of)))
    rolled = rollup(events_frame(simulated), read)
    log = pl.DataFrame(
        {
            "user": simulated.log.user_ids[simulated.log.user].astype(str),
            "period": simulated.log.period,
            "action": [simulated.log.actions.names[a] for a in simulated.log.action],
            "segment": [simulated.log.segments.paths[s] for s in simulated.log.segment],
            "opens": simulated.log.outcomes["opens"].value,
            "opens_trials": simulated.log.outcomes["opens"].trials,
            "opted_out": simulated.log.outcomes["opted_out"].value,
        }
    )
    heard = log.filter(pl.col("user").is_in(rolled.frame["user"].unique().to_list())).sort("user", "period")
    rebuilt = rolled.frame.select(heard.columns)
    assert heard.height >= 0.98 * log.height
    assert rebuilt.drop("action").equals(heard.drop("action"))
    stayed = (heard["opted_out"] == 0).to_list()
    assert rolled.counts["cut_short"] == len(stayed) - sum(stayed) > 5
    assert rebuilt.filter(stayed).equals(heard.filter(stayed))
    slots = [frame.filter([not s for s in stayed])["action"].str.split("@").list.last() for frame in (rebuilt, heard)]
    assert slots[0].equals(slots[1])
    assert rolled.counts["other"] == 0


SOUND_EVENTS = events(*sends("a", (0, 8)), *LAST)


@pytest.mark.parametrize(
    ("section", "frame", "words"),
    [
        ({"tipe": "what"}, SOUND_EVENTS, r"\[rollup\]: unknown key 'tipe'; the nearest known key is 'type'"),
        ({"time": "sent"}, SOUND_EVENTS, r"no column 'sent'.*set \[rollup\] time"),
        ({"type": "what"}, SOUND_EVENTS, "no row is a send; the types are 'push'"),
        ({"type": "what", "send": []}, SOUND_EVENTS, r"\[rollup\] send: the list is empty"),
        ({"timezone": "what", "local_time": "what"}, SOUND_EVENTS, "timezone and local_time are both given"),
        ({"timezone": "what"}, SOUND_EVENTS, r"an unknown timezone in 3 rows \(rows 1: 'push'"),
        ({"local_time": "what"}, SOUND_EVENTS, "no local time of day in 3 rows"),
        ({"agreement": 2}, SOUND_EVENTS, "share of at most 1"),
        ({"until": "forever"}, SOUND_EVENTS, "one of end, last_event"),
        ({"outcomes": {"opend": {}}}, SOUND_EVENTS, "unknown key 'opend'; the nearest known key is 'opened'"),
        ({"outcomes": {"opened": {}}}, SOUND_EVENTS, "one of time and type is needed"),
        ({"outcomes": {"opened": {"type": "open"}}}, SOUND_EVENTS, "the events have no type"),
        ({"outcomes": {"opened": {"time": "time", "by": "send"}}}, SOUND_EVENTS, "by has no meaning beside time"),
        ({**TYPED, "outcomes": {"opened": {"type": "open", "by": "week"}}}, SOUND_EVENTS, "one of period, send"),
        ({}, SOUND_EVENTS.clear(), "no rows"),
        ({}, SOUND_EVENTS.with_columns(user=pl.lit(None, pl.String)), "no user in 3 rows"),
        ({"segment": "what"}, SOUND_EVENTS.with_columns(what=pl.lit("a//b")), "a path with an empty part"),
        ({}, SOUND_EVENTS.filter(pl.col("user") == "a"), "no send falls into a period that is over"),
    ],
)
def test_mistakes_are_one_line(section, frame, words):
    with pytest.raises(TactfulError, match=words) as stop:
        rollup(frame, tt.LogSpec.from_dict({**SPEC, "rollup": section}))
    assert "\n" not in str(stop.value)


def test_a_rollup_needs_its_table_and_a_grid():
    with pytest.raises(SpecError, match=r"\[rollup\]: the spec does not say what the events are"):
        rollup(SOUND_EVENTS, tt.LogSpec.from_dict(SPEC))
    with pytest.raises(SpecError, match="needs a grid of cadences"):
        rollup(
            SOUND_EVENTS,
            tt.LogSpec.from_dict({**SPEC, "actions": {"names": ["none", "send"], "period_days": 7}, "rollup": {}}),
        )
    computed = {**SPEC, "outcomes": {"x": {"expr": "1", "kind": "real"}}, "objective": {}}
    with pytest.raises(SpecError, match=r"\[rollup.outcomes\] x: is computed by expr"):
        rollup(SOUND_EVENTS, tt.LogSpec.from_dict({**computed, "rollup": {"outcomes": {"x": {"time": "time"}}}}))
    with pytest.raises(LogError, match="no such file"):
        rollup("nowhere.parquet", spec())
