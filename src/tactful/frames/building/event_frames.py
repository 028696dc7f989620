"""Events as frames: from files in a lake, or from the rows of a journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import numpy as np
import polars as pl

from tactful.core.events import EVENT_KINDS
from tactful.core.instants import EARLIEST_US, LATEST_US
from tactful.errors import LogError
from tactful.frames.forks import refuse_forked
from tactful.frames.reading.epochs import explain_implausible, read_epochs_us
from tactful.frames.reading.identifiers import keep_as_written, read_identifiers
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.scan import Scan, errors_in_one_line, scan
from tactful.frames.reading.times import parse_numbers, parse_texts

EVENT_KEYS = ("id", "kind", "user", "at_us", "period", "scope")
AT_HINT = "write at as 2026-11-02T08:00:00Z"
IDENTIFIERS = ("id", "user")
KEY_TYPES = {"period": pl.Int64, "at_us": pl.Int64}


def read_events(*sources: str | PathLike[str] | pl.DataFrame) -> pl.DataFrame:
    """Events from Parquet, NDJSON or CSV files, or folders of Parquet: id, kind, user, at_us, period, scope and body.

    The time is ``at_us`` (µs UTC), or ``at`` (a datetime, ISO 8601 text with an offset, or a number since 1970);
    ``period`` may be missing where there are no decisions, and ``scope`` is empty by default. ``body`` is JSON text;
    every other column is taken as a member of it.

    Raises
    ------
    LogError
        A file that cannot be read, a column that is missing, empty values in id, kind, user or time, times outside 1990
        to 2100, or an unknown kind: with the count and the first rows.

    Examples
    --------
    >>> frame = pl.DataFrame({"id": ["e1"], "kind": ["send"], "user": ["ada"], "at": ["2026-11-02T08:00:00Z"]})
    >>> read_events(frame).select("kind", "user", "at_us", "body").row(0)
    ('send', 'ada', 1793606400000000, '{}')
    """
    refuse_forked()
    files = [scan(source) for source in sources]
    for file in files:
        file.check_parts(file.conflicts.clashes)
    files = [keep_as_written(f, _columns(f, "kind", "scope"), _columns(f, *IDENTIFIERS)) for f in files]
    frames = [_normalise(file.lazy.collect(), "events" if file.name == "frame" else file.name) for file in files]
    if not frames:
        raise LogError("no events", "events", "name a journal or at least one file")
    return pl.concat(frames)


def events_of(rows: Iterable[Any]) -> pl.DataFrame:
    """Events from the rows of a journal, with their ``seq``.

    Examples
    --------
    >>> from types import SimpleNamespace as Row
    >>> event = Row(id="e1", kind="send", user="ada", at_us=10, period=None, scope="", text="{}")
    >>> events_of([Row(seq=1, event=event)]).row(0)
    (1, 'e1', 'send', 'ada', 10, None, '', '{}')
    """
    refuse_forked()
    columns: dict[str, list[Any]] = {name: [] for name in ("seq", *EVENT_KEYS, "body")}
    for row in rows:
        event = row.event
        columns["seq"].append(row.seq)
        for name in EVENT_KEYS:
            columns[name].append(getattr(event, name))
        columns["body"].append(event.text)
    types = {name: pl.Int64 if name in ("seq", "at_us", "period") else pl.String for name in columns}
    return pl.DataFrame(columns, schema=types)


def flatten(events: pl.DataFrame, members: Mapping[str, Any]) -> pl.DataFrame:
    """The events with these members of their bodies as columns, null where a body has none.

    Raises
    ------
    LogError
        A body is no JSON, or a member has another type.
    """
    do = "write JSON with members of the documented types"
    with errors_in_one_line("events body", "a body that does not fit", do):
        body = events["body"].str.json_decode(pl.Struct(dict(members)))
    return pl.concat([events.drop("body"), body.struct.unnest()], how="horizontal")


def _columns(file: Scan, *names: str) -> list[str]:
    """Those of the columns that a file has."""
    return [name for name in names if name in file.schema]


def _normalise(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Events in their columns, checked; ``where`` names the file."""
    missing = [c for c in ("id", "kind", "user") if c not in frame.columns]
    if not {"at", "at_us"} & set(frame.columns):
        missing.append("at")
    if missing:
        raise LogError(f"no column {missing[0]!r}", where, "events have id, kind, user, at, period, scope and a body")
    has_us = "at_us" in frame.columns
    frame = frame.with_columns(_read_times(frame, where).alias("at_us"))
    for name, default in (("period", None), ("scope", "")):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(default, dtype=pl.Int64 if default is None else pl.String).alias(name))
    rows = FileRows(frame, np.arange(1, frame.height + 1), {}, where)
    do = "every event has one"
    frame = frame.with_columns(read_identifiers(rows, name, do=do).alias(name) for name in IDENTIFIERS)
    extra = [c for c in frame.columns if c not in (*EVENT_KEYS, "at", "body", "seq", "received_us")]
    do = "id, kind, user and scope are text; period is an integer"
    with errors_in_one_line(where, "columns of another type", do):
        keys = [pl.col(c).cast(KEY_TYPES.get(c, pl.String), strict=True) for c in EVENT_KEYS]
        events = frame.select(*keys, _merge_bodies(frame, extra).alias("body"))
        events = events.with_columns(pl.col("scope").fill_null(""))
    for name in ("kind", "at_us"):
        empty = events[name].is_null() | (events[name].cast(pl.String) == "")
        _refuse(empty, where, f"no {name}", "every event has one")
    _refuse_implausible(events, where, "at_us" if has_us else "at")
    _refuse(~events["kind"].is_in(EVENT_KINDS), where, "unknown kind", f"choose {', '.join(EVENT_KINDS)}")
    undated = (events["kind"] == "decision") & events["period"].is_null()
    _refuse(undated, where, "a decision without period", "say which period was decided")
    return events


def _read_times(frame: pl.DataFrame, where: str) -> pl.Series:
    """µs UTC of ``at_us``, or of ``at``; null where an event has none."""
    if "at_us" in frame.columns:
        return frame["at_us"]
    times = frame["at"]
    if times.dtype == pl.String:
        return _read_texts(times, where)
    if times.dtype.is_integer() or times.dtype.is_float():
        present = times.is_not_null()
        return _fill_epochs(
            times.drop_nulls(), present, pl.repeat(None, frame.height, dtype=pl.Int64, eager=True), where
        )
    if not isinstance(times.dtype, pl.Datetime) or times.dtype.time_zone is None:
        raise LogError("column 'at' is not a time with an offset", where, AT_HINT)
    with errors_in_one_line(where, "times that cannot be read", AT_HINT):
        return times.dt.epoch("us")


def _read_texts(times: pl.Series, where: str) -> pl.Series:
    """µs UTC of texts with an offset, or of numbers since 1970."""
    parsed = parse_texts(times)
    is_epoch = parsed.epochs.is_not_null()
    naive = times.is_not_null() & ~is_epoch & ~times.str.contains(r"([zZ]|UTC|GMT|[+-]\d\d(:?\d\d)?)\s*$")
    _refuse(naive | parsed.naive.is_not_null(), where, "a time without offset", AT_HINT)
    unreadable = times.is_not_null() & ~is_epoch & parsed.instants.is_null()
    _refuse(unreadable, where, "times that cannot be read", AT_HINT)
    if not is_epoch.any():
        return parsed.instants
    return _fill_epochs(parse_numbers(parsed.epochs.drop_nulls()), is_epoch, parsed.instants, where)


def _fill_epochs(numbers: pl.Series, present: pl.Series, times: pl.Series, where: str) -> pl.Series:
    """The times, with those that are numbers since 1970 filled in.

    Parameters
    ----------
    numbers
        (m,) numbers since 1970.
    present
        (n,) the m rows that have one.
    times
        (n,) µs UTC of the other rows.
    where
        The file.
    """
    if not numbers.len():
        return times
    rows = FileRows(pl.DataFrame({"at": numbers}), present.arg_true().to_numpy().astype(np.int64), {}, where)
    epochs_us, _ = read_epochs_us(rows, "at", numbers)
    filled = np.zeros(times.len(), np.int64)
    filled[present.to_numpy()] = epochs_us
    return pl.select(pl.when(present).then(pl.Series(filled)).otherwise(times)).to_series()


def _refuse_implausible(events: pl.DataFrame, where: str, column: str) -> None:
    """Refuse events outside 1990 to 2100; ``column`` is that of their times."""
    times = events["at_us"]
    implausible = (times < EARLIEST_US) | (times >= LATEST_US)
    if implausible.any():
        what, do = explain_implausible(int(times.filter(implausible)[0]))
        do = do if column == "at" else f"write at_us in microseconds, or name the column at; {do}"
        _refuse(implausible, where, f"column {column!r}: {what}", do)


def _merge_bodies(frame: pl.DataFrame, extra: list[str]) -> pl.Expr:
    """The body of each row: what ``body`` holds, with the other columns as members where they are not null."""
    if not extra:
        return pl.col("body").fill_null("{}") if "body" in frame.columns else pl.lit("{}")
    rows = frame.select(extra).to_dicts()
    bodies = frame["body"].to_list() if "body" in frame.columns else [None] * frame.height
    texts = [
        json.dumps({**json.loads(text or "{}"), **{k: v for k, v in row.items() if v is not None}})
        for text, row in zip(bodies, rows, strict=True)
    ]
    return pl.lit(pl.Series(texts, dtype=pl.String))


def _refuse(faulty: pl.Series, where: str, what: str, do: str) -> None:
    """Refuse the events where any of them is faulty.

    Parameters
    ----------
    faulty
        (n,) the events that break a rule.
    where
        The file.
    what, do
        What is wrong, and what to do about it.
    """
    if faulty.any():
        rows = faulty.arg_true()
        examples = ", ".join(str(r) for r in rows.head(3).to_list()) + (", …" if rows.len() > 3 else "")
        raise LogError(f"{what} in {rows.len():,} of {faulty.len():,} events (rows {examples})", where, do)
