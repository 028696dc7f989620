"""Everything that can be set in the simulated world, with the source of every default.

Sources: HeartSteps V1 (Klasnja et al. 2019) and Oralytics for how doses fade; Localytics' and Airship's benchmarks of
opt-outs and opens; LinkedIn, Pinterest and Instagram on notification volume. "Chosen" marks what no publication gives
and was set so that the nine regularities of ``experiments/003_world`` hold together.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from itertools import product

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.segments import is_path
from tactful.errors import SpecError, first

CHRONOTYPES = ("early", "lunch", "evening", "night")
CHANNELS = ("ios", "android", "email")
SLOTS = ("08:00", "12:00", "16:00", "19:00", "22:00")
WEEK_US = 7 * DAY_US
Four = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of the segment tree: what its users have in common."""

    path: str
    """Path of the leaf in the segment tree."""
    share: float
    """Share of the population; shares are normalised."""
    _: KW_ONLY
    channel: str = "ios"
    """``ios``, ``android`` (push) or ``email``: decides how late opens come."""
    chronotype: int = 0
    """Index of the chronotype that most of its users have."""
    activity: float = 0.0
    """Added to the logarithm of the organic rate."""
    openness: float = 0.0
    """Added to the log-odds of an open."""
    tolerance: float = 0.0
    """Added to the logarithm of the tolerance."""


def default_leaves() -> tuple[Leaf, ...]:
    """2 platforms × 3 lifecycles × 4 chronotypes = 24 leaves.

    Lifecycle shares .30/.45/.25 and their steps in activity (−.5, 0, .7), openness (−.1, 0, .1) and tolerance
    (−.35, 0, .42) are chosen; the direction (new users visit less and bear less) is Localytics'. Platforms ∓.08:
    Airship's open rates of iOS and Android.
    """
    lives = (("new", 0.30, -0.5, -0.1, -0.35), ("regular", 0.45, 0.0, 0.0, 0.0), ("core", 0.25, 0.7, 0.1, 0.42))
    return tuple(
        Leaf(
            path=f"{p}/{life}/{name}",
            share=share / 8,
            channel=p,
            chronotype=c,
            activity=active,
            openness=opens + platform,
            tolerance=bears,
        )
        for (p, platform), (life, share, active, opens, bears), (c, name) in product(
            (("ios", -0.08), ("android", 0.08)), lives, enumerate(CHRONOTYPES)
        )
    )


def default_actions() -> ActionSpace:
    """None, and 1, 2, 3, 5 or 7 sends a week at each of the five default slots: 26 actions."""
    return ActionSpace.grid(SLOTS, [1, 2, 3, 5, 7])


ZONES = (
    ("America/New_York", 0.4366),
    ("America/Chicago", 0.2694),
    ("America/Denver", 0.0650),
    ("America/Los_Angeles", 0.1579),
    ("America/Sao_Paulo", 0.0140),
    ("Europe/London", 0.0120),
    ("Asia/Kolkata", 0.0110),
    ("Australia/Sydney", 0.0041),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Changes of the world over time; all off by default."""

    level_per_year: float = 0.0
    """Log-odds of an open added per year of 364 days."""
    season: float = 0.0
    """Amplitude of a yearly wave in the logarithm of organic visits."""
    season_peak_week: float = 50.0
    """Week of the year, from the start of the simulation, in which that wave is highest."""
    hour_shift_per_year: float = 0.0
    """Hours by which the chronotypes' peaks move later per year."""
    abrupt_week: int | None = None
    """Week from which the log-odds of an open change by ``abrupt``."""
    abrupt: float = 0.0
    """Log-odds of an open added from ``abrupt_week`` on."""

    def openness(self, day: int) -> float:
        """Log-odds added on a day."""
        step = self.abrupt if self.abrupt_week is not None and day >= 7 * self.abrupt_week else 0.0
        return self.level_per_year * day / 364 + step

    def activity(self, day: int) -> float:
        """Factor of organic visits on a day."""
        return math.exp(self.season * math.cos(2 * math.pi * (day / 7 - self.season_peak_week) / 52))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """A population of users who receive notifications, tire, form habits, open late, and opt out for good.

    Rates are per local day, log-odds are natural, half-lives in days. The equations are in ``docs/world.md``.

    >>> WorldConfig().actions.k, len(WorldConfig().leaves)
    (26, 24)
    """

    leaves: tuple[Leaf, ...] = field(default_factory=default_leaves)
    """The leaves of the segment tree, with what their users have in common."""
    slots: tuple[str, ...] = SLOTS
    """Local send times: the five of HeartSteps' kind, spread over the waking day."""
    actions: ActionSpace = field(default_factory=default_actions)
    """Weekly cadences that policies choose from; their slots are among ``slots``."""

    dominance: float = 0.7
    """Share of a leaf's users with the leaf's chronotype, the others evenly. Chosen: slots of a mixture .77–1.18."""
    peaks_h: Four = (7.5, 12.0, 20.0, 23.0)
    """Local hour of each chronotype's bump. Peak to trough 7–22 h: 2.1 (Airship's and Localytics' hours)."""
    widths_h: Four = (1.2, 1.5, 1.8, 1.5)
    """Spread of each chronotype's bump, in hours."""
    bump: float = 0.5
    """Height of that bump in log-odds. Chosen: the best hour is worth 1–5 % of sessions."""
    dip: float = 2.0
    """Depth of the night's dip at 3:30, spread 2.2 h."""
    evening: float = 0.2
    """Height of everybody's evening slope at 19 h, spread 3 h."""
    weekday: float = 0.08
    """Log-odds added at the weekend for lunch and night users, half taken away on weekdays; the others inversely."""

    activity: float = 0.12
    """Median organic sessions a day. Chosen: notifications are 6 % of sessions."""
    activity_sigma: float = 1.2
    """Log-sd of it: the heavy tail; top decile 1.4 a day, bottom three .02."""
    activity_most: float = 12.0
    """No user visits more often a day."""
    openness: float = -3.05
    """Log-odds of an open: 4.6 % at 2 a week, 3.7 % at 5 (Airship: median 3.1–3.4 %, P90 8–10.7 %)."""
    openness_sigma: float = 0.5
    """Standard deviation of these log-odds between users."""
    openness_by_activity: float = 0.15
    """Share of the (log) activity that openness follows."""

    tolerance: float = 5.8
    """Median sends a week that a user bears: Localytics' thresholds of annoyance."""
    tolerance_sigma: float = 0.705
    """Log-sd of the tolerance between users."""
    never: float = 0.09
    """Share of users who bear nothing (Localytics)."""
    never_tolerance: float = 0.02
    """Tolerance of the users who bear nothing, in sends a week."""

    fatigue_half_life: float = 6.0
    """HeartSteps: the effect of a dose halves in 6.2 days; Oralytics: 4.7."""
    fatigue: float = 0.04
    """Log-odds lost per recent send; with ``overload``, HeartSteps' fall of the open rate to a third by day 42."""
    overload: float = 0.5
    """Log-odds lost at twice the tolerance."""
    habit_half_life: float = 90.0
    """Habits form and fade in 60–120 days (Lally et al. 2010)."""
    habit_gain: float = 0.01
    """Habit per open; chosen: about 1 % more organic visits at 5 a week."""
    habit_effect: float = 1.0
    """Habit's effect on the log-odds of an open (on organic visits it is 1)."""
    habit_loss: float = 0.0
    """Habit lost per send at twice the tolerance: .0006 is an alternative to ``leaving``."""

    hazard: float = 0.0006
    """Opt-out hazard per send under the tolerance: .05–.15 % in Airship's benchmarks."""
    hazard_factor: float = 7.0
    """Factor of it at twice the tolerance (5–10)."""
    night_factor: float = 2.0
    """Factor of it between 23 and 7 h. Chosen."""
    stale_days: float = 7.0
    """Days of silence after which the hazard rises."""
    stale: float = 0.5
    """Hazard × (days of silence / 7)^.5 after a long silence: "who is this?". Chosen: opt-outs per send fall with
    frequency."""
    leaving: float = 0.10
    """Share of organic visits lost with an opt-out. Chosen; direction: 22–31 % of those pestered stop using the app
    (Localytics)."""
    replace_days: float = 1.5
    """An open replaces an organic visit expected within this time. Chosen; direction: Instagram, Pinterest (active
    users come anyway)."""

    open_delay_h: tuple[float, float, float] = (7 / 60, 48 / 60, 5.5)
    """Median delay of an open by channel (iOS, Android, e-mail)."""
    open_delay_sigma: float = 1.8
    """Log-sd of these delays."""
    attribution_h: float = 120.0
    """An open counts for its send within this time; the medians above are of those that count."""
    opt_out_by_day: tuple[float, float, float] = (0.786, 0.929, 0.983)
    """Share of opt-outs that are known on day 0, by day 1 and by day 7; the rest by day 12."""

    zones: tuple[tuple[str, float], ...] = ZONES
    """IANA time zones and shares: US 47/29/7/17 % of 93 %, others 4 %; what is missing to 1 is unknown (3 %)."""
    assumed_zone: str = "America/New_York"
    """Where the zone is unknown, messages go out at this zone's hours; the user lives in one of the US zones."""
    quiet: tuple[float, float] | None = None
    """Local hours (from, to) in which nothing is sent, such as (22, 8); a send that falls there is not made."""

    start: str = "2026-01-05T00:00:00Z"
    """Monday on which day 0's week is decided; local day 0 is the Tuesday, so that every send follows its decision."""
    status_quo: int = 5
    """Sends a week at any slot before a study starts. Chosen: 4, 5 and 7 show the nine regularities, 3 and 10 not."""
    warmup_days: int = 28
    """Days of the status quo before a value is measured."""
    drift: Drift = field(default_factory=Drift)
    """Changes of the world over time."""

    def __post_init__(self) -> None:
        """Refuse what makes no world."""
        _check_population(self)
        _check_cadences(self)


def _check_population(config: WorldConfig) -> None:
    paths = [leaf.path for leaf in config.leaves]
    if not paths or len(set(paths)) < len(paths) or not all(map(is_path, paths)):
        raise SpecError("leaves need paths, each once", "[world] leaves", "name every leaf, as in ios/new")
    if bad := [leaf.channel for leaf in config.leaves if leaf.channel not in CHANNELS]:
        raise SpecError(f"unknown channel {first(bad)}", "[world] leaves", f"choose one of {', '.join(CHANNELS)}")
    if bad := [leaf.chronotype for leaf in config.leaves if not 0 <= leaf.chronotype < len(CHRONOTYPES)]:
        raise SpecError(f"unknown chronotype {first(bad)}", "[world] leaves", "chronotypes are 0 to 3")
    if min(leaf.share for leaf in config.leaves) < 0 or sum(leaf.share for leaf in config.leaves) <= 0:
        raise SpecError("shares must not be negative", "[world] leaves", "give each leaf a share of users")
    known = sum(share for _, share in config.zones)
    if min((share for _, share in config.zones), default=-1) < 0 or not 0 < known <= 1 + 1e-9:
        raise SpecError(f"shares of zones sum to {known:g}", "[world] zones", "they sum to at most 1")


def _check_cadences(config: WorldConfig) -> None:
    if not 0 < len(config.slots) <= 30:
        raise SpecError("a day has 1 to 30 slots", "[world] slots", "leave some out")
    cells = list(zip(config.actions.slots, config.actions.frequencies, strict=True))
    if any(f is None or (f > 0 and slot is None) for slot, f in cells) or config.actions.period_us != WEEK_US:
        raise SpecError("the world needs cadences of a week", "[world] actions", "give slots and frequencies")
    if bad := sorted({slot for slot, _ in cells if slot is not None and slot not in config.slots}):
        raise SpecError(f"actions use the slots {first(bad)}", "[world] actions", "add them to slots")


def lively() -> WorldConfig:
    """An audience for demonstrations: visits vary less between users, notifications matter more, hours matter much.

    A quarter's log of 50,000 users is enough to learn from. At five a week notifications add 16 % of sessions instead
    of 6 %, so that the nine regularities are not claimed for it. In the default world visits have a heavy tail, and the
    same log shows fewer opt-outs but no gain in sessions: that takes many more users.
    """
    return WorldConfig(activity=0.2, activity_sigma=0.4, openness=-1.9, bump=1.4, evening=0.0)
