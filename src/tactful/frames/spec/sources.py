"""Where a column of the log comes from in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import polars as pl

from tactful.core.outcomes import Outcome
from tactful.errors import SpecError
from tactful.frames.spec import toml_tables
from tactful.frames.spec.expressions import parse_sql, root_columns

ROW_AS_USER = "@row"  # in place of a column: every row is its own user
RANK_AS_PERIOD = "@rank"  # in place of a column: periods are the order of a user's rows
NullMeaning = Literal["refuse", "immature", "zero"]


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """A column of the file, or an SQL expression over its columns."""

    key: str
    """The place in the spec that names it."""
    column: str = ""
    """The column of the file; empty where ``sql`` computes the values."""
    sql: str = ""
    """The text of the expression; empty where ``column`` holds the values."""

    @classmethod
    def from_spec(cls, raw: object, key: str) -> ColumnSource:
        """The source that a value of the spec describes: a text (the name of a column) or ``{ expr = "…" }``.

        Raises
        ------
        SpecError
            The value is neither of the two, or its expression is not row-wise.
        """
        if isinstance(raw, str):
            return cls(key, column=toml_tables.read_text(raw, key))
        if not isinstance(raw, Mapping):
            raise toml_tables.wrong_value_error('the name of a column or { expr = "…" }', raw, key)
        entries = toml_tables.read_table(cast("Mapping[str, object]", raw), key, ("expr",))
        if "expr" not in entries:
            raise SpecError("expr is missing", key, 'write { expr = "…" }')
        sql = toml_tables.read_text(entries["expr"], f"{key} expr")
        parse_sql(sql, f"{key} expr")
        return cls(key, sql=sql)

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"column {self.column!r}" if self.column else f"expr {self.sql!r}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file that it reads."""
        return (self.column,) if self.column else root_columns(self.expr)

    @property
    def expr(self) -> pl.Expr:
        """The expression that computes it."""
        return pl.col(self.column) if self.column else parse_sql(self.sql, self.key)


@dataclass(frozen=True, slots=True)
class Measure:
    """Where an outcome is read, and what a missing value past its window means.

    Examples
    --------
    >>> measure = Measure(Outcome("opened", "binary"), ColumnSource("[outcomes] opened column", column="opens"))
    >>> measure.value.label, measure.null
    ("column 'opens'", 'refuse')
    """

    outcome: Outcome
    """What is measured."""
    value: ColumnSource
    """The source of its values."""
    trials: ColumnSource | None = None
    """The source of the numbers of trials, where the outcome is a count out of trials."""
    null: NullMeaning = "refuse"
    """What a missing value means once the window has passed: an error, still unknown, or zero."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns of the file; what the spec leaves out has its canonical name where the file has such a column."""

    roles: Mapping[str, ColumnSource] = field(default_factory=dict[str, ColumnSource])
    """The single columns that the spec gives, by canonical name."""
    segment: tuple[ColumnSource, ...] = ()
    """The source of the path, or the sources of its parts."""
    is_path: bool = True
    """Whether ``segment`` is one source of whole paths rather than the parts of one."""
    context: tuple[tuple[str, ColumnSource], ...] | None = None
    """Names and sources of the features; None means every column ``x_…``."""
    absent: frozenset[str] = frozenset()
    """The roles that no column has, although the file has a column of that name: ``propensities = ""``."""
