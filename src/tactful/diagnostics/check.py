"""The health of a log: what is in it, whether its propensities hold, and what can and cannot be asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tactful.core.log import Log
from tactful.diagnostics.chance_tests import CHANCE_TESTS, Subject
from tactful.diagnostics.drift import Disagreement, drift
from tactful.diagnostics.finding import FALSE_ALARM, Finding
from tactful.diagnostics.mean_weight import uniform_weight
from tactful.diagnostics.outcome_health import (
    OutcomeHealth,
    find_unknown_outcomes,
    find_zero_without_sends,
    measure_outcome,
)
from tactful.diagnostics.support import Support, answerable, find_few_users, find_never_logged, tabulate_support
from tactful.evaluation.opt_out_price import Price, price_of_log
from tactful.models.base import Posterior
from tactful.ope.reliability import WeightDiagnostics

TESTED_ROWS = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The health of a log.

    Examples
    --------
    >>> import tactful as tt
    >>> health = tt.check(tt.World().simulate(300, 4, seed=1).log)
    >>> health.outcomes[0].name, health.outcomes[0].known
    ('engaged', 1188)
    >>> round(health.uniform["mean_weight"], 2)
    1.0
    """

    n: int
    """Decisions."""
    users: int
    """Users who decide."""
    periods: int
    """Periods with a decision."""
    segments: int
    """Segments with a decision."""
    actions: int
    """Size of the action space."""
    arms: Mapping[str, int]
    """Decisions by experiment arm."""
    propensities_are: str
    """``logged``, ``estimated`` or ``absent``."""
    outcomes: Sequence[OutcomeHealth]
    """How much is known of each outcome."""
    support: Sequence[Support]
    """How much there is of each action."""
    uniform: Mapping[str, float]
    """Weights of the uniform policy: ``ess``, ``max_weight``, ``mean_weight`` and its standard error ``mean_se``.
    Empty without propensities."""
    findings: Sequence[Finding]
    """What a reader of the log has to know; empty for a sound log."""
    can: Sequence[str]
    """What may be asked of the log, in words."""
    cannot: Sequence[str]
    """What may not, and why."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rows that the log was read without, by reason."""
    false_alarm: float = FALSE_ALARM
    """Share of sound logs in which any finding that rests on chance appears."""
    drift: Sequence[Disagreement] = ()
    """Newer rows against a posterior, if one was named."""
    price: Price | None = None
    """What an opt-out costs, where the log can say it."""

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

    Returns
    -------
    Check
        Counts, support, findings, and what can and cannot be asked. A sound log has a finding that rests on chance
        with probability ``false_alarm`` at most.

    Raises
    ------
    LogError
        ``arms`` are no shares of the log's arms, or the posterior has other actions or outcomes.

    Examples
    --------
    >>> import tactful as tt
    >>> health = tt.check(tt.World().simulate(300, 4, seed=1).log)
    >>> health.n, health.users, health.propensities_are
    (1188, 300, 'logged')
    >>> [(finding.level, finding.code) for finding in health.findings]
    [('note', 'zero-under-none')]
    >>> health.can[0]
    'fit a policy on engaged, opens, opted_out'
    """
    outcomes = [measure_outcome(log, o) for o in log.outcomes]
    support = list(tabulate_support(log))
    sample = _sample(log)
    uniform = None
    if log.propensity is not None:
        uniform = WeightDiagnostics.from_weights(uniform_weight(log, log.propensity), log.user)
    disagreements = drift(log, posterior) if posterior is not None else []
    subject = Subject(log, sample, arms, uniform)
    findings = [
        *_certain_findings(log, outcomes, support),
        *(finding for test in CHANCE_TESTS for finding in test.find(subject)),
        *(d.finding() for d in disagreements if d.alarm),
    ]
    can, cannot = answerable(log, outcomes, support)
    return Check(
        n=log.n,
        users=log.users,
        periods=int(np.unique(log.period).size),
        segments=int(np.unique(log.segment).size),
        actions=log.actions.k,
        arms={name: int(c) for name, c in zip(log.arm.names, np.bincount(log.arm.code), strict=False)},
        propensities_are=log.provenance,
        outcomes=outcomes,
        support=support,
        uniform={} if uniform is None else _weight_summary(uniform),
        findings=findings,
        can=can,
        cannot=cannot,
        left_out=dict(log.left_out),
        drift=disagreements,
        price=price_of_log(sample),
    )


def _sample(log: Log) -> Log:
    """All of a log, or of a large one as many users, by their keys, as have some 300,000 rows."""
    if log.n <= TESTED_ROWS:
        return log
    return log.take((log.user_key <= np.uint64(TESTED_ROWS / log.n * 2**64))[log.user])


def _certain_findings(log: Log, outcomes: Sequence[OutcomeHealth], support: Sequence[Support]) -> Iterator[Finding]:
    """What no chance is involved in."""
    yield from (Finding("note", note, "as-read") for note in log.notes)
    yield from find_never_logged(support)
    yield from find_unknown_outcomes(log, outcomes)
    yield from find_zero_without_sends(log)
    yield from find_few_users(log)


def _weight_summary(health: WeightDiagnostics) -> dict[str, float]:
    return {
        "ess": health.ess,
        "max_weight": health.max_weight,
        "mean_weight": health.mean_weight,
        "mean_se": health.mean_se,
    }
