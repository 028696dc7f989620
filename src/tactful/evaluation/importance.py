"""A policy on the rows of a log: weights, and what a reward model expects under it, in blocks."""

from __future__ import annotations

import numpy as np

from tactful.batch.decide import BLOCK
from tactful.batch.served import acting
from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.evaluation.reward_models import RewardModel
from tactful.evaluation.target_policies import Logging, Side
from tactful.policies.protocol import Published


def side_of(policy: Published | Logging, log: Log, propensity: F64, model: RewardModel | None = None) -> Side:
    """What a policy would have done on each row; no (n, k) array is kept.

    Parameters
    ----------
    propensity
        (n,) of the logged actions.
    model
        What it expects under the policy is in ``q_target`` (o, n), which is empty without one.
    """
    count = len(log.outcomes) if model is not None else 0
    if isinstance(policy, Logging):
        at = [model.logged(o) for o in range(count)] if model is not None else []
        return Side(np.ones(log.n), np.array(at).reshape(count, log.n), 0, 1.0)
    weight, q_target = np.empty(log.n), np.empty((count, log.n))
    unsupported, largest = 0, 0.0
    for start in range(0, log.n, BLOCK):
        rows = slice(start, start + BLOCK)
        pmf = acting(policy, log, rows)
        weight[rows] = pmf[np.arange(len(pmf)), log.action[rows]] / propensity[rows]
        if model is not None:
            for o in range(count):
                q_target[o, rows] = np.einsum("na,na->n", pmf, model.block(o, rows))
        if log.propensities is not None:
            e = log.propensities[rows]
            unsupported += int(np.count_nonzero(((pmf > 0) & (e == 0)).any(1)))
            largest = max(largest, float(np.max(pmf / np.where(e > 0, e, np.inf), initial=0.0)))
    return Side(weight, q_target, unsupported, largest if log.propensities is not None else None)
