"""What is measured after a decision, what it is worth, and what must stay bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from tactful.core.arrays import F64
from tactful.errors import SpecError, first

Kind = Literal["binary", "count", "real"]
OBJECTIVE = "objective"
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one outcome is measured.

    ``window_us`` is the attribution window: before a decision is that old its outcome is unknown.
    ``has_trials`` marks a count out of trials (opens out of sends); an ``absorbing`` outcome ends a user's
    decisions; ``range`` bounds the values where an interval needs bounds.
    """

    name: str
    kind: Kind
    window_us: int = 0
    absorbing: bool = False
    has_trials: bool = False
    range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse combinations without meaning."""
        where = f"[outcomes] {self.name}"
        if self.name == OBJECTIVE:
            raise SpecError("'objective' is the name of the reward", where, "rename the outcome")
        if self.kind not in KINDS:
            raise SpecError(f"unknown kind {self.kind!r}", where, f"choose one of {', '.join(KINDS)}")
        if self.window_us < 0:
            raise SpecError("window_days must not be negative", where, "0 means known at once")
        if self.has_trials and self.kind != "count":
            raise SpecError("trials belong to a count", where, 'set kind = "count" or leave trials out')
        if self.absorbing and self.kind != "binary":
            raise SpecError("an absorbing outcome is binary", where, 'set kind = "binary"')
        if self.range is not None and not self.range[0] < self.range[1]:
            raise SpecError("the range is empty", where, "write range = [low, high] with low < high")


@dataclass(frozen=True, slots=True)
class Objective:
    """The reward: a weighted sum of outcomes, per decision.

    >>> Objective({"engaged": 1.0, "opted_out": -15.0}).outcomes
    ('engaged', 'opted_out')
    """

    values: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse weights that are no numbers."""
        if bad := [o for o, v in self.values.items() if not np.isfinite(v)]:
            raise SpecError(f"the value of {first(bad)} is not finite", "[objective]", "write a number")

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that count, in order."""
        return tuple(o for o, v in self.values.items() if v != 0)

    def check(self, outcomes: Iterable[str]) -> None:
        """Refuse an objective over outcomes that are not measured.

        Raises
        ------
        SpecError
            An outcome of the objective is not among ``outcomes``.
        """
        known = tuple(outcomes)
        if bad := [o for o in self.values if o not in known]:
            raise SpecError(f"unknown outcome {bad[0]!r}", "[objective]", f"the outcomes are {first(known, 6)}")

    def combine(self, outcomes: Mapping[str, F64]) -> F64:
        """The weighted sum of arrays of one shape; NaN where any of them is unknown."""
        parts = [self.values[o] * outcomes[o] for o in self.outcomes]
        return np.sum(parts, axis=0) if parts else np.zeros_like(next(iter(outcomes.values())))


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: on the mean of outcomes per decision, on sends per user and period, on the load of a slot."""

    outcomes: Mapping[str, float] = field(default_factory=dict[str, float])
    sends_per_period: float | None = None
    slot_share: Mapping[str, float] = field(default_factory=dict[str, float])

    def to_json(self) -> dict[str, Any]:
        """The plain form, as ``[limits]`` has it."""
        plain: dict[str, Any] = dict(self.outcomes)
        if self.sends_per_period is not None:
            plain["sends_per_period"] = self.sends_per_period
        if self.slot_share:
            plain["slot_share"] = dict(self.slot_share)
        return plain
