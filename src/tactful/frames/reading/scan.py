"""Files as lazy frames: Parquet (a file or a folder of partitions), CSV and NDJSON, plain or gzipped."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from glob import escape
from os import PathLike
from pathlib import Path

import polars as pl

from tactful.errors import LogError
from tactful.frames.reading.csv_dialect import CsvDialect, detect_dialect
from tactful.frames.reading.folders import PARQUET_SUFFIXES, list_parquet_files, read_key_types
from tactful.frames.reading.part_types import PartConflicts, merge_parts, read_parts
from tactful.frames.spec.expressions import first_line

CHECK_HINT = "check that the file is whole and of the kind its name says, and that the types fit the spec"
POLARS_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError)
CSV_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
NDJSON_SUFFIXES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
FILE_SUFFIXES = (*PARQUET_SUFFIXES, *CSV_SUFFIXES, *NDJSON_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Scan:
    """A source that was opened and not read yet."""

    name: str
    """The path, or ``frame``."""
    lazy: pl.LazyFrame
    """Its rows."""
    schema: pl.Schema
    """The types of its columns."""
    csv: Path | None = None
    """The path where it is CSV, whose types are guessed."""
    dialect: CsvDialect = field(default_factory=CsvDialect)
    """How it is written, where it is CSV."""
    conflicts: PartConflicts = field(default_factory=PartConflicts)
    """What the parts of a folder do not have in common."""

    def as_text(self, columns: Iterable[str]) -> Scan:
        """Reads these columns of a CSV file as they are written, so that the id 007 stays 007."""
        schema = pl.Schema({**self.schema, **{c: pl.String() for c in columns}})
        if self.csv is None or schema == self.schema:
            return self
        return replace(self, lazy=_scan_csv(self.csv, self.dialect, schema), schema=schema)

    def check_parts(self, columns: Iterable[str], key: str = "", *, optional: bool = False) -> None:
        """Refuse columns that the parts of a folder do not have in common.

        Parameters
        ----------
        columns
            The columns that are read.
        key
            The place in the spec that reads them, where one does.
        optional
            Whether some parts may lack them; their rows are then null.

        Raises
        ------
        LogError
            The types of a column differ with loss, or a part does not have it: names the parts.
        """
        elsewhere = f", or set {key} to another column" * bool(key)
        for column in columns:
            if column in self.conflicts.clashes:
                do = f"write it with one type in every part{elsewhere}"
                raise LogError(self.conflicts.clashes[column], self.name, do)
            if column in self.conflicts.lacking and not optional:
                what = f"no column {column!r} in {self.conflicts.lacking[column]}, although other parts have it"
                raise LogError(what, self.name, f"write it in every part, empty where it is not known{elsewhere}")


def scan(source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame) -> Scan:
    """A path (a folder is a set of Parquet partitions, in the order of their names) or a frame, opened lazily.

    Raises
    ------
    LogError
        No such file, an unknown extension, or contents that do not fit it.
    """
    if isinstance(source, pl.DataFrame | pl.LazyFrame):
        lazy = source.lazy()
        with errors_in_one_line("frame"):
            return Scan("frame", lazy, lazy.collect_schema())
    path = Path(source)
    if not path.exists():
        raise LogError("no such file", str(path), "give the path of a log")
    with errors_in_one_line(str(path)):
        if path.is_dir():
            return _scan_folder(path)
        if path.name.lower().endswith(CSV_SUFFIXES) and path.stat().st_size:
            dialect = detect_dialect(path)
            lazy = _scan_csv(path, dialect)
            return Scan(str(path), lazy, lazy.collect_schema(), path, dialect)
        lazy = _open_lazily(path)
        return Scan(str(path), lazy, lazy.collect_schema())


def _scan_folder(folder: Path) -> Scan:
    """A folder of Parquet files as one source."""
    files = list_parquet_files(folder)
    keys = read_key_types(folder, files)
    lazy, conflicts = merge_parts(read_parts(folder, files, keys), keys)
    schema = pl.Schema({**lazy.collect_schema(), **{column: pl.Null() for column in conflicts.clashes}})
    return Scan(str(folder), lazy, schema, conflicts=conflicts)


def _scan_csv(path: Path, dialect: CsvDialect, schema: pl.Schema | None = None) -> pl.LazyFrame:
    """The lazy frame of a CSV file; ``schema`` gives the types of its columns where they are known."""
    # Types are inferred from the whole file: a late odd value is then text that can be named, not a crash.
    return pl.scan_csv(
        path,
        schema=schema,
        infer_schema_length=None if schema is None else 0,
        glob=False,
        separator=dialect.separator,
        decimal_comma=dialect.decimal_comma,
    )


def _open_lazily(path: Path) -> pl.LazyFrame:
    """The lazy frame of a file, by its extension."""
    name = path.name.lower()
    if not path.stat().st_size:
        raise LogError("the file is empty", str(path), "write the log again")
    if name.endswith(PARQUET_SUFFIXES):
        return pl.scan_parquet(path, glob=False)
    if name.endswith(NDJSON_SUFFIXES):
        return pl.scan_ndjson(escape(str(path)), infer_schema_length=None)
    raise LogError("unknown kind of file", str(path), f"use one of {', '.join(FILE_SUFFIXES)}")


@contextmanager
def errors_in_one_line(where: str, what: str = "cannot be read", do: str = CHECK_HINT) -> Generator[None]:
    """Errors of polars and of the system as one line that begins with ``where``.

    Raises
    ------
    LogError
        In their place.
    """
    try:
        yield
    except POLARS_FAILURES as error:
        raise one_line_error(error, where, what, do) from None


def one_line_error(error: BaseException, where: str, what: str = "cannot be read", do: str = CHECK_HINT) -> LogError:
    """The error that stands in place of one of the :data:`POLARS_FAILURES`.

    Parameters
    ----------
    error
        What polars or the system raised; its first line is quoted.
    where
        The file, or the key of the spec.
    what
        What failed.
    do
        What to do about it.
    """
    return LogError(f"{what}: {first_line(error)}", where, do)
