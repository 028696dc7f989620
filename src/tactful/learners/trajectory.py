"""The trajectory of a learner on a log: what it would have done on every row, batch after batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tactful.batch.served import served_pmf
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Objective
from tactful.core.parallel import each
from tactful.learners import rejection
from tactful.learners.batches import Batches
from tactful.learners.learner import History, Learner
from tactful.models.conjugate.posterior import Conjugate
from tactful.policies.protocol import Published

ROW_BLOCK = 1 << 11  # rows of a thread at once: what they need stays in its cache
FEW_NODES = 16


@dataclass(slots=True, kw_only=True)
class Trajectory:
    """What a learner would have done on each row (n,) of a log, filled batch by batch; o outcomes."""

    batch: I64
    """(n,) the batch of each row, from 0."""
    pi: F64
    """(n,) the learner's probability of the logged action."""
    q_logged: F64
    """(o, n) the reward model of all rows before, at the logged action."""
    q_target: F64
    """(o, n) its mean under the learner's policy."""
    accepted: Bool
    """(n,) rows that the learner would have made."""
    truth: F64
    """(n,) expected objective under the policy; NaN where it is not known."""
    best: F64
    """(n,) expected objective of the best eligible action; NaN where it is not known."""
    starts: list[int]
    """The first period of each batch."""
    learnt_from: list[int]
    """Accepted decisions whose outcomes had matured when the policy of each batch was made."""

    @classmethod
    def start(cls, batches: Batches) -> Trajectory:
        """Nothing has been done yet."""
        n, o = batches.log.n, len(batches.log.outcomes)
        return cls(
            batch=batches.batch,
            pi=np.empty(n),
            q_logged=np.zeros((o, n)),
            q_target=np.zeros((o, n)),
            accepted=np.zeros(n, np.bool_),
            truth=np.full(n, np.nan),
            best=np.full(n, np.nan),
            starts=[],
            learnt_from=[],
        )


def follow(
    learner: Learner, batches: Batches, rate: float, coins: F64, *, truth: Mapping[str, F64] | None = None
) -> Trajectory:
    """Let a learner live: for every batch it publishes, acts on every row, and sees the rows that are accepted.

    Parameters
    ----------
    learner
        Without a history; it has one afterwards.
    batches
        Of a log with propensities.
    rate
        c, the probability with which any row is accepted.
    coins
        (n,) uniforms in (0, 1), one a row.
    truth
        (n, k) expected value of each outcome of the objective in every row.

    Returns
    -------
    Trajectory
        Of all rows.

    Raises
    ------
    NothingToSayError
        A probability of acceptance exceeds 1.
    """
    log = batches.log
    assert log.propensity is not None  # noqa: S101 -- replay refuses logs without
    trajectory = Trajectory.start(batches)
    recorder = _Recorder(log, learner.objective, truth, trajectory)
    # The reward model learns from every row: it helps to estimate, and the learner never sees it.
    everyone = History(Conjugate(dispersion=False))
    tabular = replace(log, context=None, context_names=(), eligible=None, propensity=None, propensities=None)
    for b, (now_us, rows) in enumerate(batches):
        policy = learner.policy(log, now_us, b)
        trajectory.learnt_from.append(learner.learnt_from())
        trajectory.starts.append(int(log.period[rows].min()))
        everyone.advance(tabular, now_us, log.outcomes)
        recorder.record(policy, rows, _reward_model(log, everyone))
        accepted = rejection.accept(coins[rows], trajectory.pi[rows], log.propensity[rows], rate)
        trajectory.accepted[rows] = accepted
        learner.history.show(rows[accepted])
        everyone.show(rows)
    return trajectory


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Writes into a trajectory what a policy would do on rows of the log."""

    log: Log
    objective: Objective
    truth: Mapping[str, F64] | None
    trajectory: Trajectory

    def record(self, policy: Published, rows: I64, q: F64 | None) -> None:
        """Fill the rows of a batch block by block, in threads; ``q`` (o, s, k) is the reward model."""

        def fill(block: slice) -> None:
            self._fill(policy, rows[block], q)

        each(fill, rows.size, ROW_BLOCK)

    def _fill(self, policy: Published, rows: I64, q: F64 | None) -> None:
        log, trajectory = self.log, self.trajectory
        pmf, action, segment = served_pmf(policy, log, rows), log.action[rows], log.segment[rows]
        trajectory.pi[rows] = pmf[np.arange(rows.size), action]
        if q is not None:
            trajectory.q_logged[:, rows] = q[:, segment, action]
            trajectory.q_target[:, rows] = _under(pmf, q, segment)
        if self.truth is not None:
            expected = self.objective.combine({o: self.truth[o][rows] for o in self.objective.outcomes})
            eligible = True if log.eligible is None else log.eligible[rows]
            trajectory.truth[rows] = np.einsum("na,na->n", pmf, expected)
            trajectory.best[rows] = np.max(expected, axis=1, where=eligible, initial=-np.inf)


def _under(pmf: F64, q: F64, segment: I64) -> F64:
    """(o, m) the mean of the reward model (o, s, k) under the pmf (m, k) of each row."""
    nodes, node = np.unique(segment, return_inverse=True)
    if nodes.size > FEW_NODES:
        return np.stack([np.einsum("na,na->n", pmf, table[segment]) for table in q])
    # The value at every node: a product of matrices is faster than a gather.
    value = pmf @ q[:, nodes].reshape(-1, q.shape[2]).T
    return value.reshape(-1, len(q), nodes.size)[np.arange(node.size), :, node].T


def _reward_model(log: Log, everyone: History) -> F64 | None:
    """(o, s, k) the reward model of all rows that have matured, over the nodes of the log; None before any has."""
    if everyone.posterior is None:
        return None
    nodes = everyone.posterior.segments.locate(log.segments)
    return np.stack([everyone.posterior.mean(o)[nodes] for o in log.outcomes])
