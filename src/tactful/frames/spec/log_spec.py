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
from tactful.frames.spec import sections
from tactful.frames.spec import toml_tables as tables
from tactful.frames.spec.rollup_spec import OTHER, RollupSpec, rollup_spec
from tactful.frames.spec.sources import Columns, Measure

SECTIONS = ("actions", "columns", "outcomes", "objective", "limits", "log", "rollup")
OFF_GRID = f"action <> '{OTHER}'"
Rejoin = Literal["refuse", "spell"]


@dataclass(frozen=True, slots=True)
class LogSpec:
    """What the actions are, which columns hold what, which outcomes count and what must stay bounded.

    The tables are ``[actions]``, ``[columns]``, ``[outcomes]``, ``[objective]``, ``[limits]``, ``[log]`` and
    ``[rollup]``; with the last, rows whose action is ``other`` are left out, and counted, as those of ``where`` are.
    Beside the documented keys, ``[actions] origin`` is the ISO time at which period 0 starts (default 1970-01-05, a
    Monday, UTC),
    ``[columns] context`` may be a table from feature names to columns or expressions, and an ``as_of`` without offset
    is in ``timezone``. ``period_days`` is 7 for a grid and has no default for plain names. Without ``[objective]`` the
    objective has no values. ``provenance`` is None where the columns decide: ``logged`` if they hold a propensity.

    Examples
    --------
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})
    >>> spec.actions.names, tuple(spec.outcomes)
    (('none', 'send'), ('opened',))
    """

    actions: ActionSpace
    measures: Mapping[str, Measure]
    columns: Columns = field(default_factory=Columns)
    action_map: Mapping[str, str] | None = None
    objective: Objective = field(default_factory=lambda: Objective({}))
    limits: Limits = field(default_factory=Limits)
    timezone: str | None = None
    as_of: int | None = None
    where: str | None = None
    provenance: Provenance | None = None
    min_propensity: float | None = None
    rejoin: Rejoin = "refuse"
    rollup: RollupSpec | None = None

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
        return cls.from_dict(tables.load(path), str(path))

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], where: str = "spec") -> LogSpec:
        """The spec in nested mappings, as TOML has it; ``where`` begins every message.

        Raises
        ------
        SpecError
            An unknown or missing key, a value of the wrong type, or a contradiction.
        """
        try:
            return cls._parsed(mapping)
        except SpecError as error:
            raise SpecError(error.what, f"{where} {error.where}".rstrip(), error.do) from None

    @classmethod
    def _parsed(cls, mapping: Mapping[str, Any]) -> LogSpec:
        raw = tables.table(mapping, "", SECTIONS)
        for section in ("actions", "outcomes"):
            if not tables.table(raw.get(section, {}), f"[{section}]"):
                raise SpecError("the table is missing or empty", f"[{section}]", f"describe the {section}")
        space, action_map = sections.actions(raw["actions"])
        measures = sections.outcomes(raw["outcomes"])
        log = sections.log(raw.get("log", {}))
        if "rollup" in raw:
            log["where"] = OFF_GRID if log["where"] is None else f"({log['where']}) AND {OFF_GRID}"
        return cls(
            actions=space,
            measures=measures,
            columns=sections.columns(raw.get("columns", {})),
            action_map=action_map,
            objective=sections.objective(raw.get("objective", {}), tuple(measures)),
            limits=sections.limits(raw.get("limits", {}), tuple(measures), space),
            rollup=rollup_spec(raw["rollup"], measures) if "rollup" in raw else None,
            **log,
        )
