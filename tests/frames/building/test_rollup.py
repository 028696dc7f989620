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
        [(u, MONDAY + timedelta(days=d, hours=h), *more) for u, (d, h), *more in rows], columns, orient="row"
    )


def decided(made):
    return {(r["user"], r["period"] - 2922): r["action"] for r in made.frame.iter_rows(named=True)}


def sends(user, *times):
    return [(user, t, "push") for t in times]


LAST = [*sends("z", (14, 8), (21, 8))]  # so that three weeks are over


def test_by_hand():
    made = rollup(
        events(
            *sends("a", (0, 8), (2, 8.5), (4, 7.5)),  # three near 08:00
            *sends("a", (15, 20)),  # then none, then one in the evening
            *sends("b", (8, 20.25)),  # there from its first event on
            *LAST,
        ),
        spec(**TYPED),
    )
    assert decided(made) == {
        ("a", 0): "3x@08:00", ("a", 1): "none", ("a", 2): "1x@20:00",
        ("b", 1): "1x@20:00", ("b", 2): "none", ("z", 2): "1x@08:00",
    }  # fmt: skip
    assert made.counts["sends_in_unfinished_periods"] == 1
    assert made.frame["sends_made"].to_list() == made.frame["sent"].to_list() == [3, 0, 1, 1, 0, 1]
    assert made.frame["decided_at"][0] == MONDAY
    said = "\n".join(made.notes)
    for words in (
        "7 sends in 7 rows became 6 decisions of 3 users: 2 none, 4 on the grid, 0 other",
        "1 sends fall into a period that was not over",
        "taken to be that of UTC",
        "from their first event to its end",
        "no propensities",
    ):
        assert words in said


def test_what_is_off_the_grid_is_other_and_said():
    made = rollup(
        events(
            *sends("two", (0, 8), (1, 8)),
            *sends("noon", (0, 13)),
            *sends("spread", (0, 8), (1, 20), (2, 13)),
            *sends("most", (0, 8), (1, 8), (2, 20)),
            *LAST,
        ),
        spec(**TYPED),
    )
    assert [decided(made)[u, 0] for u in ("two", "noon", "spread", "most")] == ["other", "other", "other", "3x@08:00"]
    assert made.counts["other"] == 3
    other = next(text for text in made.notes if text.startswith("other"))
    for words in ("1 by their number of sends", "1 by their hour", "1 by their spread over hours", "leaves them out"):
        assert words in other
    log = tt.read_log(made.frame, spec(**TYPED))
    assert log.n == made.frame.height - 3
    assert log.left_out == (("where: action <> 'other'", 3),)


def test_a_spec_s_own_filter_stays():
    where = {**SPEC, "rollup": TYPED, "log": {"where": "segment <> 'a' OR segment = 'b'"}}
    made = tt.LogSpec.from_dict(where)
    assert made.where == "(segment <> 'a' OR segment = 'b') AND action <> 'other'"


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
    made = rollup(events(*sends("a", (0, 23.75)), *LAST), tt.LogSpec.from_dict(late))
    assert decided(made)["a", 0] == "1x@00:15"


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
    made = rollup(rows, spec(**TYPED))
    found = {(r["user"], r["period"] - 2922): r["opened"] for r in made.frame.iter_rows(named=True)}
    assert (found["a", 0], found["a", 1], found["a", 2], found["b", 0]) == (1, 2, 0, 0)
    assert (made.counts["without_send_opened"], made.counts["late_opened"]) == (1, 1)
    said = "\n".join(made.notes)
    assert "1 of opened came before any send of their user: lost" in said
    assert "1 of opened came after the window and do not count" in said
    by_period = {**TYPED, "outcomes": {"opened": {"type": "open"}}}
    found = {
        (r["user"], r["period"] - 2922): r["opened"]
        for r in rollup(rows, spec(**by_period)).frame.iter_rows(named=True)
    }
    assert (found["a", 0], found["a", 1], found["b", 0], found["b", 1]) == (0, 3, 1, 1)


def test_an_opt_out_ends_a_user_and_its_week_goes_on_at_its_pace():
    """The second send of three a week comes on day 3: (2 − ½) · 7/3 = 3.4 a week."""
    rows = events(
        *sends("a", (0, 8), (7, 8), (10, 0)), ("a", (10, 3), "unsubscribe"), *sends("a", (12, 8), (15, 8)), *LAST
    )  # fmt: skip
    made = rollup(rows, spec(**TYPED, slot_minutes=300))
    mine = made.frame.filter(pl.col("user") == "a")
    assert mine.select("period", "action", "left").rows() == [(2922, "1x@08:00", 0.0), (2923, "3x@08:00", 1.0)]
    assert (made.counts["sends_after_opt_out"], made.counts["cut_short"]) == (2, 1)
    said = "\n".join(made.notes)
    assert "2 sends came after their user's opt-out" in said
    assert "1 periods were cut short by an opt-out" in said
    log = tt.read_log(made.frame, spec(**TYPED, slot_minutes=300))
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
    plain = {**SPEC, "outcomes": {"spend": {"kind": "real"}}, "objective": {}}
    plain["rollup"] = {
        "type": "what", "send": "push", "segment": ["os", "life"],
        "outcomes": {"spend": {"type": ["buy"], "value": "price"}},
    }  # fmt: skip
    made = rollup(rows, tt.LogSpec.from_dict(plain))
    assert made.frame.select("segment", "spend").rows() == [("ios/new", 6.5), ("ios/new", 0.0)]


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
    one = {**SPEC, "rollup": {"timezone": "tz"}}
    assert decided(rollup(rows, tt.LogSpec.from_dict(one)))["a", 0] == "1x@08:00"
    two = {**SPEC, "rollup": {"local_time": "clock"}}
    assert decided(rollup(rows, tt.LogSpec.from_dict(two)))["a", 0] == "1x@08:00"
    three = {**SPEC, "log": {"timezone": "Asia/Tokyo"}, "rollup": {}}
    assert decided(rollup(rows, tt.LogSpec.from_dict(three)))["a", 0] == "1x@08:00"


def test_propensities_are_kept_only_where_every_decision_has_one():
    rows = events(
        *[(u, t, "push", 0.25) for u, t in (("a", (0, 8)), ("a", (7, 8)))], columns=("user", "time", "what", "p")
    )
    whole = rollup(rows, tt.LogSpec.from_dict({**SPEC, "log": {"as_of": "2026-02-01"}, "rollup": {"propensity": "p"}}))
    assert whole.frame["propensity"].to_list() == [0.25, 0.25]
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
    made = world[1]
    read = tt.LogSpec.from_dict(tomllib.loads(sends_spec(world[0].config, made.log.as_of)))
    rolled = rollup(events_frame(made), read)
    log = pl.DataFrame(
        {
            "user": made.log.user_ids[made.log.user].astype(str),
            "period": made.log.period,
            "action": [made.log.actions.names[a] for a in made.log.action],
            "segment": [made.log.segments.paths[s] for s in made.log.segment],
            "opens": made.log.outcomes["opens"].value,
            "opens_trials": made.log.outcomes["opens"].trials,
            "opted_out": made.log.outcomes["opted_out"].value,
        }
    )
    heard = log.filter(pl.col("user").is_in(rolled.frame["user"].unique().to_list())).sort("user", "period")
    found = rolled.frame.select(heard.columns)
    assert heard.height >= 0.98 * log.height
    assert found.drop("action").equals(heard.drop("action"))
    stayed = (heard["opted_out"] == 0).to_list()
    assert rolled.counts["cut_short"] == len(stayed) - sum(stayed) > 5
    assert found.filter(stayed).equals(heard.filter(stayed))
    slots = [frame.filter([not s for s in stayed])["action"].str.split("@").list.last() for frame in (found, heard)]
    assert slots[0].equals(slots[1])
    assert rolled.counts["other"] == 0


GOOD = events(*sends("a", (0, 8)), *LAST)


@pytest.mark.parametrize(
    ("section", "frame", "words"),
    [
        ({"tipe": "what"}, GOOD, r"\[rollup\]: unknown key 'tipe'; the nearest known key is 'type'"),
        ({"time": "sent"}, GOOD, r"no column 'sent'.*set \[rollup\] time"),
        ({"type": "what"}, GOOD, "no row is a send; the types are 'push'"),
        ({"type": "what", "send": []}, GOOD, r"\[rollup\] send: the list is empty"),
        ({"timezone": "what", "local_time": "what"}, GOOD, "timezone and local_time are both given"),
        ({"timezone": "what"}, GOOD, r"an unknown timezone in 3 rows \(rows 1: 'push'"),
        ({"local_time": "what"}, GOOD, "no local time of day in 3 rows"),
        ({"agreement": 2}, GOOD, "share of at most 1"),
        ({"until": "forever"}, GOOD, "one of end, last_event"),
        ({"outcomes": {"opend": {}}}, GOOD, "unknown key 'opend'; the nearest known key is 'opened'"),
        ({"outcomes": {"opened": {}}}, GOOD, "one of time and type is needed"),
        ({"outcomes": {"opened": {"type": "open"}}}, GOOD, "the events have no type"),
        ({"outcomes": {"opened": {"time": "time", "by": "send"}}}, GOOD, "by has no meaning beside time"),
        ({**TYPED, "outcomes": {"opened": {"type": "open", "by": "week"}}}, GOOD, "one of period, send"),
        ({}, GOOD.clear(), "no rows"),
        ({}, GOOD.with_columns(user=pl.lit(None, pl.String)), "no user in 3 rows"),
        ({"segment": "what"}, GOOD.with_columns(what=pl.lit("a//b")), "a path with an empty part"),
        ({}, GOOD.filter(pl.col("user") == "a"), "no send falls into a period that is over"),
    ],
)
def test_mistakes_are_one_line(section, frame, words):
    with pytest.raises(TactfulError, match=words) as stop:
        rollup(frame, tt.LogSpec.from_dict({**SPEC, "rollup": section}))
    assert "\n" not in str(stop.value)


def test_a_rollup_needs_its_table_and_a_grid():
    with pytest.raises(SpecError, match=r"\[rollup\]: the spec does not say what the events are"):
        rollup(GOOD, tt.LogSpec.from_dict(SPEC))
    with pytest.raises(SpecError, match="needs a grid of cadences"):
        rollup(
            GOOD, tt.LogSpec.from_dict({**SPEC, "actions": {"names": ["none", "send"], "period_days": 7}, "rollup": {}})
        )
    computed = {**SPEC, "outcomes": {"x": {"expr": "1", "kind": "real"}}, "objective": {}}
    with pytest.raises(SpecError, match=r"\[rollup.outcomes\] x: is computed by expr"):
        rollup(GOOD, tt.LogSpec.from_dict({**computed, "rollup": {"outcomes": {"x": {"time": "time"}}}}))
    with pytest.raises(LogError, match="no such file"):
        rollup("nowhere.parquet", spec())
