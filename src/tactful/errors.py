"""The exception family: every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice


class TactfulError(Exception):
    """A mistake that the user can mend; ``exit_code`` is what the command line exits with."""

    exit_code = 2

    def __init__(self, what: str, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, where, do
        super().__init__(": ".join(filter(None, (where, what))) + (f"; {do}" if do else ""))


class SpecError(TactfulError):
    """A specification that cannot be understood."""


class LogError(TactfulError):
    """Data that break a rule of the decision log."""


class PolicyFormatError(TactfulError):
    """A policy artifact that is damaged, unsafe or of another version."""


class PolicyError(TactfulError):
    """A policy that does not fit what is asked of it."""


class NothingToSayError(TactfulError):
    """Sound input from which nothing can be concluded."""

    exit_code = 4


class JournalError(TactfulError):
    """Events that could not be made durable: none of them is acknowledged."""


class JournalBusyError(JournalError):
    """More events are waiting than may wait: the caller slows down or tries again."""


class MissingExtraError(TactfulError, ImportError):
    """An optional dependency is not installed."""


EXTRAS = {
    "numba": "learn",
    "scipy": "learn",
    "polars": "learn",
    "typer": "learn",
    "rich": "learn",
    "mlflow": "mlflow",
    "matplotlib": "report",
    "sqlalchemy": "journal",
    "psycopg": "postgres",
    "fastapi": "serve",
    "uvicorn": "serve",
    "prometheus_client": "serve",
}


def missing_library(error: ImportError) -> str | None:
    """The extra that brings the library that an import did not find; None where it is none of those."""
    return EXTRAS.get((error.name or "").partition(".")[0])


def missing_extra(extra: str, purpose: str) -> MissingExtraError:
    """The error for a feature whose optional dependency is absent, with the pip line that installs it."""
    return MissingExtraError(f"{purpose} needs an optional dependency", do=f"pip install 'tactful[{extra}]'")


def first(values: Iterable[object], limit: int = 3) -> str:
    """The first few of ``values`` as text, with an ellipsis where more were left out."""
    items = [str(v) for v in islice(values, limit + 1)]
    return ", ".join(items[:limit]) + (", …" if len(items) > limit else "")
