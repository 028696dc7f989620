"""Bad inputs as data: a spec and a log, and what the one-line refusal must say. Other tests run the same cases."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from tactful.errors import LogError, SpecError, TactfulError

SPEC = """
[actions]
names = ["none", "send"]
period_days = 7
[columns]
user = "user_id"
period = "week"
propensity = "p"
segment = ["platform"]
context = ["recent"]
[outcomes]
opened = { column = "opens", kind = "binary" }
left = { column = "unsub", kind = "binary", absorbing = true, window_days = 7 }
[objective]
opened = 1.0
[limits]
left = 0.01
[log]
as_of = "2026-12-01"
"""
START = datetime(2026, 10, 5, 8, tzinfo=UTC)
ROWS = 6
COLUMNS: dict[str, Any] = {
    "user_id": [1, 1, 1, 2, 2, 2],
    "week": [0, 1, 2, 0, 1, 2],
    "decided_at": [START + timedelta(weeks=i % 3) for i in range(ROWS)],
    "platform": ["ios", "ios", "ios", "web", "web", "web"],
    "action": ["send", "none", "send", "none", "send", "none"],
    "p": [0.5] * ROWS,
    "recent": [0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
    "opens": [1, 0, 0, 0, 1, 0],
    "unsub": [0] * ROWS,
}
NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True)
class Case:
    """One bad input: ``data`` is a frame, or the bytes of the file ``log`` (None: there is no file)."""

    id: str
    spec: str | bytes | None
    log: str
    data: pl.DataFrame | bytes | None
    error: type[TactfulError]
    says: tuple[str, ...]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The paths of the spec and of the log, written to ``folder``."""
        spec, log = folder / "spec.toml", folder / self.log
        if self.spec is not None:
            spec.write_bytes(self.spec if isinstance(self.spec, bytes) else self.spec.encode())
        if self.data is not None:
            log.write_bytes(self.data if isinstance(self.data, bytes) else stored(self.data, self.log))
        return spec, log


def stored(frame: pl.DataFrame, name: str) -> bytes:
    """A frame as the bytes of a file of that name."""
    raw = BytesIO()
    kind = name.removesuffix(".gz").rsplit(".", 1)[1]
    getattr(frame, f"write_{kind}")(raw)
    return gzip.compress(raw.getvalue()) if name.endswith(".gz") else raw.getvalue()


def frame(**edits: Any) -> pl.DataFrame:
    """The good log with some columns replaced; None drops one."""
    return pl.DataFrame({c: v for c, v in (COLUMNS | edits).items() if v is not None}, strict=False)


def at(column: str, *changes: tuple[int, Any]) -> dict[str, list[Any]]:
    """A column with other values in some rows, which are counted from 1."""
    values = list(COLUMNS[column])
    for row, value in changes:
        values[row - 1] = value
    return {column: values}


def swap(*pairs: tuple[str, str]) -> str:
    """The good spec with some of its text replaced."""
    spec = SPEC
    for old, new in pairs:
        assert old in spec, old
        spec = spec.replace(old, new)
    return spec


def data(id_: str, edits: dict[str, Any], *says: str, spec: str = SPEC, log: str = "log.parquet") -> Case:
    """A good spec, and a log that breaks a rule."""
    return Case(id_, spec, log, frame(**edits), LogError, says)


def spec(id_: str, old: str, new: str, *says: str) -> Case:
    """A bad spec, and a good log."""
    return Case(id_, swap((old, new)), "log.parquet", frame(), SpecError, says)


def file(id_: str, log: str, raw: bytes | None, *says: str) -> Case:
    """A good spec, and a file that cannot be read."""
    return Case(id_, SPEC, log, raw, LogError, says)


def later(spec_: str, text: str) -> str:
    """A spec with more under [log]."""
    return spec_ + text + "\n"


MAPPED = swap(("[columns]", '[columns]\neligible = "may"\npropensities = "pmf"'))
MAY = swap(("[columns]", '[columns]\neligible = "may"'))
PMF = swap(('propensity = "p"', 'propensities = "pmf"'))
TRIALS = swap(('column = "opens", kind = "binary"', 'column = "opens", kind = "count", trials = "sends"'))
NO_PERIOD = swap(('period = "week"\n', ""))
HALF = [[0.5, 0.5]] * ROWS
BOTH = [[True, True]] * ROWS


def nth(values: list[Any], *changes: tuple[int, Any]) -> list[Any]:
    """A list with other values in some rows, which are counted from 1."""
    changed = list(values)
    for row, value in changes:
        changed[row - 1] = value
    return changed


PARQUET = stored(frame(), "log.parquet")
LISTS = [
    data("eligible-length", {"may": nth(BOTH, (2, [True]))}, "'may'", "1 row", "row 2", "2 entries", spec=MAY),
    data("eligible-null", {"may": nth(BOTH, (3, None))}, "'may'", "1 row", "row 3", spec=MAY),
    data("eligible-null-entry", {"may": nth(BOTH, (3, [True, None]))}, "'may'", "row 3", "null", spec=MAY),
    data("eligible-none", {"may": nth(BOTH, (4, [False, False]))}, "'may'", "no eligible action", "row 4", spec=MAY),
    data("eligible-not", {"may": nth(BOTH, (1, [True, False]))}, "'may'", "not eligible", "1 row", "row 1", spec=MAY),
    data("eligible-numbers", {"may": nth([[1, 1]] * ROWS, (1, [1, 7]))}, "'may'", "true and false", "row 1", spec=MAY),
    data("eligible-scalar", {"may": [1] * ROWS}, "'may'", "Int64", "lists of 2", spec=MAY),
    data("eligible-csv", {"may": ["[1,1]"] * ROWS}, "'may'", "CSV cannot hold lists", spec=MAY, log="log.csv"),
    data(
        "pmf-sum",
        {"pmf": nth(HALF, (1, [0.5, 0.4]), (5, [0.6, 0.5]))},
        "'pmf'",
        "sum to 1",
        "2 rows",
        "rows 1, 5",
        spec=PMF,
    ),
    data("pmf-length", {"pmf": nth(HALF, (6, [0.2, 0.3, 0.5]))}, "'pmf'", "2 entries", "row 6", spec=PMF),
    data("pmf-null", {"pmf": nth(HALF, (6, None))}, "'pmf'", "no list", "row 6", spec=PMF),
    data("pmf-negative", {"pmf": nth(HALF, (2, [1.5, -0.5]))}, "'pmf'", "negative", "row 2", spec=PMF),
    data("pmf-nan", {"pmf": nth(HALF, (2, [NAN, 0.5]))}, "'pmf'", "NaN", "row 2", spec=PMF),
    data("pmf-text", {"pmf": [["a", "b"]] * ROWS}, "'pmf'", "List(String)", "lists of 2", spec=PMF),
    data("pmf-zero", {"pmf": nth(HALF, (1, [1.0, 0.0]))}, "'pmf'", "outside (0, 1]", "row 1", spec=PMF),
    data(
        "pmf-masked", {"may": nth(BOTH, (1, [False, True])), "pmf": HALF}, "'pmf'", "not eligible", "row 1", spec=MAPPED
    ),
    data(
        "pmf-differs",
        {"may": BOTH, "pmf": nth(HALF, (2, [0.4, 0.6]))},
        "'p'",
        "propensities",
        "row 2: 0.5",
        spec=MAPPED,
    ),
]
PROPENSITIES = [
    data("propensity-above", at("p", (2, 1.5)), "'p'", "outside (0, 1]", "1 row", "row 2: 1.5"),
    data("propensity-zero", at("p", (1, 0.0), (3, -0.1)), "'p'", "outside (0, 1]", "2 rows", "rows 1: 0.0, 3: -0.1"),
    data("propensity-nan", at("p", (4, NAN)), "'p'", "NaN", "1 row", "row 4"),
    data("propensity-inf", at("p", (4, INF)), "'p'", "infinite", "1 row", "row 4"),
    data("propensity-null", at("p", (4, None)), "'p'", "outside (0, 1]", "1 row", "row 4"),
    data("propensity-many", {"p": [2.0] * ROWS}, "'p'", "6 rows", "rows 1: 2.0, 2: 2.0, 3: 2.0, …"),
    data("propensity-text", {"p": ["0.5"] * 5 + ["n/a"]}, "'p'", "text", "1 row", "row 6: 'n/a'", log="log.csv"),
    data("propensity-date", {"p": [date(2026, 1, 1)] * ROWS}, "'p'", "Date", "numbers"),
    data("propensity-missing", {"p": None, "prob": [0.5] * ROWS}, "'p'", "'prob'", "[columns] propensity"),
    data(
        "propensity-least",
        at("p", (2, 0.01)),
        "'p'",
        "min_propensity",
        "row 2",
        spec=later(SPEC, "min_propensity = 0.1"),
    ),
    data(
        "propensity-claimed",
        {"p": None},
        "'propensity'",
        "propensities_are",
        spec=later(swap(('propensity = "p"\n', "")), 'propensities_are = "logged"'),
    ),
]
IDENTITIES = [
    data("user-null", at("user_id", (2, None), (3, None)), "'user_id'", "no user", "2 rows", "rows 2, 3"),
    data("user-float", {"user_id": [1.0, 1.0, 1.0, 2.0, 2.0, 2.5]}, "'user_id'", "decimal point"),
    data("user-float-csv", {"user_id": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]}, "'user_id'", "decimal point", log="log.csv"),
    data("user-list", {"user_id": [[1]] * ROWS}, "'user_id'", "List", "text"),
    data("user-missing", {"user_id": None, "userid": [1] * ROWS}, "'user_id'", "'userid'", "[columns] user"),
    data(
        "action-unknown",
        at("action", (2, "sned"), (3, "sned")),
        "'action'",
        "'sned'",
        "'send'",
        "2 rows",
        "rows 2: 'sned'",
    ),
    data("action-null", at("action", (5, None)), "'action'", "no action", "1 row", "row 5"),
    data("action-missing", {"action": None}, "'action'", "nearest"),
    data(
        "action-unmapped",
        {"action": [0, 1, 2, 0, 1, 0]},
        "'action'",
        "'2'",
        "1 row",
        "row 3",
        spec=swap(('names = ["none", "send"]', 'names = ["none", "send"]\nmap = { "0" = "none", "1" = "send" }')),
    ),
    data("period-null", at("week", (6, None)), "'week'", "no period", "1 row", "row 6"),
    data("period-fraction", {"week": [0.0, 1.5, 2.0, 0.0, 1.0, 2.0]}, "'week'", "whole number", "1 row", "row 2: 1.5"),
    data("period-text", {"week": ["w1"] * ROWS}, "'week'", "String", "whole numbers"),
    data("period-missing", {"week": None, "weak": [0] * ROWS}, "'week'", "'weak'"),
    data("period-neither", {"decided_at": None, "week": None}, "period", "decided_at", spec=NO_PERIOD),
    data("duplicate", {"week": [0, 0, 0, 0, 1, 2]}, "'week'", "(user, period)", "2 rows", "rows 2: 0, 3: 0"),
    data("duplicate-derived", {"week": None, "decided_at": [START] * ROWS}, "'decided_at'", "4 rows", spec=NO_PERIOD),
    data("segment-null", at("platform", (1, None)), "'platform'", "no segment", "1 row", "row 1"),
    data("segment-empty", at("platform", (1, "")), "'platform'", "empty", "1 row", "row 1"),
    data(
        "segment-path",
        at("platform", (2, "ios//new")),
        "'platform'",
        "empty part",
        "row 2: 'ios//new'",
        spec=swap(('["platform"]', '"platform"')),
    ),
    data("arm-null", {"arm": ["policy"] * 5 + [None]}, "'arm'", "no arm", "row 6"),
]
NAIVE = [START.replace(tzinfo=None) + timedelta(weeks=i % 3) for i in range(ROWS)]
TIMES = [
    data("time-naive", {"decided_at": NAIVE}, "'decided_at'", "offset", "6 rows", "timezone"),
    data(
        "time-naive-text",
        at("decided_at", (1, None)) | {"decided_at": [t.isoformat() for t in NAIVE]},
        "offset",
        "6 rows",
    ),
    data("time-date", {"decided_at": [date(2026, 10, 5)] * ROWS}, "'decided_at'", "offset", "6 rows"),
    data("time-null", at("decided_at", (3, None)), "'decided_at'", "no time", "1 row", "row 3"),
    data("time-epoch", {"decided_at": [20_260_601] * ROWS}, "'decided_at'", "s, ms, µs or ns since 1970", "6 rows"),
    data(
        "time-epoch-mixed",
        {"decided_at": [1_780_304_400 + i for i in range(5)] + [1_780_304_400_000]},
        "'decided_at'",
        "in seconds since 1970",
        "1 row",
        "row 6: 1780304400000",
    ),
    data(
        "time-too-late",
        {"decided_at": [t * 1_780_304_400_000 for t in range(1, 7)]},
        "(decided_at)",
        "milliseconds taken for seconds",
        "6 rows",
        spec=swap(
            (
                "[columns]",
                '[columns]\ndecided_at = { expr = "CAST(decided_at * 1000000 AS TIMESTAMP)" }',
            )
        )
        + 'timezone = "UTC"\n',
    ),
    data("time-boolean", {"decided_at": [True] * ROWS}, "'decided_at'", "Boolean", "since 1970"),
    data(
        "time-text",
        {"decided_at": [t.isoformat() + "Z" for t in NAIVE[:5]] + ["yesterday"]},
        "'decided_at'",
        "ISO",
        "1 row",
        "row 6: 'yesterday'",
    ),
    data(
        "time-gap",
        {"decided_at": [*NAIVE[:5], datetime(2026, 3, 29, 2, 30)]},
        "'decided_at'",
        "Europe/Berlin",
        "1 row",
        "row 6",
        spec=later(SPEC, 'timezone = "Europe/Berlin"'),
    ),
    data("all-later", {}, "no rows are left", "6 decided after", spec=swap(("2026-12-01", "2026-01-01"))),
]
OUTCOMES = [
    data("outcome-missing", {"opens": None, "open": [0] * ROWS}, "'opens'", "'open'", "[outcomes] opened"),
    data(
        "outcome-unknown",
        at("opens", (2, None)),
        "'opens'",
        "older than its window",
        "1 row",
        "row 2",
        'null = "zero"',
        'null = "immature"',
    ),
    data("outcome-nan", at("opens", (2, NAN)), "'opens'", "NaN", "1 row", "row 2"),
    data("outcome-inf", at("opens", (2, -INF)), "'opens'", "infinite", "1 row", "row 2"),
    data(
        "outcome-text",
        {"opens": ["1", "0", "x", "y", "z", "w"]},
        "'opens'",
        "text",
        "4 rows",
        "rows 3: 'x'",
        log="log.csv",
    ),
    data("binary", at("opens", (2, 2)), "'opens'", "binary", "1 row", "row 2: 2"),
    data(
        "count-negative",
        at("opens", (2, -1)),
        "'opens'",
        "negative",
        "row 2: -1",
        spec=swap(('"opens", kind = "binary"', '"opens", kind = "count"')),
    ),
    data(
        "count-fraction",
        at("opens", (3, 0.5)),
        "'opens'",
        "fraction",
        "row 3: 0.5",
        spec=swap(('"opens", kind = "binary"', '"opens", kind = "count"')),
    ),
    data(
        "count-trials",
        at("opens", (3, 4)) | {"sends": [3] * ROWS},
        "'opens'",
        "above its trials",
        "row 3: 4",
        spec=TRIALS,
    ),
    data("trials-missing", {}, "'sends'", "[outcomes] opened trials", spec=TRIALS),
    data("trials-null", {"sends": [3] * 5 + [None]}, "'sends'", "without trials", "row 6", spec=TRIALS),
    data("trials-negative", {"sends": [3] * 5 + [-1]}, "'sends'", "negative", "row 6: -1", spec=TRIALS),
    data(
        "range",
        at("opens", (2, 11)),
        "'opens'",
        "[0, 10]",
        "row 2: 11",
        spec=swap(('"opens", kind = "binary"', '"opens", kind = "real", range = [0, 10]')),
    ),
    data("absorbed", at("unsub", (1, 1)), "'decided_at'", "absorbing", "'left'", "1 row", "row 3", "spell"),
    data("absorbed-period", at("unsub", (4, 1)) | {"decided_at": None}, "'week'", "absorbing", "1 row", "row 6"),
    data("context-nan", at("recent", (2, NAN)), "'recent'", "NaN", "1 row", "row 2"),
    data("context-null", at("recent", (2, None)), "'recent'", "no value", "1 row", "row 2"),
    data("context-text", {"recent": ["a"] * ROWS}, "'recent'", "text", "6 rows"),
    data("context-missing", {"recent": None}, "'recent'", "[columns] context"),
    Case(
        "window-without-times",
        swap(("period_days = 7\n", "")),
        "log.parquet",
        frame(decided_at=None),
        SpecError,
        ("[outcomes] left", "decided_at", "window_days = 0"),
    ),
    Case(
        "period-without-length",
        swap(("period_days = 7\n", ""), ('period = "week"\n', "")),
        "log.parquet",
        frame(),
        SpecError,
        ("[actions]", "period_days"),
    ),
]
FILES = [
    file("missing", "log.parquet", None, "log.parquet", "no such file"),
    file("empty-parquet", "log.parquet", b"", "log.parquet", "empty"),
    file("empty-csv", "log.csv", b"", "log.csv", "empty"),
    file("empty-ndjson", "log.ndjson", b"", "log.ndjson", "empty"),
    file("empty-gzip", "log.csv.gz", gzip.compress(b""), "log.csv.gz", "cannot be read"),
    file("header-only", "log.csv", (",".join(COLUMNS) + "\n").encode(), "log.csv", "no rows"),
    file("truncated-parquet", "log.parquet", PARQUET[: len(PARQUET) // 2], "log.parquet", "cannot be read"),
    file(
        "corrupt-parquet", "log.parquet", PARQUET[:4] + b"\xff" * 200 + PARQUET[204:], "log.parquet", "cannot be read"
    ),
    file("not-parquet", "log.parquet", b"user,period\n1,2\n" * 9, "log.parquet", "cannot be read"),
    file("truncated-gzip", "log.csv.gz", stored(frame(), "log.csv.gz")[:-30], "log.csv.gz", "cannot be read"),
    file("not-gzip", "log.ndjson.gz", b"\x1f\x8b garbage", "log.ndjson.gz", "cannot be read"),
    file("bad-json", "log.ndjson", b'{"user_id": 1,\n{"', "log.ndjson", "cannot be read"),
    file("ragged", "log.csv", stored(frame(), "log.csv") + b"1" * 40 + b"," * 30 + b"\n", "log.csv", "cannot be read"),
    file(
        "not-text", "log.csv", stored(frame(), "log.csv").replace(b"ios", b"\xff\xfe\xfa"), "log.csv", "cannot be read"
    ),
    file("extension", "log.xlsx", b"PK", "log.xlsx", "unknown kind of file", ".parquet"),
    Case("no-rows", SPEC, "log.parquet", frame().clear(), LogError, ("log.parquet", "no rows")),
    data("where-nothing", {}, "no rows are left", spec=later(SPEC, 'where = "week > 99"')),
    data("where-column", {}, "'weak'", "'week'", "[log] where", spec=later(SPEC, 'where = "weak > 1"')),
    data("where-quotes", {}, "'ios'", "single quotes", spec=later(SPEC, "where = 'platform = \"ios\"'")),
    data("where-number", {}, "[log] where", "no condition", spec=later(SPEC, 'where = "week + 1"')),
    data("where-types", {}, "log.parquet [log] where", spec=later(SPEC, 'where = "substr(week, 1, 1) = 2"')),
    data("expr-column", {}, "'opns'", "'opens'", spec=swap(('column = "opens"', 'expr = "opns > 0"'))),
    data(
        "expr-cast",
        at("platform", (1, "a")),
        "log.parquet [outcomes] opened",
        "3 out of 3",
        spec=swap(('column = "opens"', 'expr = "CAST(platform AS INT) > 0"')),
    ),
]
EXPR = "[outcomes] opened expr"
SPECS = [
    Case("spec-missing", None, "log.parquet", frame(), SpecError, ("spec.toml", "no such file")),
    Case("spec-broken", "[actions\nnames = 1", "log.parquet", frame(), SpecError, ("spec.toml", "line 1", "column 9")),
    Case("spec-bytes", b"\xff\xfe\x00", "log.parquet", frame(), SpecError, ("spec.toml", "UTF-8")),
    Case("spec-empty", "", "log.parquet", frame(), SpecError, ("spec.toml", "[actions]", "missing")),
    spec("key-top", "[objective]", "[objectives]", "'objectives'", "'objective'"),
    spec("key-actions", "period_days", "perod_days", "[actions]", "'perod_days'", "'period_days'"),
    spec("key-columns", "user =", "usr =", "[columns]", "'usr'", "'user'"),
    spec("key-outcome", "absorbing", "absorbs", "[outcomes] left", "'absorbs'", "'absorbing'"),
    spec("key-log", "as_of", "asof", "[log]", "'asof'", "'as_of'"),
    spec("key-objective", "opened = 1.0", "openned = 1.0", "[objective]", "'openned'", "'opened'"),
    spec("key-limits", "left = 0.01", "lefd = 0.01", "[limits]", "'lefd'", "'left'"),
    spec("key-expr", 'user = "user_id"', 'user = { sql = "user_id" }', "[columns] user", "'sql'", "'expr'"),
    spec("slot-unknown", "left = 0.01", 'slot_share = { "08:00" = 0.1 }', "[limits] slot_share", "'08:00'"),
    spec("type-objective", "opened = 1.0", 'opened = "high"', "[objective] opened", "'high'", "a number"),
    spec("type-infinite", "opened = 1.0", "opened = inf", "[objective] opened", "inf", "finite"),
    spec("type-limit", "left = 0.01", "left = true", "[limits] left", "True", "a number"),
    spec("type-column", 'user = "user_id"', "user = 3", "[columns] user", "3 (a number)", "the name of a column"),
    spec("type-window", "window_days = 7", 'window_days = "7"', "[outcomes] left window_days", "'7'", "a number"),
    spec("type-negative", "window_days = 7", "window_days = -7", "[outcomes] left window_days", "-7", "at least 0"),
    spec("type-names", 'names = ["none", "send"]', 'names = "send"', "[actions] names", "'send'", "a list"),
    spec("type-table", "opened = {", "opened = 3\nx = {", "[outcomes] opened", "a table"),
    spec("type-where", 'as_of = "2026-12-01"', "where = true", "[log] where", "True", "a text"),
    spec("type-range", 'kind = "binary" }', 'kind = "real", range = [1] }', "[outcomes] opened range", "two numbers"),
    spec("kind-missing", ', kind = "binary" }', " }", "[outcomes] opened", "kind is missing", "binary"),
    spec(
        "kind-unknown",
        '"opens", kind = "binary"',
        '"opens", kind = "rate"',
        "[outcomes] opened kind",
        "'rate'",
        "count",
    ),
    spec("null-unknown", '"opens",', '"opens", null = "nil",', "[outcomes] opened null", "'nil'", "immature"),
    spec("range-empty", 'kind = "binary" }', 'kind = "real", range = [1, 0] }', "[outcomes] opened", "range"),
    spec("absorbing-real", '"unsub", kind = "binary"', '"unsub", kind = "real"', "[outcomes] left", "absorbing"),
    spec("trials-binary", '"opens",', '"opens", trials = "sends",', "[outcomes] opened", "trials"),
    spec("column-and-expr", '"opens",', '"opens", expr = "1",', "[outcomes] opened", "column and expr"),
    spec("outcome-name", "opened = {", "user = {", "[outcomes] user", "rename"),
    spec("one-action", '["none", "send"]', '["send"]', "[actions]", "two actions"),
    spec("actions-twice", '["none", "send"]', '["send", "send"]', "[actions]", "twice", "send"),
    spec("grid-and-names", "period_days = 7", 'slots = ["08:00"]', "[actions]", "names and slots"),
    spec("grid-half", 'names = ["none", "send"]', 'slots = ["08:00"]', "[actions]", "frequencies is missing"),
    spec(
        "grid-slot", 'names = ["none", "send"]', 'slots = ["8am"]\nfrequencies = [1]', "[actions] slots", "8am", "HH:MM"
    ),
    spec(
        "grid-often", 'names = ["none", "send"]', 'slots = ["08:00"]\nfrequencies = [9]', "[actions] frequencies", "9"
    ),
    spec("period-length", "period_days = 7", "period_days = 0", "[actions] period_days", "positive"),
    spec("origin", "period_days = 7", 'origin = "monday"', "[actions] origin", "'monday'"),
    spec("map-name", "period_days = 7", 'map = { "1" = "sent" }', "[actions] map", "'sent'", "'send'"),
    spec("timezone", '[log]\nas_of = "2026-12-01"', '[log]\ntimezone = "CEST!"', "[log] timezone", "'CEST!'"),
    spec("as-of", "2026-12-01", "yesterday", "[log] as_of", "'yesterday'"),
    spec(
        "provenance",
        '[log]\nas_of = "2026-12-01"',
        '[log]\npropensities_are = "known"',
        "[log] propensities_are",
        "'known'",
        "design",
    ),
    spec("rejoin", '[log]\nas_of = "2026-12-01"', '[log]\nrejoin = "yes"', "[log] rejoin", "'yes'", "spell"),
    spec("least", '[log]\nas_of = "2026-12-01"', "[log]\nmin_propensity = 2", "[log] min_propensity", "(0, 1]"),
    spec("rank-user", 'user = "user_id"', 'user = "@rank"', "[columns] user", "@rank"),
    spec("segment-list", 'segment = ["platform"]', "segment = []", "[columns] segment", "empty"),
    spec("context-twice", '["recent"]', '["recent", "recent"]', "[columns] context", "'recent'", "twice"),
    spec("sql-broken", 'column = "opens"', 'expr = "opens >"', EXPR, "SQL"),
    spec("sql-empty", 'column = "opens"', 'expr = ""', EXPR, "a text"),
    spec("sql-aggregate", 'column = "opens"', 'expr = "opens > avg(opens)"', EXPR, "not row-wise"),
    spec("sql-broadcast", 'column = "opens"', 'expr = "opens + sum(opens)"', EXPR, "not row-wise"),
    spec("sql-window", 'column = "opens"', 'expr = "lag(opens) OVER (ORDER BY week)"', EXPR, "not row-wise"),
    spec("sql-subquery", 'column = "opens"', 'expr = "(SELECT 1)"', EXPR, "not row-wise"),
    spec("sql-rows", 'column = "opens"', 'expr = "ROW_NUMBER() OVER ()"', EXPR, "not row-wise"),
    spec("sql-where", 'as_of = "2026-12-01"', 'where = "sum(week) > 1"', "[log] where", "not row-wise"),
    spec("sql-regex", 'column = "opens"', """expr = '"^o.*$"'""", EXPR, "not row-wise"),
]
CASES: list[Case] = [*LISTS, *PROPENSITIES, *IDENTITIES, *TIMES, *OUTCOMES, *FILES, *SPECS]
