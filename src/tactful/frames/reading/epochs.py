"""Times as numbers since 1970: their unit follows from their size, and instants that cannot be meant are refused."""

from __future__ import annotations

import numpy as np
import polars as pl

from tactful.core.arrays import I64, Bool
from tactful.core.instants import EARLIEST_US, LATEST_US, YEARS, describe_mistake
from tactful.frames.reading.rows import FileRows

# How many of each unit a second has.
EPOCH_UNITS = {"s": 1, "ms": 1_000, "µs": 1_000_000, "ns": 1_000_000_000}
UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "µs": "microseconds", "ns": "nanoseconds"}
MICROSECONDS = 1_000_000
LAST_PRINTED_YEAR = 9999  # later ones are written with commas
YEAR_US = 31_556_952_000_000  # on average
EPOCH_PATTERN = r"^\d{9,19}(?:\.\d*)?$"
EPOCH_HINT = "map a column of ISO times, or of whole numbers since 1970 in one unit: s, ms, µs or ns"


def read_epochs_us(rows: FileRows, role: str, numbers: pl.Series) -> tuple[I64, str]:
    """(n,) µs UTC of numbers since 1970 without nulls, and the name of their unit.

    The unit is that in which most of them lie between 1990 and 2100; there, no number has two.

    Parameters
    ----------
    rows, role
        The rows and the column, for messages.
    numbers
        (n,) integers, or 64-bit floats.

    Raises
    ------
    LogError
        Numbers that are no times in any unit, in another unit than most, or floats of 32 bits.
    """
    if numbers.dtype == pl.Float32:
        do = "store it as whole numbers, or as 64-bit floats"
        raise rows.column_error(role, "holds 32-bit floats, which tell times apart by two minutes only", do)
    values = numbers.to_numpy()
    counts = {unit: int(np.count_nonzero(_lies_within(values, unit))) for unit in EPOCH_UNITS}
    unit = max(counts, key=lambda name: counts[name])
    if not counts[unit]:
        what = f"no time between {YEARS.replace(' to ', ' and ')} in s, ms, µs or ns since 1970"
        rows.refuse(np.ones(rows.n, np.bool_), role, what, EPOCH_HINT)
    what = f"no time between {YEARS.replace(' to ', ' and ')} in {UNIT_NAMES[unit]} since 1970, as most rows are,"
    rows.refuse(~_lies_within(values, unit), role, what, EPOCH_HINT)
    return _scale(values, EPOCH_UNITS[unit]), UNIT_NAMES[unit]


def refuse_implausible(rows: FileRows, role: str, times_us: I64, present: Bool | None = None) -> None:
    """Refuse instants outside 1990 to 2100.

    Parameters
    ----------
    rows, role
        The rows and the column, for messages.
    times_us
        (n,) µs UTC.
    present
        (n,) rows that are looked at; None for all.

    Raises
    ------
    LogError
        Names the column, the rows, the year of the first of them and the unit that was probably taken for another.
    """
    implausible = (times_us < EARLIEST_US) | (times_us >= LATEST_US)
    if present is not None:
        implausible &= present
    if implausible.any():
        what, do = explain_implausible(int(times_us[implausible.argmax()]))
        rows.refuse(implausible, role, what, do, show=False)


def explain_implausible(instant_us: int) -> tuple[str, str]:
    """What is wrong with an instant (µs UTC) that is not plausible, and what to do about it."""
    mistake = describe_mistake(instant_us)
    cause = f", as it comes of {mistake}" * bool(mistake)
    year = 1970 + instant_us // YEAR_US
    shown = f"{year:,}" if abs(year) > LAST_PRINTED_YEAR else str(year)
    return f"a time outside {YEARS} (the first is in the year {shown}{cause})", EPOCH_HINT


def _lies_within(values: np.ndarray, unit: str) -> Bool:
    """(n,) the numbers that lie between 1990 and 2100 in a unit."""
    low, high = (bound // MICROSECONDS * EPOCH_UNITS[unit] for bound in (EARLIEST_US, LATEST_US))
    return (values >= low) & (values < high)


def _scale(values: np.ndarray, per_second: int) -> I64:
    """(n,) µs of numbers of which a second has so many; fractions of a float to the nearest µs."""
    if values.dtype.kind == "f":
        whole = np.floor(values)
        fraction = np.rint((values - whole) * (MICROSECONDS / per_second)).astype(np.int64)
        return _scale(whole.astype(np.int64), per_second) + fraction
    integers = values.astype(np.int64)
    if per_second > MICROSECONDS:
        return integers // (per_second // MICROSECONDS)
    return integers * (MICROSECONDS // per_second)
