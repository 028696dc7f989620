"""Prospects from a log: its weights, users and spread stand for those to come, and no gain is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.errors import NothingToSayError
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.importance import PolicyWeights, importance_weights
from tactful.evaluation.target_policies import PolicySource
from tactful.evaluation.volume import volume
from tactful.ope.certificate_power import Design
from tactful.ope.intervals import user_totals
from tactful.planning.verdict_chance import (
    GainDesign,
    PowerQuestion,
    Prospect,
    Prospects,
    gain_prospects,
    limit_prospects,
)

WEIGHT_BINS = 64


def prospects_from_log(
    log: Log, candidate: PolicySource, question: PowerQuestion, *, min_propensity: float | None
) -> Prospects:
    """From the rows that a gate on this candidate may use: their weights, users and the spread of the objective.

    Parameters
    ----------
    log
        Decisions with propensities.
    candidate
        The policy that shall pass.
    question
        Asked of so many users as the log has, unless it names a number.
    min_propensity
        What logging guaranteed to every eligible action, where no vectors are logged.
    """
    analysis = AnalysisSet.build(log, (candidate,))
    if any(analysis.in_sample):
        raise NothingToSayError("the candidate was fitted on all of these rows", "in-sample", "keep users with --split")
    policy, log = analysis.policies[0], analysis.log
    if log.propensity is None:
        raise NothingToSayError("propensities are estimated: a gate refuses them", "propensity", "randomise a slice")
    weights = importance_weights(policy, log, log.propensity)
    largest = weights.largest
    if largest is None and min_propensity is not None:
        largest = volume(policy, log).largest / min_propensity
    question = replace(question, users=log.users if question.users is None else question.users)
    prospects: list[Prospect] = []
    notes: list[str] = []
    if largest is None:
        notes.append("limits need logged propensity vectors, or [log] min_propensity")
    else:
        prospects += _limits(log, weights, largest, question)
    prospects += _gains(log, weights, question)
    return Prospects(
        prospects=prospects,
        delta=question.delta,
        power=question.power,
        rows=log.n / log.users,
        users=question.users,
        notes=notes,
    )


def _limits(log: Log, weights: PolicyWeights, largest: float, question: PowerQuestion) -> Iterator[Prospect]:
    periods = int(log.period.max() - log.period.min()) + 1
    weight, share = _binned(weights.weight)
    for name, limit in log.limits.outcomes.items():
        outcome = log.outcomes[name].spec
        if bounds := outcome.bounds:
            design = Design(
                weight=weight,
                share=share,
                rows=log.n / log.users,
                max_rows=periods,
                largest=max(largest, 1.0),
                absorbing=outcome.absorbing,
            )
            yield from limit_prospects(name, limit, bounds, design, question)


def _binned(weight: F64) -> tuple[F64, F64]:
    """Means of the weights between their quantiles, so that E[w] is kept, and the share of each."""
    bins = [members for members in np.array_split(np.sort(weight), WEIGHT_BINS) if members.size]
    return np.array([members.mean() for members in bins]), np.array([members.size / weight.size for members in bins])


def _gains(log: Log, weights: PolicyWeights, question: PowerQuestion) -> Iterator[Prospect]:
    """With the paired influence (w − w̄)(r − r̄) by user, whose sum says nothing of which policy is better."""
    if not log.objective.outcomes:
        return
    reward = log.reward(log.objective)
    mature = np.flatnonzero(~np.isnan(reward))
    if mature.size == 0:
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    reward, weight, user = reward[mature], weights.weight[mature], log.user[mature]
    mean, users = float(reward.mean()), int(np.unique(user).size)
    total = user_totals(user, (weight - weight.mean()) * (reward - mean))
    rows = mature.size / users
    design = GainDesign(
        mean=mean,
        variance=float(total.var()) * total.size / users / rows**2,
        largest=float(weight.max()),
        square=float(np.mean(weight**2) / weight.mean() ** 2),
        rows=rows,
    )
    yield from gain_prospects(design, question)
