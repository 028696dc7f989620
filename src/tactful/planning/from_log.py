"""Prospects from a log: its weights, users and spread stand for those to come, and no gain is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.errors import NothingToSayError
from tactful.evaluation.eligibility import Name, check_askable, usable
from tactful.evaluation.importance import side_of
from tactful.evaluation.target_policies import Logging, Side, resolve
from tactful.evaluation.volume import volume
from tactful.ope.certificate_power import Design
from tactful.ope.intervals import user_totals
from tactful.planning.verdict_chance import Prospect, Prospects, kept, seen

BINS = 64  # of the weights of a log


def prospects_of(
    log: Log,
    candidate: Name,
    asked: tuple[Sequence[float], Sequence[float]],
    delta: float,
    power: float,
    users: int | None,
    min_propensity: float | None,
) -> Prospects:
    """From the rows that a gate on this candidate may use: their weights, users and the spread of the objective."""
    check_askable(log)
    policy = resolve(candidate, log.actions)
    rows, fitted = usable(log, policy, Logging(), {})
    if any(fitted):
        raise NothingToSayError("the candidate was fitted on all of these rows", "in-sample", "keep users with --split")
    log = log.take(rows)
    if log.propensity is None:
        raise NothingToSayError("propensities are estimated: a gate refuses them", "propensity", "randomise a slice")
    side = side_of(policy, log, log.propensity)
    largest = side.largest
    if largest is None and min_propensity is not None:
        largest = volume(policy, log).largest / min_propensity
    count = log.users if users is None else users
    found: list[Prospect] = []
    notes: list[str] = []
    if largest is None:
        notes.append("limits need logged propensity vectors, or [log] min_propensity")
    else:
        found += _limits_of(log, side, largest, asked[0], delta, power, count)
    found += _gains_of(log, side, asked[1], delta, power, count)
    return Prospects(found, delta, power, log.n / log.users, count, notes)


def _limits_of(
    log: Log, side: Side, largest: float, ratios: Sequence[float], delta: float, power: float, users: int
) -> Iterator[Prospect]:
    most = int(log.period.max() - log.period.min()) + 1
    weight, share = _binned(side.weight)
    for name, limit in log.limits.outcomes.items():
        outcome = log.outcomes[name].spec
        low, high = (0.0, 1.0) if outcome.kind == "binary" else (outcome.range or (0.0, 0.0))
        if high > low:
            design = Design(weight, share, log.n / log.users, most, max(largest, 1.0), outcome.absorbing)
            yield from kept(name, (limit - low) / (high - low), limit, design, ratios, delta, power, users)


def _binned(weight: F64) -> tuple[F64, F64]:
    """Means of the weights between their quantiles, so that E[w] is kept, and the share of each."""
    parts = [part for part in np.array_split(np.sort(weight), BINS) if part.size]
    return np.array([part.mean() for part in parts]), np.array([part.size / weight.size for part in parts])


def _gains_of(
    log: Log, side: Side, lifts: Sequence[float], delta: float, power: float, users: int
) -> Iterator[Prospect]:
    """With the paired influence (w − w̄)(r − r̄) by user, whose sum says nothing of which policy is better."""
    if not log.objective.outcomes:
        return
    reward = log.reward(log.objective)
    known = np.flatnonzero(~np.isnan(reward))
    if known.size == 0:
        raise NothingToSayError("no outcome is mature yet", "outcomes", "wait, or set a later [log] as_of")
    reward, weight = reward[known], side.weight[known]
    mean = float(reward.mean())
    total = user_totals(log.user[known], (weight - weight.mean()) * (reward - mean))
    rows = known.size / int(np.unique(log.user[known]).size)
    by_user = float(total.var()) * total.size / int(np.unique(log.user[known]).size) / rows**2
    square = float(np.mean(weight**2) / weight.mean() ** 2)
    yield from seen(mean, by_user, (float(weight.max()), square, rows), lifts, delta, power, users)
