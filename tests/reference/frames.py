"""Maturity, the absorbing rule and ranks, one decision at a time, as design 4.1 words them."""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = "refused"


@dataclass(frozen=True)
class Decision:
    """A decision as the file has it; ``value`` None where the outcome is empty."""

    user: str
    scope: str
    at: int
    value: float | None


def outcome(decision: Decision, as_of: int, window: int, null: str) -> tuple[bool, float | None] | str:
    """Whether the outcome is mature, and its value: None while unknown."""
    mature = as_of - decision.at >= window
    if not mature:
        return False, None  # unknown, whatever arrived early
    if decision.value is not None:
        return True, decision.value
    return {"zero": (True, 0.0), "immature": (True, None), "refuse": REFUSED}[null]


def after_the_end(decisions: list[Decision], window: int) -> list[int]:
    """The positions of decisions more than a window after one whose absorbing outcome came."""
    late: list[int] = []
    for i, decision in enumerate(decisions):
        for other in decisions:
            same = (other.user, other.scope) == (decision.user, decision.scope)
            if same and other.value == 1 and decision.at > other.at + window:
                late.append(i)
                break
    return late


def ranks(decisions: list[Decision]) -> list[int]:
    """How many decisions of the same user and scope came before each: by time, then by place in the file."""
    return [
        sum(
            (other.user, other.scope) == (one.user, one.scope) and (other.at, j) < (one.at, i)
            for j, other in enumerate(decisions)
        )
        for i, one in enumerate(decisions)
    ]
