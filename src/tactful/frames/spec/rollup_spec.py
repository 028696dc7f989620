"""The ``[rollup]`` table of a spec: how sends, or events of several kinds, become decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from tactful.errors import SpecError
from tactful.frames.spec import toml_tables as tables
from tactful.frames.spec.sources import Measure, Source

OTHER = "other"
ROLES = ("user", "time", "type", "segment", "scope", "timezone", "local_time", "propensity")
KEYS = (*ROLES, "send", "slot_minutes", "agreement", "lag_days", "from", "until", "outcomes")
By = Literal["period", "send"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Where an outcome of the log comes from.

    ``time`` is a column of the send's own row that holds when it came of it; otherwise events of the ``types`` count,
    or the sum of their ``value``: in the period of the event, or, ``by`` the send, in that of the last send before.
    """

    name: str
    time: Source | None = None
    types: tuple[str, ...] = ()
    value: Source | None = None
    by: By = "period"


@dataclass(frozen=True, slots=True)
class RollupSpec:
    """Columns of the events, and what makes sends a cadence.

    A send belongs to a slot within ``slot_minutes`` of it, a period to the slot of at least the share ``agreement`` of
    its sends. The sends of a period go out from ``lag_days`` after its start. Users are there from their first event
    (or from the ``start`` of the file) ``until`` its end (or their last event), and never after an opt-out.
    """

    roles: Mapping[str, Source]
    segment: tuple[Source, ...] = ()
    send: tuple[str, ...] = ("send",)
    slot_minutes: float = 60.0
    agreement: float = 0.5
    lag_days: float = 0.0
    since: Literal["first_event", "start"] = "first_event"
    until: Literal["end", "last_event"] = "end"
    outcomes: tuple[Gathered, ...] = field(default=())


def rollup_spec(raw: object, measures: Mapping[str, Measure]) -> RollupSpec:
    """``[rollup]``: columns default to the canonical names ``user`` and ``time``."""
    where = "[rollup]"
    plain = tables.table(raw, where, KEYS)
    roles = {r: Source.of(plain[r], f"{where} {r}") for r in ROLES if r in plain and r != "segment"}
    for role in ("user", "time"):
        roles.setdefault(role, Source(f"{where} {role}", column=role))
    if "timezone" in roles and "local_time" in roles:
        raise SpecError("timezone and local_time are both given", where, "keep the one that the events are sure of")
    minutes = tables.number(plain.get("slot_minutes", 60), f"{where} slot_minutes", least=0)
    agreement = tables.number(plain.get("agreement", 0.5), f"{where} agreement", least=0)
    if agreement > 1:
        raise tables.expected("a share of at most 1", agreement, f"{where} agreement")
    since = tables.choice(plain.get("from", "first_event"), ("first_event", "start"), f"{where} from")
    until = tables.choice(plain.get("until", "end"), ("end", "last_event"), f"{where} until")
    return RollupSpec(
        roles,
        _segment(plain.get("segment")),
        _texts(plain.get("send", "send"), f"{where} send"),
        minutes,
        agreement,
        tables.number(plain.get("lag_days", 0), f"{where} lag_days"),
        cast("Literal['first_event', 'start']", since),
        cast("Literal['end', 'last_event']", until),
        _outcomes(plain.get("outcomes", {}), measures, typed="type" in roles),
    )


def _segment(raw: Any) -> tuple[Source, ...]:
    where = "[rollup] segment"
    if raw is None:
        return ()
    parts = _many(raw, where)
    return tuple(Source.of(part, where) for part in parts)


def _texts(raw: Any, where: str) -> tuple[str, ...]:
    many = _many(raw, where)
    if not many:
        raise SpecError("the list is empty", where, "name at least one type of event")
    return tuple(tables.text(x, where) for x in many)


def _many(raw: Any, where: str) -> list[Any]:
    """A list as it is, and one thing as a list of it."""
    return [raw] if isinstance(raw, str | Mapping) else tables.items(raw, where, "one or a list of them")


def _outcomes(raw: Any, measures: Mapping[str, Measure], *, typed: bool) -> tuple[Gathered, ...]:
    plain = tables.table(raw, "[rollup.outcomes]", tuple(measures))
    return tuple(_gathered(name, entry, measures[name], typed) for name, entry in plain.items())


def _gathered(name: str, raw: Any, measure: Measure, typed: bool) -> Gathered:
    where = f"[rollup.outcomes] {name}"
    plain = tables.table(raw, where, ("time", "type", "value", "by"))
    if ("time" in plain) == ("type" in plain):
        do = 'write { time = "opened_at" } for a column of the send, or { type = "open" } for events of their own'
        raise SpecError("one of time and type is needed", where, do)
    if "time" in plain:
        if odd := [key for key in ("value", "by") if key in plain]:
            raise SpecError(f"{odd[0]} has no meaning beside time", where, f"leave {odd[0]} out")
        return Gathered(name, time=Source.of(plain["time"], f"{where} time"))
    if not typed:
        raise SpecError("the events have no type", where, "set [rollup] type to the column that says what happened")
    default = "send" if measure.outcome.absorbing else "period"
    value = Source.of(plain["value"], f"{where} value") if "value" in plain else None
    by = cast("By", tables.choice(plain.get("by", default), ("period", "send"), f"{where} by"))
    return Gathered(name, None, _texts(plain["type"], f"{where} type"), value, by)
