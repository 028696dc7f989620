"""The rows of a log that an evaluation may use, and the objective that it estimates."""

from __future__ import annotations

from pathlib import Path

from tactful.core.arrays import Bool
from tactful.core.log import CONTROL, Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import NothingToSayError
from tactful.evaluation.target_policies import Logging, in_sample
from tactful.policies.protocol import Published

Name = str | Path | Published | Logging
"""A policy, its folder, ``uniform``, ``logging`` or ``always:ACTION``."""


def check_askable(log: Log) -> None:
    """Refuse a log from which no off-policy estimate follows.

    Raises
    ------
    NothingToSayError
        No propensities, or a single user.
    """
    if log.provenance == "absent" or (log.provenance != "estimated" and log.propensity is None):
        raise NothingToSayError(
            "the log has no propensities, so it cannot say what another policy would have earned",
            "propensity",
            'randomise a slice first (tactful init), or set propensities_are = "estimated" for a weak answer',
        )
    several_users(log)


def several_users(log: Log) -> None:
    """Refuse a log of one user, from whom nothing follows for others."""
    if log.users < 2:
        raise NothingToSayError("the log has a single user, so nothing can be said of others", "user", "log more users")


def usable(
    log: Log, target: Published | Logging, base: Published | Logging, left_out: dict[str, int]
) -> tuple[Bool, tuple[bool, bool]]:
    """(n,) the rows to use, and for each side whether it was fitted on them; ``left_out`` gets the others by reason."""
    control = log.arm.equals(CONTROL)
    if control.any():
        left_out["arm: control"] = int(control.sum())
    rows = ~control
    if not rows.any():
        raise NothingToSayError("every row is in the control arm", "arm", "evaluate a log with another arm")
    fitted = in_sample(target, log), in_sample(base, log)
    fresh = rows & ~fitted[0] & ~fitted[1]
    if not fresh.any():
        return rows, (bool((fitted[0] & rows).any()), bool((fitted[1] & rows).any()))
    if dropped := int((rows & ~fresh).sum()):
        left_out["in-sample: the policy was fitted on them"] = dropped
    return fresh, (False, False)


def objective_of(given: Objective | None, log: Log, target: Published | Logging) -> Objective:
    """The reward: as given, or that of the log's specification, or the policy's own."""
    own = None if isinstance(target, Logging) else target.objective
    objective = given or (log.objective if log.objective.outcomes else own) or Objective({})
    objective.check(log.outcomes)
    return objective


def estimands(log: Log, objective: Objective) -> dict[str, tuple[str, ...]]:
    """What is estimated, with the outcomes that it is made of: every outcome, and the objective if there is one."""
    plain = {o: (o,) for o in log.outcomes}
    return plain | ({OBJECTIVE: objective.outcomes} if objective.outcomes else {})


def sends_can_tire(log: Log) -> bool:
    """Whether a decision can change the user of the next one: people can leave, or frequencies differ."""
    frequencies = set(log.actions.frequencies)
    return len(frequencies) > 1 or any(m.spec.absorbing for m in log.outcomes.values())
