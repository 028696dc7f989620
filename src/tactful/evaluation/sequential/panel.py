"""A panel of users over a horizon: the decisions of a log in line by user and period, as sequential estimators need."""

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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Panel:
    """The first ``horizon`` periods of each user from the user's own first decision on, where all are measured."""

    log: Log
    """All rows; those in line are ``rows``."""
    states: States
    """The state of the user before each decision of the log."""
    aligned: Aligned
    """Which row of the log each user has in each period."""
    horizon: int
    """The number of periods."""
    late: int
    """Users who are left out because their horizon had not passed."""
    vanished: int
    """Users without a decision in some period although nothing had ended their decisions."""

    @classmethod
    def build(cls, log: Log, states: States, horizon: int, outcomes: tuple[str, ...]) -> Panel:
        """Put the users in line whose outcomes have matured to the end of the horizon.

        Parameters
        ----------
        log
            Decisions of one scope.
        states
            The state of the user before each decision.
        horizon
            Periods from each user's first decision on.
        outcomes
            Names of those that must be known.

        Raises
        ------
        SpecError
            No horizon, or one longer than the log.
        LogError
            Several scopes, or nobody was followed for so long.
        """
        scopes = np.unique(log.scope.code)
        if scopes.size > 1:
            names = first(repr(log.scope.names[int(i)]) for i in scopes)
            do = "evaluate one scope at a time with [log] where"
            raise LogError(f"the log has {scopes.size} scopes ({names})", "a sequential estimate", do)
        last = _last_mature_period(log, outcomes)
        periods = last - int(log.period.min()) + 1
        if horizon < 1 or horizon > periods:
            measured = f"{max(periods, 0)} periods whose outcomes ({first(outcomes)}) are known"
            do = "choose a shorter horizon, or wait" if horizon > 0 else "choose at least 1"
            raise SpecError(f"a horizon of {horizon} periods, but the log has {measured}", "horizon", do)
        aligned = align(log.user, log.period, horizon, last=last)
        return cls(
            log=log,
            states=states,
            aligned=aligned,
            horizon=horizon,
            late=log.users - aligned.users.size,
            vanished=_count_vanished(log, aligned),
        )

    @property
    def users(self) -> int:
        """The number of users in line."""
        return self.aligned.users.size

    @property
    def rows(self) -> I64:
        """(m,) rows of the log that are in line."""
        return self.aligned.row[self.aligned.alive]

    @property
    def actions(self) -> I64:
        """(u, T) logged actions; 0 where there was none."""
        return np.where(self.aligned.alive, self.log.action[self.aligned.row], 0)

    def totals(self, values: F64) -> F64:
        """(u,) the sum of a quantity (n,) over each user's decisions in line; unknown values count as 0."""
        by_period = np.where(self.aligned.alive, np.nan_to_num(values)[self.aligned.row], 0)
        return by_period.sum(1)

    def trajectories(self, weight: F64, reward: F64) -> Trajectories:
        """With one-step weights and rewards (n,) of the log's rows; a user who is away earns 0."""
        aligned = self.aligned
        state = aligned.spread(self.states.code.astype(np.float64), 0.0).astype(np.int64)
        return Trajectories.of(aligned.spread(weight), aligned.spread(reward), aligned.alive, state)

    def markov(self, reward: F64) -> MarkovTest:
        """Test whether the period before says more about what comes than the state and the action do.

        The history that is tested is the reward, the sends (or the action) and the state of the period before.
        """
        trajectories = self.trajectories(np.ones(self.log.n), reward)
        history = np.stack([trajectories.reward, *self._sends(), trajectories.state.astype(np.float64)], 2)
        lagged = np.zeros_like(history)
        lagged[:, 1:] = history[:, :-1]
        return markov_test(trajectories, self.actions, lagged)

    def _sends(self) -> list[F64]:
        """(u, T) sends of each period; indicators of the actions where their sends are not known."""
        space, alive, actions = self.log.actions, self.aligned.alive, self.actions
        if None not in space.frequencies:
            return [np.where(alive, space.sends[actions], 0.0)]
        if space.k > FEW_ACTIONS:
            return []
        return [np.where(alive & (actions == a), 1.0, 0.0) for a in range(1, space.k)]


def _last_mature_period(log: Log, outcomes: tuple[str, ...]) -> int:
    """The newest period up to which these outcomes have matured in every row."""
    immature = np.zeros(log.n, np.bool_)
    for name in outcomes:
        immature |= ~log.outcomes[name].mature
    newest = int(log.period.max())
    return newest if not immature.any() else min(newest, int(log.period[immature].min()) - 1)


def _count_vanished(log: Log, aligned: Aligned) -> int:
    """Users without a decision in a period, before which no absorbing outcome came."""
    absorbed = np.zeros(log.n, np.bool_)
    for measured in log.outcomes.values():
        if measured.spec.absorbing:
            absorbed |= measured.value == 1
    ended = np.logical_or.accumulate(aligned.alive & absorbed[aligned.row], axis=1)
    ended_earlier = np.concatenate([np.zeros((len(ended), 1), np.bool_), ended[:, :-1]], axis=1)
    return int(np.count_nonzero((~aligned.alive & ~ended_earlier).any(1)))
