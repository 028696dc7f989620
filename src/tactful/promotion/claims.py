"""The claims of a promotion, each tested at the same δ: a wrong promotion has at least one false claim among them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Limits, Objective
from tactful.errors import SpecError
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.comparison import Comparison
from tactful.evaluation.finite_sample import DeclaredBounds
from tactful.evaluation.importance import PolicyWeights
from tactful.evaluation.results import EstimateRow
from tactful.evaluation.sequential.value_bound import value_bound
from tactful.evaluation.target_policies import TargetPolicy
from tactful.evaluation.volume import Volume
from tactful.ope.betting import certify
from tactful.ope.intervals import BETTING, CLUSTER_T
from tactful.ope.sample_size import needed
from tactful.ope.wealth import Stakes, stakes
from tactful.promotion.results import GAIN, Claim

POWER = 0.8
SEQUENTIAL = "sequential"
MIX = 0.01  # what a volume may be above its limit: the users of a log are a sample, and a limit that binds is met


@dataclass(frozen=True, slots=True)
class Question:
    """What a gate asks of each candidate, at ``delta`` a claim, of the rows of ``log`` alone."""

    log: Log
    baseline: TargetPolicy
    objective: Objective
    limits: Limits
    delta: float
    estimator: str
    horizon: int | None = None
    state: str | Sequence[str] | None = None
    min_propensity: float | None = None


def claims(asked: Question, candidate: TargetPolicy, sends: Volume, *, sequential: bool) -> Iterator[Claim]:
    """Every claim that the promotion of a candidate makes; the gain over the horizon where ``sequential``."""
    level = 1 - 2 * asked.delta  # its lower end is a one-sided bound at δ
    analysis = AnalysisSet(
        log=asked.log,
        policies=(candidate, asked.baseline),
        in_sample=(False, False),
        left_out={},
        stated_objective=asked.objective,
    )
    estimands = [analysis.estimands[o] for o in (OBJECTIVE, *asked.limits.outcomes)]
    comparison = Comparison.build(analysis, (asked.estimator,), level=level)
    found = {(e.policy, e.outcome): e for estimand in estimands for e in comparison.compare(estimand)}
    one_step = found["difference", OBJECTIVE]
    if sequential:
        yield _sequential(asked, candidate, one_step, level)
    else:
        yield _gain(asked.delta, one_step, found["baseline", OBJECTIVE].value)
    for name, limit in asked.limits.outcomes.items():
        yield limited(asked, comparison.weights[0], found["target", name], limit, sends.largest)
    yield from _volumes(asked.limits, sends)


def _gain(delta: float, e: EstimateRow, reference: float | None) -> Claim:
    """The paired difference of one step; ``reference`` is what the baseline earns."""
    claim = Claim(GAIN, "refused", delta=delta, method=CLUSTER_T, why=e.why, reference=reference)
    if e.verdict in ("refused", "in-sample") or e.low is None:
        return claim
    claim = replace(claim, value=e.value, bound=e.low, other=e.high)
    if e.low > 0 and e.verdict == "ok":
        return replace(claim, status="proven")
    more = _needed(delta, e.value, e.se, e.n) if e.verdict == "ok" else None
    return replace(claim, status="open", why=e.why or "the gain may be 0", needed=more)


def _sequential(asked: Question, candidate: TargetPolicy, one_step: EstimateRow, level: float) -> Claim:
    """The gain per user over the horizon; the diagnostics of one step must hold as well."""
    claim = Claim(GAIN, "refused", delta=asked.delta, method=SEQUENTIAL, periods=asked.horizon or 1)
    if asked.horizon is None or one_step.verdict in ("refused", "in-sample"):
        return replace(claim, why=one_step.why)
    b = value_bound(
        asked.log,
        candidate,
        asked.baseline,
        horizon=asked.horizon,
        state=asked.state,
        level=level,
        objective=asked.objective,
    )
    if b.verdict in ("refused", "in-sample") or b.low is None:
        return replace(claim, why=b.why)
    if b.low > 0 and b.verdict == "ok":
        return replace(claim, status="proven", value=b.value, bound=b.low, other=b.high)
    more = _needed(asked.delta, b.value, b.se, asked.log.n) if b.verdict == "ok" else None
    why = b.why or "the gain over the horizon may be 0"
    return replace(claim, status="open", value=b.value, bound=b.low, other=b.high, why=why, needed=more)


def _needed(delta: float, value: float | None, se: float | None, n: int) -> int | None:
    """Decisions in all after which the gain is seen with probability .8, if it is what it seems."""
    if value is None or se is None or value <= 0:
        return None
    return math.ceil(n * ((float(ndtri(1 - delta)) + float(ndtri(POWER))) * se / value) ** 2)


def limited(asked: Question, side: PolicyWeights, entry: EstimateRow, limit: float, top: float) -> Claim:
    """Is a limited outcome kept? By betting on users, which needs no events to be valid.

    ``entry`` is what the evaluation says of it, and ``top`` the candidate's largest probability, for logs without
    vectors whose ``min_propensity`` is declared.
    """
    name, delta = entry.outcome, asked.delta
    if entry.verdict in ("refused", "in-sample"):
        return Claim(name, "refused", limit=limit, delta=delta, method=BETTING, why=entry.why)
    least = asked.min_propensity
    largest = side.largest if side.largest is not None else (None if least is None else top / least)
    design = DeclaredBounds.from_log(asked.log, side, asked.log.outcomes[name].spec)
    why = ""
    if design.bounds is None:
        why = f"{name} has no declared range: set range in [outcomes]"
    elif largest is None:
        why = "how large weights can get is not known: log propensity vectors, or set [log] min_propensity"
    if why or largest is None:
        return Claim(name, "open", limit=limit, delta=delta, method=BETTING, why=why)
    bets = bets_of(asked.log, side, name, largest, design)
    found = certify(bets, limit, delta)
    upper = min(found.upper, bets.bounds[1])
    if found.kept:
        return Claim(name, "proven", found.value, upper, limit, delta, BETTING)
    why = "it may be above its limit" if found.value <= limit else "it seems to be above its limit"
    more = needed(bets, limit, delta=delta) if found.value < limit else None
    return Claim(name, "open", found.value, upper, limit, delta, BETTING, why, more)


def bets_of(log: Log, side: PolicyWeights, name: str, largest: float, design: DeclaredBounds) -> Stakes:
    """One bet a user on a limited outcome, in the order of the users' keys."""
    measured = log.outcomes[name]
    rows = np.flatnonzero(measured.known)
    users, user = np.unique(log.user[rows], return_inverse=True)
    reward = measured.value[rows]
    scopes = int(np.unique(log.scope.code).size)
    once = design.absorbing and scopes == 1 and float(np.bincount(user, reward).max()) <= 1  # or people came back
    return stakes(
        reward,
        side.weight[rows],
        user,
        max_rows=design.periods * scopes,
        cap=largest,
        bounds=design.bounds or (0.0, 1.0),
        absorbing=once,
        key=log.user_key[users],
    )


def _volumes(limits: Limits, sends: Volume) -> Iterator[Claim]:
    """Limits on what is sent: functions of the pmf, where nothing is uncertain but which users come."""
    if limits.sends_per_period is not None:
        if None in sends.actions.frequencies:
            raise SpecError("a limit on sends needs a frequency for every action", "[limits]", "use a grid of actions")
        yield _exact("sends_per_period", sends.sends, limits.sends_per_period)
    for slot, share in limits.slot_share.items():
        yield _exact(f"slot_share {slot}", sends.in_slot(slot), share)


def _exact(name: str, value: float, limit: float) -> Claim:
    kept = value <= limit * (1 + MIX)
    return Claim(name, "proven" if kept else "open", value, value, limit, why="" if kept else "it is above its limit")
