"""What a simulation returns: a log with the truth behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log, Measured
from tactful.core.outcomes import Objective


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Events:
    """Sends one by one, by user and time: e rows."""

    user: I64
    """(e,) codes of the log's users."""
    sent_at: I64
    """(e,) time of the send, in µs UTC."""
    slot: I64
    """(e,) slot of the world."""
    opened_at: I64
    """(e,) time of the open, in µs UTC; −1 where there was none."""
    opted_out_at: I64
    """(e,) time of the opt-out, in µs UTC; −1 where there was none."""
    added: Bool
    """(e,) whether the open brought a session of its own instead of replacing one."""

    def until(self, as_of: int) -> Events:
        """What is known at a time: sends up to then, and what came of them up to then."""
        rows = self.sent_at <= as_of
        kept = Events(**{name: getattr(self, name)[rows] for name in self.__slots__})
        known = {c: np.where(getattr(kept, c) <= as_of, getattr(kept, c), -1) for c in ("opened_at", "opted_out_at")}
        return replace(kept, added=kept.added & (known["opened_at"] >= 0), **known)


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A log, and the expected value (n, k) of each outcome in the state of each row under each action.

    It is the one-step truth: what a choice does to later weeks shows in the states of later rows alone. ``known_at``
    has, for each outcome, the time (n,) in µs UTC from which its value is settled: the end of its window, or an
    opt-out's own time. ``events`` are the sends, where they were asked for.
    """

    log: Log
    truth: Mapping[str, F64]
    known_at: Mapping[str, I64] = field(default_factory=dict[str, I64])
    events: Events | None = None
    slots: tuple[str, ...] = ()
    """The local times that ``events.slot`` points into."""

    def cut(self, as_of: int) -> Simulated:
        """The same log as it stood at ``as_of`` (µs UTC): younger outcomes than their window are unknown."""
        log = self.log
        assert log.decided_at is not None  # noqa: S101 - every simulated log has times
        rows = log.decided_at <= as_of
        part = log.take(rows)
        assert part.decided_at is not None  # noqa: S101
        outcomes: dict[str, Measured] = {}
        for name, m in part.outcomes.items():
            mature = part.decided_at + m.spec.window_us <= as_of
            outcomes[name] = replace(m, value=np.where(mature, m.value, np.nan), mature=mature)
        return Simulated(
            replace(part, outcomes=outcomes, as_of=as_of),
            {o: v[rows] for o, v in self.truth.items()},
            {o: v[rows] for o, v in self.known_at.items()},
            self.events.until(as_of) if self.events else None,
            self.slots,
        )

    def value(self, pmf: F64, outcome: str | Objective) -> F64:
        """(n,) Σ_a pmf·truth of an outcome, or of an objective, under a pmf (n, k) or (k,)."""
        if isinstance(outcome, Objective):
            return np.sum([w * self.value(pmf, o) for o, w in outcome.values.items()], axis=0)
        return np.sum(pmf * self.truth[outcome], axis=1)
