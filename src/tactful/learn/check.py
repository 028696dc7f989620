"""The health of a log: what is in it, whether its propensities hold, and what can and cannot be asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.special import chdtrc

from tactful.core.actions import NONE
from tactful.core.arrays import F64
from tactful.core.estimate import effective_sample_size
from tactful.core.log import Log
from tactful.learn.targets import on_log
from tactful.ope.verdicts import REFUSE_ESS, WEAK_ESS, WEAK_EVENTS, WEAK_USERS, Health, weighted_events
from tactful.policies.table import uniform

Level = Literal["error", "warning", "note"]
FALSE_ALARM = 1e-3
FEW_ROWS = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know: an ``error`` makes answers wrong, a ``warning`` makes them weak."""

    level: Level
    what: str


@dataclass(frozen=True, slots=True)
class OutcomeHealth:
    """One outcome: ``known`` rows and their mean, rows still ``immature``, and ``missing`` ones past their window."""

    name: str
    kind: str
    known: int
    immature: int
    missing: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Support:
    """One action: how often it was logged, its smallest propensity, and the effective rows for ``always:`` it."""

    action: str
    n: int
    share: float
    min_propensity: float | None
    ess: float | None


@dataclass(frozen=True, slots=True)
class Check:
    """The health of a log; ``can`` and ``cannot`` say in words what may be asked of it."""

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

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful check --json`` prints."""
        return asdict(self)


def check(log: Log) -> Check:
    """Look a log over before anything is learnt from it; cost O(n k)."""
    outcomes = [_outcome(log, o) for o in log.outcomes]
    support = list(_support(log))
    weights = _uniform_weights(log)
    findings = [*_findings(log, outcomes, support, weights)]
    can, cannot = _questions(log, outcomes, support)
    arms = {name: int(c) for name, c in zip(log.arm.names, np.bincount(log.arm.code), strict=False)}
    return Check(
        n=log.n,
        users=log.users,
        periods=int(np.unique(log.period).size),
        segments=int(np.unique(log.segment).size),
        actions=log.actions.k,
        arms=arms,
        propensities_are=log.provenance,
        outcomes=outcomes,
        support=support,
        uniform=weights,
        findings=findings,
        can=can,
        cannot=cannot,
        left_out=dict(log.left_out),
    )


def _outcome(log: Log, name: str) -> OutcomeHealth:
    measured = log.outcomes[name]
    known = measured.known
    mean = float(measured.value[known].mean()) if known.any() else None
    immature, missing = int((~measured.mature).sum()), int(log.missing((name,)).sum())
    return OutcomeHealth(name, measured.spec.kind, int(known.sum()), immature, missing, mean)


def _support(log: Log) -> Iterator[Support]:
    count = np.bincount(log.action, minlength=log.actions.k)
    for a, name in enumerate(log.actions.names):
        least = ess = None
        if log.propensity is not None and count[a]:
            p = log.propensity[log.action == a]
            least, ess = float(p.min()), effective_sample_size(1 / p)
        yield Support(name, int(count[a]), float(count[a] / log.n), least, ess)


def _uniform_weights(log: Log) -> dict[str, float]:
    """The weights of the uniform policy: it takes every action, so it meets every fault of the propensities."""
    if log.propensity is None:
        return {}
    flat = np.zeros((0, 1, len(log.segments), log.actions.k))
    weight = on_log(uniform(log.actions), log, log.propensity, flat, np.zeros(log.n, np.int64)).weight
    health = Health.of(weight, log.user)
    return {
        "ess": health.ess,
        "max_weight": health.max_weight,
        "mean_weight": health.mean_weight,
        "mean_se": health.mean_se,
    }


def _findings(
    log: Log, outcomes: list[OutcomeHealth], support: list[Support], weights: Mapping[str, float]
) -> Iterator[Finding]:
    if never := [s.action for s in support if s.n == 0]:
        yield Finding("warning", f"never logged: {', '.join(never)}; nothing can be said of them from this log")
    for o in outcomes:
        if o.missing:
            yield Finding(
                "error", f"{o.name}: {o.missing:,} rows are past the window and unknown; estimates are refused"
            )
        if o.known == 0:
            yield Finding("warning", f"{o.name}: no value is mature yet")
    yield from _zero_without_sends(log)
    if weights:
        off = weights["mean_weight"] - 1
        reach = 4 * weights["mean_se"] + 0.001
        if off > reach:
            yield Finding(
                "error", f"the uniform policy's mean weight is {1 + off:.3f}, above 1: propensities are too small"
            )
        elif off < -reach:
            yield Finding(
                "warning",
                f"the uniform policy's mean weight is {1 + off:.3f}, below 1: some actions were never possible "
                "somewhere, or propensities are too large",
            )
    yield from _calibration(log)
    if log.users < WEAK_USERS:
        yield Finding("warning", f"{log.users} users: intervals by user are rough below {WEAK_USERS}")


def _zero_without_sends(log: Log) -> Iterator[Finding]:
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
            )


def _calibration(log: Log) -> Iterator[Finding]:
    """χ² of the actions taken against the summed propensity vectors, at a false-alarm rate of 1 in 1,000."""
    if log.propensities is None:
        return
    wanted: F64 = log.propensities.sum(0)
    taken = np.bincount(log.action, minlength=log.actions.k)
    enough = wanted >= 5
    if enough.sum() < 2:
        return
    chi2 = float(np.sum((taken[enough] - wanted[enough]) ** 2 / wanted[enough]))
    p = float(chdtrc(float(enough.sum() - 1), chi2))
    if p < FALSE_ALARM:
        worst = int(np.argmax(np.where(enough, np.abs(taken - wanted) / np.sqrt(np.maximum(wanted, 1)), 0)))
        yield Finding(
            "error",
            f"actions do not follow the propensities (χ² {chi2:.1f}, p {p:.2g}): {log.actions.names[worst]} was taken "
            f"{taken[worst]:,} times, {wanted[worst]:,.0f} expected",
        )


def _questions(log: Log, outcomes: list[OutcomeHealth], support: list[Support]) -> tuple[list[str], list[str]]:
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
