"""A user is the same in every kind of file, and for every reader: logs, users to decide for, sends and events."""

from __future__ import annotations

import gzip
import json

import numpy as np
import polars as pl
import pytest

from tactful.core.actions import ActionSpace
from tactful.errors import LogError
from tactful.frames import LogSpec, read_log
from tactful.frames.building.event_frames import read_events
from tactful.frames.building.sends import read_sends
from tactful.frames.decisions import decide
from tactful.policies.table import always

SPEC = {"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}}
GRID = LogSpec.from_dict(
    {
        "actions": {"slots": ["08:00"], "frequencies": [1]},
        "outcomes": {"opened": {"kind": "binary", "window_days": 7}},
        "rollup": {"time": "at", "outcomes": {"opened": {"time": "at"}}},
        "log": {"timezone": "UTC"},
    }
)
READERS = ("log", "users", "sends", "events")


def ids_of(reader, source):
    """The users that a reader takes from a file."""
    if reader == "log":
        return list(read_log(source, LogSpec.from_dict(SPEC)).user_ids)
    if reader == "users":
        return decide(always(ActionSpace.named(["none", "send"]), "send"), source, 0)["user"].to_list()
    if reader == "sends":
        return read_sends(source, GRID, GRID.rollup).frame["user"].to_list()
    return read_events(source)["user"].to_list()


def table(users):
    """A table that every reader can read."""
    n = len(users)
    columns = {"period": [0] * n, "action": ["send"] * n, "opened": [1] * n, "kind": ["send"] * n}
    columns |= {"id": [f"e{i}" for i in range(n)], "at": ["2026-11-02T08:00:00Z"] * n}
    return pl.DataFrame(columns).with_columns(
        users.alias("user") if isinstance(users, pl.Series) else pl.Series("user", users)
    )


def csv_of(users, path, extra=""):
    rows = [f"{u},0,send,1,send,e{i},2026-11-02T08:00:00Z" for i, u in enumerate(users)]
    text = "\n".join(["user,period,action,opened,kind,id,at", *rows]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz"])
def test_csv_is_read_as_it_is_written(reader, name, tmp_path):
    users = ["007", "7", "0", "-1", "18446744073709551615"]
    assert ids_of(reader, csv_of(users, tmp_path / name)) == users


@pytest.mark.parametrize("reader", READERS)
def test_ndjson_keeps_text(reader, tmp_path):
    path = tmp_path / "f.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in table(["007", "7", " 7"]).to_dicts()))
    assert ids_of(reader, path) == ["007", "7", " 7"]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("dtype", "users"),
    [
        (pl.Int64, [2**63 - 1, -(2**63), 2**53 + 1]),
        (pl.UInt64, [2**64 - 1, 2**53 + 1, 0]),
        (pl.Decimal(38, 0), [2**63, 2**53 + 1, 7]),
        (pl.Categorical, ["b", "a", "007"]),
        (pl.Enum(["b", "a"]), ["b", "a"]),
        (pl.Int8, [1, 2, -3]),
    ],
)
def test_whole_numbers_and_dictionaries_are_exact(reader, dtype, users, tmp_path):
    table(pl.Series("user", users, dtype=dtype)).write_parquet(tmp_path / "f.parquet")
    assert ids_of(reader, tmp_path / "f.parquet") == [str(u) for u in users]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("users", "message"),
    [
        (pl.Series([1.0, 2.0]), "column 'user': holds numbers with a decimal point"),
        (pl.Series([1.5, None]), "column 'user': holds numbers with a decimal point"),
        (pl.Series(["1.5", "2"]).cast(pl.Decimal(10, 1)), "column 'user': holds numbers with a decimal point"),
        (pl.Series([True, False]), "column 'user': holds Boolean"),
        (pl.Series([1, 2]).cast(pl.Date), "column 'user': holds Date"),
        (pl.Series([[1], [2]]), "column 'user': holds List"),
        (pl.Series(["a", None]), r"column 'user': no user in 1 row \(row 2\)"),
        (pl.Series(["", "b"]), r"column 'user': no user in 1 row \(row 1\)"),
        (pl.Series([None, 3]), r"column 'user': no user in 1 row \(row 1\)"),
    ],
)
def test_every_reader_refuses_the_same_in_the_same_words(reader, users, message):
    with pytest.raises(LogError, match=message):
        ids_of(reader, table(users))


@pytest.mark.parametrize("reader", READERS)
def test_a_decimal_point_is_refused_in_csv_too(reader, tmp_path):
    with pytest.raises(LogError, match="holds numbers with a decimal point"):
        ids_of(reader, csv_of(["1.0", "2.0"], tmp_path / "f.csv"))
    assert ids_of(reader, csv_of(["1.0", "a"], tmp_path / "f.csv")) == ["1.0", "a"]


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_id_is_refused_in_csv_too(reader, tmp_path):
    with pytest.raises(LogError, match=r"no user in 1 row \(row 2\)"):
        ids_of(reader, csv_of(["7", "", "8"], tmp_path / "f.csv"))


def test_a_log_has_one_fingerprint_however_its_ids_are_stored(tmp_path):
    users, spec = [7, 2**53 + 1, 12], LogSpec.from_dict(SPEC)
    texts = [str(u) for u in users]
    table(users).write_parquet(tmp_path / "f.parquet")
    table(texts).write_ndjson(tmp_path / "f.ndjson")
    sources = [
        table(users),
        table(texts),
        tmp_path / "f.parquet",
        tmp_path / "f.ndjson",
        csv_of(users, tmp_path / "f.csv"),
    ]
    assert len({read_log(source, spec).fingerprint() for source in sources}) == 1


@pytest.mark.parametrize(
    ("tables", "users"),
    [
        ({"log": {"where": '"user" > 6'}}, ["007", "7"]),
        ({"columns": {"context": {"even": {"expr": '"user" % 2'}}}}, ["007", "7", "0"]),
        ({"columns": {"arm": {"expr": "CASE WHEN \"user\" = 0 THEN 'control' ELSE 'policy' END"}}}, ["007", "7", "0"]),
    ],
)
def test_ids_that_an_expression_computes_with_stay_as_they_are_written(tables, users, tmp_path):
    log = read_log(csv_of(["007", "7", "0"], tmp_path / "f.csv"), LogSpec.from_dict(SPEC | tables))
    assert list(log.user_ids) == users
    if log.context is not None:
        np.testing.assert_array_equal(log.context[:, 0], [1, 1, 0])
