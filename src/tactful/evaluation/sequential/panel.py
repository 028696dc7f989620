"""The users of a log in line over a horizon: what sequential estimators take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.errors import LogError, SpecError, first
from tactful.evaluation.sequential.states import States
from tactful.ope.markov_test import MarkovTest, markov_test
from tactful.ope.trajectories import Aligned, Trajectories, align

FEW_ACTIONS = 4  # up to here the Markov test tells earlier actions apart; beyond, it looks at their sends


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Each user's first ``horizon`` periods from their own first decision on, where all of them have been measured.

    ``aligned`` has the rows of the log; ``late`` counts the users whose horizon had not passed; ``vanished`` those
    without a decision in some period although nothing had ended it.
    """

    log: Log
    states: States
    aligned: Aligned
    horizon: int
    late: int
    vanished: int

    @classmethod
    def of(cls, log: Log, states: States, horizon: int, outcomes: tuple[str, ...]) -> Lines:
        """The lines of users whose ``outcomes`` have matured to the end of the horizon.

        Raises
        ------
        SpecError
            No horizon, or one longer than the log.
        LogError
            Several scopes, or nobody was followed for so long.
        """
        used = np.unique(log.scope.code)
        if used.size > 1:
            names = first(repr(log.scope.names[int(i)]) for i in used)
            do = "evaluate one scope at a time with [log] where"
            raise LogError(f"the log has {used.size} scopes ({names})", "a sequential estimate", do)
        last = _last(log, outcomes)
        periods = last - int(log.period.min()) + 1
        if horizon < 1 or horizon > periods:
            measured = f"{max(periods, 0)} periods whose outcomes ({first(outcomes)}) are known"
            do = "choose a shorter horizon, or wait" if horizon > 0 else "choose at least 1"
            raise SpecError(f"a horizon of {horizon} periods, but the log has {measured}", "horizon", do)
        aligned = align(log.user, log.period, horizon, last=last)
        return cls(log, states, aligned, horizon, log.users - aligned.users.size, _vanished(log, aligned))

    @property
    def users(self) -> int:
        """The number of users in line."""
        return self.aligned.users.size

    @property
    def rows(self) -> I64:
        """(m,) rows of the log that are in line."""
        return self.aligned.row[self.aligned.alive]

    def trajectories(self, weight: F64, reward: F64) -> Trajectories:
        """With one-step weights and rewards (n,) of the log's rows; a user who is away earns 0."""
        at = self.aligned
        state = at.spread(self.states.code.astype(np.float64), 0.0).astype(np.int64)
        return Trajectories.of(at.spread(weight), at.spread(reward), at.alive, state)

    def actions(self) -> I64:
        """(u, T) logged actions; 0 where there was none."""
        return np.where(self.aligned.alive, self.log.action[self.aligned.row], 0)

    def markov(self, reward: F64) -> MarkovTest:
        """Does the period before last say more about what comes, given the state and the action?

        The history is the reward, the sends (or the action) and the state of the period before.
        """
        one = self.trajectories(np.ones(self.log.n), reward)
        sent = self._sent()
        before = np.stack([one.reward, *sent, one.state.astype(np.float64)], 2)
        older = np.zeros_like(before)
        older[:, 1:] = before[:, :-1]
        return markov_test(one, self.actions(), older)

    def _sent(self) -> list[F64]:
        """(u, T) sends of each period; indicators of the actions where their sends are not known."""
        space, alive = self.log.actions, self.aligned.alive
        if None not in space.frequencies:
            sends = np.array([float(f or 0) for f in space.frequencies])
            return [np.where(alive, sends[self.actions()], 0.0)]
        if space.k > FEW_ACTIONS:
            return []
        return [np.where(alive & (self.actions() == a), 1.0, 0.0) for a in range(1, space.k)]


def _last(log: Log, outcomes: tuple[str, ...]) -> int:
    """The newest period up to which these outcomes have matured in every row."""
    young = np.zeros(log.n, np.bool_)
    for o in outcomes:
        young |= ~log.outcomes[o].mature
    newest = int(log.period.max())
    return newest if not young.any() else min(newest, int(log.period[young].min()) - 1)


def _vanished(log: Log, aligned: Aligned) -> int:
    """Users without a decision in a period, before which no absorbing outcome came."""
    left = np.zeros(log.n, np.bool_)
    for m in log.outcomes.values():
        if m.spec.absorbing:
            left |= m.value == 1
    ended = np.logical_or.accumulate(aligned.alive & left[aligned.row], axis=1)
    before = np.concatenate([np.zeros((len(ended), 1), np.bool_), ended[:, :-1]], axis=1)
    return int(np.count_nonzero((~aligned.alive & ~before).any(1)))
