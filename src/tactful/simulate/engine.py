"""From configuration to kernels: parameters as arrays, fixed chunks of users, threads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.parallel import each
from tactful.kernels import world as kernel
from tactful.kernels import world_mean, world_slots
from tactful.simulate.hours import FIRST_WEEKDAY, hour_rows, weekday_rows
from tactful.simulate.people import People
from tactful.simulate.world_config import WorldConfig

CHUNK = 1024
MEASURES = (
    "sends",
    "opens",
    "sessions",
    "opt_outs",
    "expected_opens",
    "expected_sessions",
    "expected_opt_outs",
    "days_alive",
    "added_sessions",
)
NOTHING = np.empty((0, 0), np.int64)


def rates(config: WorldConfig) -> F64:
    """(14,) parameters in the order of the names in ``kernels.world``."""
    dose = 7 * math.log(2) / config.fatigue_half_life
    return np.array(
        [
            2 ** (-1 / config.fatigue_half_life),
            2 ** (-1 / config.habit_half_life),
            config.habit_effect,
            config.fatigue,
            config.overload,
            config.habit_gain,
            config.habit_loss,
            dose,
            config.hazard,
            math.log(config.hazard_factor),
            config.stale_days,
            config.stale,
            config.replace_days,
            1 - config.leaving,
        ]
    )


def drift(config: WorldConfig, first_day: int, days: int) -> F64:
    """(2, days) log-odds added, and factor of organic visits; the time before day 0 is as day 0."""
    at = [max(0, first_day + d) for d in range(days)]
    return np.array([[config.drift.openness(d) for d in at], [config.drift.activity(d) for d in at]])


@dataclass(frozen=True, slots=True)
class Engine:
    """Moves people; ``seed`` keys every random number of the world, ``threads`` None uses all cores."""

    config: WorldConfig
    seed: int
    threads: int | None = None

    def cadences(
        self,
        people: People,
        first_day: int,
        cadence: I64,
        slot: I64,
        out: F64,
        *,
        windows: I64 | None = None,
        kept: float = 1.0,
        sent: I64 | None = None,
    ) -> None:
        """Move people through the weeks of ``cadence`` (n, w) and ``slot`` (n, w), adding to ``out``.

        ``out`` is (n, windows, 9); ``windows`` (7·w,) the window of each day (None: all in the first); ``kept`` the
        share of sends made; ``sent`` (n, m) takes the sends of a single week.
        """
        weeks = cadence.shape[1]
        into = _first(7 * weeks) if windows is None else windows
        step = 1 if self.config.drift.hour_shift_per_year else weeks
        for w in range(0, weeks, step):
            part, day = slice(w, w + step), 7 * w
            arrays = (cadence[:, part], slot[:, part], out, into[day : day + 7 * step])
            self._cadences(people, first_day + day, *arrays, kept, sent)

    def _cadences(
        self, people: People, first: int, cadence: I64, slot: I64, out: F64, windows: I64, kept: float, sent: I64 | None
    ) -> None:
        hours, factors = hour_rows(self.config, max(0, first // 7))
        head = [first + ORIGIN, (FIRST_WEEKDAY + first) % 7, round(kept * 65536)]
        plan = np.concatenate([np.array(head), windows]).astype(np.int64)
        fixed = (plan, rates(self.config))
        tables = (hours, factors, weekday_rows(self.config), drift(self.config, first, windows.size))
        cadence, slot = np.ascontiguousarray(cadence), np.ascontiguousarray(slot)

        def work(part: slice) -> None:
            record = np.empty((part.stop - part.start, 0), np.int64) if sent is None else sent[part]
            kernel.cadences(
                np.uint64(self.seed), people.row[part], *fixed, people.traits[part], people.kinds[part], *tables,
                cadence[part], slot[part], people.state[part], out[part], record,
            )  # fmt: skip

        each(work, people.n, CHUNK, self.threads)

    def slots(self, people: People, first_slot: int, sends: Bool, out: F64, windows: I64 | None = None) -> None:
        """Move people through the slots of ``sends`` (n, t); ``windows`` (t,) as in :meth:`cadences`."""
        t, per_day = sends.shape[1], len(self.config.slots)
        first = first_slot // per_day
        hours, factors = hour_rows(self.config, max(0, first // 7))
        head = [first_slot + ORIGIN * per_day, (FIRST_WEEKDAY - ORIGIN) % 7, 0]
        plan = np.concatenate([np.array(head), np.zeros(t) if windows is None else windows]).astype(np.int64)
        days = (first_slot + t - 1) // per_day - first + 1
        tables = (hours, factors, weekday_rows(self.config), drift(self.config, first, days))

        def work(part: slice) -> None:
            world_slots.slots(
                np.uint64(self.seed), people.row[part], plan, rates(self.config), people.traits[part],
                people.kinds[part], *tables, sends[part], people.state[part], out[part],
                np.empty((part.stop - part.start, 0), np.int64),
            )  # fmt: skip

        each(work, people.n, CHUNK, self.threads)

    def one_step(self, people: People, slot: int) -> F64:
        """(n, 4) organic visits until the next slot, and opens, sessions and opt-outs that a send now would bring."""
        first = slot // len(self.config.slots)
        hours, factors = hour_rows(self.config, first // 7)
        plan = np.array([slot, FIRST_WEEKDAY], np.int64)
        tables = (hours, factors, weekday_rows(self.config), drift(self.config, first, 1))
        out = np.empty((people.n, 4))
        world_slots.one_step(plan, rates(self.config), people.traits, people.kinds, *tables, people.state, out)
        out[:, 1:] *= factors[people.kinds[:, kernel.HOUR_ROW], slot % hours.shape[1]][:, None] > 0
        return out

    def expected(self, people: People, first_day: int, days: int, cadence: I64, slot: I64) -> F64:
        """(n, k, 4) expected sends, opens, sessions and opt-outs of k cadences over ``days`` from the present state."""
        hours, factors = hour_rows(self.config, max(0, first_day // 7))
        plan = np.array([first_day + ORIGIN, (FIRST_WEEKDAY + first_day) % 7], np.int64)
        tables = (hours, factors, weekday_rows(self.config), drift(self.config, first_day, days))
        out = np.empty((people.n, cadence.size, 4))

        def work(part: slice) -> None:
            world_mean.expected(
                plan, rates(self.config), people.traits[part], people.kinds[part], *tables, cadence, slot,
                people.state[part], out[part],
            )  # fmt: skip

        each(work, people.n, CHUNK, self.threads)
        return out


ORIGIN = 1 << 20  # keys of days are counted from here, so that a warm-up before day 0 has its own


def _first(days: int) -> I64:
    return np.zeros(days, np.int64)
