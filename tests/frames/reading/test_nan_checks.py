"""NaN that only an expression reads is refused as in a plain column: it is never a success."""

from __future__ import annotations

import gzip
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from tactful.errors import LogError
from tactful.frames import LogSpec, read_log
from tactful.frames.building.rollup import rollup

NAN = float("nan")
SESSIONS = [NAN, 2.0, 0.0, NAN, 3.0, 1.0]
FORMATS = ("frame", "lazy", "parquet", "csv", "csv.gz", "tiny.parquet")


def table(**edits):
    n = len(SESSIONS)
    columns = {
        "user": [f"u{i}" for i in range(n)],
        "period": [0] * n,
        "action": ["none", "send"] * (n // 2),
        "sessions": SESSIONS,
        "opens": [0.0, 1.0, 0.0, 0.0, 2.0, 1.0],
        "sends": [0.0, 1.0, 0.0, 2.0, 2.0, 1.0],
        "kind": ["a", "b"] * (n // 2),
    }
    return pl.DataFrame(columns | edits, strict=False)


def spec_of(expr="sessions >= 1", kind="binary", **tables):
    outcomes = {"opened": {"expr": expr, "kind": kind}}
    return LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": outcomes} | tables)


def source(frame, kind, folder):
    if kind == "frame":
        return frame
    if kind == "lazy":
        return frame.lazy()
    if kind == "tiny.parquet":  # half the precision
        frame, kind = frame.with_columns(pl.col("sessions").cast(pl.Float32)), "parquet"
    raw = BytesIO()
    (frame.write_parquet if kind == "parquet" else frame.write_csv)(raw)
    path = folder / f"log.{kind}"
    path.write_bytes(gzip.compress(raw.getvalue()) if kind.endswith(".gz") else raw.getvalue())
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_nan_below_a_comparison_is_refused_by_column_count_and_rows(kind, tmp_path):
    with pytest.raises(LogError) as error:
        read_log(source(table(), kind, tmp_path), spec_of())
    assert "column 'sessions'" in str(error.value)
    assert "NaN in 2 rows (rows 1, 4)" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "expr",
    [
        "NOT sessions < 1",
        "sessions BETWEEN 1 AND 1e300 OR sessions > 0",
        "CASE WHEN sessions > 1 THEN 1 ELSE 0 END",
        "CASE WHEN opens > 0 THEN sessions > 1 ELSE FALSE END",
        "COALESCE(sessions, 0) >= 1",
        "sessions IN (1.0, 2.0)",
        "sessions NOT IN (1.0, 2.0)",
        "sessions IS NOT NULL",
        "GREATEST(sessions, 0) >= 1",
        "NULLIF(sessions, 0) IS NOT NULL",
        "CAST(sessions AS VARCHAR) <> '2.0'",
        "CAST(sessions AS BIGINT) > 1",
        "TRY_CAST(sessions AS BIGINT) IS NULL",
        "sessions <> 2",
        "IF(sessions > 1, 1, 0)",
    ],
)
@pytest.mark.parametrize("null", ["refuse", "zero", "immature"])
def test_no_form_of_expression_hides_it(expr, null):
    spec = spec_of(outcomes={"opened": {"expr": expr, "kind": "binary", "null": null}})
    with pytest.raises(LogError, match=r"column 'sessions'.*NaN in 2 rows"):
        read_log(table(), spec)


@pytest.mark.parametrize(
    "tables",
    [
        {"columns": {"action": {"expr": "CASE WHEN sessions > 1 THEN 'send' ELSE 'none' END"}}},
        {"columns": {"context": {"busy": {"expr": "sessions > 1"}}}},
        {"columns": {"segment": [{"expr": "CASE WHEN sessions > 1 THEN 'busy' ELSE 'idle' END"}]}},
        {"columns": {"propensity": {"expr": "CASE WHEN sessions > 1 THEN 0.5 ELSE 0.2 END"}}},
        {"columns": {"arm": {"expr": "CASE WHEN sessions > 1 THEN 'policy' ELSE 'control' END"}}},
        {"log": {"where": "sessions >= 1"}},
        {"log": {"where": "NOT (sessions = 2)"}},
    ],
)
def test_it_is_refused_wherever_an_expression_stands(tables):
    with pytest.raises(LogError, match=r"column 'sessions'.*NaN in 2 rows"):
        read_log(table(), spec_of("opens > 0", **tables))


def test_rows_that_the_filter_leaves_out_do_no_harm():
    frame = table(valid=[0, 1, 1, 0, 1, 1])
    log = read_log(frame, spec_of(log={"where": "valid = 1"}))
    np.testing.assert_array_equal(log.outcomes["opened"].value, [1, 0, 1, 1])
    assert log.left_out == (("where: valid = 1", 2),)


@pytest.mark.parametrize(
    "expr",
    [
        "opens / sends >= 1",
        "SQRT(opens - 1) >= 0",
        "LN(opens - 1) > 0",
        "NOT opens / sends < 0.5",
        "(opens / sends) IS NOT NULL",
    ],
)
def test_a_step_that_is_nan_is_refused_too(expr):
    with pytest.raises(LogError, match=r"expr .*NaN before the result in \d rows"):
        read_log(table(), spec_of(expr))


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ("CASE WHEN sends > 0 THEN opens / sends >= 1 ELSE FALSE END", [0, 1, 0, 0, 1, 1]),
        ("sends > 0 AND opens / sends >= 1", [0, 1, 0, 0, 1, 1]),
        ("opens / sends >= 1 AND sends > 0", [0, 1, 0, 0, 1, 1]),
        ("sends = 0 OR opens / sends >= 1", [1, 1, 1, 0, 1, 1]),
        ("COALESCE(opens / NULLIF(sends, 0), 0) >= 1", [0, 1, 0, 0, 1, 1]),
        ("COALESCE(opens, opens / sends) >= 1", [0, 1, 0, 0, 1, 1]),
    ],
)
def test_what_the_expression_itself_sets_aside_is_read(expr, value):
    np.testing.assert_array_equal(read_log(table(), spec_of(expr)).outcomes["opened"].value, value)


def test_nan_in_text_that_is_cast_is_refused():
    frame = table(sessions=["NaN", "2", "0", "nan", "3", "1"])
    with pytest.raises(LogError, match="NaN before the result"):
        read_log(frame, spec_of("CAST(sessions AS DOUBLE) >= 1"))


@pytest.mark.parametrize("expr", ["ARRAY_CONTAINS(scores, CAST(2 AS DOUBLE))", "scores[1] >= 1", "pair.left >= 1"])
def test_nan_inside_lists_and_structs_is_refused(expr):
    frame = table(scores=[[NAN, 2.0]] * 6, pair=[{"left": NAN}] * 6)
    with pytest.raises(LogError, match="NaN in 6 rows"):
        read_log(frame, spec_of(expr))


def test_nulls_stay_unknown_and_infinities_compare():
    frame = table(sessions=[None, 2.0, 0.0, float("inf"), 3.0, 1.0])
    spec = spec_of(outcomes={"opened": {"expr": "sessions >= 1", "kind": "binary", "null": "zero"}})
    np.testing.assert_array_equal(read_log(frame, spec).outcomes["opened"].value, [0, 1, 0, 1, 1, 1])


def test_a_rollup_refuses_it_too():
    spec = LogSpec.from_dict(
        {
            "actions": {"slots": ["08:00"], "frequencies": [1]},
            "outcomes": {"active": {"kind": "binary", "window_days": 7}},
            "rollup": {
                "user": "user",
                "time": "at",
                "type": {"expr": "CASE WHEN score > 1 THEN 'push' ELSE 'session' END"},
                "send": ["push"],
                "outcomes": {"active": {"type": "session"}},
            },
            "log": {"timezone": "UTC"},
        }
    )
    events = pl.DataFrame(
        {"user": ["a", "b"], "at": ["2026-11-02T08:00:00", "2026-11-30T08:00:00"], "score": [NAN, 2.0]}
    )
    with pytest.raises(LogError, match=r"column 'score'.*NaN in 1 row"):
        rollup(events, spec)
