"""What is known of each outcome: how much is young, how much is missing, and what cannot happen without a send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tactful.core.actions import NONE
from tactful.core.log import Log
from tactful.diagnostics.finding import Finding

FEW_ROWS = 30
YOUNG_SHARE = 0.25  # of decisions too young for an outcome, from which a corrected rate is worth having
MIN_MEAN_WITH_SENDS = 0.01  # from which a mean of 0 without sends is remarkable


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeHealth:
    """How much is known of one outcome.

    Examples
    --------
    >>> import tactful as tt
    >>> engaged = tt.check(tt.World().simulate(300, 4, seed=1).log).outcomes[0]
    >>> engaged.name, engaged.kind, engaged.known, engaged.immature, engaged.missing
    ('engaged', 'count', 1188, 0, 0)
    """

    name: str
    """The outcome."""
    kind: str
    """``binary``, ``count`` or ``real``."""
    known: int
    """Rows whose value is known."""
    immature: int
    """Rows that are younger than the outcome's window."""
    missing: int
    """Rows past the window whose value is unknown all the same."""
    mean: float | None
    """Mean of the known values, None where there are none."""


def measure_outcome(log: Log, name: str) -> OutcomeHealth:
    """Count what is known of one outcome."""
    measured = log.outcomes[name]
    known = measured.known
    return OutcomeHealth(
        name=name,
        kind=measured.spec.kind,
        known=int(known.sum()),
        immature=int((~measured.mature).sum()),
        missing=int(log.missing((name,)).sum()),
        mean=float(measured.value[known].mean()) if known.any() else None,
    )


def find_unknown_outcomes(log: Log, outcomes: Sequence[OutcomeHealth]) -> Iterator[Finding]:
    """Find outcomes that are not known: errors ``missing``, warnings ``immature``, notes ``young``; without chance."""
    for o in outcomes:
        if o.missing:
            yield Finding(
                "error",
                f"{o.name}: {o.missing:,} rows are past the window and unknown; estimates are refused",
                "missing",
            )
        if o.known == 0:
            yield Finding("warning", f"{o.name}: no value is mature yet", "immature")
        elif o.kind == "binary" and o.immature > YOUNG_SHARE * log.n:
            yield Finding(
                "note",
                f"{o.name}: {100 * o.immature / log.n:.0f} % of the decisions are too young to count; a rate that uses "
                "them needs the times at which outcomes came (tactful.ope.delay.corrected_rate), never zeros for them",
                "young",
            )


def find_zero_without_sends(log: Log) -> Iterator[Finding]:
    """Find outcomes that never happen under ``none`` and do otherwise: notes ``zero-under-none``."""
    if NONE not in log.actions.names:
        return
    quiet = log.action == log.actions.index(NONE)
    for name, m in log.outcomes.items():
        known = m.known
        unsent, sent = m.value[known & quiet], m.value[known & ~quiet]
        if m.spec.kind == "real" or unsent.size < FEW_ROWS or unsent.any() or not sent.size:
            continue
        if sent.mean() > MIN_MEAN_WITH_SENDS:
            yield Finding(
                "note",
                f"{name} is always 0 under 'none': if it cannot happen without a send, a policy for it only learns to "
                "send more; measure what users do anyway, such as sessions",
                "zero-under-none",
            )
