"""How a file is read as a decision log: the LogSpec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tactful.core.actions import ActionSpace
from tactful.core.log import Provenance
from tactful.core.outcomes import Limits, Objective, Outcome
from tactful.errors import SpecError
from tactful.frames.spec import sections, toml_tables
from tactful.frames.spec.rollup_spec import OFF_GRID_ACTION, RollupSpec, parse_rollup
from tactful.frames.spec.sources import ColumnMap
from tactful.frames.spec.sources import Measure as Measure

SECTIONS = ("actions", "columns", "outcomes", "objective", "limits", "log", "rollup")
ON_GRID_CONDITION = f"action <> '{OFF_GRID_ACTION}'"
Rejoin = Literal["refuse", "spell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpec:
    """What the actions are, which columns hold what, which outcomes count and what must stay bounded.

    The tables of the TOML file are ``[actions]``, ``[columns]``, ``[outcomes]``, ``[objective]``, ``[limits]``,
    ``[log]`` and ``[rollup]``. With the last, rows whose action is ``other`` are left out, and counted, as those of
    ``where`` are. Beside the documented keys, ``[actions] origin`` is the ISO time at which period 0 starts (by default
    1970-01-05, a Monday, UTC), ``[columns] context`` may be a table from feature names to columns or expressions, and
    an ``as_of`` without offset is in ``timezone``. ``period_days`` is 7 for a grid and has no default for plain names.

    Examples
    --------
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})
    >>> spec.actions.names, tuple(spec.outcomes)
    (('none', 'send'), ('opened',))
    """

    actions: ActionSpace
    """The actions, and the clock that cuts time into periods."""
    measures: Mapping[str, Measure]
    """The outcomes by name: what each is, and where it is read."""
    columns: ColumnMap = field(default_factory=ColumnMap)
    """The columns of the file by their roles."""
    action_map: Mapping[str, str] | None = None
    """From the file's values to names of actions; None where the file has the names."""
    objective: Objective = field(default_factory=lambda: Objective({}))
    """The reward; without ``[objective]`` no outcome has a value."""
    limits: Limits = field(default_factory=Limits)
    """Bounds on outcomes, on sends and on the load of slots."""
    timezone: str | None = None
    """The IANA zone of naive times; None refuses them."""
    as_of: int | None = None
    """The time that is now for maturity, in µs UTC; None takes the newest time of the file."""
    where: str | None = None
    """An SQL condition for rows that are decisions; None takes all rows."""
    provenance: Provenance | None = None
    """What the propensities are; None lets the columns decide: ``logged`` if they hold a propensity."""
    min_propensity: float | None = None
    """What logging guaranteed to every eligible action, where no vectors are logged."""
    rejoin: Rejoin = "refuse"
    """What decisions after an absorbing outcome and its window mean: an error, or a new spell of the user."""
    rollup: RollupSpec | None = None
    """How events become decisions; None where the file holds decisions."""

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes by name."""
        return {name: measure.outcome for name, measure in self.measures.items()}

    @classmethod
    def from_toml(cls, path: str | Path) -> LogSpec:
        """The spec in a TOML file.

        Raises
        ------
        SpecError
            The file cannot be read, is no TOML, or does not describe a log; the message names the key.
        """
        return cls.from_dict(toml_tables.load_toml(path), str(path))

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], where: str = "spec") -> LogSpec:
        """The spec in nested mappings, as TOML has it; ``where`` begins every message.

        Raises
        ------
        SpecError
            An unknown or missing key, a value of the wrong type, or a contradiction.
        """
        try:
            return cls._parse(mapping)
        except SpecError as error:
            raise SpecError(error.what, f"{where} {error.where}".rstrip(), error.do) from None

    @classmethod
    def _parse(cls, mapping: Mapping[str, Any]) -> LogSpec:
        """As :meth:`from_dict`; messages begin with the table and the key."""
        raw = toml_tables.read_table(mapping, "", SECTIONS)
        for section in ("actions", "outcomes"):
            if not toml_tables.read_table(raw.get(section, {}), f"[{section}]"):
                raise SpecError("the table is missing or empty", f"[{section}]", f"describe the {section}")
        actions, action_map = sections.parse_actions(raw["actions"])
        measures = sections.parse_outcomes(raw["outcomes"])
        log = sections.parse_log(raw.get("log", {}))
        if "rollup" in raw:
            where = log["where"]
            log["where"] = ON_GRID_CONDITION if where is None else f"({where}) AND {ON_GRID_CONDITION}"
        return cls(
            actions=actions,
            measures=measures,
            columns=sections.parse_columns(raw.get("columns", {})),
            action_map=action_map,
            objective=sections.parse_objective(raw.get("objective", {}), tuple(measures)),
            limits=sections.parse_limits(raw.get("limits", {}), tuple(measures), actions),
            rollup=parse_rollup(raw["rollup"], measures) if "rollup" in raw else None,
            **log,
        )
