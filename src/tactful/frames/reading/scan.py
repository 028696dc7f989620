"""Files as lazy frames: Parquet (a file or a folder of partitions), CSV and NDJSON, plain or gzipped."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import escape
from os import PathLike
from pathlib import Path

import polars as pl

from tactful.errors import LogError
from tactful.frames.spec.expressions import one_line

WHOLE = "check that the file is whole and of the kind its name says, and that the types fit the spec"
FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError)
PARQUET = (".parquet",)
CSV = (".csv", ".csv.gz")
NDJSON = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class Scan:
    """A source that was opened: its lazy frame, the types of its columns, and the path where it is CSV."""

    name: str
    lazy: pl.LazyFrame
    schema: pl.Schema
    csv: Path | None = None

    def as_text(self, columns: Iterable[str]) -> Scan:
        """Reads these columns of a CSV file as they are written, so that the id 007 stays 007."""
        schema = pl.Schema({**self.schema, **{c: pl.String() for c in columns}})
        if self.csv is None or schema == self.schema:
            return self
        return replace(self, lazy=pl.scan_csv(self.csv, schema=schema, glob=False), schema=schema)


def scan(source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame) -> Scan:
    """A path (a folder is a set of Parquet partitions, in the order of their names) or a frame, opened lazily.

    Raises
    ------
    LogError
        No such file, an unknown extension, or contents that do not fit it.
    """
    if isinstance(source, pl.DataFrame | pl.LazyFrame):
        lazy = source.lazy()
        with clean("frame"):
            return Scan("frame", lazy, lazy.collect_schema())
    path = Path(source)
    if not path.exists():
        raise LogError("no such file", str(path), "give the path of a log")
    with clean(str(path)):
        lazy = _lazy(path)
        schema = lazy.collect_schema()
        return Scan(str(path), lazy, schema, path if path.name.lower().endswith(CSV) else None)


def _lazy(path: Path) -> pl.LazyFrame:
    if path.is_dir():
        files = sorted(path.rglob("*.parquet"))
        if not files:
            raise LogError("a folder without Parquet files", str(path), "give a folder of Parquet partitions")
        return pl.scan_parquet(files, hive_partitioning=any("=" in f.parent.name for f in files), glob=False)
    name = path.name.lower()
    if not path.stat().st_size:
        raise LogError("the file is empty", str(path), "write the log again")
    if name.endswith(PARQUET):
        return pl.scan_parquet(path, glob=False)
    if name.endswith(CSV):
        # Types are inferred from the whole file: a late odd value is then text that can be named, not a crash.
        return pl.scan_csv(path, infer_schema_length=None, glob=False)
    if name.endswith(NDJSON):
        return pl.scan_ndjson(escape(str(path)), infer_schema_length=None)
    raise LogError("unknown kind of file", str(path), f"use one of {', '.join((*PARQUET, *CSV, *NDJSON))}")


@contextmanager
def clean(where: str, what: str = "cannot be read", do: str = WHOLE) -> Generator[None]:
    """Errors of polars and of the system as one line that begins with ``where``.

    Raises
    ------
    LogError
        In their place.
    """
    try:
        yield
    except FAILURES as error:
        raise failure(error, where, what, do) from None


def failure(error: BaseException, where: str, what: str = "cannot be read", do: str = WHOLE) -> LogError:
    """The one-line error in place of one of the :data:`FAILURES`."""
    return LogError(f"{what}: {one_line(error)}", where, do)
