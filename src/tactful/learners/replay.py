"""Replay: a learning policy lives through a log, as if it had decided itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tactful.batch.served import acting
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import CONTROL, Log
from tactful.core.outcomes import Objective
from tactful.core.parallel import each
from tactful.errors import NothingToSayError, SpecError
from tactful.learners import rejection as acceptance
from tactful.learners.batches import Rounds
from tactful.learners.learner import History, Learner, Model
from tactful.learners.results import Replay
from tactful.learners.trajectory import curve, regret, values
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.hierarchical.posterior import Hierarchical
from tactful.optimisation.explorers import Explorer
from tactful.policies.protocol import Published

BLOCK = 1 << 11  # rows of a thread at once: what they need stays in its cache
FEW_NODES = 16


@dataclass
class Life:
    """What the learner would have done on each row (n,) of the log, filled batch by batch.

    ``pi`` is its probability of the logged action, ``q_logged`` and ``q_target`` (o, n) the reward model of all rows
    before at that action and its mean under the policy, by outcome; ``truth`` and ``best`` the objective's expected
    values, NaN where they are not known.
    """

    batch: I64
    pi: F64
    q_logged: F64
    q_target: F64
    accepted: Bool
    truth: F64
    best: F64
    learnt_from: list[int]


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
        A model, ``Hierarchical()`` by default, published by ``explorer`` (as in ``publish``) for the ``objective``
        (that of the log's specification by default). Limits are not kept here.
    uniform
        The learner's total share of uniform traffic η: more accepts more rows.
    batch_days
        Between publications; a period by default.
    min_propensity
        What logging guarantees every eligible action; from the logged vectors by default.
    seed
        Of acceptance and of the learner's banks.
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
    """
    objective = objective or log.objective
    _check(objective, log, uniform, batch_days, level)
    left_out = dict(log.left_out)
    log, truth = _rows(log, truth, left_out)
    rounds = Rounds.of(log, batch_days)
    least = acceptance.least_propensity(log, min_propensity)
    c = acceptance.rate(log, least, uniform)
    made = Learner(learner or Hierarchical(), explorer, objective, uniform, seed)
    life, starts = _live(made, rounds, c, truth, acceptance.coins(log, seed))
    if not life.accepted.any():
        raise NothingToSayError(
            f"no row was accepted: each of {log.n:,} is with probability {c:.2g}", "replay", "use a longer log"
        )
    found = values(log, life, objective, level)
    count = int(life.accepted.sum())
    says = (
        f"this simulates a company of {count:,} accepted decisions: {100 * count / log.n:.2g} % of the {log.n:,} that "
        f"were logged; each is accepted with probability {c:.3g}"
    )
    return Replay(
        log.n,
        log.users,
        count,
        c,
        least,
        made.model.name,
        says,
        found,
        curve(log, life, objective, starts),
        None if truth is None else regret(life),
        left_out,
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


def _rows(log: Log, truth: Mapping[str, F64] | None, left_out: dict[str, int]) -> tuple[Log, Mapping[str, F64] | None]:
    """Rows of other arms than control."""
    keep = ~log.arm.equals(CONTROL)
    if keep.all():
        return log, truth
    if not keep.any():
        raise NothingToSayError("every row is in the control arm", "arm", "replay a log with another arm")
    left_out["arm: control"] = int((~keep).sum())
    return log.take(keep), None if truth is None else {o: x[keep] for o, x in truth.items()}


def _live(
    learner: Learner, rounds: Rounds, c: float, truth: Mapping[str, F64] | None, coin: F64
) -> tuple[Life, list[int]]:
    """Batch after batch: publish, act on every row, accept some of them, show them to the learner."""
    log, n, o = rounds.log, rounds.log.n, len(rounds.log.outcomes)
    nan = np.full(n, np.nan)
    life = Life(
        rounds.batch, np.empty(n), np.zeros((o, n)), np.zeros((o, n)), np.zeros(n, np.bool_), nan, nan.copy(), []
    )
    everyone = History(Conjugate(dispersion=False))
    bare = replace(log, context=None, context_names=(), eligible=None, propensity=None, propensities=None)
    starts: list[int] = []
    propensity: Any = log.propensity
    for b, (now, rows) in enumerate(rounds):
        policy = learner.policy(log, now, b)
        life.learnt_from.append(learner.learnt_from())
        everyone.advance(bare, now, log.outcomes)
        _act(log, policy, rows, everyone, life, truth, learner.objective)
        taken = acceptance.accept(coin[rows], life.pi[rows], propensity[rows], c)
        life.accepted[rows] = taken
        learner.history.show(rows[taken])
        everyone.show(rows)
        starts.append(int(log.period[rows].min()))
    return life, starts


def _act(
    log: Log,
    policy: Published,
    rows: I64,
    everyone: History,
    life: Life,
    truth: Mapping[str, F64] | None,
    objective: Objective,
) -> None:
    """Fill the rows of one batch, block by block."""
    q = _model(log, everyone)

    def work(block: slice) -> None:
        at = rows[block]
        pmf, action, segment = acting(policy, log, at), log.action[at], log.segment[at]
        life.pi[at] = pmf[np.arange(at.size), action]
        if q is not None:
            life.q_logged[:, at] = q[:, segment, action]
            life.q_target[:, at] = _under(pmf, q, segment)
        if truth is not None:
            expected = objective.combine({o: truth[o][at] for o in objective.outcomes})
            may = True if log.eligible is None else log.eligible[at]
            life.truth[at] = np.einsum("na,na->n", pmf, expected)
            life.best[at] = np.max(expected, axis=1, where=may, initial=-np.inf)

    each(work, rows.size, BLOCK)


def _under(pmf: F64, q: F64, segment: I64) -> F64:
    """(o, m) the mean of the reward model (o, s, k) under the pmf (m, k) of each row."""
    nodes, at = np.unique(segment, return_inverse=True)
    if nodes.size > FEW_NODES:
        return np.stack([np.einsum("na,na->n", pmf, table[segment]) for table in q])
    every = pmf @ q[:, nodes].reshape(-1, q.shape[2]).T  # at every node: a product of matrices is faster than a gather
    return every.reshape(-1, len(q), nodes.size)[np.arange(at.size), :, at].T


def _model(log: Log, everyone: History) -> F64 | None:
    """(o, s, k) the reward model of all rows that have matured, over the nodes of the log."""
    if everyone.posterior is None:
        return None
    nodes = everyone.posterior.segments.locate(log.segments)
    return np.stack([everyone.posterior.mean(o)[nodes] for o in log.outcomes])
