"""What a posterior says of the utility of each action by node: its mean and its standard deviation."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Objective
from tactful.errors import SpecError
from tactful.models.base import Posterior


def mean_utility(posterior: Posterior, objective: Objective, offset: F64 | None = None) -> F64:
    """(s, k) the objective on posterior means, with an ``offset`` (k,) for each action.

    Raises
    ------
    SpecError
        The objective has no outcome.
    """
    if not objective.outcomes:
        raise SpecError("no outcome has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    utility = objective.combine({o: posterior.mean(o) for o in objective.outcomes})
    return utility if offset is None else utility + offset


def utility_sd(posterior: Posterior, objective: Objective) -> F64:
    """(s, k) the posterior standard deviation of the objective; outcomes are independent of each other."""
    variances = [(objective.values[o] * posterior.sd(o)) ** 2 for o in objective.outcomes]
    return np.sqrt(np.sum(variances, axis=0))
