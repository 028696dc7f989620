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
from tactful.frames.reading import contract as rules
from tactful.frames.reading import maturity
from tactful.frames.reading import projection as plan
from tactful.frames.reading.clock import Clock, clock, iso, ranks
from tactful.frames.reading.rows import Rows
from tactful.frames.reading.scan import scan
from tactful.frames.reading.values import codes, numbers, texts
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.sources import ROW

PART = "name every part of the path, as in ios/new, or leave these rows out with [log] where"


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
    opened = scan(source)
    found = plan.sources(spec, opened)
    rows, filtered = plan.collect(spec, opened, found)
    left_out = () if spec.where is None else ((f"where: {spec.where}", filtered),)
    times = clock(rows, spec)
    future = times.future
    if future is not None and times.as_of is not None and future.any():
        left_out = (*left_out, (f"decided after as_of {iso(times.as_of)}", int(future.sum())))
        if future.all():
            raise LogError(f"no rows are left: {rows.n} {left_out[-1][0]}", rows.name, "set a later [log] as_of")
        rows, times = rows.take(~future), times.take(~future)
    return _log(rows, times, spec, left_out)


def _log(rows: Rows, times: Clock, spec: LogSpec, left_out: tuple[tuple[str, int], ...]) -> Log:
    user, ids = _users(rows, spec)
    scope = _coded(rows, "scope", "", null="")
    group = user * len(scope.names) + scope.code
    period = ranks(group, times.decided_at) if times.period is None else times.period
    rules.unique(rows, user, scope, period)
    segment, segments = _segments(rows)
    action = rules.actions(rows, spec)
    may = rules.eligible(rows, action, spec.actions.k)
    propensity, propensities = rules.propensities(rows, action, may, spec)
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
        arm=_coded(rows, "arm", "policy"),
        policy=_coded(rows, "policy", "", null=""),
        scope=scope,
        outcomes=_outcomes(rows, times, spec, group, period),
        decided_at=times.decided_at,
        propensity=propensity,
        propensities=propensities,
        eligible=may,
        context=_context(rows, names),
        context_names=names,
        fallback=_coded(rows, "fallback", "", null="") if "fallback" in rows else None,
        as_of=times.as_of,
        provenance=_provenance(rows, spec, propensity),
        objective=spec.objective,
        limits=spec.limits,
        left_out=left_out,
    )


def _users(rows: Rows, spec: LogSpec) -> tuple[I64, list[str]]:
    if "user" not in rows:
        assert spec.columns.roles["user"].column == ROW  # noqa: S101 -- the only way to have no column
        return np.arange(rows.n), [str(i) for i in rows.number.tolist()]
    if rows["user"].dtype.is_float():
        raise rows.fail("user", "holds numbers with a decimal point", "store identifiers as whole numbers or as text")
    column = texts(rows, "user")
    rows.refuse(column.is_null().to_numpy(), "user", "no user", rules.FILTER, show=False)
    code, distinct = codes(column)
    return code, distinct.to_list()


def _coded(rows: Rows, role: str, default: str, *, null: str | None = None) -> Coded:
    """A column of texts; ``default`` where the file has none, ``null`` in place of missing ones (None refuses them)."""
    if role not in rows:
        return Coded.constant(default, rows.n)
    column = texts(rows, role)
    if null is None:
        rows.refuse(column.is_null().to_numpy(), role, f"no {role}", rules.FILTER, show=False)
    else:
        column = column.fill_null(null)
    code, distinct = codes(column)
    return Coded(code, tuple(distinct.to_list()))


def _segments(rows: Rows) -> tuple[I64, Segments]:
    roles = [c for c in rows.frame.columns if c.split(".")[0] == "segment"]
    if not roles:
        return np.zeros(rows.n, np.int64), Segments.of([])
    parts = [_part(rows, role) for role in roles]
    path = pl.select(pl.concat_str(parts, separator="/")).to_series() if len(parts) > 1 else parts[0]
    code, distinct = codes(path)
    if roles == ["segment"]:
        broken = distinct.str.contains(r"^/|//|/$").to_numpy()[code]
        rows.refuse(broken, "segment", "a path with an empty part", PART)
    segments = Segments.of(distinct.to_list())
    node = np.array([segments.index(p) for p in distinct], np.int64)
    return node[code], segments


def _part(rows: Rows, role: str) -> pl.Series:
    column = texts(rows, role)
    rows.refuse(column.is_null().to_numpy(), role, "no segment", PART, show=False)
    if role == "segment":
        return column
    rows.refuse((column == "").to_numpy(), role, "an empty segment", PART, show=False)
    # core.segments.escape, for a column
    return column.str.replace_all("%", "%25", literal=True).str.replace_all("/", "%2F", literal=True)


def _context(rows: Rows, names: tuple[str, ...]) -> F64 | None:
    if not names:
        return None
    context = np.empty((rows.n, len(names)))
    for j, name in enumerate(names):
        context[:, j] = numbers(rows, f"x.{name}")
        rows.refuse(np.isnan(context[:, j]), f"x.{name}", "no value", "fill it, as in COALESCE(x, 0)", show=False)
    return context


def _outcomes(rows: Rows, times: Clock, spec: LogSpec, group: I64, period: I64) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    for name, measure in spec.measures.items():
        value, trials = maturity.raw(rows, measure)
        found[name] = maturity.measured(rows, measure, value, trials, times.age_us)
        if measure.outcome.absorbing and spec.rejoin == "refuse":
            at = period if times.decided_at is None else times.decided_at
            rules.absorbed(rows, value == 1, group, at, measure.outcome.window_us, name)
    return found


def _provenance(rows: Rows, spec: LogSpec, propensity: F64 | None) -> Provenance:
    given = spec.provenance
    if given in ("logged", "design") and propensity is None:
        what = f"no column 'propensity', although propensities_are = {given!r}"
        raise LogError(what, f"{rows.name} [log]", "set [columns] propensity to the column that holds it")
    return given or ("absent" if propensity is None else "logged")
