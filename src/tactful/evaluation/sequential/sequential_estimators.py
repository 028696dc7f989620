"""The sequential estimators by name: functions of what one policy looks like on users over a horizon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tactful.core.arrays import I64
from tactful.core.estimate import Estimate
from tactful.evaluation.sequential.fitted_q import fitted_q
from tactful.evaluation.sequential.panel import Panel
from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy
from tactful.ope.sequential import marginalised, pdis, sequential_dr, weighted_pdis
from tactful.ope.trajectories import Trajectories


class SequentialSample(NamedTuple):
    """One policy over the horizon: all that a sequential estimator may look at.

    Attributes
    ----------
    policy
        Which the doubly robust estimate needs for its fitted Q.
    panel
        The users, and the rows of the log that are theirs.
    trajectories
        Their one-step weights under the policy, and their rewards.
    fold
        (n,) the fold of each row of the log, by user.
    """

    policy: TargetPolicy
    panel: Panel
    trajectories: Trajectories
    fold: I64


def _sequential_dr(sample: SequentialSample) -> Estimate:
    """Doubly robust over a fitted Q; what logging earned is a mean, and needs no Q."""
    if isinstance(sample.policy, LoggingPolicy):
        return pdis(sample.trajectories)
    first_row = sample.panel.aligned.row[:, 0]
    q = fitted_q(sample.panel, sample.trajectories, sample.policy, sample.fold[first_row])
    return sequential_dr(sample.trajectories, q.q_logged, q.v_target)


SEQUENTIAL_ESTIMATORS: Mapping[str, Callable[[SequentialSample], Estimate]] = {
    "mis": lambda sample: marginalised(sample.trajectories, normalised=True),
    "wpdis": lambda sample: weighted_pdis(sample.trajectories),
    "pdis": lambda sample: pdis(sample.trajectories),
    "seq-dr": _sequential_dr,
}
SEQUENTIAL = tuple(SEQUENTIAL_ESTIMATORS)
