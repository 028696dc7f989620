"""How far policies are from what was logged, and what the log is worth for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64
from tactful.core.estimate import effective_sample_size
from tactful.core.log import Log
from tactful.evaluation.crossfit import estimated_propensities, folds
from tactful.evaluation.eligibility import check_askable, usable
from tactful.evaluation.importance import side_of
from tactful.evaluation.target_policies import Logging
from tactful.policies.protocol import Published
from tactful.policies.table import uniform

STEPS = 21


@dataclass(frozen=True, slots=True)
class Reach:
    """A policy's ``distance`` from logging, the mean total variation ½ E|w − 1| per decision, and its ``ess``."""

    distance: float
    ess: float


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """What the log is worth for a policy, for every way from logging to it, and for simple policies.

    ``weight`` (n,) is the policy's; ``path`` goes from logging to it by mixtures of the two.
    """

    n: int
    weight: F64
    policy: Reach
    path: tuple[Reach, ...]
    uniform: Reach
    always: Mapping[str, Reach]


def overlap(log: Log, policy: Published | Logging) -> Overlap:
    """From the weights alone: no outcome enters.

    Raises
    ------
    NothingToSayError
        No propensities, no row but control's, or a single user.
    """
    check_askable(log)
    log = log.take(usable(log, policy, Logging(), {})[0])
    given = log.propensity if log.provenance != "estimated" else None
    propensity = estimated_propensities(log, folds(log)) if given is None else given
    weight = side_of(policy, log, propensity).weight
    steps = np.linspace(0, 1, STEPS)
    path = tuple(_reach((1 - step) + step * weight) for step in steps)
    always = {name: _reach(np.where(log.action == a, 1 / propensity, 0.0)) for a, name in enumerate(log.actions.names)}
    even = side_of(uniform(log.actions), log, propensity).weight
    return Overlap(log.n, weight, path[-1], path, _reach(even), always)


def _reach(weight: F64) -> Reach:
    return Reach(min(1.0, float(np.abs(weight - 1).mean() / 2)), effective_sample_size(weight))
