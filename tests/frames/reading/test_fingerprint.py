"""One log has one fingerprint, however it was stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec

SPEC = LogSpec.from_dict(
    {
        "actions": {"names": ["none", "send"], "period_days": 7},
        "columns": {"context": ["recent"]},
        "outcomes": {
            "opened": {"kind": "count", "trials": "sends", "window_days": 2, "null": "immature"},
            "left": {"kind": "binary", "absorbing": True, "window_days": 7, "null": "immature"},
        },
    }
)
START = datetime(2026, 6, 1, 9, tzinfo=UTC)
USERS, WEEKS = 4, 4
ROWS = [(user, week) for week in range(WEEKS) for user in range(USERS)]
LOG = pl.DataFrame(
    {
        "user": [100 + user for user, _ in ROWS],
        "decided_at": [START + timedelta(weeks=week, hours=user) for user, week in ROWS],
        "segment": [["ios/new", "ios", "web", "wéb/a%2Fb"][user] for user, _ in ROWS],
        "action": [["none", "send"][(user + week) % 2] for user, week in ROWS],
        "propensity": [[0.25, 0.75][(user + week) % 2] for user, week in ROWS],
        "recent": [user + week / 2 for user, week in ROWS],
        "opened": [None if week == WEEKS - 1 else (user + week) % 3 for user, week in ROWS],
        "sends": [None if week == WEEKS - 1 else 2 for _, week in ROWS],
        "left": [None if week == WEEKS - 1 else 0 for _, week in ROWS],
    }
)
WHOLE = read_log(LOG, SPEC).fingerprint()
EPOCHS = {
    "s": LOG.with_columns(pl.col("decided_at").dt.epoch("s")),
    "s-int32": LOG.with_columns(pl.col("decided_at").dt.epoch("s").cast(pl.Int32)),
    "s-uint32": LOG.with_columns(pl.col("decided_at").dt.epoch("s").cast(pl.UInt32)),
    "s-float": LOG.with_columns(pl.col("decided_at").dt.epoch("s").cast(pl.Float64)),
    "s-text": LOG.with_columns(pl.col("decided_at").dt.epoch("s").cast(pl.String)),
    "ms": LOG.with_columns(pl.col("decided_at").dt.epoch("ms")),
    "us": LOG.with_columns(pl.col("decided_at").dt.epoch("us")),
    "ns": LOG.with_columns(pl.col("decided_at").dt.epoch("ns")),
}


def write_csv(folder: Path, frame: pl.DataFrame = LOG) -> Path:
    """As plain CSV."""
    frame.write_csv(folder / "log.csv")
    return folder / "log.csv"


def write_gzip(folder: Path, frame: pl.DataFrame = LOG) -> Path:
    """As gzipped CSV."""
    path = folder / "log.csv.gz"
    path.write_bytes(gzip.compress(write_csv(folder, frame).read_bytes()))
    return path


def write_ndjson(folder: Path, frame: pl.DataFrame = LOG) -> Path:
    """As NDJSON."""
    frame.write_ndjson(folder / "log.ndjson")
    return folder / "log.ndjson"


def write_parquet(folder: Path, frame: pl.DataFrame = LOG) -> Path:
    """By polars."""
    frame.write_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def write_arrow(folder: Path) -> Path:
    """By pyarrow, with strings and dictionaries of its own."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    parquet.write_table(LOG.cast({"segment": pl.Categorical}).to_arrow(), folder / "log.parquet")
    return folder / "log.parquet"


def write_pandas(folder: Path) -> Path:
    """By pandas, where whole numbers with nulls are floats."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pandas writes Parquet with pyarrow, which is not installed")
    LOG.to_pandas().to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def write_parts(folder: Path) -> Path:
    """As parts of kin types under keys."""
    edits: list[dict[str, Any]] = [
        {},
        {"user": pl.Int32, "decided_at": pl.Datetime("ms", "UTC")},
        {"opened": pl.Float64, "segment": pl.Categorical, "recent": pl.Float32},
        {"left": pl.Float64, "sends": pl.UInt8, "decided_at": pl.Datetime("ns", "UTC")},
    ]
    for week, types in enumerate(edits):
        path = folder / "parts" / f"day={week:02d}" / "part-0.parquet"
        path.parent.mkdir(parents=True)
        LOG.slice(week * USERS, USERS).cast(types).write_parquet(path)
    return folder / "parts"


WRITERS: dict[str, Callable[[Path], Path]] = {
    writer.__name__: writer
    for writer in (write_csv, write_gzip, write_ndjson, write_parquet, write_arrow, write_pandas, write_parts)
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_way_to_store_a_log_has_its_fingerprint(writer: str, tmp_path: Path) -> None:
    assert read_log(WRITERS[writer](tmp_path), SPEC).fingerprint() == WHOLE


@pytest.mark.parametrize("unit", EPOCHS)
@pytest.mark.parametrize("write", [write_csv, write_gzip, write_ndjson, write_parquet])
def test_times_in_every_unit_have_it_too(
    unit: str, write: Callable[[Path, pl.DataFrame], Path], tmp_path: Path
) -> None:
    assert read_log(EPOCHS[unit], SPEC).fingerprint() == WHOLE
    assert read_log(write(tmp_path, EPOCHS[unit]), SPEC).fingerprint() == WHOLE


def test_another_value_has_another_fingerprint() -> None:
    changed = LOG.with_columns(pl.col("decided_at") + timedelta(microseconds=1))
    assert read_log(changed, SPEC).fingerprint() != WHOLE
