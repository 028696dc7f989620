"""The tables of a LogSpec, one function each; the messages of their errors begin with the table and the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tactful.core.actions import DAY_US, ORIGIN, ActionSpace, period_length_us
from tactful.core.outcomes import KINDS, Kind, Limits, Objective, Outcome
from tactful.errors import SpecError
from tactful.frames.spec.expressions import parse_sql
from tactful.frames.spec.sources import (
    RANK_AS_PERIOD,
    ROW_AS_USER,
    ColumnMap,
    ColumnSource,
    Measure,
    NullMeaning,
)
from tactful.frames.spec.timezones import check_timezone, parse_instant_us
from tactful.frames.spec.toml_tables import (
    read_choice,
    read_days,
    read_flag,
    read_integer,
    read_list,
    read_moment,
    read_number,
    read_table,
    read_text,
    unknown_name_error,
    wrong_value_error,
)

COLUMN_ROLES = (
    *("user", "period", "decided_at", "arm", "action", "propensity", "propensities", "eligible"),
    *("policy", "fallback", "scope"),
)
REQUIRED_ROLES = {"user", "action"}
ACTION_KEYS = ("slots", "frequencies", "none", "names", "period_days", "origin", "map")
GRID_KEYS = ("slots", "frequencies", "none")
BOUND_KEYS = ("sends_per_period", "slot_share")
OUTCOME_KEYS = ("column", "expr", "kind", "trials", "window_days", "null", "absorbing", "range")
LOG_KEYS = ("timezone", "as_of", "where", "propensities_are", "min_propensity", "rejoin")
PROVENANCES = ("logged", "design", "estimated", "absent")


def parse_actions(raw: object) -> tuple[ActionSpace, dict[str, str] | None]:
    """``[actions]``: a grid or plain names, and the map from the file's values to names."""
    where = "[actions]"
    entries = read_table(raw, where, ACTION_KEYS)
    origin = read_moment(entries.get("origin", ORIGIN), f"{where} origin")
    actions = _parse_names(entries, origin) if "names" in entries else _parse_grid(entries, origin)
    if "map" not in entries:
        return actions, None
    pairs = read_table(entries["map"], f"{where} map")
    action_map = {value: read_text(name, f"{where} map {value!r}") for value, name in pairs.items()}
    for name in action_map.values():
        if name not in actions.names:
            raise unknown_name_error("action", name, actions.names, f"{where} map")
    return actions, action_map


def _parse_names(entries: dict[str, Any], origin: str) -> ActionSpace:
    if grid_keys := [key for key in GRID_KEYS if key in entries]:
        raise SpecError(f"names and {grid_keys[0]} are both given", "[actions]", "keep plain names or the grid")
    raw_names = read_list(entries["names"], "[actions] names", "a list of names")
    names = [read_text(name, "[actions] names") for name in raw_names]
    return ActionSpace.named(names, period_days=_parse_period_days(entries), origin=origin)


def _parse_grid(entries: dict[str, Any], origin: str) -> ActionSpace:
    """Every frequency at every slot."""
    for key in ("slots", "frequencies"):
        if key not in entries:
            raise SpecError(f"{key} is missing", "[actions]", "give slots and frequencies, or names")
    slots = read_list(entries["slots"], "[actions] slots", "a list of times of day")
    frequencies = read_list(entries["frequencies"], "[actions] frequencies", "a list of whole numbers")
    return ActionSpace.grid(
        [read_text(slot, "[actions] slots") for slot in slots],
        [read_integer(frequency, "[actions] frequencies") for frequency in frequencies],
        none=read_flag(entries.get("none", True), "[actions] none"),
        period_days=_parse_period_days(entries) or 7,
        origin=origin,
    )


def _parse_period_days(entries: dict[str, Any]) -> float | None:
    if "period_days" not in entries:
        return None
    days = read_number(entries["period_days"], "[actions] period_days")
    period_length_us(days)
    return days


def parse_columns(raw: object) -> ColumnMap:
    """``[columns]``: a name or an expression for each role; several for ``segment`` and ``context``."""
    entries = read_table(raw, "[columns]", (*COLUMN_ROLES, "segment", "context"))
    absent = frozenset(role for role in (*COLUMN_ROLES, "segment") if entries.get(role) == "") - REQUIRED_ROLES
    entries = {role: value for role, value in entries.items() if role not in absent}
    roles = {
        role: ColumnSource.from_spec(entries[role], f"[columns] {role}") for role in COLUMN_ROLES if role in entries
    }
    for role, source in roles.items():
        keyword = {"user": ROW_AS_USER, "period": RANK_AS_PERIOD}.get(role)
        if source.column in (ROW_AS_USER, RANK_AS_PERIOD) and source.column != keyword:
            do = f"{ROW_AS_USER} is for user, {RANK_AS_PERIOD} for period"
            raise SpecError(f"{source.column} has no meaning here", source.key, do)
    segment, is_path = _parse_segment(entries)
    return ColumnMap(roles, segment, is_path, _parse_context(entries), absent)


def _parse_segment(entries: dict[str, Any]) -> tuple[tuple[ColumnSource, ...], bool]:
    """The sources of the segment, and whether they are one path rather than its parts."""
    where = "[columns] segment"
    raw = entries.get("segment")
    if raw is None:
        return (), True
    if not isinstance(raw, list | tuple):
        return (ColumnSource.from_spec(raw, where),), True
    sources = read_list(cast("Sequence[Any]", raw), where)
    if not sources:
        raise SpecError("the list is empty", where, "name the parts, or leave segment out for the root")
    return tuple(ColumnSource.from_spec(source, where) for source in sources), False


def _parse_context(entries: dict[str, Any]) -> tuple[tuple[str, ColumnSource], ...] | None:
    """Names and sources of the features; None where the spec does not name them."""
    where = "[columns] context"
    raw = entries.get("context")
    if raw is None:
        return None
    if isinstance(raw, Mapping):
        features = read_table(cast("Mapping[str, Any]", raw), where)
        return tuple((name, ColumnSource.from_spec(value, f"{where} {name}")) for name, value in features.items())
    names = [read_text(name, where) for name in read_list(raw, where, "a list of columns, or a table of names")]
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise SpecError(f"{repeated[0]!r} is named twice", where, "name each column once")
    return tuple((name, ColumnSource(where, column=name)) for name in names)


def parse_outcomes(raw: object) -> dict[str, Measure]:
    """``[outcomes]``: what is measured, and where."""
    entries = read_table(raw, "[outcomes]")
    return {name: _parse_measure(name, entry, tuple(entries)) for name, entry in entries.items()}


def _parse_measure(name: str, raw: object, names: tuple[str, ...]) -> Measure:
    """One entry of ``[outcomes]``; ``names`` are those of all of them."""
    where = f"[outcomes] {name}"
    reserved = (*COLUMN_ROLES, *BOUND_KEYS, "segment", "context", "")
    if name in reserved or name.removesuffix("_trials") in set(names) - {name}:
        raise SpecError(f"{name!r} is the name of another column or bound", where, "rename the outcome")
    entries = read_table(raw, where, OUTCOME_KEYS)
    if "kind" not in entries:
        raise SpecError("kind is missing", where, f"choose one of {', '.join(KINDS)}")
    if "column" in entries and "expr" in entries:
        raise SpecError("column and expr are both given", where, "keep one of them")
    outcome = Outcome(
        name=name,
        kind=cast("Kind", read_choice(entries["kind"], KINDS, f"{where} kind")),
        window_us=round(read_days(entries.get("window_days", 0), f"{where} window_days", minimum=0) * DAY_US),
        absorbing=read_flag(entries.get("absorbing", False), f"{where} absorbing"),
        has_trials="trials" in entries,
        range=_parse_range(entries, f"{where} range"),
    )
    trials = ColumnSource.from_spec(entries["trials"], f"{where} trials") if "trials" in entries else None
    null = read_choice(entries.get("null", "refuse"), ("refuse", "immature", "zero"), f"{where} null")
    if "expr" in entries:
        value = ColumnSource.from_spec({"expr": entries["expr"]}, where)
    else:
        value = ColumnSource.from_spec(entries.get("column", name), f"{where} column")
    return Measure(outcome, value, trials, cast("NullMeaning", null))


def _parse_range(entries: dict[str, Any], where: str) -> tuple[float, float] | None:
    if "range" not in entries:
        return None
    bounds = read_list(entries["range"], where, "two numbers")
    if len(bounds) != 2:
        raise wrong_value_error("two numbers", bounds, where)
    return read_number(bounds[0], where), read_number(bounds[1], where)


def parse_objective(raw: object, outcome_names: tuple[str, ...]) -> Objective:
    """``[objective]``: what each outcome is worth."""
    entries = read_table(raw, "[objective]", outcome_names)
    return Objective({name: read_number(value, f"[objective] {name}") for name, value in entries.items()})


def parse_limits(raw: object, outcome_names: tuple[str, ...], actions: ActionSpace) -> Limits:
    """``[limits]``: bounds on outcomes, sends and slots."""
    entries = read_table(raw, "[limits]", (*outcome_names, *BOUND_KEYS))
    sends = entries.get("sends_per_period")
    shares = read_table(entries.get("slot_share", {}), "[limits] slot_share")
    slots = tuple(dict.fromkeys(slot for slot in actions.slots if slot is not None))
    for slot in shares:
        if slot not in slots:
            raise unknown_name_error("slot", slot, slots, "[limits] slot_share")
    return Limits(
        {name: read_number(bound, f"[limits] {name}") for name, bound in entries.items() if name in outcome_names},
        None if sends is None else read_number(sends, "[limits] sends_per_period", minimum=0),
        {slot: read_number(share, f"[limits] slot_share {slot!r}", minimum=0) for slot, share in shares.items()},
    )


def parse_log(raw: object) -> dict[str, Any]:
    """``[log]``: clock, filter and provenance, as arguments of LogSpec."""
    entries = read_table(raw, "[log]", LOG_KEYS)
    zone = None if "timezone" not in entries else read_text(entries["timezone"], "[log] timezone")
    if zone is not None:
        check_timezone(zone, "[log] timezone")
    as_of = read_moment(entries.get("as_of", "max"), "[log] as_of")
    where = None if "where" not in entries else read_text(entries["where"], "[log] where")
    if where is not None:
        parse_sql(where, "[log] where")
    minimum = entries.get("min_propensity")
    if minimum is not None and not 0 < read_number(minimum, "[log] min_propensity") <= 1:
        raise wrong_value_error("a number in (0, 1]", minimum, "[log] min_propensity")
    provenance = entries.get("propensities_are")
    if provenance is not None:
        provenance = read_choice(provenance, PROVENANCES, "[log] propensities_are")
    rejoin = read_choice(entries.get("rejoin", "refuse"), ("refuse", "spell"), "[log] rejoin")
    return {
        "timezone": zone,
        "as_of": None if as_of == "max" else parse_instant_us(as_of, zone, "[log] as_of"),
        "where": where,
        "provenance": provenance,
        "min_propensity": None if minimum is None else float(minimum),
        "rejoin": rejoin,
    }
