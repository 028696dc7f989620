"""The size of a randomised slice: decisions after which one action can be told from the logging policy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from tactful.errors import SpecError, first


@dataclass(frozen=True, slots=True)
class Need:
    """Decisions needed to see a change in one outcome.

    Examples
    --------
    >>> need = decisions_needed("engaged", 0.1, 0.1, actions=2, periods=8)
    >>> need.users * 8 >= need.decisions
    True
    """

    outcome: str
    """The outcome."""
    mean: float
    """Its mean per decision, as assumed."""
    change: float
    """The change that shall be seen, per decision."""
    decisions: int
    """Decisions that it takes."""
    users: int
    """Users who make them."""


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
    outcome
        Its name, for the result and for errors.
    mean
        Expected outcome per decision, as a rate or a count.
    lift
        Relative change worth seeing.
    actions, explore
        Size of the action space, and the share of traffic that is uniform over it.
    periods, correlation
        Decisions a user, and the intraclass correlation of one user's outcomes.
    level, power
        Of the two-sided interval, and the probability with which it shall exclude 0.

    Returns
    -------
    Need
        Rounded up.

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
    if broken := [text for text, valid in ranges.items() if not valid]:
        raise SpecError("a parameter is out of range", f"power: {outcome}", f"give {first(broken)}")
    change = mean * lift
    z = float(ndtri((1 + level) / 2) + ndtri(power))
    design_effect = 1 + (periods - 1) * correlation
    n = math.ceil(z**2 * (mean + change) * (actions / explore) * design_effect / change**2)
    return Need(outcome, mean, change, n, math.ceil(n / periods))
