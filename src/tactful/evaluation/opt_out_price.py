"""What an opt-out costs: what the user would still have brought, less what opted-out users bring anyway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.outcomes import Objective
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.evaluation.user_histories import UserHistories

MAX_HORIZON = 26  # periods


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of one opt-out in units of the objective.

    >>> import tactful as tt
    >>> log = tt.World().simulate(500, 6, seed=1).log
    >>> price = tt.opt_out_price(log, 3, after=0.0, objective=tt.Objective({"engaged": 1.0}))
    >>> price.horizon, price.low < price.value < price.high
    (3, True)
    """

    value: float
    """What is lost with one opted-out user over the horizon."""
    se: float
    """Standard error with the rows of a user as one observation."""
    low: float
    """Lower end of the two-sided interval, which is asymptotic in users."""
    high: float
    """Upper end of the interval."""
    horizon: int
    """Periods after the decision that count."""
    discount: float
    """γ, per period."""
    after: float
    """What opted-out users were taken to bring per period, on average over the horizon."""
    assumed: bool
    """Whether ``after`` was given rather than estimated from the log."""
    opt_outs: int
    """Opt-outs in the log."""


def opt_out_price(
    log: Log,
    horizon: int,
    *,
    discount: float = 1.0,
    after: float | None = None,
    objective: Objective | None = None,
    level: float = 0.95,
) -> Price:
    """Estimate V = Σ_t γ^t S(t)(ȳ_subscribed(t) − ȳ_after(t)), t = 1 … horizon periods after the decision.

    S(t) is the share still subscribed after t periods and ȳ_subscribed(t) what they bring, among users of the same
    segments as the opted-out ones, who were subscribed at a decision that did not end it. A period without a row brings
    nothing. ȳ_after(t) is what rows after an opt-out (and its window) say. The interval is by user, asymptotic.

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
    level
        Of the two-sided interval.

    Returns
    -------
    Price
        Consistent where opted-out users would have gone on like subscribed users of their segment.

    Raises
    ------
    LogError
        No absorbing outcome.
    SpecError
        A horizon, discount or level that is none, or no other outcome in the objective.
    NothingToSayError
        No opt-out is known, no user was seen that long, or nothing tells what opted-out users bring.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(500, 6, seed=1).log
    >>> price = tt.opt_out_price(log, 3, after=0.0, objective=tt.Objective({"engaged": 1.0}))
    >>> price.opt_outs, price.low < price.value < price.high, price.assumed
    (24, True, True)
    """
    if horizon < 1 or not 0 < discount <= 1 or not 0 < level < 1:
        raise SpecError("no horizon, discount or level", "opt_out_price", "give periods from 1 on, and shares")
    histories = UserHistories.from_log(log, _reward(log, objective or log.objective))
    if not histories.opt_outs.size:
        raise NothingToSayError("no opt-out is known", "price", "wait, or use the rows of more users")
    if not histories.opted_out.any() and after is None:
        raise NothingToSayError(
            "no rows of users after their opt-out, so nobody knows what they bring",
            "price",
            "give after=…, per period; 0 gives an upper bound of the price",
        )
    value, influence, mean_after = _estimate(histories, horizon, discount, after)
    total = np.bincount(histories.user, influence, histories.users)
    active = np.count_nonzero(np.bincount(histories.user, minlength=histories.users))
    se = float(np.sqrt(active / max(active - 1, 1) * np.sum(total**2)))
    reach = float(stdtrit(max(active - 1, 1), (1 + level) / 2)) * se
    return Price(
        value=value,
        se=se,
        low=value - reach,
        high=value + reach,
        horizon=horizon,
        discount=discount,
        after=mean_after,
        assumed=after is not None,
        opt_outs=histories.opt_outs.size,
    )


def price_of_log(log: Log) -> Price | None:
    """The price over half of the log's periods (26 at most); None where there is none to be had.

    It is an upper bound where the log does not say what opted-out users bring.
    """
    if not log.n:
        return None
    periods = int(np.ptp(log.period))
    for assumed in (None, 0.0):
        try:
            return opt_out_price(log, min(max(periods // 2, 1), MAX_HORIZON), after=assumed)
        except (LogError, SpecError, NothingToSayError):
            continue
    return None


def _reward(log: Log, objective: Objective) -> F64:
    """(n,) the objective without its absorbing outcomes."""
    absorbing = [name for name, measured in log.outcomes.items() if measured.spec.absorbing]
    if not absorbing:
        raise LogError("no absorbing outcome", "[outcomes]", "mark the opt-out with absorbing = true")
    objective.check(log.outcomes)
    value = Objective({name: v for name, v in objective.values.items() if name not in absorbing})
    if not value.outcomes:
        raise SpecError("nothing but opt-outs has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    return log.reward(value)


def _estimate(
    histories: UserHistories, horizon: int, discount: float, assumed: float | None
) -> tuple[float, F64, float]:
    """The price, the influence (n,) of each row on it, and the mean taken for opted-out users."""
    group, opt_outs = _groups(histories, horizon)
    share, groups = opt_outs / opt_outs.sum(), opt_outs.size
    span = int(histories.period.max() - histories.period.min()) + horizon + 1
    user_period = histories.user * span + histories.period - histories.period.min()
    influence, by_group, means = np.zeros(histories.user.size), np.zeros(groups), list[float]()
    for t in range(1, horizon + 1):
        weight = discount**t
        mean, rows, row_influence = _after_opt_out(histories, user_period, t, assumed)
        means.append(mean)
        start = np.flatnonzero(histories.stays & (histories.period + t <= histories.last))
        later = histories.find(user_period, user_period[start] + t, histories.subscribed)
        start_group, active = group[start], later >= 0
        size = np.maximum(np.bincount(start_group, minlength=groups), 1)
        gain = np.where(active, histories.reward[later] - mean, 0.0)
        average = np.bincount(start_group, gain, groups) / size
        active_share = np.bincount(start_group, active.astype(np.float64), groups) / size
        by_group += weight * average
        influence[start] += weight * share[start_group] * (gain - average[start_group]) / size[start_group]
        influence[rows] -= weight * float(share @ active_share) * row_influence
    value = float(share @ by_group)
    influence[histories.opt_outs] += (by_group[group[histories.opt_outs]] - value) / histories.opt_outs.size
    return value, influence, float(np.mean(means))


def _groups(histories: UserHistories, horizon: int) -> tuple[I64, I64]:
    """(n,) the segment of each row and (g,) the opt-outs in it; one group where a segment has nobody to compare with.

    Raises
    ------
    NothingToSayError
        No user was followed over the horizon.
    """
    nodes, group = np.unique(histories.segment, return_inverse=True)
    followed = histories.stays & (histories.period + horizon <= histories.last)
    opt_outs = np.bincount(group[histories.opt_outs], minlength=nodes.size)
    if not followed.any():
        do = "choose a shorter one, or wait for more periods"
        raise NothingToSayError(f"no user was seen {horizon} periods after a decision", "horizon", do)
    if np.any((opt_outs > 0) & (np.bincount(group[followed], minlength=nodes.size) == 0)):
        return np.zeros_like(group), np.array([histories.opt_outs.size])
    return group, opt_outs


def _after_opt_out(histories: UserHistories, user_period: I64, t: int, assumed: float | None) -> tuple[float, I64, F64]:
    """What users bring t periods after their opt-out, the rows of those opt-outs, and their influence on it."""
    if assumed is not None:
        return assumed, np.zeros(0, np.int64), np.zeros(0)
    rows = histories.opt_outs[histories.period[histories.opt_outs] + t <= histories.last]
    if not rows.size:
        raise NothingToSayError(f"nobody was seen {t} periods after an opt-out", "horizon", "choose a shorter one")
    later = histories.find(user_period, user_period[rows] + t, histories.opted_out)
    reward = np.where(later >= 0, histories.reward[later], 0.0)
    mean = float(reward.mean())
    return mean, rows, (reward - mean) / rows.size
