"""The tables of a LogSpec, one function each; the messages of their errors begin with the table and the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tactful.core.actions import DAY_US, ORIGIN, ActionSpace
from tactful.core.outcomes import KINDS, Kind, Limits, Objective, Outcome
from tactful.errors import SpecError
from tactful.frames.reading.times import check_timezone, instant_us
from tactful.frames.spec import expressions
from tactful.frames.spec import toml_tables as tables
from tactful.frames.spec.sources import RANK, ROW, Columns, Measure, Null, Source

ROLES = (
    *("user", "period", "decided_at", "arm", "action", "propensity", "propensities", "eligible"),
    *("policy", "fallback", "scope"),
)
GEOMETRY = ("slots", "frequencies", "none")
BOUNDS = ("sends_per_period", "slot_share")


def actions(raw: object) -> tuple[ActionSpace, dict[str, str] | None]:
    """``[actions]``: a grid or plain names, and the map from the file's values to names."""
    where = "[actions]"
    plain = tables.table(raw, where, ("slots", "frequencies", "none", "names", "period_days", "origin", "map"))
    origin = tables.moment(plain.get("origin", ORIGIN), f"{where} origin")
    space = _named(plain, origin) if "names" in plain else _grid(plain, origin)
    if "map" not in plain:
        return space, None
    pairs = tables.table(plain["map"], f"{where} map")
    renamed = {value: tables.text(name, f"{where} map {value!r}") for value, name in pairs.items()}
    for name in renamed.values():
        if name not in space.names:
            raise tables.unknown("action", name, space.names, f"{where} map")
    return space, renamed


def _named(plain: dict[str, Any], origin: str) -> ActionSpace:
    if both := [key for key in GEOMETRY if key in plain]:
        raise SpecError(f"names and {both[0]} are both given", "[actions]", "keep plain names or the grid")
    names = [
        tables.text(n, "[actions] names") for n in tables.items(plain["names"], "[actions] names", "a list of names")
    ]
    return ActionSpace.named(names, period_days=_period_days(plain), origin=origin)


def _grid(plain: dict[str, Any], origin: str) -> ActionSpace:
    for key in ("slots", "frequencies"):
        if key not in plain:
            raise SpecError(f"{key} is missing", "[actions]", "give slots and frequencies, or names")
    slots = tables.items(plain["slots"], "[actions] slots", "a list of times of day")
    frequencies = tables.items(plain["frequencies"], "[actions] frequencies", "a list of whole numbers")
    return ActionSpace.grid(
        [tables.text(s, "[actions] slots") for s in slots],
        [tables.whole(f, "[actions] frequencies") for f in frequencies],
        none=tables.flag(plain.get("none", True), "[actions] none"),
        period_days=_period_days(plain) or 7,
        origin=origin,
    )


def _period_days(plain: dict[str, Any]) -> float | None:
    if "period_days" not in plain:
        return None
    days = tables.number(plain["period_days"], "[actions] period_days")
    if days * DAY_US < 1:
        raise SpecError(f"period_days must be positive, found {days:g}", "[actions] period_days", "7 is a week")
    return days


def columns(raw: object) -> Columns:
    """``[columns]``: a name or an expression for each role; several for ``segment`` and ``context``."""
    plain = tables.table(raw, "[columns]", (*ROLES, "segment", "context"))
    roles = {role: Source.of(plain[role], f"[columns] {role}") for role in ROLES if role in plain}
    for role, source in roles.items():
        special = {"user": ROW, "period": RANK}.get(role)
        if source.column in (ROW, RANK) and source.column != special:
            raise SpecError(f"{source.column} has no meaning here", source.key, f"{ROW} is for user, {RANK} for period")
    segment, is_path = _segment(plain)
    return Columns(roles, segment, is_path, _context(plain))


def _segment(plain: dict[str, Any]) -> tuple[tuple[Source, ...], bool]:
    """The sources of the segment, and whether they are one path rather than its parts."""
    where = "[columns] segment"
    raw = plain.get("segment")
    if raw is None:
        return (), True
    if not isinstance(raw, list | tuple):
        return (Source.of(raw, where),), True
    parts = tables.items(cast("Sequence[Any]", raw), where)
    if not parts:
        raise SpecError("the list is empty", where, "name the parts, or leave segment out for the root")
    return tuple(Source.of(part, where) for part in parts), False


def _context(plain: dict[str, Any]) -> tuple[tuple[str, Source], ...] | None:
    where = "[columns] context"
    raw = plain.get("context")
    if raw is None:
        return None
    if isinstance(raw, Mapping):
        named = tables.table(cast("Mapping[str, Any]", raw), where)
        return tuple((name, Source.of(value, f"{where} {name}")) for name, value in named.items())
    names = [tables.text(n, where) for n in tables.items(raw, where, "a list of columns, or a table of names")]
    if repeated := [n for i, n in enumerate(names) if n in names[:i]]:
        raise SpecError(f"{repeated[0]!r} is named twice", where, "name each column once")
    return tuple((name, Source(where, column=name)) for name in names)


def outcomes(raw: object) -> dict[str, Measure]:
    """``[outcomes]``: what is measured, and where."""
    plain = tables.table(raw, "[outcomes]")
    return {name: _measure(name, entry, tuple(plain)) for name, entry in plain.items()}


def _measure(name: str, raw: object, names: tuple[str, ...]) -> Measure:
    where = f"[outcomes] {name}"
    if name in (*ROLES, *BOUNDS, "segment", "context", "") or name.removesuffix("_trials") in set(names) - {name}:
        raise SpecError(f"{name!r} is the name of another column or bound", where, "rename the outcome")
    keys = ("column", "expr", "kind", "trials", "window_days", "null", "absorbing", "range")
    plain = tables.table(raw, where, keys)
    if "kind" not in plain:
        raise SpecError("kind is missing", where, f"choose one of {', '.join(KINDS)}")
    if "column" in plain and "expr" in plain:
        raise SpecError("column and expr are both given", where, "keep one of them")
    found: object = {"expr": plain["expr"]} if "expr" in plain else plain.get("column", name)
    outcome = Outcome(
        name,
        cast("Kind", tables.choice(plain["kind"], KINDS, f"{where} kind")),
        window_us=round(tables.number(plain.get("window_days", 0), f"{where} window_days", least=0) * DAY_US),
        absorbing=tables.flag(plain.get("absorbing", False), f"{where} absorbing"),
        has_trials="trials" in plain,
        range=_range(plain, f"{where} range"),
    )
    trials = Source.of(plain["trials"], f"{where} trials") if "trials" in plain else None
    null = tables.choice(plain.get("null", "refuse"), ("refuse", "immature", "zero"), f"{where} null")
    value = Source.of(found, where if "expr" in plain else f"{where} column")
    return Measure(outcome, value, trials, cast("Null", null))


def _range(plain: dict[str, Any], where: str) -> tuple[float, float] | None:
    if "range" not in plain:
        return None
    bounds = tables.items(plain["range"], where, "two numbers")
    if len(bounds) != 2:
        raise tables.expected("two numbers", bounds, where)
    return tables.number(bounds[0], where), tables.number(bounds[1], where)


def objective(raw: object, outcome_names: tuple[str, ...]) -> Objective:
    """``[objective]``: what each outcome is worth."""
    plain = tables.table(raw, "[objective]", outcome_names)
    return Objective({o: tables.number(v, f"[objective] {o}") for o, v in plain.items()})


def limits(raw: object, outcome_names: tuple[str, ...], space: ActionSpace) -> Limits:
    """``[limits]``: bounds on outcomes, sends and slots."""
    plain = tables.table(raw, "[limits]", (*outcome_names, *BOUNDS))
    sends = plain.get("sends_per_period")
    shares = tables.table(plain.get("slot_share", {}), "[limits] slot_share")
    slots = tuple(dict.fromkeys(s for s in space.slots if s is not None))
    for slot in shares:
        if slot not in slots:
            raise tables.unknown("slot", slot, slots, "[limits] slot_share")
    return Limits(
        {o: tables.number(v, f"[limits] {o}") for o, v in plain.items() if o in outcome_names},
        None if sends is None else tables.number(sends, "[limits] sends_per_period", least=0),
        {slot: tables.number(v, f"[limits] slot_share {slot!r}", least=0) for slot, v in shares.items()},
    )


def log(raw: object) -> dict[str, Any]:
    """``[log]``: clock, filter and provenance, as arguments of LogSpec."""
    keys = ("timezone", "as_of", "where", "propensities_are", "min_propensity", "rejoin")
    plain = tables.table(raw, "[log]", keys)
    zone = None if "timezone" not in plain else tables.text(plain["timezone"], "[log] timezone")
    if zone is not None:
        check_timezone(zone, "[log] timezone")
    as_of = tables.moment(plain.get("as_of", "max"), "[log] as_of")
    where = None if "where" not in plain else tables.text(plain["where"], "[log] where")
    if where is not None:
        expressions.parse(where, "[log] where")
    least = plain.get("min_propensity")
    if least is not None and not 0 < tables.number(least, "[log] min_propensity") <= 1:
        raise tables.expected("a number in (0, 1]", least, "[log] min_propensity")
    kinds = ("logged", "design", "estimated", "absent")
    given = plain.get("propensities_are")
    provenance = None if given is None else tables.choice(given, kinds, "[log] propensities_are")
    rejoin = tables.choice(plain.get("rejoin", "refuse"), ("refuse", "spell"), "[log] rejoin")
    return {
        "timezone": zone,
        "as_of": None if as_of == "max" else instant_us(as_of, zone, "[log] as_of"),
        "where": where,
        "provenance": provenance,
        "min_propensity": None if least is None else float(least),
        "rejoin": rejoin,
    }
