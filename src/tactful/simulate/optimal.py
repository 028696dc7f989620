"""The best plans on (segment, bucket of fatigue): for the next weeks alone, and in the long run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.kernels import world as kernel
from tactful.simulate.engine import MEASURES, Engine
from tactful.simulate.living import live
from tactful.simulate.people import People
from tactful.simulate.plans import ByFatigue, CadenceTable, Plan, bucket
from tactful.simulate.world import World

BOUNDS = (1.0, 2.0, 3.0, 4.5, 6.5)  # of F: 2, 3, 4, 6 and 8 recent sends a week
SHADOWS = (0.0, 3.0, 6.0, 10.0, 16.0)  # sessions
SWEEPS = 2000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Search:
    """A search for the plan with the most sessions, less a price of opt-outs, by bucket of the fatigue F."""

    world: World
    """The world to plan for."""
    price: float = 0.0
    """Sessions that one opt-out costs."""
    bounds: tuple[float, ...] = BOUNDS
    """Where the buckets of fatigue are cut."""
    discount: float = 0.98
    """Weight of the next week; .98 looks about a year ahead."""
    rounds: int = 4
    """How often the states that a plan leads to are used to look for a better one."""
    horizon: int = 364
    """Days over which plans are compared."""
    threads: int | None = None
    """Threads of the engine; all cores where None."""

    def one_step(self, people: People, days: int = 7, shadow: float = 0.0) -> ByFatigue:
        """The plan that is best over the next ``days`` in the states of ``people``, blind to what comes after.

        ``shadow`` is added to the price of an opt-out.
        """
        return self._plan(np.argmax(self._cells(people, days, self.price + shadow).reward, axis=2))

    def stationary(self, people: People, seed: int) -> ByFatigue:
        """The best plan found for the long run, by simulation on these people; evaluate it on others.

        Candidates are the one-step plans at several shadow prices of an opt-out, and rounds of policy iteration on the
        cells. The latter alone is not enough: cells average over users who differ in what cannot be seen, so that the
        chain expects those who stay to leave as often as those who left, and is too careful.
        Cost: (shadows + rounds) · horizon.
        """
        found = [self.one_step(people, shadow=s) for s in SHADOWS]
        return max([*found, *self._iterated(people, seed)], key=lambda plan: self._worth(plan, people, seed))

    def _iterated(self, people: People, seed: int) -> list[ByFatigue]:
        """Plans that solve the chain at the mean of the cells met so far; each leads to the states of the next."""
        plans: list[ByFatigue] = [self.one_step(people)]
        met = self._cells(people, 7, self.price)
        for done in range(1, self.rounds + 1):
            led = people.copy()
            live(Engine(self.world.config, seed, self.threads), led, plans[-1], 0, 84)
            here = self._cells(led, 7, self.price)
            met = FatigueCells(*(a + (b - a) / (done + 1) for a, b in zip(met, here, strict=True)))
            plans.append(self._plan(self._solve(met, self._moves(led, seed))))
        return plans[1:]

    def _worth(self, plan: Plan, people: People, seed: int) -> float:
        value = self.world.value(plan, self.horizon, people, seed=seed, threads=self.threads)
        return value.mean("expected_sessions").value - self.price * value.mean("expected_opt_outs").value

    def _cells(self, people: People, days: int, price: float) -> FatigueCells:
        """Means per (leaf, bucket, action) of the users who are alive; cells without users take their leaf's mean."""
        alive = people.take(people.alive)
        space = CadenceTable.of(self.world.config)
        each = Engine(self.world.config, 0, self.threads).expected(alive, 0, days, space.cadence, space.slot)
        organic = days * alive.traits[:, [kernel.RATE]]
        gain = each[:, :, 2] - organic - price * each[:, :, 3]
        # Those who leave are not the average user: what they lose is a share of their own visits.
        lost = self.world.config.leaving * organic * each[:, :, 3]
        at = self._at(alive)
        return FatigueCells(self._mean(gain, at), self._mean(each[:, :, 3], at), self._mean(lost, at))

    def _moves(self, people: People, seed: int) -> F64:
        """(cells, k, buckets) where a week under each action leads those who stay; shared by all leaves."""
        space, b = CadenceTable.of(self.world.config), len(self.bounds) + 1
        moves = np.zeros((b, space.cadence.size, b))
        engine, edges = Engine(self.world.config, seed, self.threads), np.array(self.bounds)
        for pace in np.unique(space.cadence):
            led = people.take(people.alive)
            led.state[:, kernel.FATIGUE] = np.linspace(0, 2 * edges[-1], led.n)
            before, shape = bucket(led, edges), (led.n, 1)
            out = np.zeros((led.n, 1, len(MEASURES)))
            engine.cadences(led, 0, np.full(shape, pace), np.full(shape, -1), out)
            counts = np.zeros((b, b))
            np.add.at(counts, (before[led.alive], bucket(led, edges)[led.alive]), 1)
            moves[:, space.cadence == pace] = (counts / counts.sum(1, keepdims=True))[:, None]
        return moves

    def _solve(self, cells: FatigueCells, moves: F64) -> I64:
        """(leaves, b) the actions that satisfy V = max_a r + γ·(stay·E V' − what leaving costs for good)."""
        g = self.discount
        value = np.zeros(cells.reward.shape[:2])
        q = cells.reward
        for _ in range(SWEEPS):
            ahead = np.einsum("bkc,lc->lbk", moves, value)
            q = cells.reward + g * ((1 - cells.leave) * ahead - cells.lost / (1 - g))
            new = q.max(2)
            done = np.abs(new - value).max() < 1e-9
            value = new
            if done:
                break
        return np.argmax(q, axis=2)

    def _plan(self, action: I64) -> ByFatigue:
        space = CadenceTable.of(self.world.config)
        return ByFatigue(np.array(self.bounds), space.cadence[action] / 1000, space.slot[action])

    def _at(self, people: People) -> I64:
        return people.leaf * (len(self.bounds) + 1) + bucket(people, np.array(self.bounds))

    def _mean(self, x: F64, at: I64) -> F64:
        """(leaves, b, k)."""
        shape = (len(self.world.config.leaves), len(self.bounds) + 1, x.shape[1])
        total = np.zeros((shape[0] * shape[1], shape[2]))
        np.add.at(total, at, x)
        total, count = total.reshape(shape), np.bincount(at, minlength=len(total)).reshape(shape[:2])[:, :, None]
        whole = total.sum(1, keepdims=True) / np.maximum(count.sum(1, keepdims=True), 1)
        return np.where(count > 0, total / np.maximum(count, 1), whole)


class FatigueCells(NamedTuple):
    """(leaves, buckets, k) of a week.

    ``reward`` is what notifications bring beyond the user's own visits, ``leave`` the probability of leaving, ``lost``
    the visits per week that leaving takes away, times it.
    """

    reward: F64
    leave: F64
    lost: F64
