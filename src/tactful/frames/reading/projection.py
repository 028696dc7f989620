"""Which columns of a file a spec reads, under their roles: one scan, only what is used."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from tactful.errors import LogError
from tactful.frames.reading.rows import Rows
from tactful.frames.reading.scan import FAILURES, Scan, clean, failure
from tactful.frames.spec.expressions import columns as columns_of
from tactful.frames.spec.expressions import parse
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import RANK, ROW, Source
from tactful.frames.spec.toml_tables import nearest

NUMBER = "#row"
OPTIONAL = ("arm", "decided_at", "period", "eligible", "policy", "fallback", "scope", "joined_at")
TEXTS = ("user", "action", "arm", "policy", "fallback", "scope", "segment")


def sources(spec: LogSpec, scan: Scan) -> dict[str, Source]:
    """The source of every role: ``x.`` goes before context features, ``y.`` outcomes, ``n.`` their trials.

    Raises
    ------
    LogError
        A column that the spec names, or that is required, is not in the file.
    """
    found = _roles(spec, scan) | _segment(spec, scan) | _context(spec, scan) | _outcomes(spec, scan)
    for source in found.values():
        _check(source, scan)
    return found


def _roles(spec: LogSpec, scan: Scan) -> dict[str, Source]:
    given = spec.columns.roles
    found = {role: given.get(role, _canonical(role)) for role in ("user", "action")}
    optional = (*OPTIONAL, *(("propensity", "propensities") if spec.provenance not in ("absent", "estimated") else ()))
    found |= {role: given.get(role, _canonical(role)) for role in optional if role in given or role in scan.schema}
    return {role: source for role, source in found.items() if source.column not in (ROW, RANK)}


def _segment(spec: LogSpec, scan: Scan) -> dict[str, Source]:
    given = spec.columns.segment
    if not given:
        return {"segment": _canonical("segment")} if "segment" in scan.schema else {}
    return {"segment": given[0]} if spec.columns.is_path else {f"segment.{i}": s for i, s in enumerate(given)}


def _context(spec: LogSpec, scan: Scan) -> dict[str, Source]:
    given = spec.columns.context
    if given is None:
        taken = {m.value.column for m in spec.measures.values()}
        names = [c for c in scan.schema if c.startswith("x_") and c != "x_" and c not in taken]
        return {f"x.{c[2:]}": Source("[columns] context", column=c) for c in names}
    found: dict[str, Source] = {}
    for name, source in given:
        stored = f"x_{source.column}"
        moved = source.column and source.column not in scan.schema and stored in scan.schema
        found[f"x.{name}"] = Source(source.key, column=stored) if moved else source
    return found


def _outcomes(spec: LogSpec, scan: Scan) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name, measure in spec.measures.items():
        found[f"y.{name}"] = measure.value
        stored = f"{name}_trials"
        if measure.trials is not None:
            found[f"n.{name}"] = measure.trials
        elif measure.outcome.kind == "count" and stored in scan.schema:
            found[f"n.{name}"] = Source(f"[outcomes] {name} trials", column=stored)
    return found


def _canonical(role: str) -> Source:
    return Source(f"[columns] {role}", column=role)


def _check(source: Source, scan: Scan) -> None:
    _present(source.columns, source.key, scan, source.sql)
    with clean(f"{scan.name} {source.key} {source.label}"):
        scan.lazy.select(source.expr).collect_schema()


def _present(columns: Iterable[str], key: str, scan: Scan, sql: str = "") -> None:
    for column in columns:
        if column not in scan.schema:
            what = f"no column {column!r}{f' for {sql!r}' * bool(sql)}; the nearest is {nearest(column, scan.schema)}"
            quotes = "; text goes between single quotes" * bool(sql)
            raise LogError(what, scan.name, f"set {key} to what the file has{quotes}")


def collect(spec: LogSpec, scan: Scan, found: dict[str, Source]) -> tuple[Rows, int]:
    """The rows that ``where`` leaves, and the number of those that it left out.

    Raises
    ------
    LogError
        ``where`` is no condition on the file's columns, an expression fails, or no row is left.
    """
    labels = {role: source.label for role, source in found.items()}
    used = [pl.col(NUMBER), *(source.expr.alias(role) for role, source in found.items())]
    scan = scan.as_text(_identifiers(spec, scan, found))
    lazy = scan.lazy.with_row_index(NUMBER, 1)
    kept = lazy if spec.where is None else lazy.filter(_condition(spec.where, scan))
    try:
        count, frame = pl.collect_all([scan.lazy.select(pl.len()), kept.select(used)], engine="streaming")
    except FAILURES as error:
        raise failure(error, f"{scan.name}{_culprit(spec, scan, kept, found)}") from None
    total = int(count.item())
    if not frame.height:
        do = "loosen [log] where" if total else "write decisions to it first"
        raise LogError("no rows are left" if total else "no rows", scan.name, do)
    number = frame[NUMBER].cast(pl.Int64).to_numpy()
    return Rows(frame.drop(NUMBER), np.asarray(number), labels, scan.name), total - frame.height


def _culprit(spec: LogSpec, scan: Scan, kept: pl.LazyFrame, found: dict[str, Source]) -> str:
    """The key of the expression that cannot be computed, if it is one that fails."""
    tried = [("[log] where", scan.lazy.select(parse(spec.where, "")))] if spec.where is not None else []
    tried += [(source.key, kept.select(source.expr)) for source in found.values() if source.sql]
    for key, lazy in tried:
        try:
            lazy.collect(engine="streaming")
        except FAILURES:
            return f" {key}"
    return ""


def _condition(where: str, scan: Scan) -> pl.Expr:
    expr = parse(where, "[log] where")
    _present(columns_of(expr), "[log] where", scan, where)
    with clean(f"{scan.name} [log] where"):
        dtype = scan.lazy.select(expr.alias(NUMBER)).collect_schema()[NUMBER]
    if dtype != pl.Boolean:
        raise LogError(
            f"{where!r} is no condition", f"{scan.name} [log] where", "compare something, as in available = 1"
        )
    return expr


def _identifiers(spec: LogSpec, scan: Scan, found: dict[str, Source]) -> list[str]:
    """Columns that hold identifiers and nothing that is computed with; users with a decimal point stay numbers."""
    texts = {s.column for role, s in found.items() if role.split(".")[0] in TEXTS and s.column}
    other = {c for role, s in found.items() if role.split(".")[0] not in TEXTS or s.sql for c in s.columns}
    if spec.where is not None:
        other |= set(columns_of(parse(spec.where, "[log] where")))
    user = found["user"].column if "user" in found else ""
    other |= {user} if user and scan.schema[user].is_float() else set()
    return sorted(texts - other)
