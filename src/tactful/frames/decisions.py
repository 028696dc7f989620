"""Batch decisions: a frame or file of users in, a frame or file of decisions out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from os import PathLike

import numpy as np
import polars as pl

from tactful.batch.decide import decide as decide_rows
from tactful.core.actions import time_us
from tactful.core.arrays import I64
from tactful.core.draw import ONE
from tactful.core.log import Log
from tactful.errors import LogError
from tactful.frames.forks import refuse_forked
from tactful.frames.reading.scan import CSV_SUFFIXES
from tactful.frames.user_keys import user_keys
from tactful.frames.user_rows import encode_segments, read_context, read_eligible, read_users
from tactful.frames.write import write_frame
from tactful.policies.protocol import Published
from tactful.serving.decider import unknown_segment


def decide(
    policy: Published,
    users: pl.DataFrame | pl.LazyFrame | str | PathLike[str],
    period: int,
    *,
    at: str | None = None,
    vectors: bool = False,
) -> pl.DataFrame:
    """One decision for every user: bit for bit those of ``Decider.decide``, as rows of a decision log.

    Parameters
    ----------
    policy
        A published policy.
    users
        Rows with ``user`` (text or integer), ``segment`` (a path; the root where there is no such column) and,
        optionally, ``eligible`` (list of k booleans) and ``x_…`` columns, which are passed on. A contextual policy
        needs those of its features.
    period
        Index of the period to decide.
    at
        The time to write into ``decided_at`` (ISO 8601; UTC where it has no offset); now by default.
    vectors
        Also write ``propensities``, the whole pmf of every row.

    Returns
    -------
    polars.DataFrame
        The columns user, period, decided_at, segment, arm, action, slot, frequency, propensity, eligible, x_…, policy,
        scope, fallback (and propensities), in the order of ``users``.

    Raises
    ------
    LogError
        A user is missing, empty or repeated, a segment is no path, a mask has another length than k, or a column that
        the policy looks at is missing or not finite.
    PolicyError
        The policy must not decide this period, or a row has no eligible action.

    Examples
    --------
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import always
    >>> policy = always(ActionSpace.grid(["19:30"], [3]), "3x@19:30")
    >>> users = pl.DataFrame({"user": ["ada", "bob"], "segment": ["ios/new", ""]})
    >>> decide(policy, users, 2965).select("user", "action", "slot", "propensity").rows()
    [('ada', '3x@19:30', '19:30', 1.0), ('bob', '3x@19:30', '19:30', 1.0)]
    """
    refuse_forked()
    rows = read_users(users)
    n = rows.height
    paths, codes = encode_segments(rows)
    nodes = np.array([policy.segments.nearest(p) for p in paths], np.int64)
    eligible = read_eligible(rows, policy.actions.k)
    context, keys = read_context(rows, policy.features.names), user_keys(rows["user"])
    periods = np.full(n, period)
    decisions = decide_rows(policy, keys, periods, nodes[codes], eligible, context=context, vectors=vectors)
    decided_at = time_us(datetime.now(UTC).isoformat() if at is None else at, "decided_at")
    mask = np.ones((n, policy.actions.k), np.bool_) if eligible is None else eligible
    columns = {
        "user": rows["user"],
        "period": _repeat(period, n, pl.Int64),
        "decided_at": _repeat(decided_at, n, pl.Int64).cast(pl.Datetime("us", "UTC")),
        "segment": rows["segment"],
        "arm": pl.Series(decisions.arm.tolist(), dtype=pl.String),
        "action": _gather(policy.actions.names, decisions.action, pl.String),
        "slot": _gather(policy.actions.slots, decisions.action, pl.String),
        "frequency": _gather(policy.actions.frequencies, decisions.action, pl.Int64),
        "propensity": pl.Series(decisions.propensity),
        "eligible": pl.Series(mask).arr.to_list(),
        **{c: rows[c] for c in rows.columns if c.startswith("x_")},
        "policy": _repeat(policy.version, n, pl.String),
        "scope": _repeat(policy.scope, n, pl.String),
        "fallback": _gather([_explain_fallback(policy, path) for path in paths], codes, pl.String),
    }
    if decisions.shares is not None:
        columns["propensities"] = pl.Series(decisions.shares / ONE).arr.to_list()
    return pl.DataFrame(columns)


def users_of(log: Log) -> pl.DataFrame:
    """The users of a log for whom to decide next: ``user`` and latest ``segment``, in order of their first decision.

    Where the log has contexts, the latest of each user stands in ``x_…``; a newer one, where it is known, is better.
    Users with an absorbing outcome, as far as it is known, are left out.

    Examples
    --------
    >>> from tactful.frames.reading.read_log import read_log
    >>> from tactful.frames.spec.log_spec import LogSpec
    >>> outcomes = {"left": {"kind": "binary", "absorbing": True}}
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": outcomes})
    >>> rows = {"user": ["ada", "bob"], "period": [1, 1], "segment": ["ios", "web"], "action": ["send", "send"]}
    >>> users_of(read_log(pl.DataFrame(rows | {"left": [0, 1]}), spec)).rows()
    [('ada', 'ios')]
    """
    refuse_forked()
    absorbed = np.zeros(log.n, np.bool_)
    for measured in log.outcomes.values():
        if measured.spec.absorbing:
            absorbed |= measured.value == 1
    last = np.full(log.user_key.size, -1, np.int64)
    order = np.argsort(log.period, kind="stable")
    last[log.user[order]] = order
    stays = last >= 0
    stays[log.user[absorbed]] = False
    users = np.flatnonzero(stays)
    paths = pl.Series(log.segments.paths, dtype=pl.String)
    columns = {"user": pl.Series(log.user_ids[users].tolist()), "segment": paths.gather(log.segment[last[users]])}
    if log.context is not None:
        columns |= {f"x_{name}": pl.Series(log.context[last[users], j]) for j, name in enumerate(log.context_names)}
    return pl.DataFrame(columns)


def write_decisions(decisions: pl.DataFrame, path: str | PathLike[str]) -> None:
    """Decisions as Parquet, NDJSON or CSV, by the extension; whole or not at all.

    CSV cannot hold lists: ``eligible`` is left out of it where every action was eligible, and refused otherwise.

    Raises
    ------
    LogError
        An unknown extension, lists for CSV, or a folder that cannot be written to.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import uniform
    >>> decisions = decide(uniform(ActionSpace.named(["none", "send"])), pl.DataFrame({"user": ["ada"]}), 12)
    >>> path = mkdtemp() + "/decisions.csv"
    >>> write_decisions(decisions, path)
    >>> pl.read_csv(path)["propensity"].to_list()
    [0.5]
    """
    refuse_forked()
    if str(path).lower().endswith(CSV_SUFFIXES):
        if "propensities" in decisions.columns or not decisions["eligible"].list.all().all():
            raise LogError("CSV cannot hold lists (eligible, propensities)", str(path), "write .parquet or .ndjson")
        decisions = decisions.drop("eligible")
    write_frame(decisions, path)


def _repeat(value: object, n: int, dtype: type[pl.DataType]) -> pl.Series:
    return pl.Series([value], dtype=dtype).new_from_index(0, n)


def _gather(values: Sequence[object], code: I64, dtype: object) -> pl.Series:
    return pl.Series(list(values), dtype=dtype).gather(code)  # type: ignore[arg-type]


def _explain_fallback(policy: Published, path: str) -> str | None:
    """Why another segment than ``path`` is served; None where the policy knows it."""
    if policy.segments.index(path) is not None:
        return None
    return unknown_segment(policy.segments.paths[policy.segments.nearest(path)])
