"""What must hold of every send: quiet hours, caps and gaps, by jurisdiction, channel and category."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from tactful.errors import SpecError
from tactful.serving.zones import known_zone, minutes

TRANSACTIONAL = "transactional"
CALENDAR = ("day", "week", "month")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
DAY = 1440

Quiet = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``most`` sends in any ``hours`` (rolling), or in any local ``per`` day, week (from Monday) or month.

    ``channel`` and ``category`` say of which sends; None is all.
    """

    most: int
    hours: float | None = None
    per: str | None = None
    channel: str | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        """Refuse a cap that bounds nothing."""
        if (self.hours is None) == (self.per is None):
            raise SpecError("a cap needs hours or per", "caps", 'such as hours = 168, or per = "week"')
        if self.per is not None and self.per not in CALENDAR:
            raise SpecError(f"a cap per {self.per!r}", "caps", f"choose {', '.join(CALENDAR)}")
        if self.most < 0 or (self.hours is not None and not self.hours > 0):
            raise SpecError("a cap below 0, or of no time", "caps", "give most ≥ 0 and hours > 0")

    def applies(self, channel: str, category: str) -> bool:
        """Whether a send counts."""
        return self.channel in (None, channel) and self.category in (None, category)

    def __str__(self) -> str:
        """As people say it."""
        of = " ".join(filter(None, (self.channel, self.category)))
        when = f"any {self.hours:g} hours" if self.hours is not None else f"a {self.per}"
        return f"at most {self.most} {of + ' ' if of else ''}in {when}"


@dataclass(frozen=True, slots=True)
class Gap:
    """At least so many ``hours`` between two sends of a ``channel`` and ``category`` (None: of any)."""

    hours: float
    channel: str | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        """Refuse a gap that is none."""
        if not self.hours > 0:
            raise SpecError(f"a gap of {self.hours} hours", "gaps", "give hours > 0")

    def applies(self, channel: str, category: str) -> bool:
        """Whether a send counts."""
        return self.channel in (None, channel) and self.category in (None, category)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of an account.

    A send that falls into quiet hours, or too near another, waits inside its period or is dropped. Nothing can hold up
    a transactional notification.

    Examples
    --------
    >>> rules = Rules.of({"quiet": {"": [["21:00", "08:00"]]}, "caps": [{"most": 3, "per": "week"}]})
    >>> rules.quiet_at("US-FL"), str(rules.caps[0])
    (((1260, 1440), (0, 480)), 'at most 3 in a week')
    """

    quiet: Mapping[str, Quiet] = field(default_factory=dict[str, Quiet])
    """Local times in which nothing is sent, by jurisdiction: the most specific of ``US-FL``, ``US`` and the empty name
    counts. A span may pass midnight."""
    caps: tuple[Cap, ...] = ()
    """How many sends there may be in a span of time."""
    gaps: tuple[Gap, ...] = ()
    """How far apart sends must be."""
    zones: Mapping[str, str] = field(default_factory=dict[str, str])
    """Time zone of each country, for users without one of their own."""
    zone: str | None = None
    """Time zone of the account, for users of countries that are not in ``zones``."""
    patience_hours: float = 12.0
    """How long a send may wait before it is dropped; 0 drops it at once."""
    transactional_counts: bool = False
    """Whether transactional notifications add to the caps and gaps of the others."""

    def __post_init__(self) -> None:
        """Refuse zones that do not exist and patience that is no time."""
        for country, name in self.zones.items():
            known_zone(name, f"zones.{country}")
        if self.zone is not None:
            known_zone(self.zone, "zone")
        if not 0 <= self.patience_hours < 24:
            raise SpecError(f"{self.patience_hours} hours of patience", "patience_hours", "choose from 0 to below 24")

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Rules:
        """Rules from their plain form (a table of a TOML or JSON file).

        Raises
        ------
        SpecError
            An unknown key, with the nearest known one; a time that is none; a cap, gap or zone that makes no sense.
        """
        _keys(plain, cls, "rules")
        given = dict(plain)
        try:
            for name, one in (("caps", Cap), ("gaps", Gap)):
                for item in given.get(name, ()):
                    _keys(item, one, name)
                given[name] = tuple(one(**item) for item in given.get(name, ()))
            given["quiet"] = {where: _quiet(spans, where) for where, spans in dict(given.get("quiet", {})).items()}
            return cls(**given)
        except (TypeError, ValueError, AttributeError):
            raise SpecError("not of the form that rules have", "rules", "see docs/schedule.md") from None

    def quiet_at(self, jurisdiction: str) -> Quiet:
        """The quiet spans (minutes from, to) of a jurisdiction, or of what it is a part of."""
        for where in (jurisdiction, jurisdiction.partition("-")[0], ""):
            if where in self.quiet:
                return self.quiet[where]
        return ()


def _quiet(spans: Any, where: str) -> Quiet:
    out: list[tuple[int, int]] = []
    for start, end in spans:
        for text in (start, end):
            if not isinstance(text, str) or not _TIME.fullmatch(text):
                raise SpecError(f"not a time of day: {text!r}", f"quiet.{where or 'default'}", "write HH:MM")
        a, b = minutes(start), minutes(end)
        if a == b:
            raise SpecError(f"from {start} to {end} is no span", f"quiet.{where or 'default'}", "give two times")
        out += [(a, b)] if a < b else [(a, DAY), *([(0, b)] if b else [])]
    if sum(b - a for a, b in out) >= DAY:
        raise SpecError("the whole day is quiet", f"quiet.{where or 'default'}", "leave an hour to send in")
    return tuple(out)


def _keys(plain: Mapping[str, Any], of: Any, where: str) -> None:
    known = [f.name for f in fields(of)]
    for key in plain:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = f"the nearest key is {close[0]!r}" if close else f"the keys are {', '.join(known)}"
            raise SpecError(f"unknown key {key!r}", where, hint)
