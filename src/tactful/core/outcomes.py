"""What is measured after a decision, what it is worth, and what must stay bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
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

    >>> Outcome("opted_out", "binary", window_us=7 * 86_400_000_000, absorbing=True).kind
    'binary'
    """

    name: str
    """What the outcome is called in logs, objectives and limits."""
    kind: Kind
    """``binary`` (0 or 1), ``count`` (0, 1, 2, …) or ``real``."""
    _: KW_ONLY
    window_us: int = 0
    """The attribution window in µs: before a decision is that old its outcome is unknown."""
    absorbing: bool = False
    """Whether no decision can follow once it happened, as after an opt-out."""
    has_trials: bool = False
    """Whether it is a count out of a number of trials, such as opens out of sends."""
    range: tuple[float, float] | None = None
    """The lowest and the highest value, where an interval needs bounds."""

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

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The lowest and the highest value, as far as they are known: 0 and 1 of a binary outcome, else the range.

        >>> Outcome("engaged", "binary").bounds, Outcome("sessions", "count").bounds
        ((0.0, 1.0), None)
        """
        return (0.0, 1.0) if self.kind == "binary" else self.range


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
    """Upper bounds that a policy must keep.

    >>> Limits({"opted_out": 0.004}, sends_per_period=3.0).to_json()
    {'opted_out': 0.004, 'sends_per_period': 3.0}
    """

    outcomes: Mapping[str, float] = field(default_factory=dict[str, float])
    """On the mean of an outcome per decision, by its name."""
    sends_per_period: float | None = None
    """On the mean number of sends per user and period."""
    slot_share: Mapping[str, float] = field(default_factory=dict[str, float])
    """On the share of all sends that go out at a slot, by the slot's local time."""

    def to_json(self) -> dict[str, Any]:
        """The plain form, as ``[limits]`` has it."""
        plain: dict[str, Any] = dict(self.outcomes)
        if self.sends_per_period is not None:
            plain["sends_per_period"] = self.sends_per_period
        if self.slot_share:
            plain["slot_share"] = dict(self.slot_share)
        return plain
