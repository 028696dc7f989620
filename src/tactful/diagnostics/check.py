"""The health of a log: what is in it, whether its propensities hold, and what can and cannot be asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tactful.core.log import Log
from tactful.diagnostics.calibration import calibration
from tactful.diagnostics.drift import Disagreement, drift
from tactful.diagnostics.finding import FALSE_ALARM, Finding
from tactful.diagnostics.mean_weight import mean_weight, parts, uniform_weight
from tactful.diagnostics.outcome_health import OutcomeHealth, look, unknown, zero_without_sends
from tactful.diagnostics.sample_ratio import sample_ratio
from tactful.diagnostics.stability import stability
from tactful.diagnostics.sticky_draws import sticky
from tactful.diagnostics.support import Support, questions, support_of
from tactful.diagnostics.survivorship import survivorship
from tactful.evaluation.opt_out_price import Price, price_of_log
from tactful.models.base import Posterior
from tactful.ope.reliability import WEAK_USERS

ROWS = 300_000


@dataclass(frozen=True, slots=True)
class Check:
    """The health of a log; ``can`` and ``cannot`` say in words what may be asked of it.

    ``false_alarm`` is the share of sound logs in which any finding that rests on chance appears. ``drift`` holds the
    recent data against a posterior, ``price`` what an opt-out costs, where they could be had.
    """

    n: int
    users: int
    periods: int
    segments: int
    actions: int
    arms: Mapping[str, int]
    propensities_are: str
    outcomes: Sequence[OutcomeHealth]
    support: Sequence[Support]
    uniform: Mapping[str, float]
    findings: Sequence[Finding]
    can: Sequence[str]
    cannot: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    false_alarm: float = FALSE_ALARM
    drift: Sequence[Disagreement] = ()
    price: Price | None = None

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful check --json`` prints."""
        return asdict(self)


def check(log: Log, *, posterior: Posterior | None = None, arms: Mapping[str, float] | None = None) -> Check:
    """Look a log over before anything is learnt from it; cost O(n k).

    Parameters
    ----------
    log
        Decisions. With propensity vectors the tests are sharper and there are more of them.
    posterior
        Also say where the rows that it has not counted disagree with it (``diagnostics.drift``).
    arms
        The share of users that each experiment arm was meant to have, for the sample-ratio test.

    Raises
    ------
    LogError
        ``arms`` are no shares of the log's arms, or the posterior has other actions or outcomes.
    """
    outcomes = [look(log, o) for o in log.outcomes]
    support = list(support_of(log))
    part = _part(log)
    said, weighed = _weights(log, part)
    apart = drift(log, posterior) if posterior is not None else []
    findings = [
        *_findings(log, outcomes, support),
        *weighed,
        *_tests(log, part, arms),
        *(d.finding() for d in apart if d.alarm),
    ]
    can, cannot = questions(log, outcomes, support)
    counted = {name: int(c) for name, c in zip(log.arm.names, np.bincount(log.arm.code), strict=False)}
    return Check(
        n=log.n,
        users=log.users,
        periods=int(np.unique(log.period).size),
        segments=int(np.unique(log.segment).size),
        actions=log.actions.k,
        arms=counted,
        propensities_are=log.provenance,
        outcomes=outcomes,
        support=support,
        uniform=said,
        findings=findings,
        can=can,
        cannot=cannot,
        left_out=dict(log.left_out),
        drift=apart,
        price=price_of_log(part),
    )


def _part(log: Log) -> Log:
    """All of a log, or of a large one as many users, by their keys, as have some 300,000 rows: enough for any test."""
    if log.n <= ROWS:
        return log
    return log.take((log.user_key <= np.uint64(ROWS / log.n * 2**64))[log.user])


def _weights(log: Log, part: Log) -> tuple[dict[str, float], list[Finding]]:
    if log.propensity is None:
        return {}, []
    weight = uniform_weight(log, log.propensity)
    said, off = mean_weight(log, weight)
    return said, list(off) or list(parts(part))


def _findings(log: Log, outcomes: Sequence[OutcomeHealth], support: Sequence[Support]) -> Iterator[Finding]:
    """What no chance is involved in."""
    if never := [s.action for s in support if s.n == 0]:
        yield Finding(
            "warning", f"never logged: {', '.join(never)}; nothing can be said of them from this log", "never-logged"
        )
    yield from unknown(log, outcomes)
    yield from zero_without_sends(log)
    if log.users < WEAK_USERS:
        yield Finding("warning", f"{log.users} users: intervals by user are rough below {WEAK_USERS}", "few-users")


def _tests(log: Log, part: Log, arms: Mapping[str, float] | None) -> Iterator[Finding]:
    """What rests on chance; one false-alarm rate for all of it."""
    yield from calibration(part)
    yield from sticky(part)
    yield from sample_ratio(log, arms)
    yield from survivorship(log)
    yield from stability(part)
