"""The nine regularities, each as one function of a seed's populations: plain numbers out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from seed_study import CHANCES, CUTS, YEAR, SeedStudy, deciles

from tactful.simulate import BOUNDS, ByFatigue, Fixed, People, Value, bucket, leaf_slots

PACES = (0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10)
GREEDY_PACES = np.array([0, 1, 2, 3, 5, 7, 10, 14, 21], float)
PRIOR_WEEKS = 30  # imagined weeks of every cell of the greedy table


def drop_half(s: SeedStudy) -> dict[str, Any]:
    """1. Each send dropped with probability 1/2, over 28 days: sessions fall by 1 to 5 %."""
    base = s.year
    change = s.half.of_users("sessions").mean() / base.of_users("sessions", (0, 28)).mean() - 1
    opt_outs = s.half.of_users("opt_outs").mean() / base.of_users("opt_outs", (0, 28)).mean() - 1
    return {"sessions": change, "opt_outs": opt_outs, "holds": -0.05 <= change <= -0.01}


def double(s: SeedStudy) -> dict[str, Any]:
    """2. 10 instead of 5 a week: sessions rise over 14 days, fall in the windows to 180 and 364 and over the year."""
    spans = {"day 14": (0, 14), "window to 180": (152, 180), "window to 364": (336, 364), "year": (0, YEAR)}
    changes = {name: s.double_year.relative(s.year, "sessions", days).value for name, days in spans.items()}
    curve = [s.double_year.relative(s.year, "expected_sessions", days).value for days in pairwise(CUTS)]
    first, *later = changes.values()
    return {**changes, "curve": curve, "holds": first > 0 and all(x < 0 for x in later)}


def limited(s: SeedStudy) -> dict[str, Any]:
    """3. The best frequency by leaf with opt-outs of at most 60 % of the status quo's, on another population."""
    sample = s.people.take(np.arange(min(s.table_users, s.people.n)))
    table = s.world.one_step(sample, per_week=PACES, days=28)
    share = np.bincount(sample.leaf, minlength=len(table)) / sample.n
    pace = np.array(PACES)[limited_paces(np.nan_to_num(table[:, :, 2]), np.nan_to_num(table[:, :, 3]), share)]
    population = s.world.people(s.users, seed=s.seed + 5000)
    plans = (Fixed(pace), Fixed(5.0))
    value, base = (s.world.value(plan, 28, population, seed=s.seed + 5000) for plan in plans)
    sends, opt_outs, sessions = (value.relative(base, m).value for m in ("sends", "opt_outs", "sessions"))
    holds = -0.35 <= sends <= -0.20 and -0.55 <= opt_outs <= -0.30 and -0.02 <= sessions <= 0
    return {"sends": sends, "opt_outs": opt_outs, "sessions": sessions, "pace": pace.tolist(), "holds": holds}


def limited_paces(sessions: np.ndarray, opt_outs: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(leaves,) index of the best pace at the least price of an opt-out that keeps the ceiling, found by bisection."""
    ceiling = 0.6 * share @ opt_outs[:, PACES.index(5)]
    low, high = 0.0, 1e4
    for _ in range(60):
        price = (low + high) / 2
        choice = np.argmax(sessions - price * opt_outs, axis=1)
        excess = share @ opt_outs[np.arange(len(opt_outs)), choice] > ceiling
        low, high = (price, high) if excess else (low, price)
    return np.argmax(sessions - high * opt_outs, axis=1)


def best_hour(s: SeedStudy) -> dict[str, Any]:
    """4. One slot, the best by leaf and by user, against a uniform choice among five, over 28 days."""
    by_user = np.argmax(s.world.slot_log_odds(s.people), axis=1)
    by_leaf = leaf_slots(s.world.config)
    arms = {"leaf": Fixed(5.0, by_leaf), "user": Fixed(5.0, by_user, by="user")}
    base = s.year.of_users("sessions", (0, 28)).mean()
    opens = s.year.of_users("opens", (0, 28)).mean()
    changes: dict[str, Any] = {}
    for name, plan in arms.items():
        value = s.value(plan, 28)
        changes[name] = value.of_users("sessions").mean() / base - 1
        changes[f"{name} opens"] = value.of_users("opens").mean() / opens - 1
    return {**changes, "holds": all(0.01 <= changes[a] <= 0.05 for a in arms)}


def uplift(s: SeedStudy) -> dict[str, Any]:
    """5. Send to the half with the highest uplift: the share sent by decile of activity; and the learned uplift."""
    alive = s.people.take(s.people.alive)
    lift = s.world.uplift(alive)
    decile = deciles(alive.visits, s.seed)
    chosen = lift >= np.median(lift)
    share = np.bincount(decile, chosen, 10) / np.bincount(decile, minlength=10)
    learned = s.trial.lift
    holds = int(share.argmin()) == 9
    return {"share": share.tolist(), "learned": learned, "learned holds": int(np.argmin(learned)) == 9, "holds": holds}


def opens_per_send(s: SeedStudy) -> dict[str, Any]:
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
    history: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    """Of every week: the bucket of fatigue, the frequency drawn, and who could be reached."""

    def weeks(self, people: People, week: int, weeks: int) -> tuple[np.ndarray, np.ndarray]:
        pick = np.random.default_rng((self.seed, week)).integers(GREEDY_PACES.size, size=people.n)
        self.history.append((bucket(people, np.array(BOUNDS)), pick, people.alive))
        return (1000 * GREEDY_PACES[pick]).astype(np.int64)[:, None], np.full((people.n, weeks), -1)


def greedy(s: SeedStudy) -> dict[str, Any]:
    """7. Each week the frequency with most opens by (leaf, fatigue): who can still be reached after a year."""
    best = greedy_paces(s)
    value = s.value(ByFatigue(np.array(BOUNDS), GREEDY_PACES[best], np.full(best.shape, -1)), YEAR, cuts=CUTS)
    reachable, base = value.reachable.value, s.year.reachable.value
    return {
        "reachable": reachable,
        "status quo": base,
        "sessions, first 28 days": value.relative(s.year, "sessions", (0, 28)).value,
        "sessions, year": value.relative(s.year, "sessions").value,
        "curve": reachable_curve(value),
        "curve of the status quo": reachable_curve(s.year),
        "holds": reachable < 0.10 and reachable < base / 2,
    }


def greedy_paces(s: SeedStudy) -> np.ndarray:
    """(leaves, buckets) the frequency of most opens in a week, learned from 12 weeks of exploring."""
    explore = Exploring(s.seed)
    trial = s.value(explore, 84, cuts=tuple(range(0, 85, 7)))
    shape = len(s.world.config.leaves), len(BOUNDS) + 1, GREEDY_PACES.size
    count, total = np.zeros(shape), np.zeros(shape)
    for week, (fatigue, pick, alive) in enumerate(explore.history):
        cell = (s.people.leaf[alive], fatigue[alive], pick[alive])
        np.add.at(count, cell, 1)
        np.add.at(total, cell, trial.of_users("opens", (7 * week, 7 * week + 7))[alive])
    pooled = total.sum((0, 1)) / np.maximum(count.sum((0, 1)), 1)
    return np.argmax((total + PRIOR_WEEKS * pooled) / (count + PRIOR_WEEKS), axis=2)


def reachable_curve(value: Value) -> list[float]:
    """The share of users who can be reached, in each window of the year."""
    return [value.of_users("days_alive", days).sum() / value.n / (days[1] - days[0]) for days in pairwise(CUTS)]


def one_step_misleads(s: SeedStudy) -> dict[str, Any]:
    """8. One-step values of "send with probability q" from a trial, and what each q brings over 28 days."""
    predicted = s.trial.predicted
    people = s.world.people(s.trial_users, seed=s.seed)
    true = [s.world.trial_value(q, 28, people, seed=s.seed).mean("sessions").value / 4 for q in CHANCES]
    low, high = CHANCES.index(0.2), CHANCES.index(0.6)
    factor = (predicted[high] - predicted[low]) / (true[high] - true[low])
    errors = [
        f"{CHANCES[j]:g} > {CHANCES[i]:g}"
        for i in range(len(CHANCES))
        for j in range(i + 1, len(CHANCES))
        if (predicted[j] - predicted[i]) * (true[j] - true[i]) < 0
    ]
    holds = abs(factor - 1) > 0.1 and len(errors) > 0
    return {"said": predicted, "true": true, "factor": factor, "wrong": errors, "holds": holds}


@dataclass
class Switch:
    """One cadence, then another from a week on."""

    first: float
    second: float
    week: int
    by_week: bool = False
    kept: float = 1.0

    def weeks(self, people: People, week: int, weeks: int) -> tuple[np.ndarray, np.ndarray]:
        pace = np.where(np.arange(week, week + weeks) < self.week, self.first, self.second)
        return np.tile(np.rint(1000 * pace).astype(np.int64), (people.n, 1)), np.full((people.n, weeks), -1)


def monthly_to_weekly(s: SeedStudy) -> dict[str, Any]:
    """9. After 168 days at one send in 28: stay, or go weekly, for 168 days."""
    days, rates = (168, 336), {}
    for name, pace in (("monthly", 0.25), ("weekly", 1.0)):
        value = s.value(Switch(0.25, pace, 24), 336, cuts=(168,))
        opt_outs = value.of_users("opt_outs", days).sum()
        rates[f"{name}, per send"] = opt_outs / value.of_users("sends", days).sum()
        rates[f"{name}, per 28 days"] = opt_outs / value.of_users("days_alive", days).sum() * 28
    falls = rates["weekly, per send"] < rates["monthly, per send"]
    return {**rates, "holds": bool(falls and rates["weekly, per 28 days"] > rates["monthly, per 28 days"])}


def anchors(s: SeedStudy) -> dict[str, Any]:
    """What the status quo looks like, over 28 days."""
    days, v = (0, 28), s.year
    total = {m: float(v.of_users(m, days).sum()) for m in ("sends", "opens", "sessions", "opt_outs", "added_sessions")}
    return {
        "open rate": total["opens"] / total["sends"],
        "share of sessions that notifications added": total["added_sessions"] / total["sessions"],
        "sessions a week": total["sessions"] / v.n / 4,
        "opt-outs per send": total["opt_outs"] / total["sends"],
    }


REGULARITIES: tuple[Callable[[SeedStudy], dict[str, Any]], ...] = (
    drop_half, double, limited, best_hour, uplift, opens_per_send, greedy, one_step_misleads, monthly_to_weekly,
)  # fmt: skip
