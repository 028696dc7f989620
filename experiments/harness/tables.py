"""Tables in Markdown, the figures in them, and their place in a README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """One table of a README, and the numbers in it that a run records."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    metrics: Mapping[str, float | None] = {}

    def markdown(self) -> str:
        """The title in bold and the table under it."""
        return f"**{self.title}**\n\n{grid(self.columns, self.rows)}"


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without a title."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), ""])


def markdown(tables: Iterable[Table]) -> str:
    """Tables one below another."""
    return "\n".join(table.markdown() for table in tables)


def metrics(tables: Iterable[Table]) -> dict[str, float | None]:
    """The numbers of all tables."""
    return {name: value for table in tables for name, value in table.metrics.items()}


def inject(text: str, name: str, fragment: str) -> str:
    """The text with what stands between ``<!-- name -->`` and ``<!-- /name -->`` replaced.

    Raises
    ------
    SystemExit
        The text has no such marks.
    """
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, mark, body = text.partition(start)
    _, closing, tail = body.partition(end)
    if not mark or not closing:
        raise SystemExit(f"README.md has no {(end if mark else start).strip()}: write the marks around the tables")
    return head + start + fragment.rstrip("\n") + "\n" + end + tail


def mean_and_error(x: np.ndarray, digits: int = 3) -> str:
    """Mean ± standard error over seeds."""
    error = x.std(ddof=1) / np.sqrt(x.size) if x.size > 1 else 0.0
    return f"{x.mean():.{digits}f} ± {error:.{digits}f}"


def signed(x: float, digits: int = 3) -> str:
    """A number with its sign, and a true minus."""
    return f"{x:+.{digits}f}".replace("-", "−")
