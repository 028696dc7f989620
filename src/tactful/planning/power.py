"""Power: how many users and decisions a gate needs for its verdict, and how likely it is with those there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tactful.core.log import Log
from tactful.errors import SpecError
from tactful.evaluation.target_policies import PolicySource
from tactful.planning.from_guess import Goals, Guess, prospects_from_guess
from tactful.planning.from_log import prospects_from_log
from tactful.planning.verdict_chance import PowerQuestion, Prospects

RATIOS, LIFTS = (0.25, 0.5, 0.75), (0.02, 0.05, 0.1)


def power(
    source: Goals,
    candidate: PolicySource | None = None,
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
    candidate
        A policy, its folder, ``uniform`` or ``always:ACTION``.
    users
        Also give the chance of each verdict with so many users; by default those of the log.
    delta, spend, candidates
        As of the gate: δ of all gates on the holdout, the share of it that this one spends, and among how many
        candidates it is divided.
    chance
        The probability of the verdict that is wanted.
    ratios
        True rates of limited outcomes, over their limits.
    lifts
        True gains, relative to the mean of the objective.
    guess
        What is assumed before there is a log.
    min_propensity
        What logging guaranteed to every eligible action, where no vectors are logged.

    Returns
    -------
    Prospects
        One for each limit or gain, largest weight, and assumed rate or lift.

    Raises
    ------
    SpecError
        Nothing is limited or wanted, or a parameter is out of range.
    NothingToSayError
        A log without propensities, or with nothing mature.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import tactful as tt
    >>> log = tt.World().simulate(500, 4, seed=1).log
    >>> log = replace(log, objective=tt.Objective({"engaged": 1.0}), limits=tt.Limits({"opted_out": 0.02}))
    >>> prospects = tt.power(log, "uniform", ratios=[0.5], lifts=[0.1]).prospects
    >>> [(prospect.verdict, prospect.outcome, prospect.users) for prospect in prospects]
    [('limit', 'opted_out', 552), ('gain', 'objective', 165)]
    """
    guess = guess or Guess()
    _check(
        {
            "at least 2 users": users is None or users >= 2,
            "a delta between 0 and 0.5": 0 < delta < 0.5,
            "a share to spend above 0, up to 1": 0 < spend <= 1,
            "at least 1 candidate": candidates >= 1,
            "a chance between 0 and 1": 0 < chance < 1,
            "ratios above 0": all(0 < ratio < math.inf for ratio in ratios),
            "lifts above 0": all(0 < lift < math.inf for lift in lifts),
            "largest weights above 1": all(1 < weight < math.inf for weight in guess.weights),
            "a rate between 0 and 1": 0 < guess.rate < 1,
            "a count above 0": 0 < guess.count < math.inf,
            "at least 1 decision a user": guess.rows >= 1,
            "a correlation from 0 to below 1": 0 <= guess.correlation < 1,
        }
    )
    question = PowerQuestion(delta=delta * spend / candidates, power=chance, users=users, ratios=ratios, lifts=lifts)
    if not isinstance(source, Log):
        return prospects_from_guess(source, guess, question)
    if candidate is None:
        raise SpecError("a log without a candidate", "power", "name the policy that shall pass")
    return prospects_from_log(source, candidate, question, min_propensity=min_propensity)


def _check(ranges: dict[str, bool]) -> None:
    if broken := [text for text, valid in ranges.items() if not valid]:
        raise SpecError("a parameter is out of range", "power", f"give {broken[0]}")
