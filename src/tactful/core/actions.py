"""The actions: cadences (frequency at a send-time slot), or plain names without geometry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tactful.core.arrays import F64
from tactful.errors import SpecError, first

NONE = "none"
DAY_US = 86_400_000_000
LARGEST_PERIOD_DAYS = 3_660
ORIGIN = "1970-01-05T00:00:00Z"  # a Monday: weekly periods are calendar weeks
_SLOT = r"([01]\d|2[0-3]):[0-5]\d"


@dataclass(frozen=True, slots=True)
class ActionSpace:
    """K actions, and the clock that cuts time into periods.

    Parameters
    ----------
    names
        (k,) names of the actions; no two are alike.
    slots
        (k,) local send times ``HH:MM``; None where an action has none.
    frequencies
        (k,) sends per period; 0 for ``none``, and None where the number is not known.
    period_us
        Length of a period in µs; None where it is not known, and then no time has a period.
    origin_us
        Start of period 0 in µs UTC since 1970.

    Examples
    --------
    >>> space = ActionSpace.grid(["08:00", "19:30"], [1, 3])
    >>> space.names
    ('none', '1x@08:00', '3x@08:00', '1x@19:30', '3x@19:30')
    >>> space.period(space.period_start_us(2900) + 1)
    2900
    """

    names: tuple[str, ...]
    slots: tuple[str | None, ...]
    frequencies: tuple[int | None, ...]
    period_us: int | None = 7 * DAY_US
    origin_us: int = 4 * DAY_US

    def __post_init__(self) -> None:
        """Refuse what could not be told apart or drawn from."""
        if len(self.names) < 2:
            raise SpecError("an action space needs at least two actions", "[actions]", "add a name, or none = true")
        if repeated := sorted({n for n in self.names if self.names.count(n) > 1}):
            raise SpecError(f"actions are named twice: {first(repeated)}", "[actions]", "make the names unique")
        if not len(self.names) == len(self.slots) == len(self.frequencies):
            raise SpecError("names, slots and frequencies differ in length", "[actions]", "give one of each an action")
        if self.period_us is not None and self.period_us <= 0:
            raise SpecError("period_days must be positive", "[actions]", "7 is a week")

    @classmethod
    def grid(
        cls,
        slots: Sequence[str],
        frequencies: Sequence[int],
        *,
        none: bool = True,
        period_days: float = 7,
        origin: str = ORIGIN,
    ) -> ActionSpace:
        """Every frequency at every slot, ``none`` first.

        Parameters
        ----------
        slots
            Local send times ``HH:MM``.
        frequencies
            Sends per period, at most one a day.
        none
            Whether sending nothing is an action too.
        period_days
            Length of a period in days.
        origin
            ISO 8601 time at which period 0 begins; UTC where it has no offset.

        Raises
        ------
        SpecError
            A slot that is no time of day, a frequency below 1 or above one a day, a repeated entry, or a period that is
            no length.
        """
        if malformed := [s for s in slots if not re.fullmatch(_SLOT, s)]:
            raise SpecError(f"not a time of day: {first(malformed)}", "[actions] slots", "write HH:MM, such as 19:30")
        if excessive := [f for f in frequencies if f < 1 or f > period_days]:
            raise SpecError(
                f"frequency outside 1 to {period_days:g}: {first(excessive)}",
                "[actions] frequencies",
                "a cadence sends at most once a day",
            )
        cells = [(None, 0)] * none + [(slot, f) for slot in slots for f in frequencies]
        return cls(
            tuple(NONE if slot is None else f"{f}x@{slot}" for slot, f in cells),
            tuple(slot for slot, _ in cells),
            tuple(f for _, f in cells),
            period_length_us(period_days),
            time_us(origin, "[actions] origin"),
        )

    @classmethod
    def named(cls, names: Sequence[str], *, period_days: float | None = None, origin: str = ORIGIN) -> ActionSpace:
        """Names without slots and frequencies; ``none``, where it is among them, has frequency 0.

        Parameters
        ----------
        names
            Names of the actions.
        period_days
            Length of a period in days; None where it is not known.
        origin
            ISO 8601 time at which period 0 begins; UTC where it has no offset.

        Raises
        ------
        SpecError
            Fewer than two names, a repeated one, or a period that is no length.
        """
        return cls(
            tuple(names),
            (None,) * len(names),
            tuple(0 if n == NONE else None for n in names),
            None if period_days is None else period_length_us(period_days),
            time_us(origin, "[actions] origin"),
        )

    @property
    def k(self) -> int:
        """The number of actions."""
        return len(self.names)

    @property
    def sends(self) -> F64:
        """(k,) sends per period: the frequency of an action; 1 for a plain action other than ``none``.

        Where sends must be known and not assumed, ask first whether ``None in actions.frequencies``.

        Examples
        --------
        >>> ActionSpace.grid(["19:30"], [1, 3]).sends.tolist(), ActionSpace.named(["none", "push"]).sends.tolist()
        ([0.0, 1.0, 3.0], [0.0, 1.0])
        """
        actions = zip(self.names, self.frequencies, strict=True)
        return np.array([float(name != NONE) if f is None else float(f) for name, f in actions])

    def index(self, name: str) -> int:
        """The position of an action.

        Raises
        ------
        SpecError
            The name is not in the action space.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise SpecError(f"unknown action {name!r}", do=f"the actions are {first(self.names, 6)}") from None

    def period(self, at_us: int) -> int:
        """The index of the period that holds a time (µs UTC): ``floor((time − origin) / length)``."""
        return (at_us - self.origin_us) // self._length()

    def period_start_us(self, period: int) -> int:
        """The first instant (µs UTC) of a period."""
        return self.origin_us + period * self._length()

    def _length(self) -> int:
        if self.period_us is None:
            raise SpecError("the length of a period is not known", "[actions]", "set period_days")
        return self.period_us

    def to_json(self) -> dict[str, Any]:
        """The plain form that the artifact stores."""
        return {
            "names": list(self.names),
            "slots": list(self.slots),
            "frequencies": list(self.frequencies),
            "period_us": self.period_us,
            "origin_us": self.origin_us,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ActionSpace:
        """The inverse of :meth:`to_json`."""
        return cls(
            tuple(plain["names"]),
            tuple(plain["slots"]),
            tuple(plain["frequencies"]),
            plain["period_us"],
            plain["origin_us"],
        )


def period_length_us(days: float) -> int:
    """The length of a period in µs.

    Raises
    ------
    SpecError
        It is shorter than a microsecond, or longer than ten years.

    Examples
    --------
    >>> period_length_us(7) == 7 * DAY_US
    True
    """
    if not days <= LARGEST_PERIOD_DAYS:
        what = f"period_days must be at most {LARGEST_PERIOD_DAYS:,}, found {days:g}"
        raise SpecError(what, "[actions] period_days", "7 is a week")
    if days * DAY_US < 1:
        raise SpecError(f"period_days must be positive, found {days:g}", "[actions] period_days", "7 is a week")
    return round(days * DAY_US)


def time_us(text: str, where: str) -> int:
    """µs since 1970 of an ISO 8601 time; a time without offset is UTC.

    Raises
    ------
    SpecError
        The text is not an ISO time; ``where`` names its place.

    Examples
    --------
    >>> time_us("1970-01-05", "[actions] origin") == 4 * DAY_US
    True
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(f"not a time: {text!r}", where, "write it as 2026-11-02 or 2026-11-02T08:00:00Z") from None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
