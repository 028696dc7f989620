"""One reader of identifiers for logs, users to decide for, sends and events: one user in every kind of file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.scan import Scan

STORE_HINT = "store identifiers as whole numbers or as text"
EMPTY_HINT = "give every row an id, or leave it out"
WRITTEN = "#written "  # goes before the name of a column that is needed as it is written and as numbers


def read_identifiers(rows: FileRows, role: str, *, do: str = EMPTY_HINT) -> pl.Series:
    """(n,) identifiers as text: texts as they stand, with their zeros and spaces, and whole numbers digit by digit.

    Parameters
    ----------
    rows
        The rows of a file.
    role
        The column.
    do
        What to do about rows without an identifier.

    Raises
    ------
    LogError
        Numbers with a decimal point, another type, or rows without an identifier.
    """
    column = rows[role]
    if column.dtype.is_float() or (isinstance(column.dtype, pl.Decimal) and column.dtype.scale):
        raise rows.column_error(role, "holds numbers with a decimal point", STORE_HINT)
    is_text = isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    if not (is_text or column.dtype.is_integer() or column.dtype.is_decimal()):
        raise rows.column_error(role, f"holds {column.dtype} where identifiers are text or whole numbers", STORE_HINT)
    texts = column.cast(pl.String)
    rows.refuse((texts.is_null() | (texts == "")).to_numpy(), role, f"no {role}", do, show=False)
    return texts


def keep_as_written(scan: Scan, texts: Collection[str], identifiers: Collection[str]) -> Scan:
    """The file with columns of text as they are written, where it is CSV, in which 007 would become 7.

    Parameters
    ----------
    scan
        The file.
    texts
        Columns of text.
    identifiers
        Columns of identifiers. Those with a decimal point stay numbers, so that they are refused in every format.
    """
    exact = [column for column in identifiers if not scan.schema[column].is_float()]
    return scan.as_text([*texts, *exact])


def compute_beside_text(scan: Scan, types: pl.Schema, computed: Collection[str]) -> Scan:
    """The file with those of its texts that expressions compute with as numbers, and as they are written beside them.

    Parameters
    ----------
    scan
        The file, some of whose columns are text because they name something.
    types
        The types of its columns before.
    computed
        The columns that expressions read.
    """
    changed = [c for c in computed if scan.schema[c] == pl.String() and types[c] != pl.String()]
    if not changed:
        return scan
    written = [pl.col(c).alias(f"{WRITTEN}{c}") for c in changed]
    numbers = [_restore(pl.col(c), types[c]) for c in changed]
    lazy = scan.lazy.with_columns(*written, *numbers)
    return replace(scan, lazy=lazy, schema=lazy.collect_schema())


def _restore(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A text of CSV as the type that its column was found to have."""
    return column.str.to_lowercase() == "true" if dtype == pl.Boolean() else column.cast(dtype)
