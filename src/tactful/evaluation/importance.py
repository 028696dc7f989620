"""Importance weights of a policy on the rows of a log, and the model's value of it, in blocks of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.batch.served import ROW_BLOCK, served_pmf
from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.evaluation.reward_models import RewardModel
from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy
from tactful.ope.estimators import marginal_weights


class PolicyWeights(NamedTuple):
    """A policy on the n rows of a log with o outcomes.

    Attributes
    ----------
    weight
        (n,) π(A|X) / p: how much likelier the policy takes the logged action than logging did.
    q_target
        (o, n) mean of each outcome's reward model under the policy; empty without a model.
    unsupported
        The number of rows in which the policy may take an action that logging could not take.
    largest
        The largest weight that any eligible action could have had; None without logged vectors.
    """

    weight: F64
    q_target: F64
    unsupported: int
    largest: float | None = None


def importance_weights(
    policy: TargetPolicy, log: Log, propensity: F64, model: RewardModel | None = None
) -> PolicyWeights:
    """Weigh the rows of a log by what a policy would have done there.

    It works in blocks of rows, so that no (n, k) array is kept.

    Parameters
    ----------
    policy
        Its pmf is served as in production: masked, mixed with its uniform share, and rounded.
    log
        n decisions.
    propensity
        (n,) of the logged actions.
    model
        Gives ``q_target``.
    """
    outcomes = len(log.outcomes) if model is not None else 0
    if isinstance(policy, LoggingPolicy):
        q_logged = [model.logged(o) for o in range(outcomes)] if model is not None else []
        return PolicyWeights(np.ones(log.n), np.array(q_logged).reshape(outcomes, log.n), 0, 1.0)
    weight, q_target = np.empty(log.n), np.empty((outcomes, log.n))
    unsupported, largest = 0, 0.0
    for start in range(0, log.n, ROW_BLOCK):
        rows = slice(start, start + ROW_BLOCK)
        pmf = served_pmf(policy, log, rows)
        weight[rows] = pmf[np.arange(len(pmf)), log.action[rows]] / propensity[rows]
        if model is not None:
            for o in range(outcomes):
                q_target[o, rows] = np.einsum("na,na->n", pmf, model.block(o, rows))
        if log.propensities is not None:
            logged = log.propensities[rows]
            unsupported += int(np.count_nonzero(((pmf > 0) & (logged == 0)).any(1)))
            largest = max(largest, float(np.max(pmf / np.where(logged > 0, logged, np.inf), initial=0.0)))
    return PolicyWeights(weight, q_target, unsupported, largest if log.propensities is not None else None)


def band_weights(policy: TargetPolicy, log: Log, band: I64) -> PolicyWeights:
    """A policy's importance weights by band of actions on each row, in blocks of rows.

    Parameters
    ----------
    policy
        The target or the baseline.
    log
        n decisions with logged vectors (``propensities``).
    band
        (k,) the band of each action, from 0.
    """
    weight, unsupported = np.ones(log.n), 0
    if not isinstance(policy, LoggingPolicy) and log.propensities is not None:
        members = np.eye(int(band.max()) + 1)[band]
        for start in range(0, log.n, ROW_BLOCK):
            rows = slice(start, start + ROW_BLOCK)
            pmf, logged = served_pmf(policy, log, rows), log.propensities[rows]
            weight[rows] = marginal_weights(pmf, logged, band, log.action[rows])
            unsupported += int(np.count_nonzero(((pmf @ members > 0) & (logged @ members == 0)).any(1)))
    return PolicyWeights(weight, np.zeros((len(log.outcomes), log.n)), unsupported)
