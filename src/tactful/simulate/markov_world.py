"""A small world with a discrete state, whose values are exact by linear algebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.arrays import F64, I64
from tactful.core.draw import ONE, draw_key, user_keys
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.policies.protocol import Policy
from tactful.simulate.chance import uniform
from tactful.simulate.plain_world import START
from tactful.simulate.records import Header, to_log
from tactful.simulate.simulated import Simulated
from tactful.simulate.status_quo import draw, serve

MOVE, ENGAGE, QUIT = range(3)
OUTCOMES = (
    Outcome("engaged", "binary", window_us=DAY_US),
    Outcome("opted_out", "binary", window_us=DAY_US, absorbing=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkovWorld:
    """Fatigue 0 … levels − 1, and ``gone``: each day one of none, send.

    In level x a send engages with probability ``engage``·``tire``^x and ends it all with ``quit``·``pester``^x; without
    a send the user engages with ``organic``, and after an opt-out with ``after``. A send raises the level by one with
    probability ``up``, a day without lowers it by one with probability ``rest``.
    """

    levels: int = 4
    """Number of levels of fatigue."""
    engage: float = 0.35
    """Probability that a send to a rested user engages."""
    tire: float = 0.55
    """Factor of it for each level of fatigue."""
    organic: float = 0.08
    """Probability that a user engages on a day without a send."""
    after: float = 0.05
    """The same after an opt-out."""
    quit: float = 0.01
    """Probability that a send to a rested user ends it all."""
    pester: float = 1.8
    """Factor of it for each level of fatigue."""
    up: float = 0.8
    """Probability that a send raises the level by one."""
    rest: float = 0.5
    """Probability that a day without a send lowers the level by one."""

    def __post_init__(self) -> None:
        """Refuse what is no chain."""
        if self.levels < 1 or not 0 <= self.quit * self.pester ** (self.levels - 1) <= 1:
            raise SpecError("no chain", "[markov]", "give levels, and probabilities of quitting of at most 1")

    @property
    def actions(self) -> ActionSpace:
        """None and send, once a day."""
        return ActionSpace.named(["none", "send"], period_days=1)

    def quits(self) -> F64:
        """(levels + 1, 2) probability of an opt-out by state and action; the last state is gone."""
        send = np.append(self.quit * self.pester ** np.arange(self.levels), 0.0)
        return np.stack([np.zeros_like(send), send], 1)

    def rewards(self) -> F64:
        """(levels + 1, 2) expected engagement by state and action."""
        send = np.append(self.engage * self.tire ** np.arange(self.levels), self.after)
        return np.stack([np.append(np.full(self.levels, self.organic), self.after), send], 1)

    def transitions(self) -> F64:
        """(2, levels + 1, levels + 1) probabilities of the next state; rows sum to 1."""
        m, quits = self.levels, self.quits()
        moves = np.zeros((2, m + 1, m + 1))
        for x in range(m):
            stays = 1 - quits[x, 1]
            for action, to, p in ((0, max(x - 1, 0), self.rest), (1, min(x + 1, m - 1), self.up * stays)):
                moves[action, x, to] += p
            moves[0, x, x] += 1 - self.rest
            moves[1, x, x] += (1 - self.up) * stays
            moves[1, x, m] = quits[x, 1]
        moves[:, m, m] = 1
        return moves

    def value(self, pmf: F64, horizon: int, start: F64 | None = None) -> F64:
        """(horizon,) exact mean engagement per user and day of a stationary policy (levels, 2) from ``start``.

        Users who opted out stay in the mean. ``start`` (levels + 1,) defaults to everybody rested.
        """
        chain, reward = self._under(pmf)
        at = np.eye(self.levels + 1)[0] if start is None else start
        means = np.empty(horizon)
        for t in range(horizon):
            means[t] = at @ reward
            at = at @ chain
        return means

    def discounted(self, pmf: F64, discount: float) -> F64:
        """(levels + 1,) exact Σ_t γ^t E r_t from each state: the solution of (I − γP)v = r."""
        chain, reward = self._under(pmf)
        return np.asarray(np.linalg.solve(np.eye(len(chain)) - discount * chain, reward), np.float64)

    def occupancy(self, pmf: F64, horizon: int) -> F64:
        """(horizon, levels + 1) exact distribution of the state by day, from rested."""
        chain, _ = self._under(pmf)
        at = np.eye(self.levels + 1)[:1]
        for _ in range(horizon - 1):
            at = np.vstack([at, at[-1] @ chain])
        return at

    def _under(self, pmf: F64) -> tuple[F64, F64]:
        weights = np.vstack([pmf, [1.0, 0.0]])
        return np.einsum("xa,axy->xy", weights, self.transitions()), np.sum(weights * self.rewards(), axis=1)

    def simulate(self, users: int, days: int, policy: Policy, *, seed: int, salt: str = "markov") -> Simulated:
        """A log of daily decisions of ``policy``, which sees ``x_level``; rows of users who opted out are absent.

        Raises
        ------
        SpecError
            No users or no days are asked for.
        """
        if users < 1 or days < 1:
            raise SpecError(f"{users} users and {days} days make no log", "markov", "ask for at least one of each")
        row, level = np.arange(users, dtype=np.uint64), np.zeros(users, np.int64)
        ids = np.array([f"u-{i + 1:06d}" for i in range(users)], object)
        header = Header(self.actions, Segments(("",)), ids, user_keys(ids), policy.version)
        first = self.actions.period(time_us(START, "START"))
        made: list[dict[str, Any]] = []
        for day in range(days):
            who = np.flatnonzero(level < self.levels)
            served = serve(policy, np.zeros(who.size, np.int64), level[who, None].astype(np.float64))
            period = np.full(who.size, first + day)
            action, propensity = draw(served, header.keys[who], period, draw_key(salt))
            rows = self._day(level, who, action, [uniform(seed, row[who], 3 * day + lane) for lane in range(3)])
            rows |= {"user": who, "period": period, "action": action, "propensity": propensity}
            made.append(rows | {"propensities": served / ONE})
        columns = {c: np.concatenate([m[c] for m in made]) for c in made[0]}
        order = np.argsort(columns["user"], kind="stable")
        columns = {c: v[order] for c, v in columns.items()}
        state = columns["context"][:, 0].astype(np.int64)
        columns["segment"] = np.zeros(state.size, np.int64)
        columns["decided_at"] = self.actions.origin_us + columns["period"] * DAY_US
        log = to_log(header, columns, OUTCOMES, int(columns["decided_at"].max()) + DAY_US, names=("level",))
        return Simulated(log, {"engaged": self.rewards()[state], "opted_out": self.quits()[state]})

    def _day(self, level: I64, who: I64, action: I64, u: list[F64]) -> dict[str, F64]:
        """Outcomes of one day; ``level`` is moved."""
        at, m = level[who], self.levels
        left = u[QUIT] < self.quits()[at, action]
        up = np.minimum(at + (u[MOVE] < self.up), m - 1)
        down = np.maximum(at - (u[MOVE] < self.rest), 0)
        level[who] = np.where(left, m, np.where(action == 1, up, down))
        engaged = (u[ENGAGE] < self.rewards()[at, action]).astype(np.float64)
        return {"context": at[:, None].astype(np.float64), "engaged": engaged, "opted_out": left.astype(np.float64)}
