"""From a cadence to the instants of its sends: a pure function of decisions, the person, the rules and what was sent.

Rules that are known before the draw belong into ``eligible`` (:func:`eligible`); what happens later changes when a
notification is sent, or that it is not, and never the action that was logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tactful.core.actions import DAY_US, ActionSpace
from tactful.serving.limiter import HOUR_US, Limiter, Sent
from tactful.serving.rules import TRANSACTIONAL, Quiet, Rules
from tactful.serving.zones import micros, minutes, moment, wall, zone, zone_of

PLANNED, MOVED, DROPPED, BYPASSED = "planned", "moved", "dropped", "bypassed"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Person:
    """To whom: ``zone`` is an IANA name; ``jurisdiction`` such as ``US-FL``, by default the ``country``."""

    user: str | int
    zone: str | None = None
    country: str | None = None
    jurisdiction: str | None = None

    @property
    def place(self) -> str:
        """Whose rules count."""
        return self.jurisdiction or self.country or ""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted: a cadence in a period, or one transactional notification."""

    name: str
    """What the intent is called in the trace."""
    start_us: int
    """Start of the period, in µs UTC; a transactional notification is sent then."""
    end_us: int
    """End of the period, in µs UTC."""
    _: KW_ONLY
    slot: str | None = None
    """Local time of day at which to send."""
    frequency: int | None = None
    """Sends in the period."""
    channel: str = ""
    """Channel, for rules that hold for one alone."""
    category: str = ""
    """Category, for rules that hold for one alone; ``transactional`` is sent whatever the rules say."""
    priority: float = 0.0
    """A higher one comes first where a cap has room for some."""
    expires_us: int | None = None
    """From then on, in µs UTC, nothing is sent."""

    @classmethod
    def of(cls, name: str, period: int, space: ActionSpace, action: str, **options: object) -> Intent:
        """The cadence that an action of a grid means in a period."""
        i = space.index(action)
        start, end = space.period_start_us(period), space.period_start_us(period + 1)
        return cls(name, start, end, slot=space.slots[i], frequency=space.frequencies[i], **options)  # type: ignore[arg-type]


class Send(NamedTuple):
    """One send and its trace."""

    intent: str
    """Name of the intent that asked for it."""
    state: str
    """``planned``, ``moved``, ``dropped`` or ``bypassed``."""
    at_us: int | None
    """When it goes out, in µs UTC; None where it is dropped."""
    wanted_us: int | None
    """Instant of its slot, in µs UTC."""
    day: str
    """Local date that it belongs to, even where it waits past midnight."""
    slot: str | None
    """Local time of day that was asked for."""
    channel: str
    """Channel of the intent."""
    category: str
    """Category of the intent."""
    trace: tuple[str, ...]
    """What the rules did to it, one sentence each."""


def schedule(intents: Sequence[Intent], person: Person, rules: Rules, history: Sequence[Sent] = ()) -> tuple[Send, ...]:
    """When each send of each intent is made, or why not; in order of priority, then of time.

    Parameters
    ----------
    intents
        Cadences and transactional notifications of one user.
    person, rules
        Without a time zone (the user's, the country's, the account's) nothing is sent but transactional notifications.
    history
        What was sent to the user before, on any channel, and what has been planned.

    Returns
    -------
    tuple of Send
        One for every send that a cadence asks for, the dropped ones included. Each (user, local date, slot) is sent at
        most once; none falls into quiet hours; caps and gaps hold over history and plan together.
    """
    out: list[Send] = []
    name = zone_of(person.zone, person.country, rules.zones, rules.zone)
    place = zone(name) if name else None
    limiter = Limiter(rules, place, history)
    for intent in intents:
        if intent.category == TRANSACTIONAL:
            out.append(_bypass(intent))
            limiter.add(Sent(intent.start_us, intent.channel, TRANSACTIONAL))
    ordered = [x for x in intents if x.category != TRANSACTIONAL and x.frequency and x.slot]
    for intent in sorted(ordered, key=lambda x: -x.priority):
        if place is None:
            out += [_drop(intent, "", ("no time zone is known of the user, the country or the account",))] * int(
                intent.frequency or 0
            )
        else:
            out += _cadence(intent, person, rules, limiter, place)
    return tuple(out)


def eligible(
    space: ActionSpace, period: int, person: Person, rules: Rules, history: Sequence[Sent] = (), channel: str = ""
) -> list[bool]:
    """(k,) the actions whose sends could all be made, each at its own time, as far as is known before the draw.

    ``none`` always is. A cadence is not where its slot is quiet, or where a cap or gap has no room for all its sends.
    """
    start, end = space.period_start_us(period), space.period_start_us(period + 1)
    name = zone_of(person.zone, person.country, rules.zones, rules.zone)
    place = zone(name) if name else None

    def clear(slot: str, frequency: int) -> bool:
        if place is None:
            return False
        intent = Intent("", start, end, slot=slot, frequency=frequency, channel=channel)
        sends = list(_cadence(intent, person, rules, Limiter(rules, place, history), place))
        return all(s.at_us is not None and s.at_us == s.wanted_us for s in sends)

    # A send a day leaves room for any fewer: caps and gaps hold for a part of what they hold for.
    daily = -(-(end - start) // DAY_US)
    free = {slot: clear(slot, daily) for slot in set(filter(None, space.slots))}
    cells = zip(space.slots, space.frequencies, strict=True)
    return [not f or slot is None or free[slot] or clear(slot, f) for slot, f in cells]


def _bypass(intent: Intent) -> Send:
    why = "transactional: never scored, delayed, capped or explored"
    at = intent.start_us
    return Send(intent.name, BYPASSED, at, at, "", None, intent.channel, TRANSACTIONAL, (why,))


def _drop(intent: Intent, day: str, trace: tuple[str, ...], wanted: int | None = None) -> Send:
    return Send(intent.name, DROPPED, None, wanted, day, intent.slot, intent.channel, intent.category, trace)


def _cadence(intent: Intent, person: Person, rules: Rules, limiter: Limiter, place: ZoneInfo) -> Iterator[Send]:
    slot, frequency = intent.slot or "", intent.frequency or 0
    days = _days(intent, minutes(slot), place)
    for day in _spread(len(days), frequency, person.user):
        at, jumped = days[day]
        yield _send(intent, at, jumped, limiter, place, rules.quiet_at(person.place))
    for _ in range(frequency - len(days)):
        yield _drop(intent, "", (f"the period has only {len(days)} dates with {slot} in {place.key}",))


def _days(intent: Intent, minute: int, place: ZoneInfo) -> list[tuple[int, bool]]:
    """(instant, whether the clock jumped over the slot) of every local date whose slot falls into the period."""
    day = wall(intent.start_us, place).date() - ONE_DAY
    last = wall(intent.end_us, place).date() + ONE_DAY
    found: list[tuple[int, bool]] = []
    while day <= last:
        at = moment(day, minute, place)
        if at is not None and intent.start_us <= at.at_us < intent.end_us:
            found.append(at)
        day += ONE_DAY
    return found


def _spread(days: int, frequency: int, user: str | int) -> list[int]:
    """Which of the days: evenly spread, from a phase of the user's own, so that not everybody gets the same weekday."""
    sends = min(days, frequency)
    if not sends:
        return []
    phase = int.from_bytes(blake2b(f"{user}".encode(), digest_size=4, person=b"weekday").digest(), "little")
    return [((j << 32) + phase) * days // (sends << 32) for j in range(sends)]


def _send(intent: Intent, at: int, jumped: bool, limiter: Limiter, place: ZoneInfo, quiet: Quiet) -> Send:
    local = wall(at, place)
    day, slot = local.date(), intent.slot or ""
    trace = [f"{slot} on {day:%A} {day.isoformat()} in {place.key}"]
    if jumped:
        trace.append(f"clocks jump over {slot} on that day: {local:%H:%M}")
    if limiter.has(day, slot):
        made = (*trace, f"the send of {day.isoformat()} at {slot} was made already")
        return _drop(intent, day.isoformat(), made, at)
    deadline = min(at + round(limiter.rules.patience_hours * HOUR_US), intent.end_us - 1)
    if intent.expires_us is not None:
        deadline = min(deadline, intent.expires_us - 1)
    found = _settled(at, deadline, intent, (limiter, place, quiet), trace)
    if found is None:
        return _drop(intent, day.isoformat(), tuple(trace), at)
    limiter.add(Sent(found, intent.channel, intent.category, day.isoformat(), slot))
    state = PLANNED if found == at and not jumped else MOVED
    of = (intent.slot, intent.channel, intent.category)
    return Send(intent.name, state, found, at, day.isoformat(), *of, tuple(trace))


def _settled(
    at: int, deadline: int, intent: Intent, within: tuple[Limiter, ZoneInfo, Quiet], trace: list[str]
) -> int | None:
    """The first instant from ``at`` on that is neither quiet nor too near another send; None past the deadline."""
    limiter, place, quiet = within
    if at > deadline:
        trace.append("it would have expired")
        return None
    while True:
        waits = _after_quiet(at, place, quiet)
        why = "quiet hours"
        if waits is None:
            waits = limiter.after_gap(at, intent.channel, intent.category)
            why = "too near another send"
        if waits is None:
            break
        if waits > deadline:
            trace.append(f"{why} at {wall(at, place):%H:%M}, and no time left after them")
            return None
        at = waits
        trace.append(f"{why}: waits until {wall(at, place):%H:%M}")
    cap = limiter.full(at, intent.channel, intent.category)
    if cap is not None:
        trace.append(f"no room: {cap}")
        return None
    return at


def _after_quiet(at: int, place: ZoneInfo, quiet: Quiet) -> int | None:
    """The first instant after the quiet span that holds ``at``; None where none does."""
    local = wall(at, place)
    minute = 60 * local.hour + local.minute
    for start, end in quiet:
        if start <= minute < end:
            return _first_at(local, end, place, at)
    return None


def _first_at(local: datetime, minute: int, place: ZoneInfo, after: int) -> int:
    """The first instant after ``after`` from which on the local clock shows ``minute`` or later (1440: midnight)."""
    day: date = local.date() + ONE_DAY if minute == 1440 else local.date()
    minute %= 1440
    while True:
        found = moment(day, minute, place)
        if found is not None:
            # A clock that was set back shows the end of the span a second time.
            again = micros(datetime.combine(day, time(minute // 60, minute % 60, fold=1), place))
            for at in (found.at_us, again):
                if at > after:
                    return at
        day, minute = day + ONE_DAY, 0
