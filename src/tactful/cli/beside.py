"""What a command keeps beside its answer: where that fails, the answer stays and stderr says what is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer

from tactful.cli.console import complain
from tactful.errors import TactfulError
from tactful.tracking.mlflow_run import client_of, load_client
from tactful.tracking.patience import Steps, complete_in_time
from tactful.tracking.store import DATABASES, scheme_of

T = TypeVar("T")
LOST = 5  # the answer is on stdout, but a file that was asked for beside it is not there


class Beside:
    """Keeps things beside an answer, one by one, and remembers what could not be kept.

    Nothing that goes wrong here reaches the command: an error, or Ctrl-C, becomes a warning, and :meth:`close` gives
    it its exit code once the answer is printed.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._lost = False
        self._interrupted = False

    def keep(self, what: str, action: Callable[[], T], *, needed: bool = False) -> T | None:
        """Do what keeps something; None where that fails.

        Parameters
        ----------
        what
            What is kept, for the warning.
        action
            Keeps it.
        needed
            Whether the command must not exit with 0 where it is lost: it was asked for, or later answers rest on it.
        """
        if self._interrupted:
            return None
        try:
            return action()
        except KeyboardInterrupt:
            self._interrupted = True
            self.warn(f"stopped: {what} is lost")
        except Exception as error:  # whatever it is, the answer is known and must be printed
            self._lost |= needed
            self.warn(f"{what} is lost: {_reason(error)}")
        return None

    def record(self, uri: str, steps: Callable[[], Steps[str]]) -> str | None:
        """The id of a run in MLflow, which gets as long as a few tries take; None where it is lost."""
        return self.keep("the MLflow run", lambda: complete_in_time(steps(), uri, complain))

    def warn(self, text: str) -> None:
        """Say one line on stderr, and remember it for machines."""
        self.warnings.append(" ".join(text.split()))
        complain(f"warning: {text}")

    def to_json(self) -> dict[str, Any]:
        """The warnings, where there are any."""
        return {"warnings": self.warnings} if self.warnings else {}

    def close(self, code: int = 0) -> None:
        """Leave with the answer's own exit code; with 5 where that is 0 and something that is needed was lost."""
        if self._interrupted:
            raise KeyboardInterrupt
        code = code or (LOST if self._lost else 0)
        if code:
            raise typer.Exit(code)


def check_store(uri: str | None) -> None:
    """Refuse a tracking URI that no store can have, and a missing MLflow, before any work is done.

    Raises
    ------
    MissingExtraError
        mlflow is not installed.
    TactfulError
        MLflow does not know such a store.
    """
    if uri:
        _ = load_client() if scheme_of(uri) in DATABASES else client_of(uri)  # neither opens a connection


def _reason(error: Exception) -> str:
    if isinstance(error, TactfulError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}; check the path and the disk"
    return f"{type(error).__name__}: {error}"
