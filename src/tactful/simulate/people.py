"""The users of the simulated world: fixed traits, and the state that every day moves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tactful.core.arrays import F64, I64, U64, Bool
from tactful.kernels import world as kernel
from tactful.simulate.chance import normal, uniform
from tactful.simulate.world_config import CHANNELS, CHRONOTYPES, WorldConfig

TRAITS = 1 << 40  # lanes of fixed traits; those of days are below
(LEAF, CHRONOTYPE, OTHER, ACTIVITY, OPENNESS, NEVER, TOLERANCE, ZONE, HOME, CREDIT, JITTER) = (
    TRAITS + 2 * j for j in range(11)
)
JITTER_US = 9 * 3_600_000_000  # decisions fall on Monday before 09:00 UTC: in every zone before Tuesday
WEEKS_OF_DOSE = 4


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class People:
    """n users at one time; the arrays ``state`` and ``dose`` are moved in place."""

    row: U64
    """(n,) index of each user in the whole population."""
    leaf: I64
    """(n,) leaf of the configuration."""
    chronotype: I64
    """(n,) index of the chronotype."""
    zone: I64
    """(n,) time zone, an index into ``hours.zone_names``."""
    channel: I64
    """(n,) channel, an index into ``CHANNELS``."""
    decides_us: I64
    """(n,) time of decisions within Monday, in µs."""
    traits: F64
    """(n, 3) traits that stay, as in ``kernels.world``."""
    kinds: I64
    """(n, 2) kinds of each user, as in ``kernels.world``."""
    state: F64
    """(n, 8) what changes day by day, as in ``kernels.world``."""
    dose: F64
    """(n, 5) what a log shows: fatigue, then the sends of the last four weeks."""
    visits: F64
    """(n,) organic sessions of the warm-up."""

    @property
    def n(self) -> int:
        """The number of users."""
        return self.row.size

    @property
    def alive(self) -> Bool:
        """(n,) users who have not opted out."""
        return self.state[:, kernel.ALIVE] > 0

    def copy(self) -> People:
        """The same users, to be moved apart from these."""
        return replace(self, state=self.state.copy(), dose=self.dose.copy())

    def take(self, who: I64 | Bool) -> People:
        """The chosen users, copied."""
        return People(**{name: getattr(self, name)[who] for name in self.__slots__})


def draw_people(config: WorldConfig, users: int, first_user: int, seed: int) -> People:
    """Users ``first_user`` … ``first_user + users − 1``, rested and never notified.

    Every trait is a function of (seed, index of the user): ranges drawn apart are those of the whole.
    """
    row = np.arange(first_user, first_user + users, dtype=np.uint64)
    leaf = _pick(uniform(seed, row, LEAF), np.array([leaf.share for leaf in config.leaves]))
    own = np.array([leaf.chronotype for leaf in config.leaves])[leaf]
    others = np.floor(uniform(seed, row, OTHER) * (len(CHRONOTYPES) - 1)).astype(np.int64)
    same = uniform(seed, row, CHRONOTYPE) < config.dominance
    chronotype = np.where(same, own, (own + 1 + others) % len(CHRONOTYPES))
    shares = np.array([share for _, share in config.zones])
    zone, home = (
        _pick(uniform(seed, row, lane), shares, to) for lane, to in ((ZONE, max(1.0, shares.sum())), (HOME, 0))
    )
    unknown = zone == len(config.zones)
    kinds = np.stack([np.where(unknown, home, len(config.zones)) * len(CHRONOTYPES) + chronotype, chronotype], 1)
    state = np.zeros((users, 8))
    state[:, kernel.CREDIT] = np.floor(uniform(seed, row, CREDIT) * kernel.WEEK)
    state[:, [kernel.ALIVE, kernel.STAYING]] = 1
    state[:, kernel.LEFT_DAY] = -1
    return People(
        row=row,
        leaf=leaf,
        chronotype=chronotype,
        zone=zone,
        channel=np.array([CHANNELS.index(leaf.channel) for leaf in config.leaves])[leaf],
        decides_us=np.floor(uniform(seed, row, JITTER) * JITTER_US).astype(np.int64),
        traits=_traits(config, leaf, row, seed),
        kinds=np.ascontiguousarray(kinds, np.int64),
        state=state,
        dose=np.zeros((users, 1 + WEEKS_OF_DOSE)),
        visits=np.zeros(users),
    )


def _pick(u: F64, shares: F64, total: float = 0) -> I64:
    """The index that each uniform falls on; len(shares) where it falls beyond them, if ``total`` exceeds their sum."""
    edge = np.cumsum(shares)
    at = np.searchsorted(edge, u * (total or edge[-1]), "right")
    return np.minimum(at, shares.size if total else shares.size - 1).astype(np.int64)


def _traits(config: WorldConfig, leaf: I64, row: U64, seed: int) -> F64:
    """(n, 3) organic rate a day, log-odds of an open, tolerance in sends a week."""
    add = np.array([(x.activity, x.openness, x.tolerance) for x in config.leaves])[leaf]
    spread = config.activity_sigma * normal(seed, row, ACTIVITY)
    rate = np.minimum(config.activity_most, config.activity * np.exp(add[:, 0] + spread))
    log_odds = config.openness + add[:, 1] + config.openness_by_activity * spread
    log_odds = log_odds + config.openness_sigma * normal(seed, row, OPENNESS)
    bears = config.tolerance * np.exp(add[:, 2] + config.tolerance_sigma * normal(seed, row, TOLERANCE))
    bears = np.where(uniform(seed, row, NEVER) < config.never, config.never_tolerance, bears)
    return np.stack([rate, log_odds, bears], 1)


def dose_rates(half_life_days: float) -> tuple[float, float]:
    """What a week leaves of fatigue, and what each of its sends adds, spread evenly over the seven days.

    D ← q·D + e·s with q = 2^(−7/h) and e = (1/7) Σ_{i=1…7} 2^(−i/h): a function of the log's weekly sends alone.
    """
    return 2 ** (-7 / half_life_days), sum(2 ** (-i / half_life_days) for i in range(1, 8)) / 7


def remember(people: People, sends: F64, half_life_days: float) -> None:
    """Move ``dose`` by one week with ``sends`` (n,)."""
    keep, each = dose_rates(half_life_days)
    people.dose[:, 0] = people.dose[:, 0] * keep + sends * each
    people.dose[:, 2:] = people.dose[:, 1:-1].copy()
    people.dose[:, 1] = sends


def context(people: People) -> F64:
    """(n, 2) fatigue, and the mean sends a week of the last four weeks."""
    return np.stack([people.dose[:, 0], people.dose[:, 1:].sum(1) / WEEKS_OF_DOSE], 1)
