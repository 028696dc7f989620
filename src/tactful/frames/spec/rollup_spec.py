"""The ``[rollup]`` table of a spec: how sends, or events of several kinds, become decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from tactful.errors import SpecError
from tactful.frames.spec import toml_tables
from tactful.frames.spec.sources import ColumnSource, Measure

OFF_GRID_ACTION = "other"
ROLLUP_ROLES = ("user", "time", "type", "segment", "scope", "timezone", "local_time", "propensity")
ROLLUP_KEYS = (*ROLLUP_ROLES, "send", "slot_minutes", "agreement", "lag_days", "from", "until", "outcomes")
Attribution = Literal["period", "send"]
PresenceStart = Literal["first_event", "start"]
PresenceEnd = Literal["end", "last_event"]


@dataclass(frozen=True, slots=True)
class OutcomeSource:
    """Where an outcome of the log comes from: a column of the send's own row, or events of their own."""

    name: str
    """The outcome."""
    time: ColumnSource | None = None
    """The column of the send that holds when the outcome came; None where events tell of it."""
    types: tuple[str, ...] = ()
    """The types of events that count."""
    value: ColumnSource | None = None
    """What is added up of these events; None counts them."""
    attribution: Attribution = "period"
    """Whether an event belongs to its own period, or to that of the last send before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupSpec:
    """Columns of the events, and what makes sends a cadence."""

    roles: Mapping[str, ColumnSource]
    """The single columns, by role."""
    segment: tuple[ColumnSource, ...]
    """The source of the path, or the sources of its parts."""
    send: tuple[str, ...]
    """The types of events that are sends."""
    slot_minutes: float
    """A send belongs to a slot within so many minutes of it."""
    agreement: float
    """The share of a period's sends that must be near the slot for the period to have it."""
    lag_days: float
    """The sends of a period go out from so many days after its start."""
    since: PresenceStart
    """Users are there from their first event, or from the start of the file."""
    until: PresenceEnd
    """Users are there until the end of the file, or until their last event; never after an opt-out."""
    outcomes: tuple[OutcomeSource, ...]
    """The outcomes that are gathered."""


def parse_rollup(raw: object, measures: Mapping[str, Measure]) -> RollupSpec:
    """``[rollup]``: columns default to the canonical names ``user`` and ``time``.

    Raises
    ------
    SpecError
        An unknown key, a value of the wrong type, or a contradiction.
    """
    where = "[rollup]"
    entries = toml_tables.read_table(raw, where, ROLLUP_KEYS)
    singles = [role for role in ROLLUP_ROLES if role in entries and role != "segment"]
    roles = {role: ColumnSource.from_spec(entries[role], f"{where} {role}") for role in singles}
    for role in ("user", "time"):
        roles.setdefault(role, ColumnSource(f"{where} {role}", column=role))
    if "timezone" in roles and "local_time" in roles:
        raise SpecError("timezone and local_time are both given", where, "keep the one that the events are sure of")
    minutes = toml_tables.read_number(entries.get("slot_minutes", 60), f"{where} slot_minutes", minimum=0)
    agreement = toml_tables.read_number(entries.get("agreement", 0.5), f"{where} agreement", minimum=0)
    if agreement > 1:
        raise toml_tables.wrong_value_error("a share of at most 1", agreement, f"{where} agreement")
    since = toml_tables.read_choice(entries.get("from", "first_event"), ("first_event", "start"), f"{where} from")
    until = toml_tables.read_choice(entries.get("until", "end"), ("end", "last_event"), f"{where} until")
    return RollupSpec(
        roles=roles,
        segment=_parse_segment(entries.get("segment")),
        send=_parse_types(entries.get("send", "send"), f"{where} send"),
        slot_minutes=minutes,
        agreement=agreement,
        lag_days=toml_tables.read_days(entries.get("lag_days", 0), f"{where} lag_days"),
        since=cast("PresenceStart", since),
        until=cast("PresenceEnd", until),
        outcomes=_parse_outcomes(entries.get("outcomes", {}), measures, typed="type" in roles),
    )


def _parse_segment(raw: Any) -> tuple[ColumnSource, ...]:
    where = "[rollup] segment"
    if raw is None:
        return ()
    return tuple(ColumnSource.from_spec(source, where) for source in _as_list(raw, where))


def _parse_types(raw: Any, where: str) -> tuple[str, ...]:
    types = _as_list(raw, where)
    if not types:
        raise SpecError("the list is empty", where, "name at least one type of event")
    return tuple(toml_tables.read_text(x, where) for x in types)


def _as_list(raw: Any, where: str) -> list[Any]:
    """A list as it is, and a single thing as a list of it."""
    if isinstance(raw, str | Mapping):
        return [raw]
    return toml_tables.read_list(raw, where, "one or a list of them")


def _parse_outcomes(raw: Any, measures: Mapping[str, Measure], *, typed: bool) -> tuple[OutcomeSource, ...]:
    entries = toml_tables.read_table(raw, "[rollup.outcomes]", tuple(measures))
    return tuple(_parse_outcome(name, entry, measures[name], typed) for name, entry in entries.items())


def _parse_outcome(name: str, raw: Any, measure: Measure, typed: bool) -> OutcomeSource:
    """One entry of ``[rollup.outcomes]``.

    Parameters
    ----------
    name
        The outcome.
    raw
        The entry.
    measure
        What is measured; absorbing outcomes are attributed to sends by default.
    typed
        Whether the events have a column of types.
    """
    where = f"[rollup.outcomes] {name}"
    entries = toml_tables.read_table(raw, where, ("time", "type", "value", "by"))
    if ("time" in entries) == ("type" in entries):
        do = 'write { time = "opened_at" } for a column of the send, or { type = "open" } for events of their own'
        raise SpecError("one of time and type is needed", where, do)
    if "time" in entries:
        if superfluous := [key for key in ("value", "by") if key in entries]:
            raise SpecError(f"{superfluous[0]} has no meaning beside time", where, f"leave {superfluous[0]} out")
        return OutcomeSource(name, time=ColumnSource.from_spec(entries["time"], f"{where} time"))
    if not typed:
        raise SpecError("the events have no type", where, "set [rollup] type to the column that says what happened")
    default = "send" if measure.outcome.absorbing else "period"
    value = ColumnSource.from_spec(entries["value"], f"{where} value") if "value" in entries else None
    attribution = toml_tables.read_choice(entries.get("by", default), ("period", "send"), f"{where} by")
    types = _parse_types(entries["type"], f"{where} type")
    return OutcomeSource(name, types=types, value=value, attribution=cast("Attribution", attribution))
