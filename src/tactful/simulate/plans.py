"""Who is sent how much in the simulated world: fixed cadences, cadences by fatigue, and any policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from tactful.core.arrays import F64, I64, U64, Bool
from tactful.core.draw import draw_key
from tactful.core.parallel import each
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.kernels import world as kernel
from tactful.policies.protocol import Policy
from tactful.simulate.engine import CHUNK
from tactful.simulate.hours import allowed
from tactful.simulate.people import People, context
from tactful.simulate.status_quo import draw, serve
from tactful.simulate.world_config import WorldConfig

ANY = -1  # a slot at random each day


class Plan(Protocol):
    """What the world asks of whoever sends: cadences and slots of the coming weeks."""

    @property
    def by_week(self) -> bool:
        """Whether the plan wants to see the state of every week, and not of the first alone."""
        ...

    @property
    def kept(self) -> float:
        """The share of sends that are really made; the others are dropped at random."""
        ...

    def weeks(self, people: People, week: int, weeks: int) -> tuple[I64, I64]:
        """(n, weeks) thousandths of sends a week, and the slot of a day's first send (``ANY``: at random)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """The same cadence every week: for everybody (numbers), or by leaf or user (arrays).

    ``per_week`` may be a fraction (.25 is one send in four weeks) and exceed 7: the sends of a day spread over its
    slots.
    """

    per_week: float | F64
    slot: int | I64 = ANY
    kept: float = 1.0
    by: Literal["leaf", "user"] = "leaf"
    by_week: bool = False

    def weeks(self, people: People, week: int, weeks: int) -> tuple[I64, I64]:  # noqa: ARG002 - the same every week
        """The cadence of each user, repeated."""

        def each(value: float | F64 | I64) -> F64 | I64:
            if np.ndim(value) == 0:
                return np.full(people.n, value)
            value = np.asarray(value)
            return value[people.leaf] if self.by == "leaf" else value

        return _repeat(1000 * each(self.per_week), weeks), _repeat(each(self.slot), weeks)


@dataclass(frozen=True, slots=True, eq=False)
class ByFatigue:
    """A cadence and slot by leaf and bucket of fatigue, decided anew every week.

    ``bounds`` (b − 1,) cut the fatigue F that the world knows; ``per_week`` and ``slot`` are (leaves, b).
    """

    bounds: F64
    per_week: F64
    slot: I64
    kept: float = 1.0
    by_week: bool = True

    def weeks(self, people: People, week: int, weeks: int) -> tuple[I64, I64]:  # noqa: ARG002 - stationary
        """The cell of each user's present fatigue."""
        at = (people.leaf, bucket(people, self.bounds))
        return _repeat(1000 * self.per_week[at], weeks), _repeat(self.slot[at], weeks)


def bucket(people: People, bounds: F64) -> I64:
    """(n,) bucket of each user's fatigue."""
    return np.searchsorted(bounds, people.state[:, kernel.FATIGUE], "right")


def _repeat(value: F64 | I64, weeks: int) -> I64:
    return np.tile(np.rint(value).astype(np.int64)[:, None], (1, weeks))


@dataclass(frozen=True, slots=True)
class CadenceTable:
    """The world's actions as the engine wants them: (k,) thousandths of sends a week, (k,) slots."""

    cadence: I64
    slot: I64

    @classmethod
    def of(cls, config: WorldConfig) -> CadenceTable:
        """From the names and slots of the action space."""
        space = config.actions
        slots = [ANY if s is None else config.slots.index(s) for s in space.slots]
        return cls(np.array([1000 * (f or 0) for f in space.frequencies]), np.array(slots))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawn:
    """A policy over the world's actions; each decision is the keyed draw of (user, period)."""

    config: WorldConfig
    """The configuration of the world."""
    policy: Policy
    """The policy that decides."""
    keys: U64
    """(n,) keys of the users, in the order of the people."""
    segments: Segments
    """The segment tree of the log."""
    first_period: int
    """Index of the period of week 0."""
    salt: str = "simulate"
    """Of the keyed draws."""
    kept: float = 1.0
    """Share of the planned sends that are made."""
    by_week: bool = True
    """Whether the plan is asked anew every week."""
    threads: int | None = None
    """Threads of the draws; all cores where None."""

    def weeks(self, people: People, week: int, weeks: int) -> tuple[I64, I64]:
        """The draw of one week; the plan is asked week by week."""
        if weeks != 1:
            raise SpecError("a policy decides week by week", "simulate", "ask for one week at a time")
        action, _, _ = self.decide(people, week)
        space = CadenceTable.of(self.config)
        return space.cadence[action][:, None], space.slot[action][:, None]

    def decide(self, people: People, week: int, *, vectors: bool = False) -> Decided:
        """(n,) actions and exact propensities of a week, and the integers (n, k) where they are asked for."""
        node = self.policy.segments.locate(self.segments)[leaf_nodes(self.config, self.segments)[people.leaf]]
        may = eligible(self.config)
        state, period = context(people), np.full(people.n, self.first_period + week)
        key = draw_key(self.salt)
        made = Decided(
            np.empty(people.n, np.int64),
            np.empty(people.n),
            np.empty((people.n if vectors else 0, len(may)), np.uint64),
        )

        def work(part: slice) -> None:
            served = serve(self.policy, node[part], state[part], may)
            made.action[part], made.propensity[part] = draw(served, self.keys[part], period[part], key)
            if vectors:
                made.shares[part] = served

        each(work, people.n, CHUNK, self.threads)
        return made


class Decided(NamedTuple):
    """n decisions: action, exact propensity, and integers of 2**32 (n, k), or (0, k) where nobody asked."""

    action: I64
    propensity: F64
    shares: U64


def eligible(config: WorldConfig) -> Bool:
    """(k,) the actions whose slot is outside quiet hours."""
    may = allowed(config) > 0
    return np.array([s is None or bool(may[config.slots.index(s)]) for s in config.actions.slots])


def leaf_nodes(config: WorldConfig, segments: Segments) -> I64:
    """(leaves,) node of each leaf in the tree."""
    return np.array([segments.nearest(leaf.path) for leaf in config.leaves], np.int64)
