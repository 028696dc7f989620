"""Folders of Parquet files: which of their files hold data, and what the names of their folders say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from tactful.errors import LogError

PARQUET_SUFFIXES = (".parquet",)
# What writers leave behind while they write, or beside what they wrote.
UNFINISHED_SUFFIXES = (
    *(".tmp", ".temp", ".crc", ".part", ".partial", ".inprogress", ".crdownload", ".lock", ".swp", ".bak", "~"),
    "._copying_",
)
DOCUMENT_SUFFIXES = (
    *(".md", ".txt", ".rst", ".toml", ".yaml", ".yml", ".html", ".pdf", ".png", ".svg", ".sql", ".py", ".ipynb"),
    ".log",
)
DOCUMENT_NAMES = ("README", "LICENSE", "NOTICE")
# The value that Hive and Spark write for a key that is null.
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
INTEGER_PATTERN = re.compile(r"0|-?[1-9]\d{0,17}")
DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}")


def list_parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder and of the folders in it, in the order of their names.

    Hidden and unfinished files are no data: names that begin with ``.``, or with ``_`` unless they are a key such as
    ``_week=3``, and endings such as ``.tmp`` and ``.crc``. The same holds for all that lies in a hidden folder.

    Raises
    ------
    LogError
        The folder is a Delta, Iceberg or Hudi table, has no Parquet files, or has data of another kind beside them.
    """
    entries = sorted(folder.rglob("*"))
    _refuse_table_formats(folder, entries)
    visible = [path for path in entries if path.is_file() and not _is_hidden(path.relative_to(folder))]
    files = [path for path in visible if path.name.lower().endswith(PARQUET_SUFFIXES)]
    if not files:
        raise LogError("a folder without Parquet files", str(folder), "give a folder of Parquet partitions")
    strangers = [
        path for path in visible if not path.name.lower().endswith(PARQUET_SUFFIXES) and not _is_document(path)
    ]
    if strangers:
        count = f" ({len(strangers)} such files)" * (len(strangers) > 1)
        what = f"{strangers[0].relative_to(folder)} is not Parquet and lies beside Parquet files{count}"
        raise LogError(what, str(folder), "write it as Parquet too, or move it out of the folder")
    return files


def holds_parquet_files(folder: Path) -> bool:
    """Whether any file below a folder has a name of Parquet, hidden or not."""
    return any(path.name.lower().endswith(PARQUET_SUFFIXES) for path in folder.rglob("*"))


def read_key_types(folder: Path, files: Sequence[Path]) -> pl.Schema:
    """The types of the keys in the names of folders, such as ``region=007``; empty where there are none.

    A key holds whole numbers or dates where all of its values are written as such, and text otherwise: 007 stays 007.

    Raises
    ------
    LogError
        Files lie under different keys.
    """
    if not any("=" in name for path in files for name in (folder.name, *path.relative_to(folder).parts[:-1])):
        return pl.Schema()
    keys = [dict(_read_keys(path)) for path in files]
    for path, values in zip(files, keys, strict=True):
        if values.keys() != keys[0].keys():
            names = [", ".join(mapping) or "no key" for mapping in (keys[0], values)]
            what = f"{_show(files[0], folder)} lies under {names[0]}, and {_show(path, folder)} under {names[1]}"
            raise LogError(what, str(folder), "put every file under the same keys")
    return pl.Schema({name: _find_key_type([values[name] for values in keys]) for name in keys[0]})


def _read_keys(path: Path) -> Iterator[tuple[str, str]]:
    """The keys and values in the names of the folders that a file lies in."""
    for name in path.parts[:-1]:
        key, equals, value = name.partition("=")
        if equals:
            yield unquote(key), unquote(value)


def _find_key_type(values: Sequence[str]) -> pl.DataType:
    """The type that writes every value of a key as its folder does."""
    present = {value for value in values if value != NULL_PARTITION}
    if present and all(INTEGER_PATTERN.fullmatch(value) for value in present):
        return pl.Int64()
    if present and all(_is_date(value) for value in present):
        return pl.Date()
    return pl.String()


def _is_date(text: str) -> bool:
    if not DATE_PATTERN.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_hidden(path: Path) -> bool:
    """Whether a path within a folder is no data by its name, or by that of a folder that it lies in."""
    if any(name.startswith(".") or (name.startswith("_") and "=" not in name) for name in path.parts):
        return True
    return any(name.lower().endswith(UNFINISHED_SUFFIXES) for name in path.parts)


def _is_document(path: Path) -> bool:
    return path.name.lower().endswith(DOCUMENT_SUFFIXES) or path.name.upper() in DOCUMENT_NAMES


def _refuse_table_formats(folder: Path, entries: Sequence[Path]) -> None:
    """Refuse tables whose metadata say which files count: their other files hold rows that were deleted or replaced."""
    for path in (*entries, *_list_marks_above(folder)):
        kind = _name_table_format(path)
        if kind is not None:
            what = (
                f"a{'n' * (kind == 'Iceberg')} {kind} table, whose files also hold rows that were deleted or replaced"
            )
            reader = {"Delta": "pl.read_delta", "Iceberg": "pl.scan_iceberg"}.get(kind, "your engine")
            do = f"write its current rows as plain Parquet first, as with {reader}, and give that"
            raise LogError(what, str(folder), do)


def _list_marks_above(folder: Path) -> Iterator[Path]:
    """What marks a table that the folder is a partition of, or the data of."""
    table = folder.absolute()
    while "=" in table.name:
        table = table.parent
    yield from (path for path in (table / "_delta_log", table / ".hoodie") if path.is_dir())
    if table.name == "data":
        yield from (table.parent / "metadata").glob("*.metadata.json")


def _name_table_format(path: Path) -> str | None:
    """The format of the table that a file or folder marks; None where it marks none."""
    if path.name == "_delta_log" and path.is_dir():
        return "Delta"
    if path.name == ".hoodie" and path.is_dir():
        return "Hudi"
    is_iceberg = path.name.endswith(".metadata.json") and path.parent.name == "metadata"
    return "Iceberg" if is_iceberg else None


def _show(path: Path, folder: Path) -> str:
    """A file as messages name it: by its place in the folder."""
    return str(path.relative_to(folder))
