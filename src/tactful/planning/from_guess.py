"""Prospects before there is a log: rates, decisions of a user and weights are guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tactful.core.log import Measured
from tactful.core.outcomes import Limits, Objective, Outcome
from tactful.errors import SpecError
from tactful.ope.certificate_power import Design
from tactful.planning.verdict_chance import (
    GainDesign,
    PowerQuestion,
    Prospect,
    Prospects,
    gain_prospects,
    limit_prospects,
)

WEIGHTS = (2.0, 5.0, 10.0, 20.0)


class Goals(Protocol):
    """A specification, or a log: what is measured, wanted and limited."""

    @property
    def outcomes(self) -> Mapping[str, Outcome] | Mapping[str, Measured]: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def limits(self) -> Limits: ...


@dataclass(frozen=True, slots=True)
class Guess:
    """What is assumed where nothing has been measured yet.

    Examples
    --------
    >>> Guess(rate=0.2, weights=(3.0,)).rows
    8
    """

    rate: float = 0.1
    """Mean of a binary outcome that has no limit."""
    count: float = 1.0
    """Mean of a count that has no limit."""
    rows: int = 8
    """Decisions of a user."""
    correlation: float = 0.1
    """Intraclass correlation of a user's events, where there may be several."""
    weights: Sequence[float] = WEIGHTS
    """Largest importance weights to ask for."""


def prospects_from_guess(goals: Goals, guess: Guess, question: PowerQuestion) -> Prospects:
    """From guessed rates and the most variable weights.

    Raises
    ------
    SpecError
        Nothing is wanted and nothing is limited.
    """
    prospects = [*_limits(goals, guess, question), *_gains(goals, guess, question)]
    if not prospects:
        raise SpecError("nothing is wanted and nothing is limited", "[objective]", "set [objective] or [limits]")
    note = "weights assumed: the largest one for one decision in so many and 0 for the rest, the most variable case"
    return Prospects(
        prospects=prospects,
        delta=question.delta,
        power=question.power,
        rows=guess.rows,
        users=question.users,
        notes=[note],
    )


def _outcome(goals: Goals, name: str) -> Outcome:
    measured = goals.outcomes[name]
    return measured.spec if isinstance(measured, Measured) else measured


def _limits(goals: Goals, guess: Guess, question: PowerQuestion) -> Iterator[Prospect]:
    for name, limit in goals.limits.outcomes.items():
        outcome = _outcome(goals, name)
        if bounds := outcome.bounds:
            for largest in guess.weights:
                design = Design.worst(largest, guess.rows, absorbing=outcome.absorbing, correlation=guess.correlation)
                yield from limit_prospects(name, limit, bounds, design, question)


def _gains(goals: Goals, guess: Guess, question: PowerQuestion) -> Iterator[Prospect]:
    """Of the objective, from guessed means: binary outcomes and Poisson counts, independent of each other."""
    mean = variance = 0.0
    for name, value in goals.objective.values.items():
        binary = _outcome(goals, name).kind == "binary"
        rate = goals.limits.outcomes.get(name, guess.rate if binary else guess.count)
        mean += value * rate
        variance += value**2 * (rate * (1 - rate) if binary else rate)
    if mean == 0:
        return
    for largest in guess.weights:
        # E[w²] = k, so E[(w − 1)²] = k − 1; draws are independent, so what one user's rows share cancels in the pair.
        by_user = (largest - 1) * variance / guess.rows
        design = GainDesign(mean=mean, variance=by_user, largest=largest, square=largest, rows=guess.rows)
        yield from gain_prospects(design, question)
