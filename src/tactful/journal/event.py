"""What a journal holds: one event is one thing that happened, with an id of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from hashlib import blake2b
from typing import Any

from tactful.core.events import EVENT_KINDS, EventKind
from tactful.errors import LogError

MAX_TEXT, MAX_BODY = 512, 64 << 10
BOUND = 1 << 63


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, with an id that tells its retries from another event.

    Raises
    ------
    LogError
        An unknown kind, an empty or overlong text, a time or period beyond 64 bits, a decision without a period, an
        outcome without a name or with a value that is no number, or a body that is not plain JSON.
    """

    id: str
    """Identifier of the event; whoever sends it again sends the same one."""
    kind: EventKind
    """What happened: a decision, a send, an outcome, a consent or an erasure."""
    user: str
    """Identifier of the user, as text."""
    at_us: int
    """When it happened, in µs UTC."""
    _: KW_ONLY
    period: int | None = None
    """Index of the period of a decision; at most one decision is kept of a (user, period, scope)."""
    scope: str = ""
    """Campaign or channel."""
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is known, in plain JSON: of a decision the segment, arm, action, propensity and policy; of an outcome
    its ``name`` and ``value``."""

    def __post_init__(self) -> None:
        """Refuse what could not be read back."""
        if self.kind not in EVENT_KINDS:
            raise LogError(f"unknown kind {self.kind!r}", "event kind", f"choose {', '.join(EVENT_KINDS)}")
        for name, text, least in (("id", self.id, 1), ("user", self.user, 1), ("scope", self.scope, 0)):
            if not least <= len(text) <= MAX_TEXT or "\0" in text:
                raise LogError(f"{len(text)} characters, or a null", f"event {name}", f"give {least} to {MAX_TEXT}")
        for name, number in (("at_us", self.at_us), ("period", self.period or 0)):
            if not -BOUND <= number < BOUND:
                raise LogError(f"{name} has more than 64 bits", "event", "give µs since 1970, and the period's index")
        if self.kind == "decision" and self.period is None:
            raise LogError("a decision without a period", "event", "say which period was decided")
        if self.kind == "outcome":
            _check_outcome(self.body)

    @property
    def text(self) -> str:
        """The body as it is stored.

        Raises
        ------
        LogError
            It is not plain JSON, or larger than 64 KiB.
        """
        try:
            text = json.dumps(dict(self.body), allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise LogError(f"not plain JSON ({error})", "event body", "give text, numbers and lists of them") from None
        if len(text) > MAX_BODY:
            raise LogError(f"{len(text):,} characters", "event body", f"give at most {MAX_BODY:,}")
        return text


def _check_outcome(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise LogError("an outcome without a name", "event body", 'such as {"name": "opened", "value": 1}')
    for key in ("value", "trials"):
        number = body.get(key, 1)
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise LogError(f"an outcome whose {key} is no number", "event body", "give a finite number")


def erased_name(user: str) -> str:
    """What stands for a user who was erased: enough to know events of theirs again, not who they were."""
    return blake2b(user.encode(), digest_size=16, person=b"tactful.erased").hexdigest()
