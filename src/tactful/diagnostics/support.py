"""What a log supports: how much of every action, and which questions it can answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tactful.core.estimate import effective_sample_size
from tactful.core.log import Log
from tactful.diagnostics.outcome_health import OutcomeHealth
from tactful.ope.reliability import REFUSE_ESS, WEAK_ESS, WEAK_EVENTS, WEAK_USERS, weighted_events


@dataclass(frozen=True, slots=True)
class Support:
    """One action: how often it was logged, its smallest propensity, and the effective rows for ``always:`` it."""

    action: str
    n: int
    share: float
    min_propensity: float | None
    ess: float | None


def support_of(log: Log) -> Iterator[Support]:
    """The support table."""
    count = np.bincount(log.action, minlength=log.actions.k)
    for a, name in enumerate(log.actions.names):
        least = ess = None
        if log.propensity is not None and count[a]:
            p = log.propensity[log.action == a]
            least, ess = float(p.min()), effective_sample_size(1 / p)
        yield Support(name, int(count[a]), float(count[a] / log.n), least, ess)


def questions(log: Log, outcomes: Sequence[OutcomeHealth], support: Sequence[Support]) -> tuple[list[str], list[str]]:
    """What can and what cannot be asked, in words."""
    can: list[str] = []
    cannot: list[str] = []
    learnable = [o.name for o in outcomes if o.known]
    (can if learnable else cannot).append(f"fit a policy on {', '.join(learnable) or 'any outcome: none is mature'}")
    if log.provenance == "absent":
        cannot.append(
            "evaluate any policy off-policy: there are no propensities, so what was chosen cannot be told from who was "
            "chosen for it; randomise a slice first (tactful init)"
        )
        cannot.append("trust a fitted policy: it may have learnt who was chosen rather than what works")
        return can, cannot
    if log.provenance == "estimated":
        can.append("evaluate off-policy, at best weakly: estimated propensities assume no hidden confounding")
        cannot.append("promote a policy on estimated propensities")
        return can, cannot
    if log.users < 2:
        cannot.append("evaluate anything: there is a single user")
        return can, cannot
    can.append("evaluate policies off-policy, one-step: sends that change later periods are left out")
    effective = {s.action: s.ess or 0.0 for s in support}
    strong = [a for a, ess in effective.items() if ess >= WEAK_ESS and _reliable(log, log.actions.index(a))]
    if strong:
        can.append(f"evaluate with a reliable interval, on the whole log: {_always(strong)}")
    if weak := [a for a, ess in effective.items() if ess >= REFUSE_ESS and a not in strong]:
        can.append(f"evaluate weakly: {_always(weak)}")
    if starved := [a for a, ess in effective.items() if ess < REFUSE_ESS]:
        cannot.append(f"evaluate, for want of {REFUSE_ESS:.0f} effective rows: {_always(starved)}")
    rare = [o for o in outcomes if o.kind != "real" and o.mean is not None and o.known * o.mean < WEAK_EVENTS]
    if rare:
        cannot.append(f"bound {', '.join(o.name for o in rare)} reliably: fewer than {WEAK_EVENTS:.0f} events")
    return can, cannot


def _reliable(log: Log, action: int) -> bool:
    """Whether users and weighted events suffice for taking one action always, for at least one outcome."""
    if log.users < WEAK_USERS or log.propensity is None:
        return False
    rows = log.action == action
    weight = 1 / log.propensity[rows]
    return any(
        m.known[rows].any()
        and (m.spec.kind == "real" or weighted_events(np.nan_to_num(m.value[rows]), weight) >= WEAK_EVENTS)
        for m in log.outcomes.values()
    )


def _always(actions: list[str]) -> str:
    shown = ", ".join(f"always:{a}" for a in actions[:4])
    return shown + (f" and {len(actions) - 4} more actions" if len(actions) > 4 else "")
