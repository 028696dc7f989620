"""Users over a horizon as padded arrays: the layout that sequential estimators share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.errors import LogError

AWAY = 0  # the state of a user without a decision


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """u users over T periods; entry (i, t) is the decision of user i in period t of the horizon.

    Attributes
    ----------
    weight
        (u, T) one-step weights π(A|x) / e(A|x); 1 where there was no decision.
    reward
        (u, T); 0 where there was no decision, unless something is known of the user there too.
    alive
        (u, T) whether there was a decision: not after an opt-out, which is why such users stay in the denominator.
    state
        (u, T) codes of a discrete state *before* the decision: from 1 where alive, ``AWAY`` (0) elsewhere.
    """

    weight: F64
    reward: F64
    alive: Bool
    state: I64

    @classmethod
    def of(cls, weight: F64, reward: F64, alive: Bool, state: I64 | None = None) -> Trajectories:
        """From (u, T) arrays; states are codes from 0 where alive, and what stands elsewhere is not read.

        Rewards where a user is not alive count if they are numbers, and are 0 where they are not.

        Raises
        ------
        LogError
            Shapes differ, or a decision has an unknown reward or weight, or a negative state.
        """
        codes = np.zeros(alive.shape, np.int64) if state is None else state
        if not weight.shape == reward.shape == alive.shape == codes.shape or alive.ndim != 2:
            raise LogError("arrays of different shapes", "trajectories", "give (users, periods) arrays")
        bad = alive & ~(np.isfinite(weight) & np.isfinite(reward) & (codes >= 0))
        if bad.any():
            what = f"{int(bad.sum()):,} decisions without a reward, a weight or a state"
            raise LogError(what, "trajectories", "leave out users whose horizon is not mature")
        kept = np.where(alive | np.isfinite(reward), reward, 0.0)
        return cls(np.where(alive, weight, 1.0), kept, alive, np.where(alive, codes + 1, AWAY))

    @property
    def users(self) -> int:
        """The number of users, u."""
        return self.weight.shape[0]

    @property
    def periods(self) -> int:
        """The periods of the horizon, T."""
        return self.weight.shape[1]

    @property
    def states(self) -> int:
        """The number of states, that of being away included."""
        return int(self.state.max(initial=0)) + 1

    def head(self, periods: int) -> Trajectories:
        """The first periods of the horizon."""
        part = slice(0, periods)
        return Trajectories(self.weight[:, part], self.reward[:, part], self.alive[:, part], self.state[:, part])


class Aligned(NamedTuple):
    """``users`` (u,) codes of the users kept, and ``row`` (u, T) of their decisions, −1 where there is none."""

    users: I64
    row: I64

    @property
    def alive(self) -> Bool:
        """(u, T) whether there is a decision."""
        return self.row >= 0

    def spread(self, values: F64, fill: float = float("nan")) -> F64:
        """(u, T) of a quantity (n,) of decisions."""
        return np.where(self.alive, values[self.row], fill)


def align(user: I64, period: I64, horizon: int, *, last: int | None = None) -> Aligned:
    """Put the decisions (n,) of each user in line, from the user's first period on, for ``horizon`` periods.

    Users are kept whose whole horizon ends by period ``last`` (by default that of the newest decision), so that a
    short line means that a user left, and not that time has not passed. Choose ``last`` by maturity.

    Raises
    ------
    LogError
        A user has two decisions in one period, or nobody's horizon has passed.

    Examples
    --------
    >>> align(np.array([0, 0, 1, 2]), np.array([5, 7, 5, 7]), 3).row
    array([[ 0, -1,  1],
           [ 2, -1, -1]])
    """
    final = int(period.max(initial=0)) if last is None else last
    first = np.full(int(user.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, user, period)
    users = np.flatnonzero(first <= final - horizon + 1)
    if not users.size:
        raise LogError(f"no user was followed for {horizon} periods", "trajectories", "choose a shorter horizon")
    place = np.full(first.size, -1)
    place[users] = np.arange(users.size)
    at = period - first[user]
    inside = np.flatnonzero((place[user] >= 0) & (at < horizon))
    cell = place[user[inside]] * horizon + at[inside]
    if np.unique(cell).size < cell.size:
        raise LogError("a user has two decisions in one period", "trajectories", "evaluate one scope at a time")
    row = np.full(users.size * horizon, -1)
    row[cell] = inside
    return Aligned(users, row.reshape(users.size, horizon))
