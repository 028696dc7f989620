"""Users to decide for: the rows of a file or frame, checked."""

from __future__ import annotations

from os import PathLike

import numpy as np
import polars as pl

from tactful.core.arrays import F64, I64, Bool
from tactful.core.segments import is_path
from tactful.errors import LogError, first
from tactful.frames.reading.identifiers import keep_as_written, read_identifiers
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.scan import scan


def read_users(users: pl.DataFrame | pl.LazyFrame | str | PathLike[str]) -> pl.DataFrame:
    """The columns that deciding reads or passes on, with a user and a segment in every row.

    Raises
    ------
    LogError
        No row, or a user that is missing, empty or repeated.
    """
    source = scan(users)
    names = source.schema.names()
    if "user" not in names:
        do = "name the column of identifiers 'user'"
        raise LogError(f"no column 'user' (there are {first(names, 6)})", source.name, do)
    selection = [c for c in names if c in ("user", "segment", "eligible") or c.startswith("x_")]
    for name in selection:
        source.check_parts([name], optional=name == "segment")
    source = keep_as_written(source, [c for c in names if c == "segment"], ["user"])
    rows = source.lazy.select(selection).collect()
    if not rows.height:
        raise LogError("no users", source.name, "give at least one row")
    file_rows = FileRows(rows, np.arange(1, rows.height + 1), {}, source.name)
    rows = rows.with_columns(read_identifiers(file_rows, "user").alias("user"))
    if "segment" not in rows.columns:
        rows = rows.with_columns(pl.lit("").alias("segment"))
    # An empty field of a CSV file is the root.
    rows = rows.with_columns(pl.col("segment").cast(pl.String).fill_null(""))
    if rows["user"].n_unique() < rows.height:  # which rows they are takes four times as long
        repeated = rows["user"].is_duplicated().to_numpy()
        file_rows.refuse(repeated, "user", "a user who is repeated", "give every user once")
    return rows


def encode_segments(rows: pl.DataFrame) -> tuple[list[str], I64]:
    """The distinct paths, and for each row (n,) its place among them.

    Raises
    ------
    LogError
        A segment is no path.
    """
    distinct = rows["segment"].unique(maintain_order=True)
    paths = distinct.to_list()
    if invalid := [p for p in paths if not is_path(p)]:
        do = "name every part, as in ios/new"
        raise LogError(f"not a path: {first(map(repr, invalid))}", "column 'segment'", do)
    codes = rows["segment"].replace_strict(distinct, range(len(paths)), return_dtype=pl.Int64)
    return paths, codes.to_numpy()


def read_eligible(rows: pl.DataFrame, k: int) -> Bool | None:
    """(n, k) which actions may be taken; None where the rows do not say.

    Raises
    ------
    LogError
        A row has no list of k booleans.
    """
    if "eligible" not in rows.columns:
        return None
    masks = rows["eligible"]
    are_lists = masks.dtype == pl.List(pl.Boolean) and not masks.is_null().any()
    if not are_lists or not (masks.list.len() == k).all() or masks.explode().is_null().any():
        raise LogError(f"not a list of {k} booleans in every row", "column 'eligible'", "one entry an action, in order")
    return masks.explode().to_numpy().reshape(rows.height, k)


def read_context(rows: pl.DataFrame, names: tuple[str, ...]) -> F64 | None:
    """(n, d) what a contextual policy looks at; None for a table.

    Raises
    ------
    LogError
        A feature has no column, or a value that is no finite number.
    """
    if not names:
        return None
    if missing := [f"x_{name}" for name in names if f"x_{name}" not in rows.columns]:
        what = f"no column {first(map(repr, missing))}, and the policy depends on it"
        raise LogError(what, "users", "add it, with the value of every user")
    context = np.empty((rows.height, len(names)))
    for j, name in enumerate(names):
        column = rows[f"x_{name}"]
        if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            raise LogError(f"holds {column.dtype}, not numbers", f"column 'x_{name}'", "cast it to a float")
        context[:, j] = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if (missing_rows := np.flatnonzero(~np.isfinite(context[:, j]))).size:
            what = f"has no finite value in {missing_rows.size:,} rows (row {first(missing_rows + 1)})"
            raise LogError(what, f"column 'x_{name}'", "fill it, or leave these users out")
    return context
