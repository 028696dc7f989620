"""An alarm for transactional notifications that look as if they were not: nothing here can hold one up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tactful.core.actions import DAY_US


class Alarm(NamedTuple):
    """Which ``source`` sent how much on a UTC ``day`` (days since 1970), and what is odd about it."""

    source: str
    day: int
    why: str


@dataclass(slots=True, kw_only=True)
class BypassWatch:
    """Counts the sends of a day by source; each oddity is told once a day.

    A user who gets more than ``per_user_day`` transactional notifications from one source, or a source of which more
    than ``most_share`` of at least ``at_least`` sends are transactional while it also sends others, looks like
    marketing that goes round the rules.

    Examples
    --------
    >>> watch = BypassWatch(per_user_day=1)
    >>> watch.count("shop", "u1", 0, transactional=True), watch.count("shop", "u1", 1, transactional=True).why
    (None, 'more than 1 transactional notifications to one user in a day')
    """

    per_user_day: int = 5
    """Transactional notifications from one source that one user may get in a day."""
    most_share: float = 0.9
    """Share of a source's sends that may be transactional while it also sends others."""
    at_least: int = 1000
    """Sends of a source in a day from which on its share is looked at."""
    _day: int | None = None
    _users: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _sends: Counter[tuple[str, bool]] = field(default_factory=Counter[tuple[str, bool]])
    _told: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def count(self, source: str, user: str | int, at_us: int, *, transactional: bool) -> Alarm | None:
        """Count one send; an alarm where it makes its source look odd for the first time that day."""
        day = at_us // DAY_US
        if self._day is None or day > self._day:
            self._day = day
            for counted in (self._users, self._sends, self._told):
                counted.clear()
        self._sends[source, transactional] += 1
        if not transactional:
            return None
        self._users[source, str(user)] += 1
        if self._users[source, str(user)] > self.per_user_day:
            return self._tell(source, f"more than {self.per_user_day} transactional notifications to one user in a day")
        bypassed, others = self._sends[source, True], self._sends[source, False]
        if others and bypassed + others >= self.at_least and bypassed > self.most_share * (bypassed + others):
            return self._tell(source, f"more than {self.most_share:.0%} of its sends are said to be transactional")
        return None

    def _tell(self, source: str, why: str) -> Alarm | None:
        if (source, why) in self._told:
            return None
        self._told.add((source, why))
        return Alarm(source, self._day or 0, why)
