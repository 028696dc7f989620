"""Which instants can be meant, and which unit was taken for which where one cannot."""

from __future__ import annotations

# 1990-01-01 and 2100-01-01, in µs UTC: within them, epochs in s, ms, µs and ns cannot be confused.
EARLIEST_US, LATEST_US = 631_152_000_000_000, 4_102_444_800_000_000
DAY_US = 86_400_000_000
YEARS = "1990 to 2100"
# How many times too large or too small an instant is (as powers of a thousand), and what was taken for what.
MISTAKES = {
    1: "milliseconds taken for seconds, or nanoseconds for microseconds",
    2: "microseconds taken for seconds, or nanoseconds for milliseconds",
    3: "nanoseconds taken for seconds",
    -1: "milliseconds taken for microseconds, or seconds for milliseconds",
    -2: "seconds taken for microseconds, or milliseconds for nanoseconds",
    -3: "seconds taken for nanoseconds",
}


def is_plausible(instant_us: int) -> bool:
    """Whether an instant (µs UTC) lies between 1990 and 2100.

    Examples
    --------
    >>> is_plausible(1_780_304_400_000_000), is_plausible(1_780_304_400_000)
    (True, False)
    """
    return EARLIEST_US <= instant_us < LATEST_US


def describe_mistake(instant_us: int) -> str:
    """Which unit was probably taken for which, where an instant (µs UTC) is not plausible; empty if none explains it.

    Examples
    --------
    >>> describe_mistake(1_780_304_400_000)
    'milliseconds taken for microseconds, or seconds for milliseconds'
    """
    for thousands, mistake in MISTAKES.items():
        factor = 1000 ** abs(thousands)
        if is_plausible(instant_us // factor if thousands > 0 else instant_us * factor):
            return mistake
    # On the first day of 1970 the offset of a zone is larger than the number itself.
    return MISTAKES[-2] if abs(instant_us) < DAY_US else ""
