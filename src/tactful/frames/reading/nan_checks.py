"""NaN that an expression would hide: polars holds NaN for larger than every number, so ``x >= 1`` is true of it.

Two rules follow the one for plain columns, which refuse NaN. A column of floats that an expression reads holds no NaN
in any row that is a decision. And no step on the way to the result is NaN (``0.0 / 0.0``, ``SQRT(-1)``) unless the
expression sets it aside: a branch of ``CASE`` that is not taken, or one side of ``AND`` where the other is false.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple, cast

import polars as pl
from polars._typing import PolarsDataType

from tactful.frames.reading.rows import FileRows
from tactful.frames.spec.expressions import child_nodes, root_columns
from tactful.frames.spec.sources import ColumnSource

COLUMN_HINT = "leave unknown values empty"
STEP_HINT = "guard it, as in a / NULLIF(b, 0), and leave unknown values empty"
FLAG = "#nan"
ROW_NUMBER = "#row"


class NanCheck(NamedTuple):
    """A condition under which a row is refused."""

    role: str
    """The role of the expression."""
    label: str
    """How messages call what is NaN."""
    what: str
    """What is wrong."""
    do: str
    """What to do about it."""
    flag: pl.Expr
    """(n,) whether a row is NaN there; never null."""
    is_column: bool
    """Whether it looks at a column of the file, and so cannot fail."""


def find_nan_checks(sources: Mapping[str, ColumnSource], schema: pl.Schema) -> list[NanCheck]:
    """The checks of every expression among the sources; plain columns are checked where they are read."""
    return [
        check
        for role, source in sources.items()
        if source.sql
        for check in find_expression_checks(source.expr, role, source.label, schema)
    ]


def find_expression_checks(expr: pl.Expr, role: str, label: str, schema: pl.Schema) -> list[NanCheck]:
    """The checks of one expression: one a column of floats that it reads, and one for its steps.

    Parameters
    ----------
    expr
        The expression.
    role
        Its role, which messages name.
    label
        How messages call it.
    schema
        The types of the file's columns.
    """
    checks: list[NanCheck] = []
    for column in root_columns(expr):
        flag = _flag_nan(pl.col(column), schema[column])
        if flag is not None:
            checks.append(NanCheck(role, f"column {column!r} in {label}", "NaN", COLUMN_HINT, flag, True))
    tree = json.loads(expr.meta.serialize(format="json"))
    step = _StepTracer(pl.DataFrame(schema=schema).lazy()).trace_inputs(tree)
    if step is not None:
        checks.append(NanCheck(role, label, "NaN before the result", STEP_HINT, step, False))
    return checks


def select_flags(checks: list[NanCheck]) -> list[pl.Expr]:
    """The flags as columns, for :func:`refuse_nan`."""
    return [check.flag.alias(f"{FLAG}{i}") for i, check in enumerate(checks)]


def refuse_nan(frame: pl.DataFrame, rows: FileRows, checks: list[NanCheck]) -> None:
    """Refuse the rows in which a flag is set.

    Parameters
    ----------
    frame
        (n,) holds the flags that :func:`select_flags` selected.
    rows
        The same rows, for messages.
    checks
        What the flags stand for.

    Raises
    ------
    LogError
        Names the column, the number of rows, and the first of them.
    """
    for i, check in enumerate(checks):
        named = FileRows(rows.frame, rows.number, {check.role: check.label}, rows.name)
        named.refuse(frame[f"{FLAG}{i}"].to_numpy(), check.role, check.what, check.do, show=False)


def select_nan_rows(rows: pl.LazyFrame, checks: list[NanCheck]) -> pl.LazyFrame:
    """The rows in which a flag is set, with their numbers and flags alone, for :func:`refuse_nan_rows`."""
    flags = select_flags(checks)
    any_flag = pl.any_horizontal(pl.lit(value=False), *(flag.meta.output_name() for flag in flags))
    return rows.select(ROW_NUMBER, *flags).filter(any_flag)


def refuse_nan_rows(frame: pl.DataFrame, name: str, checks: list[NanCheck]) -> None:
    """Refuse the rows that :func:`select_nan_rows` selected, where there are any.

    Raises
    ------
    LogError
        Names the column, the number of rows, and the first of them.
    """
    refuse_nan(frame, FileRows(frame, frame[ROW_NUMBER].cast(pl.Int64).to_numpy(), {}, name), checks)


def drop_flags(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without the columns that :func:`select_flags` added."""
    return frame.drop(c for c in frame.columns if c.startswith(FLAG))


class _StepTracer:
    """Walks the tree of an expression; columns are left to the checks of their own."""

    def __init__(self, empty: pl.LazyFrame) -> None:
        self._empty = empty  # no rows: knows the types of steps

    def trace(self, node: Any) -> pl.Expr | None:
        """Whether a node or a step on the way to it is NaN; None where that cannot be."""
        below = self.trace_inputs(node)
        if isinstance(node, dict) and not {"Column", "Literal"} & node.keys():
            expr = _rebuild(node)
            flag = _flag_nan(expr, self._type_of(expr))
            below = _any_of(below, flag)
        return below

    def trace_inputs(self, node: Any) -> pl.Expr | None:
        """Whether a step on the way to a node is NaN, as far as the node looks at it."""
        if not isinstance(node, dict):
            return None
        kind, body = next(iter(cast("dict[str, Any]", node).items()))
        if kind == "Ternary":
            return self._trace_branches(body)
        if kind == "Function" and body["function"] == "Coalesce":
            return self._trace_coalesce(body["input"])
        if kind == "BinaryExpr" and body["op"] in ("And", "Or"):
            return self._trace_condition(body["left"], body["right"], decisive=body["op"] == "Or")
        return _any_of(*(self.trace(child) for child in child_nodes(kind, body)))

    def _trace_branches(self, body: Any) -> pl.Expr | None:
        """``CASE``: the condition, and the branch that is taken."""
        truthy, falsy = self.trace(body["truthy"]), self.trace(body["falsy"])
        branch = None
        if truthy is not None or falsy is not None:
            branch = pl.when(_rebuild(body["predicate"])).then(_or_false(truthy)).otherwise(_or_false(falsy))
        return _any_of(self.trace(body["predicate"]), branch)

    def _trace_coalesce(self, inputs: list[Any]) -> pl.Expr | None:
        """``COALESCE``: every input up to the first that is not null."""
        flag = None
        for node in reversed(inputs):
            flag = _any_of(self.trace(node), None if flag is None else _rebuild(node).is_null() & flag)
        return flag

    def _trace_condition(self, left: Any, right: Any, *, decisive: bool) -> pl.Expr | None:
        """``AND`` and ``OR``: a side does no harm where the other settles the result by itself."""
        flags = [self.trace(left), self.trace(right)]
        flag = _any_of(*flags)
        if flag is None:
            return None
        for node, own in zip((left, right), flags, strict=True):
            value = _rebuild(node)
            if self._type_of(value) == pl.Boolean:
                settles = value.eq(decisive).fill_null(value=False)
                flag &= ~(settles if own is None else settles & ~own)
        return flag

    def _type_of(self, expr: pl.Expr) -> pl.DataType:
        return self._empty.select(expr.alias("step")).collect_schema()["step"]


def _rebuild(node: Any) -> pl.Expr:
    """The expression of a node."""
    return pl.Expr.deserialize(io.StringIO(json.dumps(node)), format="json")


def _flag_nan(expr: pl.Expr, dtype: PolarsDataType) -> pl.Expr | None:
    """Whether a value, or an entry of a list, is NaN; None where its type has none."""
    if isinstance(dtype, pl.Array):
        return _flag_nan(expr.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        entry = _flag_nan(pl.element(), dtype.inner)
        return None if entry is None else expr.list.eval(entry).list.any().fill_null(value=False)
    if isinstance(dtype, pl.Struct):
        return _any_of(*(_flag_nan(expr.struct.field(f.name), f.dtype) for f in dtype.fields))
    return expr.is_nan().fill_null(value=False) if dtype.is_float() else None


def _any_of(*flags: pl.Expr | None) -> pl.Expr | None:
    present = [flag for flag in flags if flag is not None]
    return reduce(lambda a, b: a | b, present) if present else None


def _or_false(flag: pl.Expr | None) -> pl.Expr:
    return pl.lit(value=False) if flag is None else flag
