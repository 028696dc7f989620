"""A small weekly world with known truth: enough to show the whole loop, and to check it.

Every random number is Philox of (seed, user, week and purpose) and every action the keyed draw of
``core.draw``, so what happens to a user depends neither on who else is simulated nor on the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.arrays import F64, I64, U64
from tactful.core.draw import ONE, draw_key, user_keys
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.simulate.chance import binomial, normal, poisson, uniform
from tactful.simulate.simulated import WINDOW_US, Simulated, assemble
from tactful.simulate.status_quo import Logging, StatusQuo, draw, serve

START = "2026-01-05T00:00:00Z"  # a Monday
PLATFORMS = ("ios", "android")
LIFECYCLES = ("new", "regular", "core")
CHRONOTYPES = ("early", "lunch", "evening", "night")
HOUR_US = DAY_US // 24
FIRST_H, JITTER_H = 9.0, 6.0  # decisions fall between Monday 09:00 and 15:00 UTC
PURPOSES = 8  # lanes of one week; those before the first week are the user's own
ORGANIC, OPENS, ADDED, OPT_OUT = range(4)
LEAF, ACTIVITY, OPENNESS, TOLERANCE, JITTER = 0, 1, 3, 5, 7  # a normal takes two lanes

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Users:
    """Fixed traits of u users: leaf in the tree, time of decisions in the week, organic rate, log-odds, tolerance."""

    row: U64
    node: I64
    decides_us: I64
    organic: F64
    log_odds: F64
    tolerance: F64

    def take(self, who: I64) -> _Users:
        """The chosen users."""
        return _Users(*(getattr(self, name)[who] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class WeeklyWorld:
    """One (user, week) at a time; parameters by lifecycle are for new, regular and core users.

    With recent dose D (sends; D ← (D + f)·2^(−1/half_life) each week), load R = (D + f)/2, tolerance T and excess
    x = min(1, max(0, log2(R/T))), a week of f sends at slot h brings
    opens ~ Binomial(f, p), logit p = openness + amplitude·fit(chronotype, h) − fatigue·D − overload·x;
    sessions ~ Poisson(λ) + Binomial(opens, exp(−replace·λ)): an open may stand for a visit that would have come anyway;
    an opt-out, at the end of the week and for good, with probability 1 − exp(−f·hazard·factor^x).
    """

    actions: ActionSpace = field(
        default_factory=lambda: ActionSpace.grid(["08:00", "12:00", "18:00", "21:30"], [1, 2, 3, 5, 7])
    )
    shares: tuple[float, float, float] = (0.35, 0.40, 0.25)
    """Shares of users by lifecycle; platforms and chronotypes are equally frequent."""
    organic: tuple[float, float, float] = (1.3, 1.8, 2.6)
    """Mean organic sessions a week."""
    organic_sigma: float = 0.3
    """Standard deviation of the logarithm of a user's organic rate."""
    openness: tuple[float, float, float] = (-2.4, -2.5, -2.8)
    """Log-odds of an open at the wrong hour, rested."""
    openness_sigma: float = 0.5
    platform: tuple[float, float] = (0.15, -0.15)
    """Log-odds added by platform."""
    amplitude: float = 1.5
    """Log-odds added at the chronotype's hour."""
    peak_h: tuple[float, float, float, float] = (7.5, 12.5, 18.5, 22.0)
    """Local hour at which each chronotype opens most."""
    width_h: float = 2.0
    """Standard deviation of that bump in hours, on the circle of 24."""
    fatigue: float = 0.04
    """Log-odds lost per recent send."""
    overload: float = 3.0
    """Log-odds lost at twice the tolerance."""
    tolerance: tuple[float, float, float] = (1.7, 2.8, 4.8)
    """Median load, in sends a week, from which users feel pestered."""
    tolerance_sigma: float = 0.35
    replace: float = 0.16
    """Weeks before an organic visit within which an open replaces it."""
    hazard: float = 0.00022
    """Opt-out hazard per send under the tolerance."""
    factor: float = 9.0
    """Factor of that hazard at twice the tolerance."""
    half_life_weeks: float = 1.0
    """Half-life of the recent dose."""

    def __post_init__(self) -> None:
        """Refuse actions that are not cadences of a week."""
        cells = zip(self.actions.slots, self.actions.frequencies, strict=True)
        if any(f is None or (f > 0 and slot is None) for slot, f in cells) or self.actions.period_us != WINDOW_US:
            raise SpecError("a weekly world needs cadences of a week", "[actions]", "give slots and frequencies")

    @property
    def segments(self) -> Segments:
        """The tree platform / lifecycle / chronotype: 24 leaves."""
        return Segments.of("/".join(parts) for parts in product(PLATFORMS, LIFECYCLES, CHRONOTYPES))

    def simulate(
        self,
        users: int,
        periods: int,
        *,
        seed: int,
        policy: Logging | None = None,
        salt: str = "simulate",
        first_user: int = 0,
        as_of: int | None = None,
        progress: Progress | None = None,
    ) -> Simulated:
        """Weekly decisions of ``policy`` (None: the status quo) for users who were never notified before.

        Parameters
        ----------
        users, periods
            How many users, and weeks from Monday 5 January 2026.
        seed, salt
            Of the world, and of the keyed draw of actions.
        first_user
            Index of the first user: ranges of users simulated apart give the rows of the whole.
        as_of
            "Now" in µs UTC: later decisions are absent and younger outcomes than their window unknown.
            None is a week after the last period.
        progress
            Called with (weeks done, weeks).

        Returns
        -------
        Simulated
            Rows by user, then period; propensities exact.

        Raises
        ------
        SpecError
            No users or no periods are asked for.
        """
        if users < 1 or periods < 1:
            raise SpecError(
                f"{users} users and {periods} periods make no log", "simulate", "ask for at least one of each"
            )
        policy = policy or StatusQuo(self.actions)
        people = self._users(users, first_user, seed)
        ids = np.array([f"u-{i + 1:06d}" for i in range(first_user, first_user + users)], object)
        keys, node_of, key = user_keys(ids), policy.segments.locate(self.segments), draw_key(salt)
        start = self.actions.period(time_us(START, "START"))
        dose, alive = np.zeros(users), np.ones(users, np.bool_)
        weeks: list[dict[str, Any]] = []
        for week in range(periods):
            who = np.flatnonzero(alive)
            now, period = people.take(who), np.full(who.size, start + week)
            served = serve(policy, node_of[now.node], dose[who, None])
            action, propensity = draw(served, keys[who], period, key)
            rows = self._week(now, dose[who], action, seed, week)
            rows |= {"user": who, "period": period, "action": action, "propensity": propensity}
            rows |= {"segment": now.node, "decided_at": self.actions.period_start_us(start + week) + now.decides_us}
            weeks.append(rows | {"propensities": served / ONE, "dose": dose[who]})
            dose[who] = (dose[who] + rows["sends"]) * 2 ** (-1 / self.half_life_weeks)
            alive[who] = rows["opted_out"] == 0
            if progress:
                progress(week + 1, periods)
        end = self.actions.period_start_us(start + periods) + WINDOW_US
        columns = {c: np.concatenate([w[c] for w in weeks]) for c in weeks[0]}
        return assemble(
            columns, (self.actions, self.segments, ids, keys), policy.version, end if as_of is None else as_of
        )

    def _users(self, users: int, first_user: int, seed: int) -> _Users:
        """Draw the fixed traits."""
        row = np.arange(first_user, first_user + users, dtype=np.uint64)
        parts = list(product(range(2), range(3), range(4)))
        share: F64 = np.cumsum([self.shares[life] for _, life, _ in parts])
        at: F64 = uniform(seed, row, LEAF) * share[-1]
        leaf = np.minimum(np.searchsorted(share, at, "right"), len(parts) - 1)
        platform, life, chronotype = np.array(parts).T[:, leaf]
        nodes = [self.segments.index(f"{PLATFORMS[p]}/{LIFECYCLES[f]}/{CHRONOTYPES[c]}") for p, f, c in parts]
        spread = self.organic_sigma * normal(seed, row, ACTIVITY) - self.organic_sigma**2 / 2
        open_ = np.array(self.openness)[life] + np.array(self.platform)[platform]
        open_ = open_ + self.openness_sigma * normal(seed, row, OPENNESS)
        return _Users(
            row=row,
            node=np.array(nodes, np.int64)[leaf],
            decides_us=((FIRST_H + JITTER_H * uniform(seed, row, JITTER)) * HOUR_US).astype(np.int64),
            organic=np.array(self.organic)[life] * np.exp(spread),
            log_odds=open_[:, None] + self._fit()[chronotype],
            tolerance=np.array(self.tolerance)[life] * np.exp(self.tolerance_sigma * normal(seed, row, TOLERANCE)),
        )

    def _fit(self) -> F64:
        """(4, k) log-odds that each chronotype adds at the hour of each action."""
        hour = np.array([int(s[:2]) + int(s[3:]) / 60 if s else np.nan for s in self.actions.slots])
        gap = np.abs(hour - np.array(self.peak_h)[:, None])
        gap = np.minimum(gap, 24 - gap)
        return np.nan_to_num(self.amplitude * np.exp(-0.5 * (gap / self.width_h) ** 2))

    def _rates(self, people: _Users, dose: F64) -> tuple[F64, F64, F64]:
        """Probability of an open (n, k), that an open adds a session (n,), and of an opt-out (n, k)."""
        f = np.array(self.actions.frequencies, np.float64)
        load = np.maximum((dose[:, None] + f) / 2, 1e-9)
        excess = np.clip(np.log2(load / people.tolerance[:, None]), 0, 1)
        log_odds = people.log_odds - self.fatigue * dose[:, None] - self.overload * excess
        hazard = f * self.hazard * self.factor**excess
        return 1 / (1 + np.exp(-log_odds)), np.exp(-self.replace * people.organic), -np.expm1(-hazard)

    def _week(self, people: _Users, dose: F64, action: I64, seed: int, week: int) -> dict[str, Any]:
        """What happens in one week, and the expectation (n, k) of each outcome as ``truth <outcome>``."""
        f = np.array(self.actions.frequencies, np.float64)
        p, adds, quits = self._rates(people, dose)
        u = [uniform(seed, people.row, (week + 1) * PURPOSES + purpose) for purpose in range(4)]
        i = np.arange(action.size)
        opens = binomial(u[OPENS], f[action], p[i, action])
        engaged = poisson(u[ORGANIC], people.organic) + binomial(u[ADDED], opens, adds)
        return {
            "sends": f[action],
            "opens": opens,
            "engaged": engaged,
            "opted_out": (u[OPT_OUT] < quits[i, action]).astype(np.float64),
            "truth opens": f * p,
            "truth engaged": people.organic[:, None] + f * p * adds[:, None],
            "truth opted_out": quits,
        }
