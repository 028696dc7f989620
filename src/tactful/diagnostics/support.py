"""What a log supports: how much of every action, and which questions it can answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tactful.core.estimate import effective_sample_size
from tactful.core.log import Log
from tactful.diagnostics.finding import Finding
from tactful.diagnostics.outcome_health import OutcomeHealth
from tactful.ope.reliability import REFUSE_ESS, WEAK_ESS, WEAK_EVENTS, WEAK_USERS, weighted_events

SHOWN_ACTIONS = 4


@dataclass(frozen=True, slots=True)
class Support:
    """What a log holds of one action.

    Examples
    --------
    >>> import tactful as tt
    >>> none, send = tt.check(tt.World().trial(200, 4, seed=1).log).support
    >>> none.action, send.action, none.n + send.n, round(none.share + send.share, 6)
    ('none', 'send', 3999, 1.0)
    """

    action: str
    """Name of the action."""
    n: int
    """Decisions in which it was taken."""
    share: float
    """Of all decisions."""
    min_propensity: float | None
    """Smallest propensity with which it was taken; None without propensities or where it never was."""
    ess: float | None
    """Effective sample size of the policy ``always:`` it; None as above."""


def tabulate_support(log: Log) -> Iterator[Support]:
    """Support of every action, in their order."""
    count = np.bincount(log.action, minlength=log.actions.k)
    for a, name in enumerate(log.actions.names):
        smallest = ess = None
        if log.propensity is not None and count[a]:
            p = log.propensity[log.action == a]
            smallest, ess = float(p.min()), effective_sample_size(1 / p)
        yield Support(name, int(count[a]), float(count[a] / log.n), smallest, ess)


def find_never_logged(support: Sequence[Support]) -> Iterator[Finding]:
    """Find actions that were never taken: a warning ``never-logged``."""
    if never := [s.action for s in support if s.n == 0]:
        yield Finding(
            "warning", f"never logged: {', '.join(never)}; nothing can be said of them from this log", "never-logged"
        )


def find_few_users(log: Log) -> Iterator[Finding]:
    """Find that a log has too few users for intervals: a warning ``few-users``."""
    if log.users < WEAK_USERS:
        yield Finding("warning", f"{log.users} users: intervals by user are rough below {WEAK_USERS}", "few-users")


def answerable(log: Log, outcomes: Sequence[OutcomeHealth], support: Sequence[Support]) -> tuple[list[str], list[str]]:
    """List what can and what cannot be asked of a log, in words."""
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
    elif log.provenance == "estimated":
        can.append("evaluate off-policy, at best weakly: estimated propensities assume no hidden confounding")
        cannot.append("promote a policy on estimated propensities")
    elif log.users < 2:
        cannot.append("evaluate anything: there is a single user")
    else:
        can.append("evaluate policies off-policy, one-step: sends that change later periods are left out")
        reliable, weak, starved = _by_reliability(log, support)
        can += [f"evaluate with a reliable interval, on the whole log: {_always(reliable)}"] * bool(reliable)
        can += [f"evaluate weakly: {_always(weak)}"] * bool(weak)
        cannot += [f"evaluate, for want of {REFUSE_ESS:.0f} effective rows: {_always(starved)}"] * bool(starved)
        cannot += _unboundable(outcomes)
    return can, cannot


def _by_reliability(log: Log, support: Sequence[Support]) -> tuple[list[str], list[str], list[str]]:
    """Actions whose policy ``always:`` them would get a reliable estimate, a weak one, and none."""
    effective = {s.action: s.ess or 0.0 for s in support}
    reliable = [a for a, ess in effective.items() if ess >= WEAK_ESS and _reliable(log, log.actions.index(a))]
    weak = [a for a, ess in effective.items() if ess >= REFUSE_ESS and a not in reliable]
    return reliable, weak, [a for a, ess in effective.items() if ess < REFUSE_ESS]


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


def _unboundable(outcomes: Sequence[OutcomeHealth]) -> list[str]:
    rare = [o.name for o in outcomes if o.kind != "real" and o.mean is not None and o.known * o.mean < WEAK_EVENTS]
    return [f"bound {', '.join(rare)} reliably: fewer than {WEAK_EVENTS:.0f} events"] if rare else []


def _always(actions: list[str]) -> str:
    shown = ", ".join(f"always:{a}" for a in actions[:SHOWN_ACTIONS])
    hidden = len(actions) - SHOWN_ACTIONS
    return shown + (f" and {hidden} more actions" if hidden > 0 else "")
