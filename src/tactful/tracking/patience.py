"""Work with a store that may be slow, or down: every step has its time, and nobody waits longer than that."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar, cast

from tactful.errors import TactfulError
from tactful.tracking.store import LOCAL, scheme_of, without_password

T = TypeVar("T")
Steps = Generator[float, None, T]
"""Work in steps: it yields the seconds that its next step may take, and returns its result."""

REQUEST_S = 5.0  # until a server, or a database of another process, has answered
LOCAL_S = 120.0  # a new file of SQLite takes dozens of migrations
QUIET_SHARE = 0.2  # of a step's time, after which the wait is spoken of
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
FEW_TRIES = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT": "5",
}
"""MLflow tries for minutes by default."""


def patience_for(uri: str) -> float:
    """Seconds that a request may take; ``MLFLOW_HTTP_REQUEST_TIMEOUT`` says otherwise for servers."""
    if scheme_of(uri) in LOCAL:
        return LOCAL_S
    text = os.environ.get(TIMEOUT, "")
    return float(text) if text.isdecimal() else REQUEST_S


def complete(steps: Steps[T]) -> T:
    """Take all steps, however long they take."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return cast("T", stop.value)


def complete_in_time(steps: Steps[T], uri: str, say: Callable[[str], None]) -> T:
    """Take all steps in a thread of their own, and leave it where a step takes longer than it may.

    Parameters
    ----------
    steps
        What to do.
    uri
        Of the store; errors and ``say`` name it.
    say
        Is told once that the store is being waited for.

    Raises
    ------
    TactfulError
        A step took longer than it may.
    """
    for name, value in FEW_TRIES.items():
        os.environ.setdefault(name, value)
    news: SimpleQueue[float | tuple[T] | BaseException] = SimpleQueue()
    Thread(target=_take, args=(steps, news), name="tactful-tracking", daemon=True).start()
    store = f"MLflow at {without_password(uri)}"
    seconds: float | None = None
    spoken = False
    while True:
        try:
            word = news.get(timeout=seconds if seconds is None or spoken else QUIET_SHARE * seconds)
        except Empty:
            if spoken or seconds is None:
                raise TactfulError("no answer in time", store, "check that it runs, and the tracking URI") from None
            say(f"waiting for {store}, at most {seconds:g} s")
            spoken, seconds = True, (1 - QUIET_SHARE) * seconds
            continue
        if isinstance(word, BaseException):
            raise word
        if isinstance(word, tuple):
            return word[0]
        seconds = word


def _take(steps: Steps[T], news: SimpleQueue[float | tuple[T] | BaseException]) -> None:
    try:
        while True:
            news.put(next(steps))
    except StopIteration as stop:
        news.put((stop.value,))
    except BaseException as error:  # the thread that waits raises it again
        news.put(error)
