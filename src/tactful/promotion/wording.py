"""The words of a verdict, for people who ship products."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tactful.core.actions import DAY_US
from tactful.core.log import Log
from tactful.promotion.claims import SEQUENTIAL
from tactful.promotion.ledger import WHOLE_LOG
from tactful.promotion.results import GAIN, CandidateVerdict, Claim, Verdict

SMALL_RATE = 0.2  # limits below are rates, said as per cent


def sentence(verdict: Verdict, log: Log) -> str:
    """Say why the best candidate passes, what is not proven of those that are held, or why nothing can be said."""
    if verdict.promoted is not None:
        best = next(c for c in verdict.candidates if c.version == verdict.promoted)
        return _promote(best, verdict, log)
    if verdict.verdict == "hold":
        candidates = [c for c in verdict.candidates if c.verdict == "hold"]
        return "Hold. " + " ".join(f"{c.name}: {_unproven_of(c, verdict.baseline, log)}." for c in candidates)
    return refuse([f"{c.name}: {c.why}" for c in verdict.candidates])


def refuse(reasons: Sequence[str]) -> str:
    """Say why nothing can be said."""
    return "Refuse: nothing can be said from this log. " + " ".join(f"{reason}." for reason in reasons)


UNENTERED = "every claim is proven, but the ledger took no entry, and a verdict that is not entered promotes nothing"


def notes(verdict: Verdict, log: Log, *, recorded: bool) -> Iterator[str]:
    """Say what a reader should keep in mind; ``recorded`` where there is a ledger."""
    if any(claim.method == SEQUENTIAL for c in verdict.candidates for claim in c.claims):
        yield "limits are of one step: what more sends do to later periods is in the gain alone"
    if verdict.again:
        yield "the same question was asked before: it has the same answer, and spends nothing more"
    if verdict.looks:
        yield f"evaluations have shown this holdout {verdict.looks} times: a candidate chosen by them voids δ"
    if verdict.unentered:
        yield f"this gate is not entered ({verdict.unentered}): mend that and hold it again before another one"
    if not recorded:
        yield "no ledger is kept: this must be the only gate on this holdout"
    if len(set(log.policy.code.tolist())) > 1:
        yield "several policies wrote this log: bounds take them as given, not as learnt from these users"


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


def _promote(best: CandidateVerdict, verdict: Verdict, log: Log) -> str:
    """Why a candidate passes, and how likely a bad one would have."""
    users = "users" if verdict.holdout == WHOLE_LOG else "users held out"
    merits = [f"it earns {_gain(best.claim(GAIN), verdict.baseline)}"]
    merits += [_kept_limit(claim, unit(log)) for claim in best.claims if claim.name != GAIN]
    return (
        f"Promote {best.name}: on the {log.users:,} {users}, {_enumeration(merits)}. A policy that is no better, or "
        f"breaks a limit, passes this gate with a chance of at most {percent(verdict.spent)}."
    )


def _unproven_of(candidate: CandidateVerdict, baseline: str, log: Log) -> str:
    unproven = [claim for claim in candidate.claims if claim.status != "proven"]
    if not unproven:
        return candidate.why
    return "; ".join(_unproven(claim, baseline, log) for claim in unproven)


def _unproven(claim: Claim, baseline: str, log: Log) -> str:
    if claim.value is None or claim.bound is None:
        return claim.why
    if claim.name == GAIN:
        doubt = f"and {claim.why}" if claim.why.startswith("the gain") else f"which is not reliable ({claim.why})"
        text = f"it earns {_gain(claim, baseline)}, {doubt}"
    elif claim.delta:
        rates = f"{_rate(claim, claim.value)} a user and {unit(log)} and may be {_rate(claim, claim.bound)}"
        text = f"{claim.name} is {rates}, above its limit of {_rate(claim, claim.limit)}"
    else:
        return f"{claim.name} is {number(claim.value)}, above its limit of {number(claim.limit)}"
    if claim.needed is None:
        return f"{text}; more data of this kind will not tell" if _on_wrong_side(claim) else text
    decisions = number(max(claim.needed - log.n, 1), 2)
    return f"{text}; about {decisions} more decisions would tell, if it is what it seems"


def _on_wrong_side(claim: Claim) -> bool:
    """Whether the estimate itself is on the wrong side."""
    value = claim.value or 0.0
    return value <= 0 if claim.name == GAIN else value >= claim.limit


def _gain(claim: Claim, baseline: str) -> str:
    low, high, reference = claim.bound, claim.other, claim.reference
    if low is None or high is None:
        return claim.why
    if reference is not None and reference > 0:
        ends = f"{_signed(100 * low / reference)} % and {_signed(100 * high / reference)} %"
        return f"between {ends} more than {baseline}"
    horizon = f" over {claim.periods} periods" if claim.periods > 1 else ""
    return f"between {_signed(low)} and {_signed(high)} of the objective more per user than {baseline}{horizon}"


def _signed(x: float) -> str:
    return f"{'+' if x > 0 else '−' if x < 0 else ''}{number(abs(x), 2)}"


def _kept_limit(claim: Claim, period: str) -> str:
    if not claim.delta:
        value = claim.value or 0.0
        relation = "at" if value > claim.limit else "within"
        return f"{claim.name} is {number(value)}, {relation} its limit of {number(claim.limit)}"
    bound = _rate(claim, claim.bound or 0.0)
    return f"{claim.name} is at most {bound} a user and {period}, under its ceiling of {_rate(claim, claim.limit)}"


def _rate(claim: Claim, x: float) -> str:
    """A limited outcome: as per cent where it is a small rate."""
    return percent(x) if claim.limit < SMALL_RATE else number(x)


def _enumeration(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])}, and {texts[-1]}"
