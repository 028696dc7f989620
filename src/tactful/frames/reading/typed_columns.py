"""Columns of a file as typed arrays: numbers, whole numbers, texts and vectors."""

from __future__ import annotations

import numpy as np
import polars as pl
from polars._typing import PolarsDataType

from tactful.core.arrays import F64, I64
from tactful.frames.reading.rows import FileRows

CAST_HINT = 'cast it, as in { expr = "CAST(x AS DOUBLE)" }, or map another column'
EMPTY_HINT = "leave unknown values empty"


def read_numbers(rows: FileRows, role: str) -> F64:
    """(n,) numbers, NaN where the file has none.

    Raises
    ------
    LogError
        Text that is no number, another type, NaN or infinite values.
    """
    column = rows[role]
    if column.dtype == pl.String:
        column = column.str.strip_chars().cast(pl.Float64, strict=False)
        text = column.is_null() & rows[role].is_not_null()
        rows.refuse(text.to_numpy(), role, "text where numbers are expected", EMPTY_HINT)
    elif not (column.dtype.is_numeric() or _is_any(column.dtype, pl.Boolean, pl.Null)):
        raise rows.column_error(role, f"holds {column.dtype} where numbers are expected", CAST_HINT)
    column = column.cast(pl.Float64)
    odd = column.is_not_null() & ~column.is_finite().fill_null(False)
    rows.refuse(odd.to_numpy(), role, "NaN or infinite values", EMPTY_HINT)
    return column.to_numpy()


def read_integers(rows: FileRows, role: str) -> I64:
    """(n,) whole numbers.

    Raises
    ------
    LogError
        Nulls, fractions, another type, or numbers beyond 64 bits.
    """
    column = rows[role]
    rows.refuse(column.is_null().to_numpy(), role, f"no {role}", "leave these rows out with [log] where", show=False)
    if not column.dtype.is_numeric():
        do = "map it as decided_at if it is a time, or cast it to a whole number"
        raise rows.column_error(role, f"holds {column.dtype} where whole numbers are expected", do)
    integers = column.cast(pl.Int64, strict=False)
    inexact = integers.is_null() | (integers.cast(column.dtype, strict=False) != column).fill_null(True)
    do = 'round it, as in { expr = "CAST(FLOOR(x) AS BIGINT)" }'
    rows.refuse(inexact.to_numpy(), role, "not a 64-bit whole number", do)
    return integers.to_numpy()


def read_texts(rows: FileRows, role: str) -> pl.Series:
    """(n,) texts; whole numbers, true and false are written out, nulls stay.

    Raises
    ------
    LogError
        Numbers with fractions, or another type.
    """
    column = rows[role]
    if column.dtype.is_float():
        integers = column.cast(pl.Int64, strict=False)
        odd = column.is_not_null() & (integers.cast(column.dtype) != column).fill_null(True)
        rows.refuse(odd.to_numpy(), role, "a number with a fraction where text is expected", "write it as text")
        column = integers
    if _is_any(column.dtype, pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null):
        return column.cast(pl.String)
    if column.dtype.is_integer():
        return column.cast(pl.String)
    do = 'cast it, as in { expr = "CAST(x AS VARCHAR)" }, or map another column'
    raise rows.column_error(role, f"holds {column.dtype} where text is expected", do)


def escape_parts(column: pl.Series) -> pl.Series:
    """As ``core.segments.escape``, for a column of parts of paths."""
    return column.str.replace_all("%", "%25", literal=True).str.replace_all("/", "%2F", literal=True)


def encode(column: pl.Series) -> tuple[I64, pl.Series]:
    """(n,) codes from 0 in order of first appearance, and the distinct values."""
    distinct = column.unique(maintain_order=True)
    index = pl.DataFrame({"value": distinct, "code": np.arange(distinct.len())})
    coded = pl.DataFrame({"value": column}).join(index, on="value", how="left", nulls_equal=True, maintain_order="left")
    return coded["code"].to_numpy(), distinct


def read_vectors(rows: FileRows, role: str, k: int) -> F64:
    """(n, k) vectors of numbers or truths, one entry an action.

    Raises
    ------
    LogError
        Not lists, missing ones, lists of another length, or null, NaN or infinite entries.
    """
    column = rows[role]
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    inner = column.dtype.inner if isinstance(column.dtype, pl.List) else pl.String
    if not (inner.is_numeric() or _is_any(inner, pl.Boolean, pl.Null)):
        do = "store it as a list in Parquet or NDJSON, one entry an action; CSV cannot hold lists"
        raise rows.column_error(role, f"holds {rows[role].dtype} where lists of {k} are expected", do)
    rows.refuse(column.is_null().to_numpy(), role, "no list", f"give one of {k} entries in every row", show=False)
    length = (column.list.len() != k).to_numpy()
    rows.refuse(length, role, f"a list that does not have {k} entries", "give one entry an action, in their order")
    vectors = column.explode(empty_as_null=False).cast(pl.Float64).to_numpy().reshape(rows.n, k)
    odd = np.any(~np.isfinite(vectors), axis=1)
    rows.refuse(odd, role, "null, NaN or infinite entries", "give a number for every action")
    return vectors


def _is_any(dtype: PolarsDataType, *kinds: type[pl.DataType]) -> bool:
    return any(dtype == kind for kind in kinds)
