"""A LogSpec has every documented key, its defaults, and expressions that work row by row."""

from __future__ import annotations

import polars as pl
import pytest
from bad_inputs import SPEC

from tactful.core.actions import DAY_US, time_us
from tactful.errors import SpecError
from tactful.frames import LogSpec
from tactful.frames.spec.expressions import parse_sql
from tactful.frames.spec.toml_tables import find_nearest, load_toml

DOCUMENTED = """
[actions]
slots = ["08:00", "12:00", "18:00", "21:30"]
frequencies = [1, 2, 3, 5, 7]
none = true
period_days = 7
[columns]
user = "user_id"
period = "week"
decided_at = "decided_at"
segment = ["platform", "lifecycle"]
action = "action"
propensity = "p"
eligible = "available"
context = ["recent_sends"]
[outcomes]
engaged = { column = "opens", kind = "count", trials = "sends", window_days = 2, null = "zero" }
opted_out = { column = "unsubscribed", kind = "binary", absorbing = true, window_days = 7, null = "immature" }
active = { expr = "sessions >= 1", kind = "binary", range = [0, 10] }
[objective]
engaged = 1.0
opted_out = -15.0
[limits]
opted_out = 0.004
sends_per_period = 3.0
slot_share = { "21:30" = 0.2 }
[log]
timezone = "UTC"
as_of = "max"
where = "available = 1"
propensities_are = "logged"
min_propensity = 0.002
rejoin = "refuse"
"""
SMALLEST_SPEC = {"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}}


def test_the_documented_spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(DOCUMENTED)
    spec = LogSpec.from_toml(path)
    assert spec.actions.k == 21
    assert spec.actions.names[:2] == ("none", "1x@08:00")
    assert spec.outcomes["engaged"].window_us == 2 * DAY_US
    assert spec.outcomes["engaged"].has_trials
    assert spec.outcomes["opted_out"].absorbing
    assert spec.outcomes["active"].range == (0, 10)
    assert [m.null for m in spec.measures.values()] == ["zero", "immature", "refuse"]
    assert spec.objective.values == {"engaged": 1, "opted_out": -15}
    assert spec.limits.to_json() == {"opted_out": 0.004, "sends_per_period": 3.0, "slot_share": {"21:30": 0.2}}
    assert (spec.timezone, spec.as_of, spec.where) == ("UTC", None, "available = 1")
    assert (spec.provenance, spec.min_propensity, spec.rejoin) == ("logged", 0.002, "refuse")
    assert spec == LogSpec.from_dict(load_toml(path), "elsewhere")


def test_defaults():
    spec = LogSpec.from_dict(SMALLEST_SPEC)
    outcome = spec.outcomes["opened"]
    assert (outcome.window_us, outcome.absorbing, outcome.has_trials, outcome.range) == (0, False, False, None)
    assert spec.measures["opened"].null == "refuse"
    assert spec.measures["opened"].value.column == "opened"
    assert spec.objective.outcomes == ()
    assert spec.limits.to_json() == {}
    assert (spec.timezone, spec.as_of, spec.where, spec.provenance, spec.rejoin) == (None, None, None, None, "refuse")
    assert spec.actions.period_us is None


def test_a_grid_has_weeks_and_none_by_default():
    spec = LogSpec.from_dict(SMALLEST_SPEC | {"actions": {"slots": ["08:00"], "frequencies": [1]}})
    assert spec.actions.names == ("none", "1x@08:00")
    assert spec.actions.period_us == 7 * DAY_US
    spec = LogSpec.from_dict(SMALLEST_SPEC | {"actions": {"slots": ["08:00"], "frequencies": [1, 2], "none": False}})
    assert spec.actions.names == ("1x@08:00", "2x@08:00")


@pytest.mark.parametrize(
    ("log", "as_of"),
    [
        ('as_of = "2026-11-02"', "2026-11-02T00:00:00Z"),
        ("as_of = 2026-11-02", "2026-11-02T00:00:00Z"),
        ("as_of = 2026-11-02T08:00:00+01:00", "2026-11-02T07:00:00Z"),
        ('as_of = "2026-11-02T08:00"\ntimezone = "Europe/Berlin"', "2026-11-02T07:00:00Z"),
        ('as_of = "2026-11-02T08:00Z"\ntimezone = "Europe/Berlin"', "2026-11-02T08:00:00Z"),
    ],
)
def test_as_of(log, as_of, tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC.replace('as_of = "2026-12-01"', log))
    assert LogSpec.from_toml(path).as_of == time_us(as_of, "")


def test_origin_and_map_of_plain_values():
    actions = {"names": ["none", "send"], "origin": "2026-01-01", "period_days": 1, "map": {0: "none", 1: "send"}}
    spec = LogSpec.from_dict(SMALLEST_SPEC | {"actions": actions})
    assert spec.actions.period(time_us("2026-01-03T23:00:00Z", "")) == 2
    assert spec.action_map == {"0": "none", "1": "send"}


def test_where_begins_the_message():
    with pytest.raises(SpecError, match=r"^here \[log\]: unknown key 'x'"):
        LogSpec.from_dict(SMALLEST_SPEC | {"log": {"x": 1}}, "here")


def test_nearest_always_names_one():
    assert find_nearest("zzz", ["user", "period"]) in ("'user'", "'period'")
    assert find_nearest("zzz", []) == ""


ROW_WISE = {
    "a IN (1, 2)": [True, True, False],
    "LN(a + 0.5) > 0": [True, True, True],
    "a BETWEEN 2 AND 3 AND NOT b": [False, True, False],
    "CASE WHEN a > 1 THEN 'x' ELSE s END": ["ios", "x", "x"],
    "COALESCE(n, 0) + 1": [1, 6, 1],
    "n IS NULL": [True, False, True],
    "s || '/' || CAST(a AS VARCHAR)": ["ios/1", "web/2", "a%/3"],
    "UPPER(s) LIKE 'I%'": [True, False, False],
    "GREATEST(a, n)": [1, 5, 3],
    "ROUND(SQRT(a * a), 1)": [1, 2, 3],
    "a % 2 = 0": [False, True, False],
    "1": [1, 1, 1],
    "NULL": [None, None, None],
    "SPLIT_PART(s, 'o', 1)": ["i", "web", "a%"],
    "EXTRACT(hour FROM CAST(a * 3600000000 AS TIMESTAMP))": [1, 2, 3],
}


@pytest.mark.parametrize("sql", ROW_WISE)
def test_row_wise_expressions(sql):
    frame = pl.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "n": [None, 5, None], "s": ["ios", "web", "a%"]})
    expr = parse_sql(sql, "here").alias("found")
    assert frame.with_columns(expr)["found"].to_list() == ROW_WISE[sql]
    alone = pl.concat([frame[i : i + 1].with_columns(expr) for i in range(3)], how="vertical_relaxed")
    assert alone["found"].to_list() == ROW_WISE[sql]


@pytest.mark.parametrize(
    "sql",
    [
        *("SUM(a)", "a + SUM(a)", "COUNT(*)", "a > AVG(a)", "MAX(a) OVER (PARTITION BY b)", "FIRST(a)", "MEDIAN(a)"),
        *("(SELECT 1)", "a + (SELECT 1)", "EXISTS (SELECT 1)", "ROW_NUMBER() OVER ()", "LAG(a) OVER (ORDER BY b)"),
        *("UNNEST(a)", "COLUMNS('x')", '"^a.*$"', "QUANTILE_CONT(a, 0.5)", "STDDEV(a)", "a BETWEEN 1 AND SUM(b)"),
        *("CASE WHEN MIN(a) > 1 THEN 1 END", "ABS(SUM(a))", "CAST(SUM(a) AS INT)", "ARRAY_AGG(a)", "a IN (SUM(a), 2)"),
    ],
)
def test_other_expressions_are_refused(sql):
    with pytest.raises(SpecError, match="window functions, aggregates and subqueries are not row-wise"):
        parse_sql(sql, "here")


@pytest.mark.parametrize("sql", ["a >", "", "NOPE(a)", "RANDOM()", "a; b", "*", "a IN (SELECT b FROM t)", "LAG(a)"])
def test_what_is_no_expression_is_refused(sql):
    with pytest.raises(SpecError, match="not an SQL expression"):
        parse_sql(sql, "here")
