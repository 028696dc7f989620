"""What a decider does when it has no usable policy, and how much it keeps; unknown values refuse to start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import Any, cast

from tactful.core.actions import NONE, ActionSpace
from tactful.errors import PolicyError, SpecError
from tactful.policies.arms import Arms
from tactful.policies.table import Table, always, uniform

REFUSE = "refuse"
_WHERE = "[serving]"
_KINDS = (NONE, "uniform", REFUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingConfig:
    """Options of a decider.

    Attributes
    ----------
    fallback
        What is served where no policy may decide: ``none`` (the action of that name), ``uniform`` (every eligible
        action alike), a table policy, or ``refuse`` (a ``PolicyError``). It is drawn from like any policy, with its
        true propensity, and the control arm stays in control.
    keep
        How many earlier policies are kept, for periods that were theirs and to roll back to.
    max_age_periods
        A policy decides at most this many periods after that of the newest data it learnt from; None: no bound.
        A policy that learnt from no log has no age.
    actions
        The action space to start with where there is no policy; without it a missing policy refuses to start.

    Examples
    --------
    >>> ServingConfig.from_dict({"fallback": "uniform", "keep": 3}).keep
    3
    """

    fallback: str | Table = NONE
    keep: int = 8
    max_age_periods: int | None = None
    actions: ActionSpace | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be served."""
        if isinstance(self.fallback, Table):
            if self.fallback.from_period is not None or self.fallback.valid_until is not None:
                raise SpecError("a fallback must not expire", f"{_WHERE} fallback", "publish it without periods")
        elif self.fallback not in _KINDS:
            do = f"choose {', '.join(_KINDS)}, or a table policy"
            raise SpecError(f"unknown fallback {self.fallback!r}", f"{_WHERE} fallback", do)
        for name in ("keep", "max_age_periods"):
            value = getattr(self, name)
            if not (value is None and name != "keep") and (type(value) is not int or value < 0):
                raise SpecError(f"{value!r} is no number of periods or policies", f"{_WHERE} {name}", "give 0 or more")

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ServingConfig:
        """Options by name; ``fallback = {policy = "folder"}`` loads a table policy.

        Raises
        ------
        SpecError
            An unknown key, with the nearest known one, or a value that cannot be served.
        PolicyFormatError
            The fallback policy cannot be loaded.
        """
        known = [f.name for f in fields(cls) if f.name != "actions"]
        for key in plain:
            if key not in known:
                from difflib import get_close_matches

                near = get_close_matches(key, known, 1, 0.0)[0]
                raise SpecError(f"unknown key {key!r}", _WHERE, f"did you mean {near!r}?")
        options = dict(plain)
        if isinstance(plain.get("fallback"), Mapping):
            options["fallback"] = _loaded(plain["fallback"])
        return cls(**options)

    @classmethod
    def from_toml(cls, path: str | PathLike[str]) -> ServingConfig:
        """The section ``[serving]`` of a TOML file; a file without it means the defaults.

        Raises
        ------
        SpecError
            No such file, no TOML, or as :meth:`from_dict`.
        """
        import tomllib  # not needed to decide

        try:
            with open(path, "rb") as file:
                plain: Any = tomllib.load(file).get("serving", {})
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SpecError(f"cannot be read ({error})", str(path), "name a TOML file") from None
        if not isinstance(plain, dict):
            raise SpecError("is no section", f"{path}: serving", "write [serving]")
        return cls.from_dict(cast("dict[str, Any]", plain))

    def stand_in(self, actions: ActionSpace, arms: Arms, salt: str, scope: str) -> Table | None:
        """The policy that decides where the real one must not; None refuses.

        It draws with the salt and scope of the policy that it stands in for, and control stays control. The uniform
        slice ends with the policy that it belonged to.

        Raises
        ------
        PolicyError
            The action space has no ``none``, or the fallback is of another action space.
        """
        if self.fallback == REFUSE:
            return None
        if isinstance(self.fallback, Table):
            table = self.fallback
            if table.actions != actions:
                do = "publish the fallback for the actions that are served"
                raise PolicyError("the fallback has other actions than the policy", f"{_WHERE} fallback", do)
        elif self.fallback == "uniform":
            table = uniform(actions)
        elif NONE in actions.names:
            table = always(actions, NONE)
        else:
            do = "choose fallback uniform, refuse or a table policy"
            raise PolicyError(f"no action {NONE!r} to fall back to", f"{_WHERE} fallback", do)
        terms = replace(table.terms, arms=Arms(arms.control, 0.0, arms.salt), salt=salt, scope=scope)
        return replace(table, terms=terms)


def _loaded(plain: Mapping[str, Any]) -> Table:
    from tactful.policies.artifact import load

    if list(plain) != ["policy"] or not isinstance(plain["policy"], str):
        raise SpecError(f"fallback = {dict(plain)!r}", _WHERE, 'write fallback = { policy = "folder" }')
    policy = load(plain["policy"])
    if not isinstance(policy, Table):  # pyright: ignore[reportUnnecessaryIsInstance] - other kinds may be loaded
        raise SpecError("the fallback takes a context", f"{_WHERE} fallback", "name a table policy")
    return policy
