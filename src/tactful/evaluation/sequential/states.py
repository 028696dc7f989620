"""The state of a user before each decision: a small code out of columns of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.errors import SpecError, first

SEGMENT = "segment"
BUCKETS, FEW_VALUES = 5, 12
MAX_STATES = 200


class States(NamedTuple):
    """The state of every row: ``code`` (n,) from 0 to ``number`` − 1, and in words how it came about."""

    code: I64
    number: int
    description: str


def states(log: Log, state: str | Sequence[str] | None, *, buckets: int = BUCKETS) -> States:
    """The state of each row, out of one or several columns; their combinations where there are several.

    A column is a context column (with or without its ``x_``), ``segment`` for the whole path, or ``segment:2`` for
    its second part. A context column of more than 12 values is cut at its quantiles into ``buckets``. None is the state
    of being there at all. No outcome enters.

    Raises
    ------
    SpecError
        A column that the log does not have, or more than 200 states.
    """
    names = () if state is None else (state,) if isinstance(state, str) else tuple(state)
    code, descriptions = np.zeros(log.n, np.int64), list[str]()
    for name in names:
        column, description = _column(log, name, buckets)
        descriptions.append(description)
        code = np.unique(code * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1].astype(np.int64)
    count = int(code.max(initial=0)) + 1
    if count > MAX_STATES:
        do = "choose fewer columns: estimates by state need many users in each"
        raise SpecError(f"{count:,} states, more than {MAX_STATES}", "state", do)
    return States(code, count, " × ".join(descriptions) or "being there")


def _column(log: Log, name: str, buckets: int) -> tuple[I64, str]:
    """(n,) codes of one column, and what it is in words."""
    if name == SEGMENT:
        return log.segment, SEGMENT
    head, _, depth = name.partition(":")
    if head == SEGMENT and depth.isdigit() and 1 <= int(depth) <= int(log.segments.depths.max()):
        return _segment_level(log, int(depth) - 1), name
    short = name.removeprefix("x_")
    if short not in log.context_names or log.context is None:
        columns = [*(f"x_{c}" for c in log.context_names), SEGMENT, f"{SEGMENT}:1"]
        do = f"choose among {first(columns, 8)}, or list the column in [columns] context"
        raise SpecError(f"the log has no column {name!r} to take as the state", "state", do)
    return _cut(log.context[:, log.context_names.index(short)], f"x_{short}", buckets)


def _segment_level(log: Log, level: int) -> I64:
    """(n,) codes of one part of the segment's path; nodes above it share a code."""
    labels = [path.split("/")[level] if path.count("/") >= level and path else "" for path in log.segments.paths]
    names = sorted(set(labels))
    return np.array([names.index(label) for label in labels], np.int64)[log.segment]


def _cut(values: F64, name: str, buckets: int) -> tuple[I64, str]:
    """(n,) codes of the values themselves where they are few, and of their quantiles otherwise."""
    distinct, code = np.unique(values, return_inverse=True)
    if distinct.size <= FEW_VALUES:
        return code.astype(np.int64), name
    edges = np.unique(np.quantile(values, np.arange(1, buckets) / buckets))
    bucket = np.searchsorted(edges, values, "right").astype(np.int64)
    return bucket, f"{name} cut at {', '.join(f'{edge:.3g}' for edge in edges)}"
