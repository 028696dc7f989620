"""What a check finds, and how often a sound log may raise an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
FALSE_ALARM = 1e-3
"""Share of sound logs that may raise any of the alarms that rest on chance."""
TESTS = 10
"""Such tests; each has an equal part of the rate, and divides it again over all that it looks at."""
EACH = FALSE_ALARM / TESTS


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know: an ``error`` makes answers wrong, a ``warning`` makes them weak.

    ``code`` names the test and does not change with the wording. ``p`` bounds the probability that a sound log looks
    like this; None where no chance is involved.
    """

    level: Level
    what: str
    code: str
    p: float | None = None
