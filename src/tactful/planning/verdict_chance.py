"""The chance of a verdict: how many users it takes, and how likely it is with those there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.special import ndtr, ndtri

from tactful.core.outcomes import OBJECTIVE
from tactful.ope.certificate_power import Design, chance_kept, users_to_keep
from tactful.ope.sample_size import z_needed


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerQuestion:
    """What is asked of every design."""

    delta: float
    """The probability with which each claim may be wrong."""
    power: float
    """The probability of the verdict that is wanted."""
    users: int | None
    """Also give the chance of each verdict with so many users."""
    ratios: Sequence[float]
    """True rates of limited outcomes, over their limits."""
    lifts: Sequence[float]
    """True gains, relative to the mean of the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GainDesign:
    """What the sample size of a gain depends on."""

    mean: float
    """Mean of the objective per decision."""
    variance: float
    """Variance of a user's mean paired influence, per decision."""
    largest: float
    """The largest importance weight."""
    square: float
    """E[w²], over E[w]²."""
    rows: float
    """Mean decisions of a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What one verdict takes, if the world is as assumed.

    Examples
    --------
    >>> sizes = {"largest": 2.0, "square": 2.0, "users": 700, "decisions": 5600, "chance": 0.998}
    >>> prospect = Prospect(verdict="limit", outcome="opted_out", assumed=0.5, mean=0.005, **sizes)
    >>> prospect.decisions / prospect.users
    8.0
    """

    verdict: str
    """``limit``: that a limit is kept; ``gain``: that a gain is seen."""
    outcome: str
    """The limited outcome, or ``objective``."""
    assumed: float
    """The true rate over its limit, or the true gain relative to the mean."""
    mean: float
    """The true rate, or the true gain, in units of the outcome per decision."""
    largest: float
    """The largest importance weight."""
    square: float
    """E[w²]: decisions over effective decisions."""
    users: int | None
    """Users that give the verdict with the wanted probability; None where no number does."""
    decisions: int | None
    """Their decisions."""
    chance: float | None = None
    """The probability of the verdict with the number of users asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospects:
    """A table of prospects.

    Examples
    --------
    >>> table = Prospects(prospects=[], delta=0.025, power=0.8, rows=8, users=None)
    >>> table.to_json()["delta"]
    0.025
    """

    prospects: Sequence[Prospect]
    """One for each limit or gain, largest weight, and assumed rate or lift."""
    delta: float
    """The probability with which each claim may be wrong."""
    power: float
    """The probability of the verdict for which ``users`` of a prospect suffice."""
    rows: float
    """Mean decisions of a user."""
    users: int | None
    """The number of users asked about, for ``chance``."""
    notes: Sequence[str] = ()
    """What was assumed, and what could not be said."""

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful power --json`` prints."""
        return asdict(self)


def limit_prospects(
    name: str, limit: float, bounds: tuple[float, float], design: Design, question: PowerQuestion
) -> Iterator[Prospect]:
    """Prospects of the verdict that a limit is kept, one for each of the ratios.

    Parameters
    ----------
    name
        The limited outcome.
    limit
        In its units.
    bounds
        Its declared range.
    design
        Weights and decisions of a user.
    question
        Ratios, δ, the wanted probability, and the users asked about.
    """
    share = (limit - bounds[0]) / (bounds[1] - bounds[0])
    for ratio in question.ratios:
        rate = ratio * share
        users = users_to_keep(design, share, rate, delta=question.delta, power=question.power)
        chance = None
        if question.users is not None:
            chance = chance_kept(design, share, rate, question.users, delta=question.delta)
        yield Prospect(
            verdict="limit",
            outcome=name,
            assumed=ratio,
            mean=ratio * limit,
            largest=design.largest,
            square=design.square,
            users=users,
            decisions=None if users is None else math.ceil(users * design.rows),
            chance=chance,
        )


def gain_prospects(design: GainDesign, question: PowerQuestion) -> Iterator[Prospect]:
    """Prospects of the verdict that there is a gain, one for each of the lifts."""
    for lift in question.lifts:
        gain = abs(design.mean) * lift
        users = z_needed(gain, design.variance, delta=question.delta, power=question.power)
        chance = None
        if question.users is not None:
            chance = chance_seen(gain, math.sqrt(design.variance / question.users), delta=question.delta)
        yield Prospect(
            verdict="gain",
            outcome=OBJECTIVE,
            assumed=lift,
            mean=gain,
            largest=design.largest,
            square=design.square,
            users=users,
            decisions=math.ceil(users * design.rows),
            chance=chance,
        )


def chance_seen(gain: float, se: float, *, delta: float = 0.05) -> float:
    """The probability that a lower bound at 1 − δ is above 0: Φ(gain / SE − z_{1−δ}).

    >>> round(chance_seen(0.0, 1.0), 3), round(chance_seen(2.49, 1.0), 2)
    (0.05, 0.8)
    """
    return float(ndtr(gain / se - ndtri(1 - delta)))
