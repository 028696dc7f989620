"""Replay: a learning policy lives through a log, as if it had decided itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tactful.core.arrays import F64
from tactful.core.log import CONTROL, Log
from tactful.core.outcomes import Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.learners import rejection
from tactful.learners.batches import Batches
from tactful.learners.learner import Learner, Model
from tactful.learners.results import Replay
from tactful.learners.trajectory import follow
from tactful.learners.values import ReplayedLog, learner_values, learning_curve, regret
from tactful.models.hierarchical.posterior import Hierarchical
from tactful.optimisation.explorers import Explorer


def replay(
    log: Log,
    learner: Model | None = None,
    *,
    explorer: Explorer | None = None,
    objective: Objective | None = None,
    uniform: float = 0.03,
    batch_days: float | None = None,
    min_propensity: float | None = None,
    seed: int = 0,
    level: float = 0.95,
    truth: Mapping[str, F64] | None = None,
) -> Replay:
    """What a learner would have earned while it learnt, had it decided in place of the logging policy.

    Row i is accepted with probability c·π_t(A|X)/p. The learner sees accepted rows alone, in time order and once their
    outcomes have matured, and publishes anew for every batch. Every row is accepted with probability c, so this
    simulates a company of n·c decisions. Beside the mean of the accepted rewards stands the doubly robust value, which
    uses every row with the same histories and a reward model fitted on earlier rows.

    Parameters
    ----------
    log
        Decisions with propensities; the arm ``control`` is left out.
    learner
        A model, ``Hierarchical()`` by default.
    explorer, objective
        How it publishes, as in ``publish``; by default for the objective of the log's specification. Limits are not
        kept here.
    uniform
        The learner's total share of uniform traffic η: more accepts more rows.
    batch_days
        Between publications; a period by default.
    min_propensity
        What logging guarantees every eligible action; from the logged vectors by default.
    seed
        Of acceptance and of the learner's banks.
    level
        Confidence of the intervals.
    truth
        (n, k) expected value of each outcome of the objective in every row, as a simulation has: gives regret.

    Returns
    -------
    Replay
        Unbiased for the learner's value on line where users answer to the present decision alone and the world does
        not change with what the log did before: carry-over is not replayed. Conditional on that, both estimators are
        unbiased; intervals are by user and asymptotic.

    Raises
    ------
    NothingToSayError
        No propensities, no least propensity, a probability of acceptance above 1, or no row accepted.
    SpecError
        No objective, or an option that is none.

    References
    ----------
    Li, Chu, Langford & Wang 2011 (replay); Dudík, Erhan, Langford & Li 2012 (DR-ns).

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(1000, 4, seed=1).log
    >>> result = tt.replay(log, tt.Conjugate(), objective=tt.Objective({"engaged": 1.0}), uniform=0.3)
    >>> len(result.curve), result.accepted < result.n
    (4, True)
    >>> result["learner", "engaged", "dr-ns"].verdict
    'weak'
    """
    objective = objective or log.objective
    _check(objective, log, uniform, batch_days, level)
    left_out = dict(log.left_out)
    log, truth = _without_control(log, truth, left_out)
    batches = Batches.divide(log, batch_days)
    smallest = rejection.smallest_propensity(log, min_propensity)
    rate = rejection.acceptance_rate(log, smallest, uniform)
    agent = Learner(learner or Hierarchical(), explorer, objective, uniform, seed)
    trajectory = follow(agent, batches, rate, rejection.draw_coins(log, seed), truth=truth)
    accepted = int(trajectory.accepted.sum())
    if not accepted:
        raise NothingToSayError(
            f"no row was accepted: each of {log.n:,} is with probability {rate:.2g}", "replay", "use a longer log"
        )
    replayed = ReplayedLog(log, trajectory, objective)
    return Replay(
        n=log.n,
        users=log.users,
        accepted=accepted,
        rate=rate,
        min_propensity=smallest,
        learner=agent.model.name,
        says=(
            f"this simulates a company of {accepted:,} accepted decisions: {100 * accepted / log.n:.2g} % of the "
            f"{log.n:,} that were logged; each is accepted with probability {rate:.3g}"
        ),
        values=learner_values(replayed, level),
        curve=learning_curve(replayed),
        regret=None if truth is None else regret(trajectory),
        left_out=left_out,
    )


def _check(objective: Objective, log: Log, uniform: float, batch_days: float | None, level: float) -> None:
    objective.check(log.outcomes)
    if not objective.outcomes:
        raise SpecError("no outcome has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    if not 0 <= uniform <= 1:
        raise SpecError(f"a uniform share of {uniform}", "replay", "choose it between 0 and 1")
    if batch_days is not None and not 0 < batch_days < np.inf:
        raise SpecError(f"batches of {batch_days} days", "replay", "choose a positive number of days")
    if not 0 < level < 1:
        raise SpecError(f"a level of {level}", "replay", "choose it between 0 and 1")
    if log.propensity is None or log.provenance == "estimated":
        raise NothingToSayError(
            "replay needs logged propensities, and the log has none",
            "propensity",
            "randomise a slice first (tactful init)",
        )


def _without_control(
    log: Log, truth: Mapping[str, F64] | None, left_out: dict[str, int]
) -> tuple[Log, Mapping[str, F64] | None]:
    """Rows of other arms than control; ``left_out`` gets their number."""
    rows = ~log.arm.equals(CONTROL)
    if rows.all():
        return log, truth
    if not rows.any():
        raise NothingToSayError("every row is in the control arm", "arm", "replay a log with another arm")
    left_out["arm: control"] = int((~rows).sum())
    return log.take(rows), None if truth is None else {o: x[rows] for o, x in truth.items()}
