"""How many decisions a question needs, before any is logged."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from tactful.errors import SpecError, first


@dataclass(frozen=True, slots=True)
class Need:
    """Decisions needed to see a change in one outcome, with what was assumed."""

    outcome: str
    mean: float
    change: float
    decisions: int
    users: int


def decisions_needed(
    outcome: str,
    mean: float,
    lift: float,
    *,
    actions: int,
    explore: float = 1.0,
    periods: int = 8,
    correlation: float = 0.1,
    level: float = 0.95,
    power: float = 0.8,
) -> Need:
    """Decisions of a randomised slice after which one fixed action's value can be told from the logging policy's.

    n = (z_{(1+level)/2} + z_power)² · m₂/p · D / change², with m₂ = mean + change (the variance of a Poisson
    count at the changed mean, and that of a small rate), p = explore / actions the propensity of the rarest action, and
    D = 1 + (periods − 1) · correlation the design effect of repeating users (Kish 1965).

    Parameters
    ----------
    mean
        Expected outcome per decision, as a rate or a count.
    lift
        Relative change worth seeing.
    actions, explore
        Size of the action space, and the share of traffic that is uniform over it.
    periods, correlation
        Decisions a user, and the intraclass correlation of one user's outcomes.

    Raises
    ------
    SpecError
        A parameter is out of range.

    Examples
    --------
    >>> decisions_needed("engaged", 0.1, 0.1, actions=2, periods=1).decisions
    17268
    """
    ranges = {
        "a finite mean above 0": 0 < mean < math.inf,
        "a finite lift above 0": 0 < lift < math.inf,
        "at least 2 actions": actions >= 2,
        "explore above 0, up to 1": 0 < explore <= 1,
        "at least 1 period": periods >= 1,
        "a correlation from 0 to below 1": 0 <= correlation < 1,
        "a level between 0 and 1": 0 < level < 1,
        "a power between 0 and 1": 0 < power < 1,
    }
    if wrong := [text for text, right in ranges.items() if not right]:
        raise SpecError("a parameter is out of range", f"power: {outcome}", f"give {first(wrong)}")
    change = mean * lift
    z = float(ndtri((1 + level) / 2) + ndtri(power))
    design = 1 + (periods - 1) * correlation
    n = math.ceil(z**2 * (mean + change) * (actions / explore) * design / change**2)
    return Need(outcome, mean, change, n, math.ceil(n / periods))
