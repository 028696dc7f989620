"""How tired a log shows its users to be: fatigue and recent dose before every decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tactful.core.arrays import F64, I64
from tactful.errors import LogError, SpecError

FATIGUE_COLUMN, DOSE_COLUMN = "x_fatigue", "x_recent_dose"
DOSE_DAYS, WEEK_DAYS = 28, 7


@dataclass(frozen=True, slots=True)
class Fading:
    """How the sends of earlier decisions fade.

    Where a period is days long, its sends are taken as spread evenly over them; where several decisions share a day,
    each is one slot, and all that was sent the same day counts in full.

    Examples
    --------
    >>> Fading(half_life_days=7.0).remaining(np.array([0]), np.array([1])).tolist()
    [0.5]
    """

    half_life_days: float = 6.0
    """The days after which half of the fatigue is left."""
    period_days: int = 7
    """The length of a period."""
    per_day: int | None = None
    """Decisions that share a day; None where a period is days long."""

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

    def remaining(self, start: I64, end: I64) -> F64:
        """(n,) the share of fatigue of period ``start`` that is left in period ``end``."""
        days = end // self.per_day - start // self.per_day if self.per_day else (end - start) * self.period_days
        return 2 ** (-days.astype(np.float64) / self.half_life_days)

    def weight(self, start: I64, end: I64) -> F64:
        """(n,) what one send of period ``start`` weighs in period ``end``."""
        return self.remaining(start, end) if self.per_day else self.added * self.remaining(start + 1, end)


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
    sends_made = frame[sends].cast(pl.Float64)
    invalid = sends_made.is_null() | sends_made.is_nan() | (sends_made < 0)
    if invalid.any():
        what = f"{int(invalid.sum()):,} rows have no number of sends"
        raise LogError(what, f"column {sends!r}", "give what was sent, 0 if nothing")
    keys = [c for c in ("user", "scope") if c in frame.columns]
    order = frame.select(*keys, "period").with_row_index("row").sort([*keys, "period"])
    row = order["row"].to_numpy().astype(np.int64)
    user = order.select(pl.struct(keys).rle_id())[keys[0]].to_numpy().astype(np.int64)
    period, sent = order["period"].to_numpy().astype(np.int64), sends_made.to_numpy()[row]
    fading = fading or Fading()
    fatigue, dose = _fatigue(user, period, sent, fading), _recent_dose(user, period, sent, fading)
    back = np.argsort(row)
    return frame.with_columns(pl.Series(FATIGUE_COLUMN, fatigue[back]), pl.Series(DOSE_COLUMN, dose[back]))


def _fatigue(user: I64, period: I64, sent: F64, fading: Fading) -> F64:
    """Fatigue before each decision; one step for each row of the longest user.

    Parameters
    ----------
    user, period, sent
        (n,) codes of users, periods and sends, sorted by user and period.
    fading
        How it fades.
    """
    first_rows = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    length = np.diff(np.r_[first_rows, user.size])
    fatigue = np.zeros(user.size)
    for step in range(1, int(length.max(initial=1))):
        rows = first_rows[length > step] + step
        span = period[rows - 1], period[rows]
        fatigue[rows] = fatigue[rows - 1] * fading.remaining(*span) + sent[rows - 1] * fading.weight(*span)
    return fatigue


def _recent_dose(user: I64, period: I64, sent: F64, fading: Fading) -> F64:
    """Mean sends a week over the periods of 28 days before each decision.

    Parameters
    ----------
    user, period, sent
        (n,) codes of users, periods and sends, sorted by user and period.
    fading
        How many periods 28 days are.
    """
    total = np.r_[0.0, np.cumsum(sent)]
    span = int(period.max() - period.min()) + fading.window + 1 if period.size else 1
    place = user * span + (period - (period.min() if period.size else 0))
    earliest = np.maximum(place - fading.window, user * span)
    first_rows = np.searchsorted(place, earliest)
    return (total[np.arange(user.size)] - total[first_rows]) * WEEK_DAYS / DOSE_DAYS
