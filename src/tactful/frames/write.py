"""From a Log to the canonical table, and to a file."""

from __future__ import annotations

import gzip
from io import BytesIO
from os import PathLike
from pathlib import Path

import polars as pl

from tactful.core.arrays import F64
from tactful.core.files import replacing
from tactful.core.log import Coded, Log
from tactful.errors import LogError
from tactful.frames.reading.scan import CSV, NDJSON, PARQUET, clean
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import Columns, Measure, Source

TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"


def to_frame(log: Log) -> pl.DataFrame:
    """The canonical columns of a log (design 4.1), one row a decision; unknown outcomes are null."""
    columns: dict[str, pl.Series] = {
        "user": pl.Series(log.user_ids.tolist(), dtype=pl.String).gather(log.user),
        "period": pl.Series(log.period),
    }
    if log.decided_at is not None:
        columns["decided_at"] = pl.Series(log.decided_at).cast(pl.Datetime("us", "UTC"))
    columns["segment"] = _texts(Coded(log.segment, log.segments.paths))
    columns["arm"] = _texts(log.arm)
    columns["action"] = _texts(Coded(log.action, log.actions.names))
    if log.propensity is not None:
        columns["propensity"] = pl.Series(log.propensity)
    for name, matrix in (("propensities", log.propensities), ("eligible", log.eligible)):
        if matrix is not None:
            columns[name] = pl.Series(matrix).arr.to_list()
    if log.context is not None:
        columns |= {f"x_{name}": pl.Series(log.context[:, j]) for j, name in enumerate(log.context_names)}
    for name, outcome in log.outcomes.items():
        columns[name] = _unknown(outcome.value)
        if outcome.trials is not None:
            columns[f"{name}_trials"] = _unknown(outcome.trials)
    columns["policy"] = _texts(log.policy)
    if log.fallback is not None:
        columns["fallback"] = _texts(log.fallback).set(_texts(log.fallback) == "", None)
    columns["scope"] = _texts(log.scope)
    return pl.DataFrame(columns)


def canonical_spec(log: Log) -> LogSpec:
    """The spec under which the canonical table of ``log`` reads as ``log``.

    It holds no objective, no limits, and no filter: what the log left out is not in the table.
    """
    measures = {
        name: Measure(
            m.spec,
            Source(f"[outcomes] {name}", column=name),
            Source(f"[outcomes] {name} trials", column=f"{name}_trials") if m.trials is not None else None,
            "immature" if (m.mature & ~m.known).any() else "refuse",
        )
        for name, m in log.outcomes.items()
    }
    context = tuple((c, Source("[columns] context", column=f"x_{c}")) for c in log.context_names)
    # The log was checked when it was made, under a spec that may have allowed people to come back.
    return LogSpec(
        log.actions,
        measures,
        Columns(context=context),
        as_of=log.as_of,
        provenance=log.provenance,
        rejoin="spell",
    )


def write_log(log: Log, path: str | PathLike[str]) -> None:
    """The canonical table as Parquet, CSV or NDJSON (the last two also with ``.gz``), by the extension of ``path``.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Raises
    ------
    LogError
        An unknown extension, vectors in a log for CSV, or a folder that cannot be written to.
    """
    held = [c for c in ("propensities", "eligible") if getattr(log, c) is not None]
    if str(path).lower().endswith(CSV) and held:
        what = f"CSV cannot hold lists, and the log has {' and '.join(held)}"
        raise LogError(what, str(path), "write .parquet or .ndjson")
    write_frame(to_frame(log), path)


def write_frame(frame: pl.DataFrame, path: str | PathLike[str]) -> None:
    """A frame as Parquet, CSV or NDJSON by the extension of ``path``; whole or not at all.

    Raises
    ------
    LogError
        An unknown extension, or a folder that cannot be written to.
    """
    name = str(path).lower()
    if not name.endswith((*PARQUET, *CSV, *NDJSON)):
        raise LogError("unknown kind of file", str(path), f"use one of {', '.join((*PARQUET, *CSV, *NDJSON))}")
    place = "choose a folder that exists and can be written to"
    with clean(str(path), "cannot be written", place), replacing(Path(path)) as part:
        _write(frame, part, name)


def _write(frame: pl.DataFrame, path: Path, name: str) -> None:
    if name.endswith(PARQUET):
        frame.write_parquet(path)
        return
    if isinstance(frame.schema.get("decided_at"), pl.Datetime):
        frame = frame.with_columns(pl.col("decided_at").dt.strftime(TIME))
    raw = BytesIO()
    if name.endswith(CSV):
        frame.write_csv(raw)
    else:
        frame.write_ndjson(raw)
    # Without a time of writing in the header, equal logs give equal files.
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0) if name.endswith(".gz") else raw.getvalue())


def _texts(coded: Coded) -> pl.Series:
    return pl.Series(coded.names, dtype=pl.String).gather(coded.code)


def _unknown(value: F64) -> pl.Series:
    return pl.Series(value).fill_nan(None)
