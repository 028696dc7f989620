"""Outcomes: their kinds, and what is known of them at ``as_of``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Measured
from tactful.core.outcomes import Outcome
from tactful.errors import SpecError
from tactful.frames.reading.rows import FileRows
from tactful.frames.reading.typed_columns import read_numbers
from tactful.frames.spec.sources import Measure

NULL_HINT = 'set null = "zero" if nothing arriving means 0, or null = "immature" if it means that nobody knows'


def read_outcome(rows: FileRows, measure: Measure) -> tuple[F64, F64 | None]:
    """(n,) values and trials as the file has them, NaN where it has none.

    Raises
    ------
    LogError
        Values that the outcome's kind or range excludes.
    """
    name, role = measure.outcome.name, f"y.{measure.outcome.name}"
    value = read_numbers(rows, role)
    trials = read_numbers(rows, f"n.{name}") if f"n.{name}" in rows else None
    _check_kind(rows, role, measure.outcome, value)
    if trials is not None:
        _check_trials(rows, measure, value, trials)
    return value, trials


def _check_kind(rows: FileRows, role: str, outcome: Outcome, value: F64) -> None:
    """Refuse values that the outcome's kind or range excludes.

    Parameters
    ----------
    rows, role
        The rows and the column, for messages.
    outcome
        Its kind and range.
    value
        (n,) values, NaN where the file has none.
    """
    present: Bool = ~np.isnan(value)
    if outcome.kind == "binary":
        other_values = present & (value != 0) & (value != 1)
        do = 'set kind = "count" or "real", or map a condition'
        rows.refuse(other_values, role, "a binary outcome other than 0 and 1", do)
    if outcome.kind == "count":
        no_counts = present & ((value < 0) | (value != np.floor(value)))
        rows.refuse(no_counts, role, "a count that is negative or has a fraction", 'set kind = "real", or correct it')
    if outcome.range is not None:
        low, high = outcome.range
        outside = present & ((value < low) | (value > high))
        rows.refuse(outside, role, f"outside the range [{low:g}, {high:g}]", "widen range, or correct the values")


def _check_trials(rows: FileRows, measure: Measure, value: F64, trials: F64) -> None:
    """Refuse trials that are no numbers of trials, or fewer than what came of them.

    Parameters
    ----------
    rows
        The rows, for messages.
    measure
        The outcome, and what a missing value means.
    value, trials
        (n,) values and trials, NaN where the file has none.
    """
    role = f"n.{measure.outcome.name}"
    no_counts = (trials < 0) | (trials != np.floor(trials)) & ~np.isnan(trials)
    rows.refuse(no_counts, role, "trials that are negative or have a fraction", "map a number of trials")
    if measure.null == "zero":
        trials = np.nan_to_num(trials)
    missing = ~np.isnan(value) & np.isnan(trials)
    rows.refuse(missing, role, "a count without trials", "map its number of trials, or leave trials out")
    rows.refuse(value > trials, f"y.{measure.outcome.name}", "a count above its trials", "map the trials it is out of")


def mature_outcome(rows: FileRows, measure: Measure, value: F64, trials: F64 | None, age_us: I64 | None) -> Measured:
    """The outcome at ``as_of``: unknown before its window has passed, whatever arrived early.

    Parameters
    ----------
    rows
        The rows, for messages.
    measure
        The outcome, and what a missing value means.
    value, trials
        (n,) as :func:`read_outcome` gives them.
    age_us
        (n,) the age of each decision; None where times are not known.

    Raises
    ------
    LogError
        An unknown outcome older than its window, unless the spec says what that means.
    SpecError
        A window, but no times.
    """
    outcome = replace(measure.outcome, has_trials=trials is not None)
    if age_us is None and outcome.window_us:
        do = "map [columns] decided_at, or set window_days = 0"
        raise SpecError("window_days needs the times of decisions", f"[outcomes] {outcome.name}", do)
    mature = np.ones(rows.n, np.bool_) if age_us is None else age_us >= outcome.window_us
    late = mature & np.isnan(value)
    if measure.null == "refuse":
        rows.refuse(late, f"y.{outcome.name}", "an unknown outcome older than its window", NULL_HINT, show=False)
    fill = late if measure.null == "zero" else np.zeros(rows.n, np.bool_)
    value = np.where(mature, np.where(fill, 0.0, value), np.nan)
    if trials is not None:
        if measure.null == "zero":
            trials = np.nan_to_num(trials)
        trials = np.where(np.isnan(value), np.nan, trials)
    return Measured(outcome, value, mature, trials)
