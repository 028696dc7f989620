"""How far policies are from what was logged, and what the log is worth for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64
from tactful.core.estimate import effective_sample_size
from tactful.core.log import Log
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.importance import importance_weights
from tactful.evaluation.target_policies import TargetPolicy
from tactful.policies.table import uniform

PATH_STEPS = 21


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a policy is from logging, and how many rows that leaves."""

    distance: float
    """Mean total variation ½ E|w − 1| per decision: 0 for logging itself, at most 1."""
    ess: float
    """Effective sample size of the policy's importance weights."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Overlap:
    """What a log is worth for a policy, for the mixtures of that policy with logging, and for simple policies."""

    n: int
    """Decisions that were used."""
    weight: F64
    """(n,) importance weights of the policy."""
    policy: Reach
    """The policy itself."""
    path: tuple[Reach, ...]
    """Mixtures from logging to the policy, in 20 equal steps."""
    uniform: Reach
    """The uniform policy."""
    always: Mapping[str, Reach]
    """For each action the policy that always takes it."""


def overlap(log: Log, policy: TargetPolicy) -> Overlap:
    """Measure the overlap of a policy with a log from the weights alone: no outcome enters.

    Raises
    ------
    NothingToSayError
        No propensities, no row but control's, or a single user.
    """
    analysis = AnalysisSet.build(log, (policy,))
    rows, propensity = analysis.log, analysis.propensity
    weight = importance_weights(policy, rows, propensity).weight
    path = tuple(_reach((1 - step) + step * weight) for step in np.linspace(0, 1, PATH_STEPS))
    always = {
        name: _reach(np.where(rows.action == a, 1 / propensity, 0.0)) for a, name in enumerate(rows.actions.names)
    }
    uniform_weight = importance_weights(uniform(rows.actions), rows, propensity).weight
    return Overlap(n=rows.n, weight=weight, policy=path[-1], path=path, uniform=_reach(uniform_weight), always=always)


def _reach(weight: F64) -> Reach:
    return Reach(min(1.0, float(np.abs(weight - 1).mean() / 2)), effective_sample_size(weight))
