"""Sufficient sums of a contextual model per (segment, action): second moments of (features, outcome), which add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.features import CLIP, Features
from tactful.core.log import Log
from tactful.core.parallel import each
from tactful.errors import LogError, first
from tactful.kernels import moments as kernels

BLOCK, MOST_BLOCK, PER_CELL = 4096, 16384, 12  # rows that are sorted at once
PARTS, FEW = 16, 4096  # partial sums, where cells are few
NO_WEIGHT = np.zeros(0)


class Moments(NamedTuple):
    """Sums over rows: decisions ``n``, trials ``t`` (n where there are none) and values ``y``, all (s, k).

    ``rows`` (s, k, d + 1, d + 1) holds Σ w·wᵀ of w = (z, r), with the design z and the response r: Σ zzᵀ, Σ z r and
    Σ r². ``pairs``, of that shape, holds the same sums over pairs of *different* rows of one user in one cell, from
    which the variance of a user's total follows for any coefficients. Where nodes are pooled both lack the axis s.
    """

    n: F64
    t: F64
    y: F64
    rows: F64
    pairs: F64

    def plus(self, other: Moments) -> Moments:
        """The sums of both parts, over the same nodes."""
        return Moments._make(a + b for a, b in zip(self, other, strict=True))

    def minus(self, other: Moments) -> Moments:
        """The sums without a part, over the same nodes."""
        return Moments._make(a - b for a, b in zip(self, other, strict=True))

    def times(self, share: float) -> Moments:
        """The sums of rows that count a share each."""
        return Moments._make(share * a for a in self)

    def clipped(self) -> Moments:
        """Without the rounding errors that a subtraction leaves where nothing is left."""
        least = 1e-9 * max(float(self.n.max()), 1.0)
        gone = self.n <= least
        wide = gone[..., None, None] if self.rows.ndim > 3 else (self.n.sum(0) <= least)[:, None, None]
        n, t, y = (np.where(gone, 0.0, a) for a in self[:3])
        return Moments(n, t, y, np.where(wide, 0.0, self.rows), np.where(wide, 0.0, self.pairs))

    def moved(self, to: I64, s: int) -> Moments:
        """The same sums over a larger tree of s nodes; ``to`` (old s,) says where each node went."""

        def grown(old: F64) -> F64:
            new = np.zeros((s, *old.shape[1:]))
            new[to] = old
            return new

        return Moments._make(x if x.ndim == 3 else grown(x) for x in self)

    @property
    def nodes(self) -> Moments:
        """With the axis s, of length 1 where nodes are pooled; n, t and y summed accordingly."""
        if self.rows.ndim > 3:
            return self
        n, t, y = (x.sum(0, keepdims=True) for x in self[:3])
        return Moments(n, t, y, self.rows[None], self.pairs[None])


@dataclass(frozen=True, slots=True)
class Contexts:
    """Counts rows by their design and value: Gaussian sums.

    ``clustered`` counts the pairs of each user too; otherwise ``pairs`` ends in (1, 1) and is 0.
    """

    features: Features
    pooled: bool = False
    clustered: bool = True

    def empty(self, s: int, k: int) -> Moments:
        """No rows."""
        return blank(s, k, self.features.d + 1, self.pooled, None if self.clustered else 1)

    def of(self, log: Log, outcome: str, rows: Bool, weight: F64 | None = None) -> Moments:
        """The moments of the chosen rows (n,); ``weight`` (r,) of each chosen row.

        Raises
        ------
        LogError
            Other context columns than the features', or a context that is not finite.
        """
        block = Rows.of(log, outcome, rows, weight, self.features, self.pooled)
        none = self.empty(len(log.segments), log.actions.k)
        block.add(block.value, block.weight, none.rows)
        if not np.isfinite(none.rows).all():
            raise bad_context(block.context, rows)
        if self.clustered:
            block.add_pairs(block.value, none.pairs)
        return counted(none, log, outcome, rows, weight)


class Rows(NamedTuple):
    """The rows of one log and outcome as kernels take them; ``cell`` (n,) is −1 for those left out.

    ``value``, ``size`` (trials), ``weight`` (or empty) are (n,), ``context`` (n, f), ``units`` (2, f).
    """

    context: F64
    units: F64
    cell: I64
    value: F64
    size: F64
    weight: F64
    user: I64
    users: int

    @classmethod
    def of(cls, log: Log, outcome: str, rows: Bool, weight: F64 | None, features: Features, pooled: bool) -> Rows:
        """The chosen rows (n,) of a log; ``weight`` (r,) of each of them."""
        measured = log.outcomes[outcome]
        cell = log.action if pooled else log.segment * log.actions.k + log.action
        full = NO_WEIGHT if weight is None else np.zeros(log.n)
        if weight is not None:
            full[rows] = weight
        units = np.stack([np.array(features.centre), 1 / np.array(features.scale)])
        size = np.ones(log.n) if measured.trials is None else measured.trials
        value = np.ascontiguousarray(measured.value)
        context, cell = context_of(log, features), np.where(rows, cell, -1)
        return cls(context, units, cell, value, np.ascontiguousarray(size), full, log.user, log.user_ids.size)

    def add(self, response: F64, weight: F64, out: F64) -> None:
        """Add w·(z, r)(z, r)ᵀ to ``out`` (…, d + 1, d + 1), in parts that are the same for any number of threads."""
        total = out.reshape(-1, *out.shape[-2:])
        block = int(np.clip(PER_CELL * len(total), BLOCK, MOST_BLOCK))
        n, parts = self.cell.size, PARTS if len(total) <= FEW else 2
        step = max(-(-n // parts), 4 * block)
        sums = np.zeros((-(-n // step), *total.shape))

        def work(at: slice) -> None:
            w = weight[at] if weight.size else weight
            args = self.context[at], response[at], w, self.cell[at], self.units, CLIP, block
            kernels.by_cell(*args, sums[at.start // step])

        if n:
            each(work, n, step)
        for part in sums:
            total += part

    def add_pairs(self, response: F64, out: F64) -> None:
        """Add the pairs of different rows of one user in one cell; a pair has the mean weight of the user's rows."""
        total = out.reshape(-1, *out.shape[-2:])
        group, count = np.empty(self.cell.size, np.int64), np.zeros(1, np.int64)
        kernels.repeats(self.user, self.users, self.cell, len(total), group, count)
        g, d = int(count[0]), out.shape[-1] - 1
        if not g:
            return
        sums, value, cell = np.zeros((g, d)), np.zeros(g), np.zeros(g, np.int64)
        kernels.totals(self.context, response, group, self.cell, self.units, CLIP, sums, value, cell)
        several = group >= 0
        share, alone = NO_WEIGHT, NO_WEIGHT
        if self.weight.size:
            share = np.bincount(group[several], self.weight[several], g) / sums[:, 0]
            alone = np.where(several, share[group], 0.0)
        plain = np.stack([np.zeros(d), np.ones(d)])
        wide = np.zeros((len(total), d + 2, d + 2))  # the kernel's own 1 stands first, and is not wanted here
        kernels.by_cell(sums, value, share, cell, plain, np.inf, BLOCK, wide)
        each_row = np.zeros_like(total)
        self._replace(cell=np.where(several, self.cell, -1)).add(response, alone, each_row)
        total += wide[:, 1:, 1:] - each_row


def blank(s: int, k: int, size: int, pooled: bool, pairs: int | None = None) -> Moments:
    """No rows; moments of ``size`` and ``pairs`` (``size`` unless given) columns."""
    nodes = () if pooled else (s,)
    n, t, y = np.zeros((3, s, k))
    shapes = ((*nodes, k, m, m) for m in (size, size if pairs is None else pairs))
    return Moments(n, t, y, *(np.zeros(shape) for shape in shapes))


def counted(none: Moments, log: Log, outcome: str, rows: Bool, weight: F64 | None) -> Moments:
    """With the counts, trials and values of the chosen rows."""
    measured = log.outcomes[outcome]
    cell = log.segment[rows] * log.actions.k + log.action[rows]
    value = measured.value[rows]
    ones = np.ones(value.size) if weight is None else weight
    size = ones if measured.trials is None else ones * measured.trials[rows]
    n, t, y = (np.bincount(cell, x, none.n.size).reshape(none.n.shape) for x in (ones, size, ones * value))
    return none._replace(n=n, t=t, y=y)


def context_of(log: Log, features: Features) -> F64:
    """(n, f) the columns of the features, checked by name.

    Raises
    ------
    LogError
        The log has other context columns.
    """
    if not features.names:
        return np.zeros((log.n, 0))
    if log.context is None or set(features.names) - set(log.context_names):
        missing = [name for name in features.names if name not in log.context_names]
        raise LogError(f"no column {first(missing)}", "[columns] context", "the features were fixed by the first fit")
    if features.names == log.context_names:
        return np.ascontiguousarray(log.context)
    return np.ascontiguousarray(log.context[:, [log.context_names.index(name) for name in features.names]])


def bad_context(context: F64, rows: Bool) -> LogError:
    """The error for contexts (n, f) of the chosen rows that are not finite."""
    bad = np.flatnonzero(rows & ~np.isfinite(context).all(1))
    what = f"{bad.size} rows have a context that is not finite: rows {first(bad.tolist())}"
    return LogError(what, "context", "fill it, or leave the rows out with [log] where")
