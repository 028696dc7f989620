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
from tactful.frames.forks import refuse_forked
from tactful.frames.reading.scan import CSV_SUFFIXES, FILE_SUFFIXES, PARQUET_SUFFIXES, errors_in_one_line
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import ColumnMap, ColumnSource, Measure

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"


def to_frame(log: Log) -> pl.DataFrame:
    """The canonical columns of a log, one row a decision; unknown outcomes are null.

    The columns are user, period, decided_at, segment, arm, action, propensity, propensities, eligible, x_…, the
    outcomes with their trials, policy, fallback and scope, as far as the log has them.

    Examples
    --------
    >>> from tactful.frames.reading.read_log import read_log
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})
    >>> frame = pl.DataFrame({"user": [7, 7], "period": [0, 1], "action": ["none", "send"], "opened": [0, 1]})
    >>> to_frame(read_log(frame, spec)).columns
    ['user', 'period', 'segment', 'arm', 'action', 'opened', 'policy', 'scope']
    """
    refuse_forked()
    columns: dict[str, pl.Series] = {
        "user": pl.Series(log.user_ids.tolist(), dtype=pl.String).gather(log.user),
        "period": pl.Series(log.period),
    }
    if log.decided_at is not None:
        columns["decided_at"] = pl.Series(log.decided_at).cast(pl.Datetime("us", "UTC"))
    columns["segment"] = _decode(Coded(log.segment, log.segments.paths))
    columns["arm"] = _decode(log.arm)
    columns["action"] = _decode(Coded(log.action, log.actions.names))
    if log.propensity is not None:
        columns["propensity"] = pl.Series(log.propensity)
    for name, matrix in (("propensities", log.propensities), ("eligible", log.eligible)):
        if matrix is not None:
            columns[name] = pl.Series(matrix).arr.to_list()
    if log.context is not None:
        columns |= {f"x_{name}": pl.Series(log.context[:, j]) for j, name in enumerate(log.context_names)}
    for name, outcome in log.outcomes.items():
        columns[name] = _null_unknown(outcome.value)
        if outcome.trials is not None:
            columns[f"{name}_trials"] = _null_unknown(outcome.trials)
    columns["policy"] = _decode(log.policy)
    if log.fallback is not None:
        columns["fallback"] = _decode(log.fallback).set(_decode(log.fallback) == "", None)
    columns["scope"] = _decode(log.scope)
    return pl.DataFrame(columns)


def canonical_spec(log: Log) -> LogSpec:
    """The spec under which the canonical table of ``log`` reads as ``log``.

    It holds no objective, no limits, and no filter: what the log left out is not in the table.

    Examples
    --------
    >>> from tactful.frames.reading.read_log import read_log
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})
    >>> frame = pl.DataFrame({"user": [7, 7], "period": [0, 1], "action": ["none", "send"], "opened": [0, 1]})
    >>> log = read_log(frame, spec)
    >>> read_log(to_frame(log), canonical_spec(log)).fingerprint() == log.fingerprint()
    True
    """
    measures = {
        name: Measure(
            measured.spec,
            value=ColumnSource(f"[outcomes] {name}", column=name),
            trials=ColumnSource(f"[outcomes] {name} trials", column=f"{name}_trials")
            if measured.trials is not None
            else None,
            null="immature" if (measured.mature & ~measured.known).any() else "refuse",
        )
        for name, measured in log.outcomes.items()
    }
    context = tuple((c, ColumnSource("[columns] context", column=f"x_{c}")) for c in log.context_names)
    # The log was checked when it was made, under a spec that may have allowed people to come back.
    return LogSpec(
        actions=log.actions,
        measures=measures,
        columns=ColumnMap(context=context),
        as_of=log.as_of,
        provenance=log.provenance,
        rejoin="spell",
    )


def write_log(log: Log, path: str | PathLike[str]) -> None:
    """The canonical table as Parquet, CSV or NDJSON (the last two also with ``.gz``), by the extension of ``path``.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Parameters
    ----------
    log
        The decisions.
    path
        The file, in a folder that exists.

    Raises
    ------
    LogError
        An unknown extension, vectors in a log for CSV, or a folder that cannot be written to.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from tactful.frames.reading.read_log import read_log
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})
    >>> frame = pl.DataFrame({"user": [7, 7], "period": [0, 1], "action": ["none", "send"], "opened": [0, 1]})
    >>> log, path = read_log(frame, spec), mkdtemp() + "/log.csv"
    >>> write_log(log, path)
    >>> read_log(path, canonical_spec(log)).fingerprint() == log.fingerprint()
    True
    """
    refuse_forked()
    matrices = {"propensities": log.propensities, "eligible": log.eligible}
    lists = [name for name, matrix in matrices.items() if matrix is not None]
    if str(path).lower().endswith(CSV_SUFFIXES) and lists:
        what = f"CSV cannot hold lists, and the log has {' and '.join(lists)}"
        raise LogError(what, str(path), "write .parquet or .ndjson")
    write_frame(to_frame(log), path)


def write_frame(frame: pl.DataFrame, path: str | PathLike[str]) -> None:
    """A frame as Parquet, CSV or NDJSON by the extension of ``path``; whole or not at all.

    Raises
    ------
    LogError
        An unknown extension, or a folder that cannot be written to.
    """
    refuse_forked()
    name = str(path).lower()
    if not name.endswith(FILE_SUFFIXES):
        raise LogError("unknown kind of file", str(path), f"use one of {', '.join(FILE_SUFFIXES)}")
    do = "choose a folder that exists and can be written to"
    with errors_in_one_line(str(path), "cannot be written", do), replacing(Path(path)) as temporary:
        _write(frame, temporary, name)


def _write(frame: pl.DataFrame, path: Path, name: str) -> None:
    """Write a frame as the kind of file that ``name`` ends in."""
    if name.endswith(PARQUET_SUFFIXES):
        frame.write_parquet(path)
        return
    if isinstance(frame.schema.get("decided_at"), pl.Datetime):
        frame = frame.with_columns(pl.col("decided_at").dt.strftime(TIME_FORMAT))
    raw = BytesIO()
    if name.endswith(CSV_SUFFIXES):
        frame.write_csv(raw, separator="\t" if ".tsv" in name[-7:] else ",")
    else:
        frame.write_ndjson(raw)
    # Without a time of writing in the header, equal logs give equal files.
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0) if name.endswith(".gz") else raw.getvalue())


def _decode(coded: Coded) -> pl.Series:
    return pl.Series(coded.names, dtype=pl.String).gather(coded.code)


def _null_unknown(value: F64) -> pl.Series:
    return pl.Series(value).fill_nan(None)
