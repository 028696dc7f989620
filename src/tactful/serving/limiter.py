"""Caps and gaps over what was sent and what is planned."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tactful.serving.rules import TRANSACTIONAL, Cap, Gap, Rules
from tactful.serving.zones import wall

HOUR_US = 3_600_000_000


class Sent(NamedTuple):
    """A send that was made, or is planned: its instant (µs UTC), and the local date and slot that it belongs to."""

    at_us: int
    channel: str = ""
    category: str = ""
    day: str = ""
    slot: str | None = None


class Limiter:
    """The sends of one user so far; asked before another is added. Times without a zone count by UTC dates."""

    def __init__(self, rules: Rules, place: ZoneInfo | None, history: Iterable[Sent]) -> None:
        self.rules, self._place = rules, place
        self._sent: list[Sent] = []
        self._fired: set[tuple[str, str]] = set()
        for send in history:
            self.add(send)

    def add(self, send: Sent) -> None:
        """Count a send; a transactional one only where the rules say so."""
        if send.category == TRANSACTIONAL and not self.rules.transactional_counts:
            return
        self._sent.append(send)
        if send.day and send.slot:
            self._fired.add((send.day, send.slot))

    def has(self, day: date, slot: str) -> bool:
        """Whether a local date's slot has had its send."""
        return (day.isoformat(), slot) in self._fired

    def after_gap(self, at: int, channel: str, category: str) -> int | None:
        """The first instant that every gap allows, looking at sends around ``at``; None where ``at`` itself is."""
        latest = at
        for gap in self.rules.gaps:
            if not gap.applies(channel, category):
                continue
            length = round(gap.hours * HOUR_US)
            for send in self._of(gap):
                if abs(send.at_us - at) < length:
                    latest = max(latest, send.at_us + length)
        return None if latest == at else latest

    def full(self, at: int, channel: str, category: str) -> Cap | None:
        """A cap that has no room for a send at ``at``."""
        for cap in self.rules.caps:
            if cap.applies(channel, category) and self._over(cap, at):
                return cap
        return None

    def _of(self, rule: Cap | Gap) -> list[Sent]:
        return [s for s in self._sent if rule.applies(s.channel, s.category)]

    def _over(self, cap: Cap, at: int) -> bool:
        sent = self._of(cap)
        if cap.hours is None:
            bucket = self._bucket(cap, at)
            return sum(self._bucket(cap, s.at_us) == bucket for s in sent) >= cap.most
        length = round(cap.hours * HOUR_US)
        times = [s.at_us for s in sent] + [at]
        ends = (t for t in times if at <= t < at + length)  # windows (t − length, t] that hold the new send
        return any(sum(t - length < x <= t for x in times) > cap.most for t in ends)

    def _bucket(self, cap: Cap, at: int) -> date:
        day = _date(at, self._place)
        if cap.per == "month":
            return day.replace(day=1)
        return day - timedelta(days=day.weekday()) if cap.per == "week" else day


def _date(at: int, place: ZoneInfo | None) -> date:
    return wall(at, place or ZoneInfo("UTC")).date()
