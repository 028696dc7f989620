"""A population lived week by week, each week under a policy that may have learned from the weeks before."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import NamedTuple

import numpy as np

from tactful.core.actions import DAY_US, time_us
from tactful.core.arrays import F64, I64
from tactful.core.draw import ONE
from tactful.core.log import Log
from tactful.errors import SpecError
from tactful.kernels import world as kernel
from tactful.policies.protocol import Policy
from tactful.simulate import records
from tactful.simulate.engine import MEASURES, Engine
from tactful.simulate.people import JITTER_US, People, context, remember
from tactful.simulate.plans import CadenceTable, eligible, leaf_nodes
from tactful.simulate.world import World
from tactful.simulate.world_config import WEEK_US


class Week(NamedTuple):
    """What one week brought: its log, and for the same rows what each action would have brought in expectation.

    ``leaf`` (n,) points into the world's leaves; ``expected`` (n, k, 4) holds sends, opens, sessions and opt-outs in
    the state in which each user was, or has no row where nobody asked.
    """

    log: Log
    leaf: I64
    expected: F64


@dataclass
class Course:
    """People of a world who are moved by :meth:`advance`; only those who have not opted out have rows.

    A course under one policy has the rows of ``World.simulate`` with the same people, seed and salt. In its logs every
    outcome is known a week after its decision, however late it came.
    """

    world: World
    """The world that the people live in."""
    people: People
    """The population; it is moved in place."""
    seed: int
    """Of everything that happens to them."""
    _: KW_ONLY
    week: int = 0
    """The week that is lived next."""
    salt: str = "simulate"
    """Of the keyed draws of decisions."""
    threads: int | None = None
    """Threads of the engine; all cores where None."""

    def advance(self, policy: Policy, *, expected: bool = False) -> Week:
        """Live through one week under ``policy``; ``expected`` asks for what every action would have brought.

        Raises
        ------
        SpecError
            Nobody is left.
        """
        people, alive = self.people, np.flatnonzero(self.people.alive)
        if not alive.size:
            raise SpecError("everybody has opted out", "course", "start with more people")
        engine, space = Engine(self.world.config, self.seed, self.threads), CadenceTable.of(self.world.config)
        plan = self.world.plan(policy, people, salt=self.salt, threads=self.threads)
        action, propensity, shares = plan.decide(people, self.week, vectors=True)
        rows = {"action": action, "propensity": propensity, "propensities": shares / ONE, "context": context(people)}
        ahead = np.empty((0, space.cadence.size, 4))
        if expected:
            ahead = engine.expected(people.take(alive), 7 * self.week, 7, space.cadence, space.slot)
        out = np.zeros((people.n, 1, len(MEASURES)))
        engine.cadences(people, 7 * self.week, space.cadence[action][:, None], space.slot[action][:, None], out)
        remember(people, out[:, 0, kernel.SENDS], self.world.config.fatigue_half_life)
        rows |= {"sends": out[:, 0, kernel.SENDS], "opens": out[:, 0, kernel.OPENS]}
        rows |= {"engaged": out[:, 0, kernel.SESSIONS], "opted_out": out[:, 0, kernel.OPT_OUTS]}
        log = self._log(policy, plan.keys, {c: v[alive] for c, v in rows.items()}, alive)
        self.week += 1
        return Week(log, people.leaf[alive], ahead)

    def _log(self, policy: Policy, keys: np.ndarray, rows: dict[str, np.ndarray], who: I64) -> Log:
        config, people = self.world.config, self.people
        start = time_us(config.start, "[world] start") + self.week * WEEK_US
        may = eligible(config)
        rows |= {
            "user": who,
            "period": np.full(who.size, self.world.first_period + self.week),
            "segment": leaf_nodes(config, self.world.segments)[people.leaf[who]],
            "decided_at": start + people.decides_us[who],
        }
        if not may.all():
            rows["eligible"] = np.tile(may, (who.size, 1))
        outcomes = tuple(replace(o, window_us=WEEK_US - DAY_US) for o in records.OUTCOMES)
        ids = records.user_ids(people)
        header = records.Header(config.actions, self.world.segments, ids, keys, policy.version)
        return records.to_log(header, rows, outcomes, start + WEEK_US - DAY_US + JITTER_US)
