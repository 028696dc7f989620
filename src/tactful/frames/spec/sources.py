"""Where a column of the log comes from in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import polars as pl

from tactful.core.outcomes import Outcome
from tactful.errors import SpecError
from tactful.frames.spec import expressions
from tactful.frames.spec import toml_tables as tables

ROW = "@row"  # every row its own user
RANK = "@rank"  # the order within the user
Null = Literal["refuse", "immature", "zero"]


@dataclass(frozen=True, slots=True)
class Source:
    """A column of the file, or an SQL expression over its columns; ``key`` is the place in the spec that says so."""

    key: str
    column: str = ""
    sql: str = ""

    @classmethod
    def of(cls, raw: object, key: str) -> Source:
        """A text (the name of a column) or ``{ expr = "…" }``.

        Raises
        ------
        SpecError
            Neither of the two, or an expression that is not row-wise.
        """
        if isinstance(raw, str):
            return cls(key, column=tables.text(raw, key))
        if not isinstance(raw, Mapping):
            raise tables.expected('the name of a column or { expr = "…" }', raw, key)
        plain = tables.table(cast("Mapping[str, object]", raw), key, ("expr",))
        if "expr" not in plain:
            raise SpecError("expr is missing", key, 'write { expr = "…" }')
        sql = tables.text(plain["expr"], f"{key} expr")
        expressions.parse(sql, f"{key} expr")
        return cls(key, sql=sql)

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"column {self.column!r}" if self.column else f"expr {self.sql!r}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file that it reads."""
        return (self.column,) if self.column else expressions.columns(self.expr)

    @property
    def expr(self) -> pl.Expr:
        """The expression that computes it."""
        return pl.col(self.column) if self.column else expressions.parse(self.sql, self.key)


@dataclass(frozen=True, slots=True)
class Measure:
    """Where an outcome is found, and what a missing value past its window means."""

    outcome: Outcome
    value: Source
    trials: Source | None = None
    null: Null = "refuse"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the file; what the spec leaves out has its canonical name where the file has such a column.

    ``roles`` are the single columns that the spec gives, by canonical name; ``segment`` is one path (``is_path``)
    or the parts of one; ``context`` None means every ``x_*`` column.
    """

    roles: Mapping[str, Source] = field(default_factory=dict[str, Source])
    segment: tuple[Source, ...] = ()
    is_path: bool = True
    context: tuple[tuple[str, Source], ...] | None = None
