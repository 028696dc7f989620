"""How many decisions a question needs: before any is logged, or from a log, and how likely a gate's verdict is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.special import ndtri

from tactful.core.actions import ActionSpace
from tactful.core.log import Log, Measured
from tactful.core.outcomes import Limits, Objective, Outcome
from tactful.errors import SpecError, first
from tactful.evaluation.eligibility import Name
from tactful.ope.certificate_power import Design
from tactful.planning.from_log import prospects_of
from tactful.planning.verdict_chance import Prospect, Prospects, kept, seen


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


class Asked(Protocol):
    """A specification, or a log: what is measured, wanted and limited."""

    @property
    def actions(self) -> ActionSpace: ...
    @property
    def outcomes(self) -> Mapping[str, Outcome] | Mapping[str, Measured]: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def limits(self) -> Limits: ...


WEIGHTS, RATIOS, LIFTS = (2.0, 5.0, 10.0, 20.0), (0.25, 0.5, 0.75), (0.02, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class Guess:
    """What is assumed where nothing has been measured yet.

    The mean of binary outcomes and of counts, the decisions of a user and how alike they are, and largest weights.
    """

    rate: float = 0.1
    count: float = 1.0
    rows: int = 8
    correlation: float = 0.1
    weights: Sequence[float] = WEIGHTS


def power(
    source: Asked,
    candidate: Name | None = None,
    *,
    users: int | None = None,
    delta: float = 0.05,
    spend: float = 0.5,
    candidates: int = 1,
    chance: float = 0.8,
    ratios: Sequence[float] = RATIOS,
    lifts: Sequence[float] = LIFTS,
    guess: Guess | None = None,
    min_propensity: float | None = None,
) -> Prospects:
    """Users and decisions after which ``gate`` calls limits kept and sees a gain, each with probability ``chance``.

    Each claim is made at δ · spend / candidates, as by the first gate on a holdout. Limits: users bet on as ``certify``
    does, with events at each of ``ratios`` times the limit. Gains: (z_{1−δ'} + z_chance)² variance / gain², for each of
    ``lifts`` relative to the mean.

    Parameters
    ----------
    source
        A specification, before there is a log; or a log, with the ``candidate`` that shall pass: then the weights, the
        users and the variance of the objective are those of the rows that a gate may use. No gain is looked at.
    users
        Also give the chance of each verdict with so many users; by default those of the log.

    Raises
    ------
    SpecError
        Nothing is limited or wanted, or a parameter is out of range.
    NothingToSayError
        A log without propensities, or with nothing mature.
    """
    guess = guess or Guess()
    _check(users, delta, spend, candidates, chance, ratios, lifts, guess)
    each = delta * spend / candidates
    if isinstance(source, Log):
        if candidate is None:
            raise SpecError("a log without a candidate", "power", "name the policy that shall pass")
        return prospects_of(source, candidate, (ratios, lifts), each, chance, users, min_propensity)
    found = [*_limits(source, guess, ratios, each, chance, users), *_gains(source, guess, lifts, each, chance, users)]
    if not found:
        raise SpecError("nothing is wanted and nothing is limited", "[objective]", "set [objective] or [limits]")
    notes = ["weights assumed: the largest one for one decision in so many and 0 for the rest, the most variable case"]
    return Prospects(found, each, chance, guess.rows, users, notes)


def _check(
    users: int | None,
    delta: float,
    spend: float,
    candidates: int,
    chance: float,
    ratios: Sequence[float],
    lifts: Sequence[float],
    guess: Guess,
) -> None:
    ranges = {
        "at least 2 users": users is None or users >= 2,
        "a delta between 0 and 0.5": 0 < delta < 0.5,
        "a share to spend above 0, up to 1": 0 < spend <= 1,
        "at least 1 candidate": candidates >= 1,
        "a chance between 0 and 1": 0 < chance < 1,
        "ratios above 0": all(0 < r < math.inf for r in ratios),
        "lifts above 0": all(0 < x < math.inf for x in lifts),
        "largest weights above 1": all(1 < w < math.inf for w in guess.weights),
        "a rate between 0 and 1": 0 < guess.rate < 1,
        "a count above 0": 0 < guess.count < math.inf,
        "at least 1 decision a user": guess.rows >= 1,
        "a correlation from 0 to below 1": 0 <= guess.correlation < 1,
    }
    if wrong := [text for text, right in ranges.items() if not right]:
        raise SpecError("a parameter is out of range", "power", f"give {wrong[0]}")


def _spec(measured: Outcome | Measured) -> Outcome:
    return measured.spec if isinstance(measured, Measured) else measured


def _limits(
    source: Asked, guess: Guess, ratios: Sequence[float], delta: float, power: float, users: int | None
) -> Iterator[Prospect]:
    for name, limit in source.limits.outcomes.items():
        outcome = _spec(source.outcomes[name])
        low, high = (0.0, 1.0) if outcome.kind == "binary" else (outcome.range or (0.0, 0.0))
        if high > low:
            for largest in guess.weights:
                design = Design.worst(largest, guess.rows, absorbing=outcome.absorbing, correlation=guess.correlation)
                yield from kept(name, (limit - low) / (high - low), limit, design, ratios, delta, power, users)


def _gains(
    source: Asked, guess: Guess, lifts: Sequence[float], delta: float, power: float, users: int | None
) -> Iterator[Prospect]:
    """Of the objective, from guessed means: binary outcomes and Poisson counts, independent of each other."""
    mean = variance = 0.0
    for name, value in source.objective.values.items():
        outcome = _spec(source.outcomes[name])
        at = source.limits.outcomes.get(name, guess.rate if outcome.kind == "binary" else guess.count)
        mean += value * at
        variance += value**2 * (at * (1 - at) if outcome.kind == "binary" else at)
    if mean == 0:
        return
    for largest in guess.weights:
        # E[w²] = k, so E[(w − 1)²] = k − 1; draws are independent, so what one user's rows share cancels in the pair.
        by_user = (largest - 1) * variance / guess.rows
        sizes = largest, largest, guess.rows
        yield from seen(mean, by_user, sizes, lifts, delta, power, users)
