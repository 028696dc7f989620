"""What is known of each outcome: how much is young, how much is missing, and what cannot happen without a send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tactful.core.actions import NONE
from tactful.core.log import Log
from tactful.diagnostics.finding import Finding

FEW_ROWS = 30
YOUNG = 0.25  # share of decisions too young for an outcome from which a corrected rate is worth having


@dataclass(frozen=True, slots=True)
class OutcomeHealth:
    """One outcome: ``known`` rows and their mean, rows still ``immature``, and ``missing`` ones past their window."""

    name: str
    kind: str
    known: int
    immature: int
    missing: int
    mean: float | None


def look(log: Log, name: str) -> OutcomeHealth:
    """Count what is known of one outcome."""
    measured = log.outcomes[name]
    known = measured.known
    mean = float(measured.value[known].mean()) if known.any() else None
    immature, missing = int((~measured.mature).sum()), int(log.missing((name,)).sum())
    return OutcomeHealth(name, measured.spec.kind, int(known.sum()), immature, missing, mean)


def unknown(log: Log, outcomes: Sequence[OutcomeHealth]) -> Iterator[Finding]:
    """Errors ``missing``, warnings ``immature`` and notes ``young``; no chance is involved."""
    for o in outcomes:
        if o.missing:
            yield Finding(
                "error",
                f"{o.name}: {o.missing:,} rows are past the window and unknown; estimates are refused",
                "missing",
            )
        if o.known == 0:
            yield Finding("warning", f"{o.name}: no value is mature yet", "immature")
        elif o.kind == "binary" and o.immature > YOUNG * log.n:
            yield Finding(
                "note",
                f"{o.name}: {100 * o.immature / log.n:.0f} % of the decisions are too young to count; a rate that uses "
                "them needs the times at which outcomes came (tactful.ope.delay.corrected_rate), never zeros for them",
                "young",
            )


def zero_without_sends(log: Log) -> Iterator[Finding]:
    """Note ``zero-under-none``: an outcome that never happens under ``none`` and does otherwise."""
    if NONE not in log.actions.names:
        return
    quiet = log.action == log.actions.index(NONE)
    for name, m in log.outcomes.items():
        known = m.known
        silent, sent = m.value[known & quiet], m.value[known & ~quiet]
        if m.spec.kind != "real" and silent.size >= FEW_ROWS and not silent.any() and sent.size and sent.mean() > 0.01:
            yield Finding(
                "note",
                f"{name} is always 0 under 'none': if it cannot happen without a send, a policy for it only learns to "
                "send more; measure what users do anyway, such as sessions",
                "zero-under-none",
            )
