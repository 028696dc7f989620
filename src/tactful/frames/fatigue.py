"""How tired a log shows its users to be: fatigue and recent dose before every decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tactful.core.arrays import F64, I64, Bool
from tactful.errors import LogError, SpecError

FATIGUE, DOSE = "x_fatigue", "x_recent_dose"
DOSE_DAYS, WEEK_DAYS = 28, 7


@dataclass(frozen=True, slots=True)
class Fading:
    """How the sends of earlier decisions fade, with a half-life h in days.

    Where a period is days long, its sends are taken as spread evenly over them; where ``per_day`` decisions share a
    day, each is one slot, and all that was sent the same day counts in full.
    """

    half_life_days: float = 6.0
    period_days: int = 7
    per_day: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot fade."""
        if self.half_life_days <= 0 or self.period_days < 1 or (self.per_day is not None and self.per_day < 1):
            raise SpecError(
                "half-life, days and slots must be positive", "fatigue", "6 days, and weeks of 7, are usual"
            )

    @property
    def added(self) -> float:
        """What one send of a period of days still weighs when the next period begins."""
        return sum(2 ** (-i / self.half_life_days) for i in range(1, self.period_days + 1)) / self.period_days

    @property
    def window(self) -> int:
        """The number of periods in 28 days."""
        return DOSE_DAYS * self.per_day if self.per_day is not None else max(1, round(DOSE_DAYS / self.period_days))

    def kept(self, before: I64, now: I64) -> F64:
        """Share of fatigue left between two periods."""
        days = now // self.per_day - before // self.per_day if self.per_day else (now - before) * self.period_days
        return 2 ** (-days.astype(np.float64) / self.half_life_days)

    def carried(self, before: I64, now: I64) -> F64:
        """What one send of period ``before`` weighs at ``now``."""
        return self.kept(before, now) if self.per_day else self.added * self.kept(before + 1, now)


def with_dose(frame: pl.DataFrame, *, sends: str = "opens_trials", fading: Fading | None = None) -> pl.DataFrame:
    """A log's rows with ``x_fatigue`` and ``x_recent_dose``, of what was sent before each decision.

    Fatigue D = Σ_j s_j · weight · 2^(−age_j / h); recent dose is the mean sends a week over the 28 days before.
    A user's first row has none of either. The simulated world writes the same two columns into its logs.

    Parameters
    ----------
    frame
        Rows with ``user``, ``period`` and, where there are several, ``scope``; in any order.
    sends
        The column of sends really made in the period: 0 or 1 where a decision is one send.
    fading
        Half-life and length of periods; six days and weeks by default.

    Returns
    -------
    polars.DataFrame
        The rows in their order, with the two columns put in or replaced.

    Raises
    ------
    LogError
        A column is missing, or a number of sends is unknown or negative.

    Examples
    --------
    >>> rows = pl.DataFrame({"user": ["a"] * 3, "period": [0, 1, 2], "sent": [7, 0, 0]})
    >>> with_dose(rows, sends="sent", fading=Fading(half_life_days=7))["x_recent_dose"].to_list()
    [0.0, 1.75, 1.75]
    """
    if missing := [c for c in ("user", "period", sends) if c not in frame.columns]:
        raise LogError(f"no column {missing[0]!r}", "fatigue", "give the rows of a decision log")
    made = frame[sends].cast(pl.Float64)
    if made.is_null().any() or made.is_nan().any() or (made < 0).any():
        bad = int((made.is_null() | made.is_nan() | (made < 0)).sum())
        raise LogError(f"{bad:,} rows have no number of sends", f"column {sends!r}", "give what was sent, 0 if nothing")
    keys = [c for c in ("user", "scope") if c in frame.columns]
    order = frame.select(*keys, "period").with_row_index("row").sort([*keys, "period"])
    row = order["row"].to_numpy().astype(np.int64)
    first = order.select(pl.struct(keys).rle_id())[keys[0]].to_numpy().astype(np.int64)
    period, sent = order["period"].to_numpy().astype(np.int64), made.to_numpy()[row]
    tired, dose = _fatigue(first, period, sent, fading or Fading()), _recent(first, period, sent, fading or Fading())
    back = np.argsort(row)
    return frame.with_columns(pl.Series(FATIGUE, tired[back]), pl.Series(DOSE, dose[back]))


def _fatigue(user: I64, period: I64, sent: F64, fading: Fading) -> F64:
    """(n,) of rows sorted by user and period; one step for each row of the longest user."""
    start: Bool = np.r_[True, user[1:] != user[:-1]]
    at = np.flatnonzero(start)
    length = np.diff(np.r_[at, user.size])
    out = np.zeros(user.size)
    for step in range(1, int(length.max(initial=1))):
        now = at[length > step] + step
        gap = period[now - 1], period[now]
        out[now] = out[now - 1] * fading.kept(*gap) + sent[now - 1] * fading.carried(*gap)
    return out


def _recent(user: I64, period: I64, sent: F64, fading: Fading) -> F64:
    """(n,) mean sends a week over the periods of 28 days."""
    before = np.r_[0.0, np.cumsum(sent)]
    span = int(period.max() - period.min()) + fading.window + 1 if period.size else 1
    place = user * span + (period - (period.min() if period.size else 0))
    earliest = np.maximum(place - fading.window, user * span)
    opened = np.searchsorted(place, earliest)
    return (before[np.arange(user.size)] - before[opened]) * WEEK_DAYS / DOSE_DAYS
