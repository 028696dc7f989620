"""The rows of a file that are decisions, and the way in which some of them are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from tactful.core.arrays import I64, Bool
from tactful.errors import LogError

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read: one column of ``frame`` a role, ``number`` (n,) the 1-based data row of the file."""

    frame: pl.DataFrame
    number: I64
    labels: Mapping[str, str]
    name: str

    @property
    def n(self) -> int:
        """The number of rows."""
        return self.number.size

    def __contains__(self, role: str) -> bool:
        return role in self.frame.columns

    def __getitem__(self, role: str) -> pl.Series:
        return self.frame[role]

    def take(self, rows: Bool) -> Rows:
        """The chosen rows."""
        return replace(self, frame=self.frame.filter(pl.Series(rows)), number=self.number[rows])

    def where(self, role: str) -> str:
        """The file, the column and its role, as messages name them."""
        label = self.labels.get(role, f"column {role!r}")
        kind, _, name = role.partition(".")
        meant = {"x": f"context {name}", "y": f"outcome {name}", "n": f"trials of {name}"}.get(kind, kind)
        return f"{self.name} {label}" + ("" if label == f"column {meant!r}" else f" ({meant})")

    def refuse(self, bad: Bool, role: str, what: str, do: str, *, show: bool = True) -> None:
        """Refuse the log where any row is ``bad`` (n,).

        Raises
        ------
        LogError
            Names the column, ``what`` is wrong, in how many rows, the first three of them with their values, and
            what to ``do``.
        """
        at = np.flatnonzero(bad)
        if not at.size:
            return
        shown = [f"{self.number[i]}{self._value(role, int(i)) if show else ''}" for i in at[:SHOWN]]
        many = at.size > 1
        rows = f"row{'s' * many} {', '.join(shown)}{', …' * (at.size > SHOWN)}"
        raise LogError(f"{what} in {at.size} row{'s' * many} ({rows})", self.where(role), do)

    def _value(self, role: str, row: int) -> str:
        if role not in self:
            return ""
        value = self.frame[role][row]
        if isinstance(value, pl.Series):
            return ""
        text = value.isoformat() if isinstance(value, date) else repr(value)
        return f": {text if len(text) <= 40 else text[:37] + '...'}"

    def fail(self, role: str, what: str, do: str) -> LogError:
        """The error for a whole column."""
        return LogError(what, self.where(role), do)
