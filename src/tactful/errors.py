"""The exception family: every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice


class TactfulError(Exception):
    """A mistake that the user can mend: the base of all errors that tactful raises on purpose.

    Parameters
    ----------
    what
        What is wrong.
    where
        The place, such as a file, a section of a specification or a column.
    do
        What to do about it.

    Attributes
    ----------
    exit_code : int
        What the command line exits with.

    Examples
    --------
    >>> error = TactfulError("no such action 'sent'", "[limits]", "name one of none, send")
    >>> print(error)
    [limits]: no such action 'sent'; name one of none, send
    >>> error.do
    'name one of none, send'
    """

    exit_code = 2

    def __init__(self, what: str, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, where, do
        super().__init__(": ".join(filter(None, (where, what))) + (f"; {do}" if do else ""))


class SpecError(TactfulError):
    """A specification, an option or a name that cannot be understood.

    Examples
    --------
    >>> import tactful as tt
    >>> tt.ActionSpace.named(["none", "send"]).index("sent")
    Traceback (most recent call last):
    tactful.errors.SpecError: unknown action 'sent'; the actions are none, send
    """


class LogError(TactfulError):
    """Data that break a rule of the decision log.

    Examples
    --------
    >>> import tactful as tt
    >>> spec = tt.LogSpec(actions=tt.ActionSpace.named(["none", "send"]), measures={})
    >>> try:
    ...     tt.read_log("missing.parquet", spec)
    ... except tt.LogError as error:
    ...     print(error)
    missing.parquet: no such file; give the path of a log
    """


class PolicyFormatError(TactfulError):
    """A policy artifact that is damaged, unsafe or of another version.

    Examples
    --------
    >>> import tactful as tt
    >>> try:
    ...     tt.load("missing")
    ... except tt.PolicyFormatError as error:
    ...     print(error.do)
    name a folder that fit wrote
    """


class PolicyError(TactfulError):
    """A policy that does not fit what is asked of it.

    Examples
    --------
    >>> import tactful as tt
    >>> tt.Terms(valid_until=2960).check_period(2961, 2961)
    Traceback (most recent call last):
    tactful.errors.PolicyError: period 2961: the policy decides periods … to 2960; publish a newer policy
    """


class NothingToSayError(TactfulError):
    """Sound input from which nothing can be concluded; the command line exits with 4.

    Examples
    --------
    >>> NothingToSayError("no opt-out is known", "price", "wait").exit_code
    4
    """

    exit_code = 4


class JournalError(TactfulError):
    """Events that could not be made durable: none of them is acknowledged, and trying again does no harm.

    Examples
    --------
    >>> issubclass(JournalBusyError, JournalError)
    True
    """


class JournalBusyError(JournalError):
    """More events are waiting than may wait: the caller slows down or tries again.

    Examples
    --------
    >>> print(JournalBusyError("10,000 events wait", "journal", "try again in a second"))
    journal: 10,000 events wait; try again in a second
    """


class MissingExtraError(TactfulError, ImportError):
    """An optional dependency is not installed; the message ends with the line for pip that adds it.

    That line works wherever this message can appear: tactful is installed then, from a checkout or from an index,
    and pip only adds the libraries of the extra.

    Examples
    --------
    >>> print(missing_extra("report", "a figure"))
    a figure needs an optional dependency; pip install 'tactful[report]'
    """


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
"""The extra that brings each optional library, by the name under which the library is imported."""


def missing_library(error: ImportError) -> str | None:
    """The extra that brings the library that an import did not find; None where no extra brings it."""
    return EXTRAS.get((error.name or "").partition(".")[0])


def missing_extra(extra: str, purpose: str) -> MissingExtraError:
    """The error for a feature whose optional dependency is absent, with the pip line that installs it."""
    return MissingExtraError(f"{purpose} needs an optional dependency", do=f"pip install 'tactful[{extra}]'")


def first(values: Iterable[object], limit: int = 3) -> str:
    """The first few of ``values`` as text, with an ellipsis where more were left out."""
    items = [str(v) for v in islice(values, limit + 1)]
    return ", ".join(items[:limit]) + (", …" if len(items) > limit else "")
