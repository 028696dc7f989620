"""The kinds of events that a journal holds and a log is joined from."""

from __future__ import annotations

from typing import Literal, get_args

EventKind = Literal["decision", "send", "outcome", "consent", "erase"]
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
