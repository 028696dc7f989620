"""Ctrl-C and closed pipes: leave quietly, with the exit code that shells know.

It imports nothing that takes time, so that Ctrl-C is already dealt with while everything else is imported.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

STOPPED, PIPE_CLOSED = 130, 141  # 128 and the number of the signal


def leave_at_interrupts() -> None:
    """Leave at once at Ctrl-C: an interrupted import is half done, and raises anything.

    A process that ignores Ctrl-C, or has its own way with it, keeps to that.
    """
    if threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        signal.signal(signal.SIGINT, _leave)


def raise_interrupts() -> None:
    """Raise ``KeyboardInterrupt`` at Ctrl-C again, once there is something to tidy up."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def leave_closed_pipe() -> NoReturn:
    """Leave where whoever read stdout is gone, as ``head`` is; nothing more is written there, not even at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    sys.exit(PIPE_CLOSED)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- the signature of a handler
    os._exit(STOPPED)
