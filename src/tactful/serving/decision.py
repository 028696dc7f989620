"""What a decider answers."""

from __future__ import annotations

from typing import NamedTuple


class Decision(NamedTuple):
    """What to do for a user in a period; ``propensity`` is the exact probability of ``action``, given ``arm``.

    ``slot`` (local ``HH:MM``) and ``frequency`` (sends per period) are None where the action has none; ``policy`` is
    the version that drew, and ``fallback`` says why it was not, or not quite, the one that should have, or is None.
    """

    user: str | int
    period: int
    segment: str
    arm: str
    action: str
    slot: str | None
    frequency: int | None
    propensity: float
    policy: str
    scope: str
    fallback: str | None


def unknown_segment(known: str) -> str:
    """The reason logged where a segment's nearest known ancestor was served."""
    return f"unknown segment, served {known!r}"
