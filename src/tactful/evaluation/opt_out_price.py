"""What an opt-out costs: what the user would still have brought, less what opted-out users bring anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Objective
from tactful.errors import LogError, NothingToSayError, SpecError

SHARE_KNOWN = 0.99
LONGEST = 26


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one opt-out in units of the objective, with an interval by user.

    ``after`` is the mean per period that opted-out users were taken to bring; ``assumed`` where the log could not say.
    """

    value: float
    se: float
    low: float
    high: float
    horizon: int
    discount: float
    after: float
    assumed: bool
    opt_outs: int


def opt_out_price(
    log: Log,
    horizon: int,
    *,
    discount: float = 1.0,
    after: float | None = None,
    objective: Objective | None = None,
    level: float = 0.95,
) -> Price:
    """V = Σ_t γ^t S(t)(ȳ_subscribed(t) − ȳ_after(t)), t = 1 … horizon periods after the decision.

    S and ȳ_subscribed are those of users of the same segments as the opted-out ones, who were subscribed at a decision
    that did not end it; a period without a row brings nothing. ȳ_after is what rows after an opt-out (and its window)
    say. The interval is by user, asymptotic.

    Parameters
    ----------
    log
        With an absorbing outcome.
    horizon
        Periods that count; some users must have been seen that long after a decision.
    discount
        γ, per period.
    after
        What opted-out users bring per period, in units of the objective: needed where the log has no rows of users
        after their opt-out, as most have not. 0 gives an upper bound of the price where they bring anything.
    objective
        That of the log by default; absorbing outcomes in it are left out.

    Raises
    ------
    LogError
        No absorbing outcome.
    SpecError
        A horizon, discount or level that is none, or no other outcome in the objective.
    NothingToSayError
        No opt-out is known, no user was seen that long, or nothing tells what opted-out users bring.
    """
    if horizon < 1 or not 0 < discount <= 1 or not 0 < level < 1:
        raise SpecError("no horizon, discount or level", "opt_out_price", "give periods from 1 on, and shares")
    panel = _Panel.of(log, _reward(log, objective or log.objective))
    if not panel.left.size:
        raise NothingToSayError("no opt-out is known", "price", "wait, or use the rows of more users")
    if not panel.after.any() and after is None:
        raise NothingToSayError(
            "no rows of users after their opt-out, so nobody knows what they bring",
            "price",
            "give after=…, per period; 0 gives an upper bound of the price",
        )
    value, influence, mean = _estimate(panel, horizon, discount, after)
    total = np.bincount(panel.user, influence, panel.users)
    active = np.count_nonzero(np.bincount(panel.user, minlength=panel.users))
    se = float(np.sqrt(active / max(active - 1, 1) * np.sum(total**2)))
    reach = float(stdtrit(max(active - 1, 1), (1 + level) / 2)) * se
    return Price(value, se, value - reach, value + reach, horizon, discount, mean, after is not None, panel.left.size)


def price_of_log(log: Log) -> Price | None:
    """The price over half of the log's periods (26 at most), an upper bound where nothing is known after; or None."""
    if not log.n:
        return None
    periods = int(np.ptp(log.period))
    for after in (None, 0.0):
        try:
            return opt_out_price(log, min(max(periods // 2, 1), LONGEST), after=after)
        except (LogError, SpecError, NothingToSayError):
            continue
    return None


def _reward(log: Log, objective: Objective) -> F64:
    absorbing = [o for o, m in log.outcomes.items() if m.spec.absorbing]
    if not absorbing:
        raise LogError("no absorbing outcome", "[outcomes]", "mark the opt-out with absorbing = true")
    objective.check(log.outcomes)
    kept = Objective({o: v for o, v in objective.values.items() if o not in absorbing})
    if not kept.outcomes:
        raise SpecError("nothing but opt-outs has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    return log.reward(kept)


class _Panel(NamedTuple):
    """Rows by user and period.

    ``y`` (n,) rewards, 0 where unknown; ``subscribed``, ``after`` (n,) rows up to, and a window after, an opt-out;
    ``stays`` (n,) subscribed rows after which the user surely stayed; ``left`` the rows of opt-outs; ``last`` the last
    period whose rewards are known.
    """

    user: I64
    period: I64
    segment: I64
    y: F64
    subscribed: Bool
    after: Bool
    stays: Bool
    left: I64
    last: int
    users: int

    @classmethod
    def of(cls, log: Log, reward: F64) -> _Panel:
        order = np.lexsort((log.period, log.user))
        at = log.period if log.decided_at is None else log.decided_at
        absorbing = [m for m in log.outcomes.values() if m.spec.absorbing]
        came = np.logical_or.reduce([m.value == 1 for m in absorbing])
        never = np.iinfo(np.int64).max
        first, until = np.full(log.user_key.size, never), np.full(log.user_key.size, never)
        np.minimum.at(first, log.user[came], at[came])
        window = 0 if log.decided_at is None else max(m.spec.window_us for m in absorbing)
        until[first < never] = first[first < never] + window
        subscribed, past = at <= first[log.user], at > until[log.user]
        known = np.logical_and.reduce([m.known for m in absorbing])
        left = came & (at == first[log.user])
        settled = ~np.isnan(reward)
        count, sure = np.bincount(log.period - log.period.min()), np.bincount((log.period - log.period.min())[settled])
        enough = np.flatnonzero(sure >= SHARE_KNOWN * count[: sure.size]) if sure.size else sure
        last = int(log.period.min()) + int(enough.max(initial=-1))
        rows = (log.user, log.period, log.segment, np.nan_to_num(reward), subscribed, past, subscribed & known & ~came)
        sorted_rows = (x[order] for x in rows)
        return cls(*sorted_rows, np.flatnonzero(left[order]), last, log.user_key.size)  # type: ignore[call-arg]


def _estimate(panel: _Panel, horizon: int, discount: float, after: float | None) -> tuple[float, F64, float]:
    """The price, the influence (n,) of each row on it, and the mean taken for opted-out users."""
    nodes, group = np.unique(panel.segment, return_inverse=True)
    counted = panel.stays & (panel.period + horizon <= panel.last)
    gone = np.bincount(group[panel.left], minlength=nodes.size)
    if np.any((gone > 0) & (np.bincount(group[counted], minlength=nodes.size) == 0)):
        group, gone = np.zeros_like(group), np.array([panel.left.size])
    if not counted.any():
        do = "choose a shorter one, or wait for more periods"
        raise NothingToSayError(f"no user was seen {horizon} periods after a decision", "horizon", do)
    share, g = gone / gone.sum(), gone.size
    span = int(panel.period.max() - panel.period.min()) + horizon + 1
    key = panel.user * span + panel.period - panel.period.min()
    influence, by_group, means = np.zeros(panel.user.size), np.zeros(g), list[float]()
    for t in range(1, horizon + 1):
        weight = discount**t
        mean, rows, own = _after(panel, key, t, after)
        means.append(mean)
        seen = np.flatnonzero(panel.stays & (panel.period + t <= panel.last))
        later = _at(key, key[seen] + t, panel.subscribed)
        size = np.maximum(np.bincount(group[seen], minlength=g), 1)
        there = later >= 0
        brought = np.where(there, panel.y[later] - mean, 0.0)
        average = np.bincount(group[seen], brought, g) / size
        present = np.bincount(group[seen], there.astype(np.float64), g) / size
        by_group += weight * average
        of = group[seen]
        influence[seen] += weight * share[of] * (brought - average[of]) / size[of]
        influence[rows] -= weight * float(share @ present) * own
    value = float(share @ by_group)
    influence[panel.left] += (by_group[group[panel.left]] - value) / panel.left.size
    return value, influence, float(np.mean(means))


def _after(panel: _Panel, key: I64, t: int, given: float | None) -> tuple[float, I64, F64]:
    """What users bring t periods after their opt-out, the rows of those opt-outs, and their influence on it."""
    nobody = np.zeros(0, np.int64)
    if given is not None:
        return given, nobody, np.zeros(0)
    seen = panel.left[panel.period[panel.left] + t <= panel.last]
    if not seen.size:
        raise NothingToSayError(f"nobody was seen {t} periods after an opt-out", "horizon", "choose a shorter one")
    later = _at(key, key[seen] + t, panel.after)
    brought = np.where(later >= 0, panel.y[later], 0.0)
    mean = float(brought.mean())
    return mean, seen, (brought - mean) / seen.size


def _at(key: I64, wanted: I64, allowed: Bool) -> I64:
    """(m,) the row of each wanted (user, period), −1 where there is none that is allowed."""
    at = np.minimum(np.searchsorted(key, wanted), key.size - 1)
    return np.where((key[at] == wanted) & allowed[at], at, -1)
