"""SQL expressions over the columns of a file: parsed by polars, row by row only, never evaluated as Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import polars as pl

from tactful.errors import SpecError

# polars' own meta.is_row_separable says yes to `a + sum(a)` and cannot answer for `a IN (1, 2)`, so the tree is walked.
QUOTES_HINT = """columns named like an SQL word are written in double quotes, as in "user" = '7'"""
ROW_WISE_NODES = frozenset({"Alias", "BinaryExpr", "Cast", "Column", "Function", "Literal", "Ternary"})
ROW_WISE_FAMILIES = frozenset({"ListExpr", "Pow", "Sql", "StringExpr", "StructExpr", "TemporalExpr", "Trigonometry"})
ROW_WISE_FUNCTIONS = frozenset(
    {
        *("Abs", "Atan2", "Ceil", "Coalesce", "Exp", "FillNull", "Floor", "Log", "Log1p", "MaxHorizontal"),
        *("MinHorizontal", "Negate", "NullIf", "Round", "Sign"),
        *(("Boolean", name) for name in ("IsFinite", "IsInfinite", "IsIn", "IsNan", "IsNotNan", "IsNotNull")),
        *(("Boolean", name) for name in ("AllHorizontal", "AnyHorizontal", "IsBetween", "IsNull", "Not")),
        ("Bitwise", "CountOnes"),
    }
)


def parse_sql(sql: str, where: str) -> pl.Expr:
    """The expression that a text of SQL stands for.

    Raises
    ------
    SpecError
        The text is no SQL expression, or is not row-wise; ``where`` names its key.
    """
    try:
        expr = pl.sql_expr(sql)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SpecError(f"not an SQL expression: {first_line(error)}", where, f"mend {sql!r}; {QUOTES_HINT}") from None
    if not _is_row_wise(expr):
        raise SpecError(
            "window functions, aggregates and subqueries are not row-wise",
            where,
            f"write {sql!r} over the values of one row, or compute the column beforehand",
        )
    return expr


def root_columns(expr: pl.Expr) -> tuple[str, ...]:
    """The columns that an expression reads, each once."""
    return tuple(dict.fromkeys(expr.meta.root_names()))


def child_nodes(kind: str, body: Any) -> list[Any]:
    """The nodes below a node of a serialised expression."""
    if kind == "BinaryExpr":
        return [body["left"], body["right"]]
    if kind == "Ternary":
        return [body["predicate"], body["truthy"], body["falsy"]]
    if kind == "Cast":
        return [body["expr"]]
    if kind == "Alias":
        return [body[0]]
    return list(body["input"]) if kind == "Function" else []


def first_line(error: BaseException) -> str:
    """The first line of an error of polars or the system."""
    message = str(error)
    if isinstance(error, OSError):  # polars adds the path, which the caller names
        message = error.strerror or message.partition(" (os error")[0]
    return next((" ".join(line.split()) for line in message.splitlines() if line.strip()), type(error).__name__)[:240]


def _is_row_wise(expr: pl.Expr) -> bool:
    """Whether every node of an expression is known to look at one row at a time."""
    if expr.meta.has_multiple_outputs():
        return False
    try:
        tree: Any = json.loads(expr.meta.serialize(format="json"))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # a tree that cannot be shown is not trusted
        return False
    return all(
        kind in ROW_WISE_NODES and (kind != "Function" or _is_row_wise_function(body)) for kind, body in _walk(tree)
    )


def _walk(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node of a serialised expression: its kind and its body."""
    if isinstance(tree, str):
        yield tree, None
        return
    for kind, body in cast("dict[str, Any]", tree).items():
        yield kind, body
        for child in child_nodes(kind, body):
            yield from _walk(child)


def _is_row_wise_function(body: Any) -> bool:
    function: Any = body["function"]
    if isinstance(function, str):
        return function in ROW_WISE_FUNCTIONS
    family, detail = next(iter(cast("dict[str, Any]", function).items()))
    name = detail if isinstance(detail, str) else next(iter(cast("dict[str, Any]", detail)), "")
    if family in ROW_WISE_FAMILIES and name != "ConcatVertical":
        return True
    return family in ROW_WISE_FUNCTIONS or (family, name) in ROW_WISE_FUNCTIONS
