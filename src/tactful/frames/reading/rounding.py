"""What rounding explains: probabilities that were written with few decimals, or kept as small floats."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, Bool

MAX_DECIMALS = 8  # more decimals than that miss a sum of 1 by less than what is computed anyway
MIN_DECIMALS = 2  # with one decimal a row of .5 tells nothing of how finely probabilities are written
MAX_EXPLAINED = 0.01  # a sum that misses 1 by more is wrong, however coarsely it is written
SLACK = 1e-9
# Relative rounding errors of floats of 64, 32 and 16 bits, and the finest step of the last.
FLOAT64_ERROR, FLOAT32_ERROR, FLOAT16_ERROR = 2.0**-52, 2.0**-24, 2.0**-11
FLOAT16_STEP = 2.0**-24


def count_decimals(entries: F64, error: float = FLOAT64_ERROR) -> int:
    """The decimals with which entries are written: enough for all of them, or 0 where that takes more than eight.

    Parameters
    ----------
    entries
        Probabilities.
    error
        The relative error of the floats that hold them.

    Examples
    --------
    >>> count_decimals(np.array([0.333, 0.25])), count_decimals(np.array([1 / 3]))
    (3, 0)
    """
    for decimals in range(1, MAX_DECIMALS + 1):
        if np.all(np.abs(entries - np.round(entries, decimals)) <= 2 * error * np.abs(entries)):
            return decimals
    return 0


def entry_error(entries: F64) -> float:
    """By how much an entry may differ from what it stands for; 0 where entries are not rounded to 2 to 8 decimals."""
    float_error = _find_float_error(entries)
    decimals = count_decimals(entries, float_error)
    half_unit = 0.5 * 10.0**-decimals if decimals >= MIN_DECIMALS else 0.0
    return half_unit + (float_error if float_error > FLOAT64_ERROR else 0.0)


def sum_error(pmf: F64) -> float:
    """By how much rounding may move the sum of a vector: half a unit an entry, and what small floats lose.

    Parameters
    ----------
    pmf
        (m, k) vectors that do not sum to 1.
    """
    float_error = _find_float_error(pmf)
    decimals = count_decimals(pmf, float_error)
    half_unit = 0.5 * 10.0**-decimals if decimals else 0.0
    step = FLOAT16_STEP if float_error == FLOAT16_ERROR else 0.0
    return min(pmf.shape[1] * (half_unit + step) + float_error, MAX_EXPLAINED) + SLACK


def is_rounded(coarse: F64, fine: F64) -> Bool:
    """(n,) whether values stand for others, as far as their own decimals or small floats tell.

    Parameters
    ----------
    coarse
        (n,) the values that may be rounded.
    fine
        (n,) what they would be without.
    """
    return np.abs(coarse - fine) <= entry_error(coarse) + SLACK


def _find_float_error(entries: F64) -> float:
    """The relative error of the smallest floats that hold all entries; short decimals are taken for what they are."""
    if count_decimals(entries):
        return FLOAT64_ERROR
    for kind, error in ((np.float16, FLOAT16_ERROR), (np.float32, FLOAT32_ERROR)):
        if np.array_equal(entries.astype(kind).astype(np.float64), entries):
            return error
    return FLOAT64_ERROR
