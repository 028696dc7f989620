"""Events as frames: from files in a lake, or from the rows of a journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import polars as pl

from tactful.core.events import EVENT_KINDS
from tactful.errors import LogError
from tactful.frames.reading.scan import clean, scan

KEYS = ("id", "kind", "user", "at_us", "period", "scope")
_TYPES = {"period": pl.Int64, "at_us": pl.Int64}


def read(*sources: str | PathLike[str] | pl.DataFrame) -> pl.DataFrame:
    """Events from Parquet, NDJSON or CSV files, or folders of Parquet: id, kind, user, at_us, period, scope and body.

    The time is ``at_us`` (µs UTC), or ``at`` (a datetime, or ISO 8601 text with an offset); ``period`` may be missing
    where there are no decisions, and ``scope`` is empty by default. ``body`` is JSON text; every other column is taken
    as a member of it.

    Raises
    ------
    LogError
        A file that cannot be read, a column that is missing, empty values in id, kind, user or time, or an unknown
        kind: with the count and the first rows.
    """
    opened = [scan(source) for source in sources]
    frames = [_normal(found.lazy.collect(), "events" if found.name == "frame" else found.name) for found in opened]
    if not frames:
        raise LogError("no events", "events", "name a journal or at least one file")
    return pl.concat(frames)


def of_rows(rows: Iterable[Any]) -> pl.DataFrame:
    """Events from the rows of a journal, with their ``seq``."""
    columns: dict[str, list[Any]] = {name: [] for name in ("seq", *KEYS, "body")}
    for row in rows:
        event = row.event
        columns["seq"].append(row.seq)
        for name in KEYS:
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
    with clean("events body", "a body that does not fit", "write JSON with members of the documented types"):
        body = events["body"].str.json_decode(pl.Struct(dict(members)))
    return pl.concat([events.drop("body"), body.struct.unnest()], how="horizontal")


def _normal(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    missing = [c for c in ("id", "kind", "user") if c not in frame.columns]
    if not {"at", "at_us"} & set(frame.columns):
        missing.append("at")
    if missing:
        raise LogError(f"no column {missing[0]!r}", where, "events have id, kind, user, at, period, scope and a body")
    frame = frame.with_columns(_time(frame, where).alias("at_us"))
    for name, default in (("period", None), ("scope", "")):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(default, dtype=pl.Int64 if default is None else pl.String).alias(name))
    extra = [c for c in frame.columns if c not in (*KEYS, "at", "body", "seq", "received_us")]
    with clean(where, "columns of another type", "id, kind, user and scope are text; period is an integer"):
        out = frame.select(
            *(pl.col(c).cast(_TYPES.get(c, pl.String), strict=True) for c in KEYS), _body(frame, extra).alias("body")
        ).with_columns(pl.col("scope").fill_null(""))
    for name in ("id", "kind", "user", "at_us"):
        _refuse(
            out, out[name].is_null() | (out[name].cast(pl.String) == ""), where, f"no {name}", "every event has one"
        )
    _refuse(out, ~out["kind"].is_in(EVENT_KINDS), where, "unknown kind", f"choose {', '.join(EVENT_KINDS)}")
    lost = (out["kind"] == "decision") & out["period"].is_null()
    _refuse(out, lost, where, "a decision without period", "say which period was decided")
    return out


def _time(frame: pl.DataFrame, where: str) -> pl.Series:
    if "at_us" in frame.columns:
        return frame["at_us"]
    at = frame["at"]
    with clean(where, "times that cannot be read", "write at as 2026-11-02T08:00:00Z"):
        if at.dtype == pl.String:
            naive = ~at.str.contains(r"(Z|[+-]\d\d:?\d\d)$")
            _refuse(frame, naive, where, "a time without offset", "write at as 2026-11-02T08:00:00Z")
            at = at.str.to_datetime(time_unit="us", time_zone="UTC")
        if not isinstance(at.dtype, pl.Datetime) or at.dtype.time_zone is None:
            raise LogError("column 'at' is not a time with an offset", where, "write it as 2026-11-02T08:00:00Z")
        return at.dt.epoch("us")


def _body(frame: pl.DataFrame, extra: list[str]) -> pl.Expr:
    """The body of each row: what ``body`` holds, with the other columns as members where they are not null."""
    if not extra:
        return pl.col("body").fill_null("{}") if "body" in frame.columns else pl.lit("{}")
    rows = frame.select(extra).to_dicts()
    given = frame["body"].to_list() if "body" in frame.columns else [None] * frame.height
    texts = [
        json.dumps({**json.loads(text or "{}"), **{k: v for k, v in row.items() if v is not None}})
        for text, row in zip(given, rows, strict=True)
    ]
    return pl.lit(pl.Series(texts, dtype=pl.String))


def _refuse(frame: pl.DataFrame, bad: pl.Series, where: str, what: str, do: str) -> None:
    if bad.any():
        rows = bad.arg_true()
        first = ", ".join(str(r) for r in rows.head(3).to_list()) + (", …" if rows.len() > 3 else "")
        raise LogError(f"{what} in {rows.len():,} of {frame.height:,} events (rows {first})", where, do)
