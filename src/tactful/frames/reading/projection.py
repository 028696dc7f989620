"""Which columns of a file a spec reads, under their roles: one scan, only what is used.

Roles of context features begin with ``x.``, of outcomes with ``y.``, of their trials with ``n.``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import numpy as np
import polars as pl

from tactful.errors import LogError
from tactful.frames.reading.identifiers import WRITTEN, compute_beside_text, keep_as_written
from tactful.frames.reading.nan_checks import (
    ROW_NUMBER,
    NanCheck,
    drop_flags,
    find_expression_checks,
    find_nan_checks,
    refuse_nan,
    refuse_nan_rows,
    select_flags,
    select_nan_rows,
)
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.scan import POLARS_FAILURES, Scan, errors_in_one_line, one_line_error
from tactful.frames.spec.expressions import parse_sql, root_columns
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import RANK_AS_PERIOD, ROW_AS_USER, ColumnSource
from tactful.frames.spec.toml_tables import find_nearest

OPTIONAL_ROLES = ("arm", "decided_at", "period", "eligible", "policy", "fallback", "scope", "joined_at")
# Roles that parts of a folder may lack: the reader knows what their absence means.
PARTLY_ABSENT_ROLES = ("arm", "policy", "fallback", "scope", "segment")
TEXT_ROLES = ("user", "action", "arm", "policy", "fallback", "scope", "segment")

Sources = Mapping[str, ColumnSource]


def find_sources(spec: LogSpec, scan: Scan) -> dict[str, ColumnSource]:
    """The source of every role.

    Raises
    ------
    LogError
        A column that the spec names, or that is required, is not in the file.
    """
    sources = _find_roles(spec, scan) | _find_segment(spec, scan)
    sources |= _find_context(spec, scan) | _find_outcomes(spec, scan)
    for role, source in sources.items():
        _check_source(source, scan, optional=not source.sql and role in PARTLY_ABSENT_ROLES)
    return sources


def _find_roles(spec: LogSpec, scan: Scan) -> dict[str, ColumnSource]:
    roles = spec.columns.roles
    sources = {role: roles.get(role, _canonical_source(role)) for role in ("user", "action")}
    optional = [*OPTIONAL_ROLES]
    if spec.provenance not in ("absent", "estimated"):
        optional += ["propensity", "propensities"]
    canonical = set(scan.schema) - spec.columns.absent
    available = [role for role in optional if role in roles or role in canonical]
    sources |= {role: roles.get(role, _canonical_source(role)) for role in available}
    return {role: source for role, source in sources.items() if source.column not in (ROW_AS_USER, RANK_AS_PERIOD)}


def _find_segment(spec: LogSpec, scan: Scan) -> dict[str, ColumnSource]:
    segment = spec.columns.segment
    if not segment:
        available = set(scan.schema) - spec.columns.absent
        return {"segment": _canonical_source("segment")} if "segment" in available else {}
    if spec.columns.is_path:
        return {"segment": segment[0]}
    return {f"segment.{i}": source for i, source in enumerate(segment)}


def _find_context(spec: LogSpec, scan: Scan) -> dict[str, ColumnSource]:
    """The sources of the features: those of the spec, or every column ``x_…`` that holds no outcome."""
    context = spec.columns.context
    if context is None:
        taken = {measure.value.column for measure in spec.measures.values()}
        names = [c for c in scan.schema if c.startswith("x_") and c != "x_" and c not in taken]
        return {f"x.{c[2:]}": ColumnSource("[columns] context", column=c) for c in names}
    sources: dict[str, ColumnSource] = {}
    for name, source in context:
        canonical = f"x_{source.column}"
        is_canonical = source.column and source.column not in scan.schema and canonical in scan.schema
        sources[f"x.{name}"] = ColumnSource(source.key, column=canonical) if is_canonical else source
    return sources


def _find_outcomes(spec: LogSpec, scan: Scan) -> dict[str, ColumnSource]:
    """The sources of outcomes, and of their trials where the spec or the file has them."""
    sources: dict[str, ColumnSource] = {}
    for name, measure in spec.measures.items():
        sources[f"y.{name}"] = measure.value
        canonical = f"{name}_trials"
        if measure.trials is not None:
            sources[f"n.{name}"] = measure.trials
        elif measure.outcome.kind == "count" and canonical in scan.schema:
            sources[f"n.{name}"] = ColumnSource(f"[outcomes] {name} trials", column=canonical)
    return sources


def _canonical_source(role: str) -> ColumnSource:
    return ColumnSource(f"[columns] {role}", column=role)


def _check_source(source: ColumnSource, scan: Scan, *, optional: bool) -> None:
    _check_columns(source.columns, source.key, scan, source.sql)
    scan.check_parts(source.columns, source.key, optional=optional)
    with errors_in_one_line(f"{scan.name} {source.key} {source.label}"):
        scan.lazy.select(source.expr).collect_schema()


def _check_columns(columns: Iterable[str], key: str, scan: Scan, sql: str = "") -> None:
    """Refuse a file that lacks one of these columns.

    Parameters
    ----------
    columns
        The columns that are read.
    key
        The place in the spec that reads them.
    scan
        The file.
    sql
        The text of the expression that reads them, if one does.
    """
    for column in columns:
        if column not in scan.schema:
            reader = f" for {sql!r}" * bool(sql)
            what = f"no column {column!r}{reader}; the nearest is {find_nearest(column, scan.schema)}"
            quotes = "; text goes between single quotes" * bool(sql)
            raise LogError(what, scan.name, f"set {key} to what the file has{quotes}")


def collect_rows(spec: LogSpec, scan: Scan, sources: Sources) -> tuple[FileRows, int]:
    """The rows that ``where`` leaves, and the number of those that it left out.

    Raises
    ------
    LogError
        ``where`` is no condition on the file's columns, an expression fails, or no row is left.
    """
    labels = {role: source.label for role, source in sources.items()}
    scan = _keep_text(spec, scan, sources)
    lazy = scan.lazy.with_row_index(ROW_NUMBER, 1)
    decisions = lazy if spec.where is None else lazy.filter(_parse_condition(spec.where, scan))
    condition_checks = _find_condition_checks(spec, scan)
    checks = find_nan_checks(sources, scan.schema)
    selection = [pl.col(ROW_NUMBER), *(_select(role, source, scan) for role, source in sources.items())]
    try:
        queries = [scan.lazy.select(pl.len()), decisions.select(*selection, *select_flags(checks))]
        queries += [select_nan_rows(lazy, condition_checks)] if condition_checks else []
        count, frame, *filtered_nan = pl.collect_all(queries, engine="streaming")
    except POLARS_FAILURES as error:
        _refuse_nan_behind(lazy, scan, condition_checks)
        _refuse_nan_behind(decisions, scan, checks)
        raise one_line_error(error, f"{scan.name}{_find_culprit(spec, scan, decisions, sources)}") from None
    for nan_rows in filtered_nan:
        refuse_nan_rows(nan_rows, scan.name, condition_checks)
    total = int(count.item())
    if not frame.height:
        do = "loosen [log] where" if total else "write decisions to it first"
        raise LogError("no rows are left" if total else "no rows", scan.name, do)
    number = frame[ROW_NUMBER].cast(pl.Int64).to_numpy()
    rows = FileRows(drop_flags(frame).drop(ROW_NUMBER), np.asarray(number), labels, scan.name)
    refuse_nan(frame, rows, checks)
    return rows, total - frame.height


def _find_culprit(spec: LogSpec, scan: Scan, decisions: pl.LazyFrame, sources: Sources) -> str:
    """The key of the expression that cannot be computed, after a space; empty where none of them fails.

    Parameters
    ----------
    spec
        The filter.
    scan
        The file.
    decisions
        The rows that the filter leaves.
    sources
        The source of every role.
    """
    queries = [("[log] where", scan.lazy.select(parse_sql(spec.where, "")))] if spec.where is not None else []
    queries += [(source.key, decisions.select(source.expr)) for source in sources.values() if source.sql]
    for key, query in queries:
        try:
            query.collect(engine="streaming")
        except POLARS_FAILURES:
            return f" {key}"
    return ""


def _parse_condition(where: str, scan: Scan) -> pl.Expr:
    expr = parse_sql(where, "[log] where")
    _check_columns(root_columns(expr), "[log] where", scan, where)
    scan.check_parts(root_columns(expr), "[log] where")
    place = f"{scan.name} [log] where"
    with errors_in_one_line(place):
        dtype = scan.lazy.select(expr.alias(ROW_NUMBER)).collect_schema()[ROW_NUMBER]
    if dtype != pl.Boolean:
        raise LogError(f"{where!r} is no condition", place, "compare something, as in available = 1")
    return expr


def _find_condition_checks(spec: LogSpec, scan: Scan) -> list[NanCheck]:
    """The checks of the filter: whether a row in which it meets NaN is a decision is not known."""
    if spec.where is None:
        return []
    expr = parse_sql(spec.where, "[log] where")
    return find_expression_checks(expr, "[log] where", f"expr {spec.where!r}", scan.schema)


def _refuse_nan_behind(rows: pl.LazyFrame, scan: Scan, checks: list[NanCheck]) -> None:
    """Refuse a file whose expressions fail where NaN in a column is the reason, as no whole number stands for it."""
    column_checks = [check for check in checks if check.is_column]
    with suppress(*POLARS_FAILURES):
        refuse_nan_rows(select_nan_rows(rows, column_checks).collect(engine="streaming"), scan.name, column_checks)


def _keep_text(spec: LogSpec, scan: Scan, sources: Sources) -> Scan:
    """The file with its columns of text as they are written; those that expressions compute with are numbers too."""
    texts = {source.column for role, source in sources.items() if _is_text(role) and source.column}
    computed = {c for role, source in sources.items() if not _is_text(role) or source.sql for c in source.columns}
    if spec.where is not None:
        computed |= set(root_columns(parse_sql(spec.where, "[log] where"))) & set(scan.schema)
    users = {sources["user"].column} - {""} if "user" in sources else set[str]()
    return compute_beside_text(keep_as_written(scan, sorted(texts - users), users), scan.schema, sorted(computed))


def _select(role: str, source: ColumnSource, scan: Scan) -> pl.Expr:
    """The values of a role: of a text that is computed with too, those that are written."""
    written = f"{WRITTEN}{source.column}"
    is_written = _is_text(role) and source.column and written in scan.schema
    return pl.col(written).alias(role) if is_written else source.expr.alias(role)


def _is_text(role: str) -> bool:
    return role.split(".")[0] in TEXT_ROLES
