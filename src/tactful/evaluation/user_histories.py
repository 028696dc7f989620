"""The histories of users up to and after their opt-out: what the price of an opt-out is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log

SHARE_KNOWN = 0.99  # of the rows of a period, from which its rewards count as known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserHistories:
    """The n rows of a log, sorted by user and period, and whether their users were subscribed."""

    user: I64
    """(n,) codes from 0."""
    period: I64
    """(n,)."""
    segment: I64
    """(n,) nodes of the segment tree."""
    reward: F64
    """(n,) 0 where it is unknown."""
    subscribed: Bool
    """(n,) rows up to an opt-out, with that of the opt-out."""
    opted_out: Bool
    """(n,) rows more than a window after an opt-out."""
    stays: Bool
    """(n,) subscribed rows that surely did not end in an opt-out."""
    opt_outs: I64
    """Rows in which a user opted out."""
    last: int
    """The last period whose rewards are known."""
    users: int
    """Users in the log."""

    @classmethod
    def from_log(cls, log: Log, reward: F64) -> UserHistories:
        """Sort the rows, and say of each whether its user was subscribed."""
        absorbing = [measured for measured in log.outcomes.values() if measured.spec.absorbing]
        ends = np.logical_or.reduce([measured.value == 1 for measured in absorbing])
        certain = np.logical_and.reduce([measured.known for measured in absorbing])
        window = 0 if log.decided_at is None else max(measured.spec.window_us for measured in absorbing)
        time = log.period if log.decided_at is None else log.decided_at
        first, window_end = _opt_out_times(log, time, ends, window)
        subscribed = time <= first[log.user]
        order = np.lexsort((log.period, log.user))
        return cls(
            user=log.user[order],
            period=log.period[order],
            segment=log.segment[order],
            reward=np.nan_to_num(reward)[order],
            subscribed=subscribed[order],
            opted_out=(time > window_end[log.user])[order],
            stays=(subscribed & certain & ~ends)[order],
            opt_outs=np.flatnonzero((ends & (time == first[log.user]))[order]),
            last=_last_known_period(log.period, ~np.isnan(reward)),
            users=log.user_key.size,
        )

    def find(self, user_period: I64, sought: I64, allowed: Bool) -> I64:
        """(m,) the row of each (user, period) that is sought, −1 where there is none that is allowed.

        ``user_period`` (n,) are the sorted keys of the rows.
        """
        row = np.minimum(np.searchsorted(user_period, sought), user_period.size - 1)
        return np.where((user_period[row] == sought) & allowed[row], row, -1)


def _opt_out_times(log: Log, time: I64, ends: Bool, window: int) -> tuple[I64, I64]:
    """(u,) the time of each user's first opt-out, and the end of its window; the end of time without one."""
    never = np.iinfo(np.int64).max
    first, window_end = np.full(log.user_key.size, never), np.full(log.user_key.size, never)
    np.minimum.at(first, log.user[ends], time[ends])
    window_end[first < never] = first[first < never] + window
    return first, window_end


def _last_known_period(period: I64, settled: Bool) -> int:
    """The newest period in which nearly all rewards are known; the one before the first where there is none."""
    start = int(period.min())
    count, settled_count = np.bincount(period - start), np.bincount((period - start)[settled])
    mature = np.flatnonzero(settled_count >= SHARE_KNOWN * count[: settled_count.size])
    return start + int(mature.max(initial=-1))
