"""From a file to a checked Log."""

from __future__ import annotations

from os import PathLike

import numpy as np
import polars as pl

from tactful.core.arrays import F64, I64
from tactful.core.draw import user_keys
from tactful.core.log import Coded, Log, Measured, Provenance
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.frames.forks import refuse_forked
from tactful.frames.reading import contract
from tactful.frames.reading.clock import DecisionTimes, format_iso, rank_within, read_decision_times
from tactful.frames.reading.identifiers import read_identifiers
from tactful.frames.reading.maturity import mature_outcome, read_outcome
from tactful.frames.reading.projection import collect_rows, find_sources
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.scan import scan
from tactful.frames.reading.typed_columns import encode, escape_parts, read_numbers, read_texts
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import ROW_AS_USER

PATH_HINT = "name every part of the path, as in ios/new, or leave these rows out with [log] where"


def read_log(source: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, spec: LogSpec) -> Log:
    """A decision log from a file or a frame, mapped by ``spec`` and checked against every rule of the contract.

    Parameters
    ----------
    source
        A path (``.parquet``, ``.csv``, ``.ndjson``, ``.jsonl``, the last three also with ``.gz``), a folder of Parquet
        partitions, or a polars frame. Messages count rows from 1, without the header, before ``where``.
    spec
        What the columns mean.

    Returns
    -------
    Log
        Users have codes in order of first appearance. What ``where`` and ``as_of`` leave out is in ``left_out``.

    Raises
    ------
    LogError
        The file cannot be read, has no rows, or breaks a rule: names the column, the count, the first three rows and
        what to do.
    SpecError
        The spec asks for what the file cannot give (a window without times).

    Examples
    --------
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})
    >>> frame = pl.DataFrame({"user": [7, 7], "period": [0, 1], "action": ["none", "send"], "opened": [0, 1]})
    >>> log = read_log(frame, spec)
    >>> log.n, log.users, log.provenance
    (2, 1, 'absent')
    """
    refuse_forked()
    file = scan(source)
    rows, filtered = collect_rows(spec, file, find_sources(spec, file))
    left_out = () if spec.where is None else ((f"where: {spec.where}", filtered),)
    times = read_decision_times(rows, spec)
    future = times.future
    if future is not None and times.as_of is not None and future.any():
        left_out = (*left_out, (f"decided after as_of {format_iso(times.as_of)}", int(future.sum())))
        if future.all():
            raise LogError(f"no rows are left: {rows.n} {left_out[-1][0]}", rows.name, "set a later [log] as_of")
        rows, times = rows.take(~future), times.take(~future)
    return _build_log(rows, times, spec, left_out)


def _build_log(rows: FileRows, times: DecisionTimes, spec: LogSpec, left_out: tuple[tuple[str, int], ...]) -> Log:
    """The log of rows that are no later than ``as_of``.

    Parameters
    ----------
    rows
        The rows of the file.
    times
        When they were decided.
    spec
        What the columns mean.
    left_out
        What the filter and ``as_of`` left out, with counts.
    """
    user, ids = _read_users(rows, spec)
    scope = _read_coded(rows, "scope", "", null="")
    group = user * len(scope.names) + scope.code
    period = rank_within(group, times.decided_at) if times.period is None else times.period
    contract.check_unique(rows, user, scope, period, times, spec)
    segment, segments = _read_segments(rows)
    action = contract.read_actions(rows, spec)
    eligible = contract.read_eligible(rows, action, spec.actions.k)
    propensities = contract.read_propensities(rows, action, eligible, spec)
    names = tuple(c[2:] for c in rows.frame.columns if c.startswith("x."))
    return Log(
        actions=spec.actions,
        segments=segments,
        user=user,
        user_ids=np.array(ids, object),
        user_key=user_keys(ids),
        period=period,
        segment=segment,
        action=action,
        arm=_read_coded(rows, "arm", "policy"),
        policy=_read_coded(rows, "policy", "", null=""),
        scope=scope,
        outcomes=_read_outcomes(rows, times, spec, group=group, period=period),
        decided_at=times.decided_at,
        propensity=propensities.logged,
        propensities=propensities.vectors,
        eligible=eligible,
        context=_read_context(rows, names),
        context_names=names,
        fallback=_read_coded(rows, "fallback", "", null="") if "fallback" in rows else None,
        as_of=times.as_of,
        provenance=_resolve_provenance(rows, spec, propensities.logged),
        objective=spec.objective,
        limits=spec.limits,
        left_out=left_out,
        notes=(*times.notes, *propensities.notes),
    )


def _read_users(rows: FileRows, spec: LogSpec) -> tuple[I64, list[str]]:
    """(n,) codes of the users, and their ids."""
    if "user" not in rows:
        assert spec.columns.roles["user"].column == ROW_AS_USER  # noqa: S101 -- the only way to have no column
        return np.arange(rows.n), [str(i) for i in rows.number.tolist()]
    column = read_identifiers(rows, "user", do=contract.FILTER_HINT)
    code, distinct = encode(column)
    return code, distinct.to_list()


def _read_coded(rows: FileRows, role: str, default: str, *, null: str | None = None) -> Coded:
    """A column of few distinct texts.

    Parameters
    ----------
    rows
        The rows of the file.
    role
        The column.
    default
        What all rows have where the file has no such column.
    null
        What stands in place of missing texts; None refuses them.
    """
    if role not in rows:
        return Coded.constant(default, rows.n)
    column = read_texts(rows, role)
    if null is None:
        rows.refuse(column.is_null().to_numpy(), role, f"no {role}", contract.FILTER_HINT, show=False)
    else:
        column = column.fill_null(null)
    code, distinct = encode(column)
    return Coded(code, tuple(distinct.to_list()))


def _read_segments(rows: FileRows) -> tuple[I64, Segments]:
    """(n,) nodes, and the tree that they point into."""
    roles = [c for c in rows.frame.columns if c.split(".")[0] == "segment"]
    if not roles:
        return np.zeros(rows.n, np.int64), Segments.of([])
    columns = [_read_path_part(rows, role) for role in roles]
    path = pl.select(pl.concat_str(columns, separator="/")).to_series() if len(columns) > 1 else columns[0]
    code, distinct = encode(path)
    if roles == ["segment"]:
        broken = distinct.str.contains(r"^/|//|/$").to_numpy()[code]
        rows.refuse(broken, "segment", "a path with an empty part", PATH_HINT)
    segments = Segments.of(distinct.to_list())
    node = np.array([segments.index(p) for p in distinct], np.int64)
    return node[code], segments


def _read_path_part(rows: FileRows, role: str) -> pl.Series:
    column = read_texts(rows, role)
    rows.refuse(column.is_null().to_numpy(), role, "no segment", PATH_HINT, show=False)
    if role == "segment":
        return column
    rows.refuse((column == "").to_numpy(), role, "an empty segment", PATH_HINT, show=False)
    return escape_parts(column)


def _read_context(rows: FileRows, names: tuple[str, ...]) -> F64 | None:
    if not names:
        return None
    context = np.empty((rows.n, len(names)))
    for j, name in enumerate(names):
        context[:, j] = read_numbers(rows, f"x.{name}")
        rows.refuse(np.isnan(context[:, j]), f"x.{name}", "no value", "fill it, as in COALESCE(x, 0)", show=False)
    return context


def _read_outcomes(
    rows: FileRows, times: DecisionTimes, spec: LogSpec, *, group: I64, period: I64
) -> dict[str, Measured]:
    """Every outcome of the spec, as far as it is known at ``as_of``.

    Parameters
    ----------
    rows
        The rows of the file.
    times
        When they were decided.
    spec
        The outcomes, and whether people may come back.
    group
        (n,) codes of (user, scope).
    period
        (n,) periods.
    """
    outcomes: dict[str, Measured] = {}
    for name, measure in spec.measures.items():
        value, trials = read_outcome(rows, measure)
        outcomes[name] = mature_outcome(rows, measure, value, trials, times.age_us)
        if measure.outcome.absorbing and spec.rejoin == "refuse":
            time = period if times.decided_at is None else times.decided_at
            window = measure.outcome.window_us
            contract.check_absorbed(rows, value == 1, group, time, window=window, outcome=name)
    return outcomes


def _resolve_provenance(rows: FileRows, spec: LogSpec, propensity: F64 | None) -> Provenance:
    provenance = spec.provenance
    if provenance in ("logged", "design") and propensity is None:
        what = f"no column 'propensity', although propensities_are = {provenance!r}"
        raise LogError(what, f"{rows.name} [log]", "set [columns] propensity to the column that holds it")
    return provenance or ("absent" if propensity is None else "logged")
