"""The simulated world: users who receive notifications, tire, form habits, open late, and opt out for good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from tactful.core.actions import ActionSpace, time_us
from tactful.core.arrays import F64
from tactful.core.draw import user_keys
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.kernels import world as kernel
from tactful.policies.protocol import Policy
from tactful.simulate import records, trial
from tactful.simulate.engine import Engine
from tactful.simulate.hours import hour_rows
from tactful.simulate.living import live
from tactful.simulate.people import People, draw_people
from tactful.simulate.plans import ANY, CadenceTable, Drawn, Fixed, Plan
from tactful.simulate.records import Progress
from tactful.simulate.simulated import Simulated
from tactful.simulate.status_quo import StatusQuo
from tactful.simulate.value import Value
from tactful.simulate.world_config import WorldConfig


@dataclass(frozen=True, slots=True)
class World:
    """A world with known truth; the same log for any thread count and any split by users.

    Examples
    --------
    >>> world = World()
    >>> twice, once = (world.value(Fixed(f), 28, 2000, seed=1) for f in (10.0, 5.0))
    >>> bool(twice.relative(once, "expected_opt_outs").value > 1)
    True
    """

    config: WorldConfig = field(default_factory=WorldConfig)

    @property
    def actions(self) -> ActionSpace:
        """The weekly cadences."""
        return self.config.actions

    @property
    def segments(self) -> Segments:
        """The tree of segments."""
        return Segments.of(leaf.path for leaf in self.config.leaves)

    @property
    def status_quo(self) -> Fixed:
        """What users are sent before a study starts."""
        return Fixed(float(self.config.status_quo))

    @property
    def first_period(self) -> int:
        """The period of week 0."""
        return self.actions.period(time_us(self.config.start, "[world] start"))

    def people(
        self, users: int, *, seed: int, first_user: int = 0, warm: bool = True, threads: int | None = None
    ) -> People:
        """Users ``first_user`` … at day 0: after the warm-up under the status quo, or rested and never notified.

        The warm-up starts with the fatigue that the status quo keeps in the long run.

        Raises
        ------
        SpecError
            No users are asked for.
        """
        if users < 1 or first_user < 0:
            raise SpecError(f"{users} users from {first_user} make no population", "world", "ask for at least one")
        people = draw_people(self.config, users, first_user, seed)
        if not warm:
            return people
        half_life, quo = self.config.fatigue_half_life, self.config.status_quo
        people.state[:, kernel.FATIGUE] = max(0.0, quo * half_life / (7 * math.log(2)) - 0.5)
        days = self.config.warmup_days
        seen = live(Engine(self.config, seed, threads), people, self.status_quo, -days, days)
        people.visits[:] = seen[:, 0, kernel.SESSIONS] - seen[:, 0, kernel.ADDED_SESSIONS]
        return people

    def value(
        self,
        policy: Plan | Policy,
        horizon: int,
        users: int | People,
        *,
        seed: int,
        first_user: int = 0,
        cuts: Sequence[int] = (),
        threads: int | None = None,
    ) -> Value:
        """Realised and expected figures of ``horizon`` days (whole weeks) under a plan or a policy.

        Two calls with the same users and seed share every random number by (user, day, slot, purpose), so differences
        are paired. ``users`` may be people at day 0, who are not moved; numbers are warmed up first. ``cuts`` are the
        days at which totals are cut.

        Raises
        ------
        SpecError
            The horizon is no whole number of weeks, or a cut is outside it.
        """
        people = users.copy() if isinstance(users, People) else self.people(
            users, seed=seed, first_user=first_user, threads=threads
        )  # fmt: skip
        if horizon < 7 or horizon % 7 or any(not 0 <= c <= horizon for c in cuts):
            raise SpecError(f"a horizon of {horizon} days", "value", "give whole weeks, and cuts within them")
        plan = (
            cast("Plan", policy)
            if hasattr(policy, "weeks")
            else self.plan(cast("Policy", policy), people, threads=threads)
        )
        alive = people.alive
        at = tuple(sorted({0, horizon, *cuts}))
        totals = live(Engine(self.config, seed, threads), people, plan, 0, horizon, at)
        return Value(at, people.leaf, totals, alive, people.alive)

    def plan(self, policy: Policy, people: People, *, salt: str = "simulate", threads: int | None = None) -> Drawn:
        """A policy as a plan for these people, with the keys of their identifiers."""
        keys = user_keys(records.user_ids(people))
        return Drawn(
            config=self.config,
            policy=policy,
            keys=keys,
            segments=self.segments,
            first_period=self.first_period,
            salt=salt,
            threads=threads,
        )

    def trial_value(
        self,
        policy: float,
        days: int,
        users: int | People,
        *,
        seed: int,
        first_user: int = 0,
        salt: str = "trial",
        threads: int | None = None,
    ) -> Value:
        """Realised and expected figures of sending with probability ``policy`` at every slot, as :meth:`trial` does.

        The draws are the trial's own, so that probabilities compare under common random numbers.
        """
        people = users.copy() if isinstance(users, People) else self.people(
            users, seed=seed, first_user=first_user, threads=threads
        )  # fmt: skip
        alive = people.alive
        totals = trial.totals(Engine(self.config, seed, threads), people, trial.Coin(policy), days, salt)
        return Value((0, days), people.leaf, totals, alive, people.alive)

    def one_step(
        self, people: People, *, per_week: Sequence[float] | None = None, days: int = 7, week: int = 0,
        threads: int | None = None,
    ) -> F64:  # fmt: skip
        """(leaves, k, 4) expected sends, opens, sessions, opt-outs per user of each leaf under every action.

        The expectation is over the states of ``people`` and exact but for second-order terms of habit. Actions are the
        world's, or ``per_week`` cadences at any slot. NaN where a leaf has no user.
        """
        space = CadenceTable.of(self.config)
        cadence, slot = space.cadence, space.slot
        if per_week is not None:
            cadence = np.rint(1000 * np.array(per_week)).astype(np.int64)
            slot = np.full(cadence.size, ANY)
        each = Engine(self.config, 0, threads).expected(people, 7 * week, days, cadence, slot)
        total = np.zeros((len(self.config.leaves), *each.shape[1:]))
        np.add.at(total, people.leaf, each)
        with np.errstate(invalid="ignore"):
            return total / np.bincount(people.leaf, minlength=len(total))[:, None, None]

    def slot_log_odds(self, people: People) -> F64:
        """(n, slots) what the hour adds to each user's log-odds of an open: an oracle."""
        return hour_rows(self.config)[0][people.kinds[:, kernel.HOUR_ROW]]

    def uplift(self, people: People, slot: int = 0) -> F64:
        """(n,) sessions that a send at a slot of day 0 would add in expectation: an oracle."""
        return Engine(self.config, 0).one_step(people, slot)[:, 2]

    def simulate(
        self,
        users: int,
        periods: int,
        policy: Policy | None = None,
        *,
        seed: int,
        salt: str = "simulate",
        first_user: int = 0,
        warm: bool = False,
        as_of: int | None = None,
        progress: Progress | None = None,
        truth: bool = True,
        vectors: bool = True,
        events: bool = False,
        threads: int | None = None,
    ) -> Simulated:
        """Weekly decisions of ``policy`` (None: the status quo with exploration) as a canonical log.

        Parameters
        ----------
        users, periods
            How many users, and weeks from ``config.start``.
        seed, salt
            Of the world, and of the keyed draw of actions.
        first_user
            Index of the first user: ranges of users simulated apart give the rows of the whole.
        warm
            Whether the users have the warm-up behind them; its sends are in the context columns, not in the log.
        as_of
            "Now" in µs UTC: later decisions are absent and outcomes younger than their window unknown. None is when
            everything is known.
        progress
            Called with (weeks done, weeks).
        truth, vectors, events
            Keep the one-step truth (n, k) of every outcome; the propensities (n, k); the sends one by one.

        Returns
        -------
        Simulated
            Rows by user, then period; propensities exact.
        """
        if periods < 1:
            raise SpecError(f"{periods} periods make no log", "simulate", "ask for at least one")
        people = self.people(users, seed=seed, first_user=first_user, warm=warm, threads=threads)
        plan = self.plan(policy or StatusQuo(self.actions, self.segments), people, salt=salt, threads=threads)
        keep = records.Keep(truth, vectors, events)
        made = records.weekly(Engine(self.config, seed, threads), people, plan, periods, keep, progress)
        return made if as_of is None else made.cut(as_of)

    def trial(
        self,
        users: int,
        days: int,
        policy: Policy | float = 0.2,
        *,
        seed: int,
        salt: str = "trial",
        first_user: int = 0,
        warm: bool = False,
        as_of: int | None = None,
        truth: bool = True,
        threads: int | None = None,
    ) -> Simulated:
        """Send or none at every slot, as in a micro-randomised trial: the log has one row a user, day and slot.

        ``policy`` is a probability of sending or a policy over (none, send) that sees (fatigue, recent_dose). The
        period is day · slots + slot, counted from ``config.start``.
        """
        if days < 1:
            raise SpecError(f"{days} days make no log", "trial", "ask for at least one")
        people = self.people(users, seed=seed, first_user=first_user, warm=warm, threads=threads)
        made = trial.run(Engine(self.config, seed, threads), people, self.segments, policy, days, salt, truth=truth)
        return made if as_of is None else made.cut(as_of)
