"""A world without memory: independent decisions, and a smooth surface over hour and frequency in each segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.arrays import F64
from tactful.core.draw import ONE, draw_key, user_keys
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.policies.protocol import Policy
from tactful.simulate.chance import binomial, normal, uniform
from tactful.simulate.records import Header, to_log
from tactful.simulate.simulated import Simulated
from tactful.simulate.status_quo import StatusQuo, draw, serve

START = "2026-01-05T00:00:00Z"
PURPOSES = 4
OPENS, OPT_OUT = range(2)
SCATTER = 1 << 40  # lanes of the world itself; those of weeks are below
OUTCOMES = (
    Outcome("engaged", "count", window_us=7 * DAY_US, has_trials=True),
    Outcome("opted_out", "binary", window_us=7 * DAY_US),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainWorld:
    """Every decision is independent of every other, so one-step values are the whole truth.

    In segment s a week of f sends at hour h brings Binomial(f, p) engagements and an opt-out with probability
    1 − exp(−f·hazard·growth^(log2 f)), logit p = level + amplitude·cos(2π(h − peak_s)/24) − bend·(log2 f − ideal_s)².
    """

    actions: ActionSpace = field(
        default_factory=lambda: ActionSpace.grid(["08:00", "12:00", "16:00", "19:00", "22:00"], [1, 2, 3, 5, 7])
    )
    """Cadences that can be chosen."""
    leaves: tuple[str, ...] = ("ios/new", "ios/core", "android/new", "android/core")
    """Paths of the segments."""
    peak_h: tuple[float, ...] = (8.0, 20.0, 12.0, 22.0)
    """Local hour at which a send is opened most, by leaf."""
    ideal: tuple[float, ...] = (0.5, 1.5, 1.0, 2.3)
    """log2 of the frequency at which a send is opened most, by leaf."""
    level: float = -2.0
    """Log-odds of an engagement per send, before hour and frequency count."""
    amplitude: float = 0.8
    """Log-odds between the best hour and the mean hour."""
    bend: float = 0.15
    """Log-odds lost per squared doubling of the frequency away from the ideal one."""
    hazard: float = 0.0008
    """Hazard of an opt-out per send at one send a week."""
    growth: float = 1.4
    """Factor of it for every doubling of the frequency."""
    scatter: float = 0.0
    """Standard deviation of what is added to the log-odds of every (leaf, action) on its own: no surface is smooth."""
    scatter_seed: int = 0
    """Seed of that scatter."""
    shares: tuple[float, ...] = ()
    """Share of users by leaf; equal where none are given."""

    def __post_init__(self) -> None:
        """Refuse what is no surface."""
        if not len(self.leaves) == len(self.peak_h) == len(self.ideal) or not self.leaves:
            raise SpecError("leaves, peaks and ideals differ in number", "[plain]", "give one of each a leaf")
        if self.shares and (len(self.shares) != len(self.leaves) or min(self.shares) < 0 or sum(self.shares) <= 0):
            raise SpecError("shares do not fit the leaves", "[plain] shares", "give one of at least 0 a leaf, or none")
        if any(
            f is None or (f and s is None) for s, f in zip(self.actions.slots, self.actions.frequencies, strict=True)
        ):
            raise SpecError("the plain world needs cadences", "[plain] actions", "give slots and frequencies")

    @property
    def segments(self) -> Segments:
        """The tree."""
        return Segments.of(self.leaves)

    def truth(self) -> dict[str, F64]:
        """Exact mean (leaves, k) per decision of ``engaged`` and ``opted_out``, and ``sends``."""
        f = np.array(self.actions.frequencies, np.float64)
        hour = np.array([int(s[:2]) + int(s[3:]) / 60 if s else 0.0 for s in self.actions.slots])
        octave = np.log2(np.maximum(f, 1))
        wave = np.cos(2 * np.pi * (hour - np.array(self.peak_h)[:, None]) / 24)
        logit = self.level + self.amplitude * wave - self.bend * (octave - np.array(self.ideal)[:, None]) ** 2
        if self.scatter:
            own = normal(self.scatter_seed, np.arange(logit.size, dtype=np.uint64), SCATTER)
            logit = logit + self.scatter * own.reshape(logit.shape)
        quits = -np.expm1(-f * self.hazard * self.growth**octave)
        return {
            "engaged": f / (1 + np.exp(-logit)),
            "opted_out": np.tile(quits, (len(self.leaves), 1)),
            "sends": np.tile(f, (len(self.leaves), 1)),
        }

    def value(self, policy: Policy) -> dict[str, float]:
        """The exact mean per decision of every outcome under what the policy serves."""
        node = self.segments.locate(Segments.of(self.leaves))[[self.segments.nearest(p) for p in self.leaves]]
        served = serve(policy, policy.segments.locate(self.segments)[node], np.zeros((node.size, 0))) / ONE
        weight = self._shares()
        return {o: float((served * mean).sum(1) @ weight) for o, mean in self.truth().items()}

    def simulate(
        self,
        users: int,
        periods: int,
        policy: Policy | None = None,
        *,
        seed: int,
        salt: str = "plain",
        first_week: int = 0,
    ) -> Simulated:
        """A log of weekly decisions with exact propensities; nobody leaves, whatever the outcome says.

        Weeks are counted from ``first_week``: those simulated apart, each under its own policy, continue one another.

        Raises
        ------
        SpecError
            No users or no periods are asked for.
        """
        if users < 1 or periods < 1:
            raise SpecError(f"{users} users and {periods} periods make no log", "plain", "ask for at least one of each")
        policy = policy or StatusQuo(self.actions, self.segments)
        who, week = (x.ravel() for x in np.mgrid[0:users, first_week : first_week + periods])
        row = np.arange(users, dtype=np.uint64)
        edge = np.cumsum(self._shares())[:-1]
        leaf = np.searchsorted(edge, uniform(seed, row, 0), "right").astype(np.int64)
        node = np.array([self.segments.nearest(p) for p in self.leaves])[leaf][who]
        ids = np.array([f"u-{i + 1:06d}" for i in range(users)], object)
        header = Header(self.actions, self.segments, ids, user_keys(ids), policy.version)
        served = serve(policy, policy.segments.locate(self.segments)[node], np.zeros((node.size, 0)))
        period = self.actions.period(time_us(START, "START")) + week
        action, propensity = draw(served, header.keys[who], period, draw_key(salt))
        rows: dict[str, Any] = {"user": who, "period": period, "segment": node, "action": action}
        rows |= {"propensity": propensity, "propensities": served / ONE}
        rows |= self._outcomes(seed, row, who, week, leaf, action)
        rows["decided_at"] = self.actions.origin_us + period * 7 * DAY_US
        rows["context"] = np.zeros((who.size, 0))
        log = to_log(header, rows, OUTCOMES, int(rows["decided_at"].max()) + 7 * DAY_US, names=())
        return Simulated(log, {o.name: self.truth()[o.name][leaf[who]] for o in OUTCOMES})

    def _shares(self) -> F64:
        share = np.array(self.shares or [1.0] * len(self.leaves))
        return share / share.sum()

    def _outcomes(self, seed: int, row: Any, who: Any, week: Any, leaf: Any, action: Any) -> dict[str, F64]:
        u = np.empty((who.size, 2))
        for purpose in (OPENS, OPT_OUT):
            for w in np.unique(week).tolist():
                u[week == w, purpose] = uniform(seed, row, 1 + w * PURPOSES + purpose)
        f = np.array(self.actions.frequencies, np.float64)[action]
        truth = self.truth()
        mean = truth["engaged"][leaf[who], action]
        opens = binomial(u[:, OPENS], f, np.divide(mean, f, out=np.zeros_like(f), where=f > 0))
        left = u[:, OPT_OUT] < truth["opted_out"][leaf[who], action]
        return {"sends": f, "engaged": opens, "opted_out": left.astype(np.float64)}
