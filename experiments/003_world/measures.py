"""The nine regularities, each as one function of a seed's populations: plain numbers out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from tactful.simulate.hours import leaf_slots
from tactful.simulate.optimal import BOUNDS
from tactful.simulate.people import People
from tactful.simulate.plans import ByFatigue, Fixed, bucket
from tactful.simulate.value import Value
from tactful.simulate.world import World

YEAR = 364
PACES = (0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10)
GREEDY_PACES = np.array([0, 1, 2, 3, 5, 7, 10, 14, 21], float)
CHANCES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
SHRINK = 30
BLOCK = 10_000
CUTS = (0, 14, 28, 56, 84, 112, 140, 152, 180, 196, 224, 252, 280, 308, 336, 364)


@dataclass
class Study:
    """One seed: its population at the end of the warm-up, and the arms that several regularities share."""

    seed: int
    users: int
    trial_users: int
    table_users: int
    world: World = field(default_factory=World)

    @cached_property
    def people(self) -> People:
        return self.world.people(self.users, seed=self.seed)

    def value(self, plan: Any, horizon: int, people: People | None = None, cuts: tuple[int, ...] = ()) -> Value:
        return self.world.value(plan, horizon, people or self.people, seed=self.seed, cuts=cuts)

    @cached_property
    def year(self) -> Value:
        return self.value(Fixed(5.0), YEAR, cuts=CUTS)

    @cached_property
    def double_year(self) -> Value:
        return self.value(Fixed(10.0), YEAR, cuts=CUTS)

    @cached_property
    def half(self) -> Value:
        return self.value(Fixed(5.0, kept=0.5), 28)


def drop_half(s: Study) -> dict[str, Any]:
    """1. Each send dropped with probability 1/2, over 28 days: sessions fall by 1 to 5 %."""
    base = s.year
    change = s.half.of_users("sessions").mean() / base.of_users("sessions", (0, 28)).mean() - 1
    quits = s.half.of_users("opt_outs").mean() / base.of_users("opt_outs", (0, 28)).mean() - 1
    return {"sessions": change, "opt_outs": quits, "holds": -0.05 <= change <= -0.01}


def double(s: Study) -> dict[str, Any]:
    """2. 10 instead of 5 a week: sessions rise over 14 days, fall in the windows to 180 and 364 and over the year."""
    spans = {"day 14": (0, 14), "window to 180": (152, 180), "window to 364": (336, 364), "year": (0, YEAR)}
    found = {name: s.double_year.relative(s.year, "sessions", days).value for name, days in spans.items()}
    curve = [s.double_year.relative(s.year, "expected_sessions", days).value for days in pairwise(CUTS)]
    first, *rest = found.values()
    return {**found, "curve": curve, "holds": first > 0 and all(x < 0 for x in rest)}


def limited(s: Study) -> dict[str, Any]:
    """3. The best frequency by leaf with opt-outs of at most 60 % of the status quo's, on another population."""
    few = s.people.take(np.arange(min(s.table_users, s.people.n)))
    table = s.world.one_step(few, per_week=PACES, days=28)
    share = np.bincount(few.leaf, minlength=len(table)) / few.n
    sessions, quits = np.nan_to_num(table[:, :, 2]), np.nan_to_num(table[:, :, 3])
    most = 0.6 * share @ quits[:, PACES.index(5)]

    def chosen(price: float) -> np.ndarray:
        return np.argmax(sessions - price * quits, axis=1)

    low, high = 0.0, 1e4
    for _ in range(60):
        price = (low + high) / 2
        over = share @ quits[np.arange(len(quits)), chosen(price)] > most
        low, high = (price, high) if over else (low, price)
    pace = np.array(PACES)[chosen(high)]
    other = s.world.people(s.users, seed=s.seed + 5000)
    plans = (Fixed(pace), Fixed(5.0))
    mine, base = (s.world.value(p, 28, other, seed=s.seed + 5000) for p in plans)
    sends, left, visits = (mine.relative(base, m).value for m in ("sends", "opt_outs", "sessions"))
    holds = -0.35 <= sends <= -0.20 and -0.55 <= left <= -0.30 and -0.02 <= visits <= 0
    return {"sends": sends, "opt_outs": left, "sessions": visits, "pace": pace.tolist(), "holds": holds}


def best_hour(s: Study) -> dict[str, Any]:
    """4. One slot, the best by leaf and by user, against a uniform choice among five, over 28 days."""
    by_user = np.argmax(s.world.slot_log_odds(s.people), axis=1)
    by_leaf = leaf_slots(s.world.config)
    arms = {"leaf": Fixed(5.0, by_leaf), "user": Fixed(5.0, by_user, by="user")}
    base = s.year.of_users("sessions", (0, 28)).mean()
    opens = s.year.of_users("opens", (0, 28)).mean()
    found: dict[str, Any] = {}
    for name, plan in arms.items():
        value = s.value(plan, 28)
        found[name] = value.of_users("sessions").mean() / base - 1
        found[f"{name} opens"] = value.of_users("opens").mean() / opens - 1
    return {**found, "holds": all(0.01 <= found[a] <= 0.05 for a in arms)}


def deciles(visits: np.ndarray, seed: int) -> np.ndarray:
    """(n,) decile of activity, ties at random."""
    jitter = np.random.default_rng(seed).random(visits.size)
    rank = np.empty(visits.size, np.int64)
    rank[np.lexsort((jitter, visits))] = np.arange(visits.size)
    return rank * 10 // visits.size


def uplift(s: Study) -> dict[str, Any]:
    """5. Send to the half with the highest uplift: the share sent by decile of activity; and the learned uplift."""
    alive = s.people.take(s.people.alive)
    lift = s.world.uplift(alive)
    ten = deciles(alive.visits, s.seed)
    sent = lift >= np.median(lift)
    share = np.bincount(ten, sent, 10) / np.bincount(ten, minlength=10)
    learned = trial_sums(s)["lift"]
    holds = int(share.argmin()) == 9
    return {"share": share.tolist(), "learned": learned, "learned holds": int(np.argmin(learned)) == 9, "holds": holds}


def trial_sums(s: Study) -> dict[str, Any]:
    """Sums of a micro-randomised trial (five slots, p = .2, 28 days): uplift by decile, and one-step values."""
    if "trial" in s.__dict__:
        return s.__dict__["trial"]
    rows, total, organic_gone, decisions = np.zeros((10, 2)), np.zeros((10, 2)), 0.0, 0
    visits = s.world.people(s.trial_users, seed=s.seed).visits
    ten = deciles(visits, s.seed)
    for first in range(0, s.trial_users, BLOCK):
        n = min(BLOCK, s.trial_users - first)
        log = s.world.trial(n, 28, 0.2, seed=s.seed, first_user=first, warm=True, truth=False).log
        cell = ten[first : first + n][log.user] * 2 + log.action
        rows += np.bincount(cell, minlength=20).reshape(10, 2)
        total += np.bincount(cell, log.outcomes["engaged"].value, 20).reshape(10, 2)
        decisions += log.n
    whole = s.world.trial_value(0.2, 28, s.trial_users, seed=s.seed)
    organic_gone = whole.of_users("sessions").sum() - total.sum()
    mean = total.sum(0) / rows.sum(0)
    predicted = [(decisions * (q * mean[1] + (1 - q) * mean[0]) + organic_gone) / s.trial_users / 4 for q in CHANCES]
    each = total / np.maximum(rows, 1)
    s.__dict__["trial"] = {"lift": (each[:, 1] - each[:, 0]).tolist(), "predicted": predicted}
    return s.__dict__["trial"]


def opens_per_send(s: Study) -> dict[str, Any]:
    """6. Opens per send over 28 days: half > status quo > double."""

    def rate(value: Value) -> float:
        days = (0, 28)
        return float(value.of_users("opens", days).sum() / value.of_users("sends", days).sum())

    half, base, twice = rate(s.half), rate(s.year), rate(s.double_year)
    return {"half": half / base - 1, "double": twice / base - 1, "rate": base, "holds": half > base > twice}


@dataclass
class Exploring:
    """A frequency a week at random, remembered with the bucket in which it was drawn."""

    seed: int
    by_week: bool = True
    kept: float = 1.0
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)

    def weeks(self, people: People, week: int, weeks: int) -> tuple[np.ndarray, np.ndarray]:
        pick = np.random.default_rng((self.seed, week)).integers(GREEDY_PACES.size, size=people.n)
        self.seen.append((bucket(people, np.array(BOUNDS)), pick, people.alive))
        return (1000 * GREEDY_PACES[pick]).astype(np.int64)[:, None], np.full((people.n, weeks), -1)


def greedy(s: Study) -> dict[str, Any]:
    """7. Each week the frequency with most opens by (leaf, fatigue): who can still be reached after a year."""
    explore = Exploring(s.seed)
    trial = s.value(explore, 84, cuts=tuple(range(0, 85, 7)))
    leaves, b, k = len(s.world.config.leaves), len(BOUNDS) + 1, GREEDY_PACES.size
    count, total = np.zeros((leaves, b, k)), np.zeros((leaves, b, k))
    for week, (at, pick, alive) in enumerate(explore.seen):
        cell = (s.people.leaf[alive], at[alive], pick[alive])
        np.add.at(count, cell, 1)
        np.add.at(total, cell, trial.of_users("opens", (7 * week, 7 * week + 7))[alive])
    pooled = total.sum((0, 1)) / np.maximum(count.sum((0, 1)), 1)
    best = np.argmax((total + SHRINK * pooled) / (count + SHRINK), axis=2)
    value = s.value(ByFatigue(np.array(BOUNDS), GREEDY_PACES[best], np.full(best.shape, -1)), YEAR, cuts=CUTS)
    left, base = value.reachable.value, s.year.reachable.value
    curve = [value.of_users("days_alive", days).sum() / value.n / (days[1] - days[0]) for days in pairwise(CUTS)]
    quo = [s.year.of_users("days_alive", days).sum() / s.year.n / (days[1] - days[0]) for days in pairwise(CUTS)]
    return {
        "reachable": left,
        "status quo": base,
        "sessions, first 28 days": value.relative(s.year, "sessions", (0, 28)).value,
        "sessions, year": value.relative(s.year, "sessions").value,
        "curve": curve,
        "curve of the status quo": quo,
        "holds": left < 0.10 and left < base / 2,
    }


def one_step_misleads(s: Study) -> dict[str, Any]:
    """8. One-step values of "send with probability q" from a trial, and what each q brings over 28 days."""
    said = trial_sums(s)["predicted"]
    people = s.world.people(s.trial_users, seed=s.seed)
    true = [s.world.trial_value(q, 28, people, seed=s.seed).mean("sessions").value / 4 for q in CHANCES]
    low, high = CHANCES.index(0.2), CHANCES.index(0.6)
    factor = (said[high] - said[low]) / (true[high] - true[low])
    wrong = [
        f"{CHANCES[j]:g} > {CHANCES[i]:g}"
        for i in range(len(CHANCES))
        for j in range(i + 1, len(CHANCES))
        if (said[j] - said[i]) * (true[j] - true[i]) < 0
    ]
    return {
        "said": said,
        "true": true,
        "factor": factor,
        "wrong": wrong,
        "holds": abs(factor - 1) > 0.1 and len(wrong) > 0,
    }


@dataclass
class Switch:
    """One cadence, then another."""

    before: float
    after: float
    week: int
    by_week: bool = False
    kept: float = 1.0

    def weeks(self, people: People, week: int, weeks: int) -> tuple[np.ndarray, np.ndarray]:
        pace = np.where(np.arange(week, week + weeks) < self.week, self.before, self.after)
        return np.tile(np.rint(1000 * pace).astype(np.int64), (people.n, 1)), np.full((people.n, weeks), -1)


def monthly_to_weekly(s: Study) -> dict[str, Any]:
    """9. After 168 days at one send in 28: stay, or go weekly, for 168 days."""
    days, found = (168, 336), {}
    for name, after in (("monthly", 0.25), ("weekly", 1.0)):
        value = s.value(Switch(0.25, after, 24), 336, cuts=(168,))
        left = value.of_users("opt_outs", days).sum()
        found[f"{name}, per send"] = left / value.of_users("sends", days).sum()
        found[f"{name}, per 28 days"] = left / value.of_users("days_alive", days).sum() * 28
    falls = found["weekly, per send"] < found["monthly, per send"]
    return {**found, "holds": bool(falls and found["weekly, per 28 days"] > found["monthly, per 28 days"])}


def anchors(s: Study) -> dict[str, Any]:
    """What the status quo looks like, over 28 days."""
    days, v = (0, 28), s.year
    total = {m: float(v.of_users(m, days).sum()) for m in ("sends", "opens", "sessions", "opt_outs", "added_sessions")}
    return {
        "open rate": total["opens"] / total["sends"],
        "share of sessions that notifications added": total["added_sessions"] / total["sessions"],
        "sessions a week": total["sessions"] / v.n / 4,
        "opt-outs per send": total["opt_outs"] / total["sends"],
    }


REGULARITIES: tuple[Callable[[Study], dict[str, Any]], ...] = (
    drop_half, double, limited, best_hour, uplift, opens_per_send, greedy, one_step_misleads, monthly_to_weekly,
)  # fmt: skip
