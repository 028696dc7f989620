"""The sentence of a verdict, for people who ship products."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tactful.core.actions import DAY_US
from tactful.core.log import Log
from tactful.promotion.results import GAIN, Claim, Judged

SMALL = 0.2  # limits below are rates, said as per cent


def promote(best: Judged, baseline: str, log: Log, whose: str, delta: float) -> str:
    """Why a candidate passes, and how likely a bad one would have."""
    said = [f"it earns {_gain(best.claim(GAIN), baseline)}"]
    said += [_kept(c, unit(log)) for c in best.claims if c.name != GAIN]
    return (
        f"Promote {best.name}: on the {log.users:,} {whose}, {_listed(said)}. "
        f"A policy that is no better, or breaks a limit, passes this gate with a chance of at most {percent(delta)}."
    )


def hold(held: Sequence[Judged], baseline: str, log: Log) -> str:
    """What is not proven of each candidate, and what it takes."""
    return "Hold. " + " ".join(f"{c.name}: {_open(c, baseline, log)}." for c in held)


def refuse(why: Sequence[tuple[str, str]]) -> str:
    """Why nothing can be said; ``why`` has pairs of (candidate, reason)."""
    return "Refuse: nothing can be said from this log. " + " ".join(
        f"{name}: {x}." if name else f"{x}." for name, x in why
    )


def unit(log: Log) -> str:
    """What a decision is for: a user and week, as a rule."""
    days = (log.actions.period_us or 0) / DAY_US
    return {7.0: "week", 1.0: "day"}.get(days, "period")


def percent(x: float) -> str:
    """A share in three digits."""
    return f"{number(100 * x)} %"


def number(x: float, digits: int = 3) -> str:
    """So many significant digits at most, and no exponent that people would have to read.

    >>> number(0.0040321), number(2.50), number(1234567.0)
    ('0.00403', '2.5', '1,230,000')
    """
    if x == 0 or not math.isfinite(x) or abs(x) > 1e15:
        return f"{x:.{digits}g}"
    places = digits - 1 - math.floor(math.log10(abs(x)))
    return f"{x:,.{places}f}".rstrip("0").rstrip(".") if places > 0 else f"{round(x, places):,.0f}"


def _open(held: Judged, baseline: str, log: Log) -> str:
    unproven = [c for c in held.claims if c.status != "proven"]
    if not unproven:
        return held.why
    return "; ".join(_unproven(c, baseline, log) for c in unproven)


def _unproven(claim: Claim, baseline: str, log: Log) -> str:
    if claim.value is None or claim.bound is None:
        return claim.why
    if claim.name == GAIN:
        but = f"and {claim.why}" if claim.why.startswith("the gain") else f"which is not reliable ({claim.why})"
        said = f"it earns {_gain(claim, baseline)}, {but}"
    elif claim.delta:
        most = (
            f"{claim.name} is {rate(claim, claim.value)} a user and {unit(log)} and may be {rate(claim, claim.bound)}"
        )
        said = f"{most}, above its limit of {rate(claim, claim.limit)}"
    else:
        return f"{claim.name} is {number(claim.value)}, above its limit of {number(claim.limit)}"
    if claim.needed is None:
        return f"{said}; more data of this kind will not tell" if _against(claim) else said
    more = number(max(claim.needed - log.n, 1), 2)
    return f"{said}; about {more} more decisions would tell, if it is what it seems"


def _against(claim: Claim) -> bool:
    """Whether the estimate itself is on the wrong side."""
    value = claim.value or 0.0
    return value <= 0 if claim.name == GAIN else value >= claim.limit


def _gain(claim: Claim, baseline: str) -> str:
    low, high, base = claim.bound, claim.other, claim.reference
    if low is None or high is None:
        return claim.why
    if base is not None and base > 0:
        return f"between {_signed(100 * low / base)} % and {_signed(100 * high / base)} % more than {baseline}"
    where = f" over {claim.periods} periods" if claim.periods > 1 else ""
    return f"between {_signed(low)} and {_signed(high)} of the objective more per user than {baseline}{where}"


def _signed(x: float) -> str:
    return f"{'+' if x > 0 else '−' if x < 0 else ''}{number(abs(x), 2)}"


def _kept(claim: Claim, period: str) -> str:
    if not claim.delta:
        value = claim.value or 0.0
        where = "at" if value > claim.limit else "within"
        return f"{claim.name} is {number(value)}, {where} its limit of {number(claim.limit)}"
    at_most = rate(claim, claim.bound or 0.0)
    return f"{claim.name} is at most {at_most} a user and {period}, under its ceiling of {rate(claim, claim.limit)}"


def rate(claim: Claim, x: float) -> str:
    """A limited outcome: as per cent where it is a small rate."""
    return percent(x) if claim.limit < SMALL else number(x)


def _listed(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])}, and {said[-1]}"
