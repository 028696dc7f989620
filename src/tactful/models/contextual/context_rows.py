"""The rows of one log and outcome as the kernels of the contextual models take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.features import CLIP, Features
from tactful.core.log import Log
from tactful.core.parallel import each
from tactful.errors import LogError, first
from tactful.kernels import moments as kernels

MIN_ROW_BLOCK, MAX_ROW_BLOCK = 4096, 16384  # rows that are sorted by cell at once
ROWS_PER_CELL = 12  # of a block, on average, between these bounds
PARTIAL_SUMS, FEW_CELLS = 16, 4096  # parts of the rows that are summed apart, where cells are few; otherwise two
NO_WEIGHT = np.zeros(0)


class LogRows(NamedTuple):
    """Chosen rows of one log: which (n,), and what each of them counts (r,); None for 1."""

    log: Log
    rows: Bool
    weight: F64 | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRows:
    """The n rows of one log and outcome; which of them count, ``cell`` says."""

    context: F64
    """(n, f) raw features."""
    units: F64
    """(2, f) centres of the features, and the inverses of their scales."""
    cell: I64
    """(n,) the cell of each row, −1 for those that do not count."""
    value: F64
    """(n,) value of the outcome."""
    size: F64
    """(n,) trials, 1 where there are none."""
    weight: F64
    """(n,) what each row counts, or empty for 1."""
    user: I64
    """(n,) index of the user."""
    users: int
    """The number of users."""

    @classmethod
    def from_log(cls, log_rows: LogRows, outcome: str, features: Features, *, pooled: bool) -> ContextRows:
        """The chosen rows of a log.

        Parameters
        ----------
        log_rows
            Decisions with the columns of the features.
        outcome
            The outcome that is the value of a row.
        features
            Names, centres and scales.
        pooled
            Whether a cell is an action, and not a node and an action.
        """
        log, rows, weight = log_rows
        measured = log.outcomes[outcome]
        cell = log.action if pooled else log.segment * log.actions.k + log.action
        row_weight = NO_WEIGHT if weight is None else np.zeros(log.n)
        if weight is not None:
            row_weight[rows] = weight
        units = np.stack([np.array(features.centre), 1 / np.array(features.scale)])
        size = np.ones(log.n) if measured.trials is None else measured.trials
        return cls(
            context=context_of(log, features),
            units=units,
            cell=np.where(rows, cell, -1),
            value=np.ascontiguousarray(measured.value),
            size=np.ascontiguousarray(size),
            weight=row_weight,
            user=np.ascontiguousarray(log.user),
            users=log.user_ids.size,
        )

    def add(self, response: F64, weight: F64, out: F64) -> None:
        """Add Σ w·(z, r)(z, r)ᵀ over the rows of each cell, in parts that are the same for any number of threads.

        Parameters
        ----------
        response
            (n,) r of each row.
        weight
            (n,) w of each row, or empty for 1.
        out
            (…, d + 1, d + 1), a matrix for each cell.
        """
        total = out.reshape(-1, *out.shape[-2:])
        block = int(np.clip(ROWS_PER_CELL * len(total), MIN_ROW_BLOCK, MAX_ROW_BLOCK))
        n, partitions = self.cell.size, PARTIAL_SUMS if len(total) <= FEW_CELLS else 2
        step = max(-(-n // partitions), 4 * block)
        partial_sums = np.zeros((-(-n // step), *total.shape))

        def work(rows: slice) -> None:
            w = weight[rows] if weight.size else weight
            args = self.context[rows], response[rows], w, self.cell[rows], self.units, CLIP, block
            kernels.by_cell(*args, partial_sums[rows.start // step])

        if n:
            each(work, n, step)
        for partial_sum in partial_sums:
            total += partial_sum

    def add_pairs(self, response: F64, out: F64) -> None:
        """Add the pairs of different rows of one user in one cell; a pair has the mean weight of the user's rows.

        Σ_{i ≠ j} w_i w_jᵀ = (Σ_i w_i)(Σ_i w_i)ᵀ − Σ_i w_i w_iᵀ over the rows i, j of a user in a cell, w = (z, r).

        Parameters
        ----------
        response
            (n,) r of each row.
        out
            (…, d + 1, d + 1), a matrix for each cell.
        """
        # Number the (user, cell) groups of several rows.
        total = out.reshape(-1, *out.shape[-2:])
        group, count = np.empty(self.cell.size, np.int64), np.zeros(1, np.int64)
        kernels.repeats(self.user, self.users, self.cell, len(total), group, count)
        g, d = int(count[0]), out.shape[-1] - 1
        if not g:
            return
        # The total of each group.
        sums, value, cell = np.zeros((g, d)), np.zeros(g), np.zeros(g, np.int64)
        kernels.totals(self.context, response, group, self.cell, self.units, CLIP, sums, value, cell)
        # The mean weight of each group.
        grouped = group >= 0
        group_weight, row_weight = NO_WEIGHT, NO_WEIGHT
        if self.weight.size:
            group_weight = np.bincount(group[grouped], self.weight[grouped], g) / sums[:, 0]
            row_weight = np.where(grouped, group_weight[group], 0.0)
        # Squares of totals, less the squares of rows. The kernel puts a 1 of its own first, which is cut off.
        units = np.stack([np.zeros(d), np.ones(d)])
        squares = np.zeros((len(total), d + 2, d + 2))
        kernels.by_cell(sums, value, group_weight, cell, units, np.inf, MIN_ROW_BLOCK, squares)
        row_squares = np.zeros_like(total)
        replace(self, cell=np.where(grouped, self.cell, -1)).add(response, row_weight, row_squares)
        total += squares[:, 1:, 1:] - row_squares


def context_of(log: Log, features: Features) -> F64:
    """(n, f) the columns of the features, found by name.

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


def context_error(context: F64, rows: Bool) -> LogError:
    """The error for contexts (n, f) of the chosen rows that are not finite."""
    unusable = np.flatnonzero(rows & ~np.isfinite(context).all(1))
    what = f"{unusable.size} rows have a context that is not finite: rows {first(unusable.tolist())}"
    return LogError(what, "context", "fill it, or leave the rows out with [log] where")
