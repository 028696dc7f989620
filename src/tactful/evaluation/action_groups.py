"""Bands of actions that are alike, for marginalised estimates: parts of the day by low and high frequencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import I64
from tactful.errors import SpecError

PARTS_OF_DAY = ("05:00", "11:00", "16:00", "22:00")  # morning, midday, evening, night begin
NO_VECTORS = "needs the logged vectors (propensities)"
NO_GEOMETRY = "needs actions with slots and frequencies, and these are plain names"


@dataclass(frozen=True, slots=True)
class Banding:
    """Where bands begin: ``slots`` are local times, and a frequency above the i-th of ``frequencies`` leaves band i.

    The last band of the day goes on past midnight. Without ``frequencies`` the cut is their median: low and high.

    Examples
    --------
    >>> space = ActionSpace.grid(["08:00", "20:00"], [1, 7])
    >>> Banding(slots=["06:00", "18:00"]).codes(space).tolist()
    [0, 1, 2, 3, 4]
    """

    slots: Sequence[str] = PARTS_OF_DAY
    frequencies: Sequence[int] | None = None

    def codes(self, actions: ActionSpace) -> I64 | None:
        """(k,) the band of each action, from 0; None where the actions have no geometry. ``none`` is a band alone.

        Raises
        ------
        SpecError
            A slot that is no time of day, or no slot at all.

        Examples
        --------
        >>> space = ActionSpace.grid(["08:00", "09:00", "23:00"], [1, 7])
        >>> Banding().codes(space).tolist()
        [0, 1, 2, 1, 2, 3, 4]
        """
        starts = sorted(minute_of_day(s) for s in self.slots)
        if not starts:
            raise SpecError("no band of the day", "bands", "say when bands begin, such as 05:00,16:00")
        if None in actions.frequencies or not any(actions.slots):
            return None
        sends = sorted({f for f in actions.frequencies if f})
        cuts = sorted(self.frequencies) if self.frequencies is not None else [int(np.median(sends))]
        bands = [
            (-1, 0) if slot is None else (
                (np.searchsorted(starts, minute_of_day(slot), "right") - 1) % len(starts),
                1 + int(np.searchsorted(cuts, f or 0, "left")),
            )
            for slot, f in zip(actions.slots, actions.frequencies, strict=True)
        ]  # fmt: skip
        order = list(dict.fromkeys(bands))
        return np.array([order.index(b) for b in bands], np.int64)


def minute_of_day(slot: str) -> int:
    """Minutes since midnight of a local time ``HH:MM``.

    Raises
    ------
    SpecError
        The text is no time of day.
    """
    time = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", slot.strip())
    if time is None:
        raise SpecError(f"not a time of day: {slot!r}", "bands", "write HH:MM, such as 19:30")
    return 60 * int(time[1]) + int(time[2])
