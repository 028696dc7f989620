"""What people see: tables on stdout, progress on stderr, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

WIDTH = 120  # where stdout is no terminal
Step = Callable[[int, int], None]


def out() -> Console:
    """The console for results; made anew, so that it follows a redirected stdout."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=WIDTH)


def emit(plain: Mapping[str, Any]) -> None:
    """Print one JSON document, in escapes where stdout cannot take its characters as they are."""
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(plain, indent=1, allow_nan=False)
    print(text)  # noqa: T201


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> None:
    """Print a table: the first ``left`` columns are text, the others numbers."""
    console = out()
    console.print(title, style="bold")
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        grid.add_column(column, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    console.print(grid)


def line(text: str = "") -> None:
    """Print one line, wrapped where there is a terminal: a file or a pipe gets it whole."""
    console = out()
    console.print(text, soft_wrap=not console.is_terminal)


def complain(text: str) -> None:
    """Say one line on stderr."""
    print(f"tactful: {' '.join(text.split())}", file=sys.stderr, flush=True)  # noqa: T201


def number(x: float | None, digits: int = 4) -> str:
    """A number for a table; a dash where there is none."""
    return "–" if x is None else f"{x:.{digits}f}"


def percent(x: float | None, digits: int = 2) -> str:
    """A share as per cent."""
    return "–" if x is None else f"{100 * x:.{digits}f} %"


def with_interval(value: float | None, low: float | None, high: float | None, digits: int = 4) -> str:
    """``value [low, high]``, as far as they are known."""
    if value is None or low is None or high is None:
        return number(value, digits)
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


@contextmanager
def progress(what: str, quiet: bool = False) -> Generator[Step]:
    """A bar on stderr; yields a function of (done, total)."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def step(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield step


@contextmanager
def working(what: str, quiet: bool = False) -> Generator[None]:
    """A spinner on stderr while something of unknown length runs."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(what):
        yield
