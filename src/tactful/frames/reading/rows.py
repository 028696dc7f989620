"""The rows of a file that are decisions, and the way in which some of them are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from tactful.core.arrays import I64, Bool
from tactful.errors import LogError

EXAMPLE_ROWS = 3  # rows that a message shows
VALUE_LENGTH = 40  # characters of a value that a message shows


@dataclass(frozen=True, slots=True)
class FileRows:
    """The n rows that were read of a file, under the roles that the spec gives its columns."""

    frame: pl.DataFrame
    """(n,) One column a role."""
    number: I64
    """(n,) Data rows of the file, counted from 1."""
    labels: Mapping[str, str]
    """How messages call the column of each role."""
    name: str
    """The file."""

    @property
    def n(self) -> int:
        """The number of rows."""
        return self.number.size

    def __contains__(self, role: str) -> bool:
        return role in self.frame.columns

    def __getitem__(self, role: str) -> pl.Series:
        return self.frame[role]

    def take(self, rows: Bool) -> FileRows:
        """The chosen rows."""
        return replace(self, frame=self.frame.filter(pl.Series(rows)), number=self.number[rows])

    def locate(self, role: str) -> str:
        """The file, the column and its role, as messages name them."""
        label = self.labels.get(role, f"column {role!r}")
        kind, _, name = role.partition(".")
        meaning = {"x": f"context {name}", "y": f"outcome {name}", "n": f"trials of {name}"}.get(kind, kind)
        return f"{self.name} {label}" + ("" if label == f"column {meaning!r}" else f" ({meaning})")

    def refuse(self, faulty: Bool, role: str, what: str, do: str, *, show: bool = True) -> None:
        """Refuse the log where any row is faulty.

        Parameters
        ----------
        faulty
            (n,) the rows that break a rule.
        role
            The role of the column that breaks it.
        what
            What is wrong, as the message says it.
        do
            What to do about it.
        show
            Whether the message shows the values of the first rows.

        Raises
        ------
        LogError
            Names the column, what is wrong, in how many rows, and the first three of them with their values.
        """
        rows = np.flatnonzero(faulty)
        if not rows.size:
            return
        examples = [f"{self.number[i]}{self._show_value(role, int(i)) if show else ''}" for i in rows[:EXAMPLE_ROWS]]
        plural = "s" * (rows.size > 1)
        listing = f"row{plural} {', '.join(examples)}{', …' * (rows.size > EXAMPLE_ROWS)}"
        raise LogError(f"{what} in {rows.size} row{plural} ({listing})", self.locate(role), do)

    def _show_value(self, role: str, row: int) -> str:
        if role not in self:
            return ""
        value = self.frame[role][row]
        if isinstance(value, pl.Series):
            return ""
        text = value.isoformat() if isinstance(value, date) else repr(value)
        return f": {text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 3] + '...'}"

    def column_error(self, role: str, what: str, do: str) -> LogError:
        """The error for a whole column."""
        return LogError(what, self.locate(role), do)
