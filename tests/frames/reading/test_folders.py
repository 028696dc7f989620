"""A folder is one log: which of its files hold data, and which differences of their types lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tactful.core.log import Log
from tactful.errors import LogError
from tactful.frames.building.event_frames import read_events
from tactful.frames.building.sends import read_sends
from tactful.frames.reading.folders import list_parquet_files
from tactful.frames.reading.read_log import read_log
from tactful.frames.reading.scan import scan
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.user_rows import read_users

SPEC = LogSpec.from_dict(
    {
        "actions": {"names": ["none", "send"], "period_days": 7},
        "outcomes": {"opened": {"kind": "binary", "null": "zero"}},
        "log": {"timezone": "UTC"},
    }
)
START = datetime(2026, 6, 1, 9, tzinfo=UTC)
WEEKS, USERS = 3, 5
WEEK = pl.DataFrame(
    {
        "user": [901, 902, 903, 904, 905],
        "segment": ["ios", "ios/new", "web", "web", "ios"],
        "action": ["none", "send", "send", "none", "send"],
        "propensity": [0.5, 0.5, 0.25, 0.5, 0.75],
        "opened": [0, 1, 0, 0, 1],
        "arm": ["policy"] * USERS,
        "scope": [""] * USERS,
    }
)


def week(index: int) -> pl.DataFrame:
    """The decisions of one week."""
    return WEEK.with_columns(pl.lit(START + timedelta(weeks=index)).alias("decided_at"))


Edit = Callable[[pl.DataFrame], pl.DataFrame]


def cast(**types: Any) -> Edit:
    """Columns of another type."""
    return lambda frame: frame.cast(types)


def write_folder(folder: Path, edit: Edit | None = None, *, edited: int = WEEKS - 1, names: str = "part-{}") -> Path:
    """A folder of one file a week, one of which is edited."""
    for index in range(WEEKS):
        path = folder / f"{names.format(index)}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = week(index)
        (edit(frame) if edit and index == edited else frame).write_parquet(path)
    return folder


@pytest.fixture(scope="module")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """The log of parts that are alike."""
    return read_log(write_folder(tmp_path_factory.mktemp("uniform")), SPEC)


KIN: dict[str, Edit] = {
    "float-opened": cast(opened=pl.Float64),
    "float-user": cast(user=pl.Float64),
    "float32-opened": cast(opened=pl.Float32),
    "float32-propensity": cast(propensity=pl.Float32),
    "int32-user": cast(user=pl.Int32),
    "uint64-user": cast(user=pl.UInt64),
    "uint16-opened": cast(opened=pl.UInt16),
    "milliseconds": cast(decided_at=pl.Datetime("ms", "UTC")),
    "nanoseconds": cast(decided_at=pl.Datetime("ns", "UTC")),
    "another-zone": lambda f: f.with_columns(pl.col("decided_at").dt.convert_time_zone("Asia/Tokyo")),
    "naive": lambda f: f.with_columns(pl.col("decided_at").dt.replace_time_zone(None)),
    "naive-nanoseconds": lambda f: f.with_columns(
        pl.col("decided_at").dt.replace_time_zone(None).dt.cast_time_unit("ns")
    ),
    "categorical": cast(segment=pl.Categorical, action=pl.Categorical),
    "enum": cast(action=pl.Enum(["none", "send"])),
    "null-type": lambda f: f.with_columns(pl.lit(None).alias("scope")),
    "extra": lambda f: f.with_columns(pl.lit("2.0").alias("app")),
    "extra-of-two-types": lambda f: f.with_columns(pl.lit(7).alias("app")),
    "without-scope": lambda f: f.drop("scope"),
    "without-arm": lambda f: f.drop("arm"),
    "another-order": lambda f: f.select(reversed(f.columns)),
}


@pytest.mark.parametrize("edited", [0, 1])
@pytest.mark.parametrize("kind", KIN)
def test_parts_of_kin_types_are_one_log(kind: str, edited: int, uniform: Log, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "log", KIN[kind], edited=edited)
    if kind == "extra-of-two-types":
        week(WEEKS).with_columns(pl.lit("2.0").alias("app")).head(0).write_parquet(folder / "part-9.parquet")
    assert read_log(folder, SPEC).fingerprint() == uniform.fingerprint()


def test_whole_floats_with_nulls_beside_whole_numbers_are_whole_numbers_and_nulls(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, lambda f: f.with_columns(pl.Series("opened", [None, 1.0, 0.0, None, 1.0])))
    file = scan(folder)
    assert file.schema["opened"] == pl.Int64
    assert file.lazy.collect()["opened"].null_count() == 2
    assert read_log(folder, SPEC).outcomes["opened"].value.sum() == 2 * WEEKS


def test_fractions_beside_whole_numbers_are_exact_numbers(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, lambda f: f.with_columns(pl.Series("x_age", [0.5, 1, 2, 3, 4])))
    for path in list_parquet_files(folder)[:-1]:
        pl.read_parquet(path).with_columns(pl.lit(3).alias("x_age")).write_parquet(path)
    context = read_log(folder, SPEC).context
    assert context is not None
    assert context[:, 0].tolist() == [3.0] * 10 + [0.5, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["pyarrow", "pandas"])
def test_parts_of_several_writers_are_one_log(name: str, uniform: Log, tmp_path: Path) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    folder = write_folder(tmp_path)
    path = folder / "part-1.parquet"
    frame = week(1)
    if name == "pandas":
        frame.to_pandas().astype({"opened": "float64"}).to_parquet(path)
    else:
        import pyarrow as pa
        from pyarrow import parquet

        table = frame.to_arrow()
        place = table.schema.get_field_index("action")
        values = table["action"].cast(pa.string()).combine_chunks().dictionary_encode()
        table = table.set_column(place, "action", values)
        place = table.schema.get_field_index("segment")
        parquet.write_table(table.set_column(place, "segment", table["segment"].cast(pa.large_string())), path)
    assert read_log(folder, SPEC).fingerprint() == uniform.fingerprint()


LOSSY: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "text-user": (cast(user=pl.String), ("'user'", "whole numbers in part-0", "text in part-2")),
    "text-opened": (cast(opened=pl.String), ("'opened'", "whole numbers in part-0", "text in part-2")),
    "big-float-user": (
        lambda f: f.with_columns(pl.Series("user", [2.0**53 + 2, 1, 2, 3, 4])),
        ("'user'", "2^53", "part-2"),
    ),
    "big-user": (
        lambda f: f.with_columns(pl.Series("user", [2**64 - 1, 1, 2, 3, 4], dtype=pl.UInt64)),
        ("'user'", "2^63", "part-2"),
    ),
    "truths": (cast(opened=pl.Boolean), ("'opened'", "true and false in part-2")),
    "number-time": (lambda f: f.with_columns(pl.col("decided_at").dt.epoch("us")), ("'decided_at'", "part-2")),
    "list": (lambda f: f.with_columns(pl.concat_list("opened").alias("opened")), ("'opened'", "lists", "part-2")),
    "no-opened": (lambda f: f.drop("opened"), ("no column 'opened' in part-2", "[outcomes] opened")),
    "no-user": (lambda f: f.drop("user"), ("no column 'user' in part-2", "[columns] user")),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_parts_that_differ_with_loss_are_refused_in_words_of_the_spec(kind: str, tmp_path: Path) -> None:
    edit, says = LOSSY[kind]
    with pytest.raises(LogError) as caught:
        read_log(write_folder(tmp_path, edit), SPEC)
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path) in message
    for text in says:
        assert text in message
    for advice in ("Int64", "cast_options", "extra_columns", "missing_columns", "scan options"):
        assert advice not in message


def test_a_naive_part_without_a_timezone_is_refused_for_its_own_rows(tmp_path: Path) -> None:
    naive = SPEC.from_dict(
        {"actions": {"names": ["none", "send"], "period_days": 7}, "outcomes": {"opened": {"kind": "binary"}}}
    )
    with pytest.raises(LogError, match=r"without offset in 5 rows \(rows 11"):
        read_log(write_folder(tmp_path, KIN["naive"]), naive)


def test_a_naive_part_is_in_the_zone_of_the_spec_and_the_others_are_not(tmp_path: Path) -> None:
    tokyo = LogSpec.from_dict(
        {
            "actions": {"names": ["none", "send"], "period_days": 7},
            "outcomes": {"opened": {"kind": "binary"}},
            "log": {"timezone": "Asia/Tokyo"},
        }
    )
    log = read_log(write_folder(tmp_path, KIN["naive"]), tokyo)
    expected = [START + timedelta(weeks=i) - timedelta(hours=9) * (i == 2) for i in range(WEEKS)]
    assert log.decided_at is not None
    times = pl.Series(log.decided_at).cast(pl.Datetime("us", "UTC")).unique(maintain_order=True)
    assert times.to_list() == expected


HIDDEN = [
    *(
        ".part-7.parquet",
        "_part-7.parquet",
        "_temporary/0/part-7.parquet",
        ".cache/part-7.parquet",
        "part-7.parquet.tmp",
    ),
    *(".part-0.parquet.crc", "part-7.parquet.crc", "_SUCCESS", "_committed_1", "part-7.parquet.part", ".DS_Store"),
    *("part-7.parquet~", "part-7.parquet._COPYING_", "README.md"),
]


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_and_unfinished_files_are_no_data(name: str, uniform: Log, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"" if name == "_SUCCESS" else (folder / "part-0.parquet").read_bytes())
    assert read_log(folder, SPEC).fingerprint() == uniform.fingerprint()


def test_a_folder_is_data_although_it_lies_in_a_hidden_one(uniform: Log, tmp_path: Path) -> None:
    assert read_log(write_folder(tmp_path / ".cache" / "_log"), SPEC).fingerprint() == uniform.fingerprint()


def test_names_of_parquet_files_in_capitals_are_read_too(uniform: Log, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "part-2.parquet").rename(folder / "part-2.PARQUET")
    assert read_log(folder, SPEC).fingerprint() == uniform.fingerprint()


@pytest.mark.parametrize("name", ["part-7.csv", "part-7.ndjson.gz", "part-7.orc", "part-7", "part-7.dat", "x.json"])
def test_another_kind_of_file_beside_parquet_is_refused(name: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / name).write_bytes(b"user,action\n1,none\n")
    with pytest.raises(LogError, match=f"{name} is not Parquet"):
        read_log(folder, SPEC)


def test_an_empty_part_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "part-1.parquet").write_bytes(b"")
    with pytest.raises(LogError, match=r"the file is empty.*part-1|part-1.*the file is empty"):
        read_log(folder, SPEC)


@pytest.mark.parametrize(
    ("mark", "table"),
    [
        ("_delta_log/00000000000000000000.json", "Delta"),
        ("metadata/v1.metadata.json", "Iceberg"),
        ("metadata/00001-aa.gz.metadata.json", "Iceberg"),
        (".hoodie/hoodie.properties", "Hudi"),
        ("sub/_delta_log/00000000000000000000.json", "Delta"),
    ],
)
@pytest.mark.parametrize("reader", ["log", "events", "sends", "users"])
def test_a_table_format_is_refused_by_every_reader(reader: str, mark: str, table: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / mark).parent.mkdir(parents=True, exist_ok=True)
    (folder / mark).write_text("{}")
    with pytest.raises(LogError, match=f"{table} table") as caught:
        read(reader, folder)
    assert "\n" not in str(caught.value)


def test_a_partition_of_a_table_and_its_data_folder_are_refused_too(tmp_path: Path) -> None:
    write_folder(tmp_path / "delta", names="region=1/part-{}")
    (tmp_path / "delta" / "_delta_log").mkdir()
    write_folder(tmp_path / "ice" / "data")
    (tmp_path / "ice" / "metadata").mkdir()
    (tmp_path / "ice" / "metadata" / "v2.metadata.json").write_text("{}")
    for folder in ("delta/region=1", "ice/data", "ice"):
        with pytest.raises(LogError, match="table, whose files"):
            read_log(tmp_path / folder, SPEC)


def read(reader: str, folder: Path) -> Any:
    """A folder through one of the readers."""
    if reader == "log":
        return read_log(folder, SPEC)
    if reader == "events":
        return read_events(folder)
    if reader == "users":
        return read_users(folder)
    spec = LogSpec.from_dict(
        {
            "actions": {"slots": ["08:00"], "frequencies": [1]},
            "outcomes": {"opened": {"kind": "count"}},
            "rollup": {"outcomes": {"opened": {"time": "opened_at"}}},
        }
    )
    assert spec.rollup is not None
    return read_sends(folder, spec, spec.rollup)


def test_keys_keep_leading_zeros_and_are_decoded(tmp_path: Path) -> None:
    keys = ["region=007/part-0", "region=12/part-1", "region=a%2Fb%20c/part-2", "region=__HIVE_DEFAULT_PARTITION__/x"]
    for index, name in enumerate(keys):
        path = tmp_path / f"{name}.parquet"
        path.parent.mkdir(parents=True)
        week(index).write_parquet(path)
    regions = scan(tmp_path).lazy.collect()["region"].unique().to_list()
    assert set(regions) == {"007", "12", "a/b c", None}


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        (["0", "1"], pl.Int64, 0),
        (["-3", "12"], pl.Int64, -3),
        (["07", "12"], pl.String, "07"),
        (["1", "x"], pl.String, "1"),
        (["1.50", "2"], pl.String, "1.50"),
        (["2026-06-01", "2026-06-08"], pl.Date, date(2026, 6, 1)),
        (["2026-06-01", "2026-13-08"], pl.String, "2026-06-01"),
        (["99999999999999999999", "1"], pl.String, "99999999999999999999"),
    ],
)
def test_types_of_keys(values: list[str], kind: Any, first: object, tmp_path: Path) -> None:
    for index, value in enumerate(values):
        path = tmp_path / f"key={value}" / "part.parquet"
        path.parent.mkdir(parents=True)
        week(index).write_parquet(path)
    file = scan(tmp_path)
    assert file.schema["key"] == kind
    assert first in file.lazy.collect()["key"].to_list()


def test_keys_and_kin_types_together(uniform: Log, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, KIN["float-opened"], names="week={}/part-0")
    assert read_log(folder, SPEC).fingerprint() == uniform.fingerprint()


def test_files_under_different_keys_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, names="week={}/part-0")
    week(5).write_parquet(folder / "part-9.parquet")
    with pytest.raises(LogError, match="same keys"):
        read_log(folder, SPEC)


def test_events_of_parts_of_kin_types(tmp_path: Path) -> None:
    events = pl.DataFrame(
        {
            "id": ["d1", "o1"],
            "kind": ["decision", "outcome"],
            "user": ["ada", "ada"],
            "at_us": [1_780_304_400_000_000, 1_780_304_500_000_000],
            "period": [2943, None],
            "name": [None, "opened"],
        }
    )
    whole = read_events(events)
    events[:1].drop("name").write_parquet(tmp_path / "a.parquet")
    events[1:].cast({"user": pl.Categorical, "period": pl.Float64}).write_parquet(tmp_path / "b.parquet")
    assert_frame_equal(read_events(tmp_path), whole)


def test_users_of_parts_of_kin_types(tmp_path: Path) -> None:
    pl.DataFrame({"user": [1, 2], "segment": ["ios", "web"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"user": [3, 4]}, schema={"user": pl.Int32}).write_parquet(tmp_path / "b.parquet")
    assert read_users(tmp_path)["user"].to_list() == ["1", "2", "3", "4"]
    assert read_users(tmp_path)["segment"].to_list() == ["ios", "web", "", ""]
    pl.DataFrame({"user": ["x"]}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(LogError, match=r"'user' holds whole numbers in a\.parquet and text in c\.parquet"):
        read_users(tmp_path)
