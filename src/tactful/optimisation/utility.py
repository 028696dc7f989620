"""What a posterior says of the utility of each action: means, deviations and draws, by node."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Objective
from tactful.core.parallel import blocks
from tactful.errors import SpecError
from tactful.models.base import DrawsInBlocks, DrawVisitor, Posterior

NODE_BLOCK = 64  # nodes whose draws are handed over at once


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


def visit_draws(posterior: Posterior, outcomes: Iterable[str], m: int, seed: int, visitor: DrawVisitor) -> None:
    """Hand posterior draws over, some nodes at a time.

    Parameters
    ----------
    posterior
        Where it is ``DrawsInBlocks``, no array holds the draws of all nodes.
    outcomes
        Names of the outcomes to draw.
    m
        Draws of each mean.
    seed
        Of the draws.
    visitor
        Takes nodes (b,) and, by outcome, draws (b, m, k), to which it may write.
    """
    if isinstance(posterior, DrawsInBlocks):
        posterior.visit_draws(outcomes, m, seed, visitor)
        return
    draws = {o: posterior.draws(o, m, seed) for o in outcomes}
    nodes = np.arange(len(posterior.segments))
    for block in blocks(nodes.size, NODE_BLOCK):
        visitor(nodes[block], {o: x[:, block].swapaxes(0, 1).copy() for o, x in draws.items()})
