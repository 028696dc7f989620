"""The claims of a promotion, each tested at the same δ: a wrong promotion has at least one false claim among them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from scipy.special import ndtri

from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Limits
from tactful.errors import SpecError
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.comparison import Comparison
from tactful.evaluation.importance import PolicyWeights
from tactful.evaluation.results import EstimateRow
from tactful.evaluation.sequential.value_bound import ValueBound, value_bound
from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy
from tactful.evaluation.volume import Volume, volume
from tactful.ope.betting import certify
from tactful.ope.intervals import BETTING, CLUSTER_T
from tactful.ope.sample_size import needed
from tactful.ope.wealth import Stakes, stakes
from tactful.promotion.results import GAIN, CandidateVerdict, Claim

POWER = 0.8
SEQUENTIAL = "sequential"
UNUSABLE = ("refused", "in-sample")
VOLUME_TOLERANCE = 0.01  # above a limit: the users of a log are a sample, and a limit that binds is met

FREQUENCY_CHANGE = 0.1  # of the mean sends, beyond which one-step estimates promote nothing
ONE_STEP = "frequency changes; one-step only"
USED_UP = "the confidence of this holdout is used up: gate on a log of later decisions, or on users kept for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestion:
    """What a gate asks of each candidate."""

    analysis: AnalysisSet
    """The rows that none of the policies was fitted on, with the objective."""
    baseline: TargetPolicy
    """What candidates are compared with."""
    limits: Limits
    """What candidates must keep."""
    delta: float
    """δ of each claim."""
    estimator: str
    """Of the gain."""
    horizon: int | None
    """Periods over which the gain is proven where sends change; None where that cannot be asked."""
    state: str | Sequence[str] | None
    """Columns of a user's state, for that."""
    min_propensity: float | None
    """What logging guaranteed to every eligible action, where no vectors are logged."""

    @property
    def log(self) -> Log:
        """The rows of the analysis set."""
        return self.analysis.log

    def fingerprint(self, versions: Sequence[str]) -> str:
        """What makes two gates the same question: the data, the policies and everything that was asked."""
        content = [
            self.log.fingerprint(),
            sorted(versions),
            self.baseline.version,
            dict(self.analysis.objective.values),
        ]
        content += [self.limits.to_json(), self.estimator, self.horizon, self.state, self.min_propensity]
        return sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()[:16]


def judge(question: GateQuestion, policies: Mapping[str, TargetPolicy], *, used_up: bool) -> list[CandidateVerdict]:
    """Test the claims of each candidate.

    Parameters
    ----------
    question
        What is asked, with the δ of each claim.
    policies
        The candidates, by what they are called.
    used_up
        Whether the confidence of the holdout is used up, so that nothing is tested.
    """
    logged, baseline = volume(LoggingPolicy(), question.log), volume(question.baseline, question.log)
    candidates: list[CandidateVerdict] = []
    for name, policy in policies.items():
        sends = volume(policy, question.log)
        changes = any(abs(x.sends - logged.sends) > FREQUENCY_CHANGE * logged.sends for x in (sends, baseline))
        obstacle = ""
        if used_up:
            obstacle = USED_UP
        elif changes and question.horizon is None:
            volumes = f"{sends.sends:.3g} sends instead of {logged.sends:.3g}"
            obstacle = f"{ONE_STEP} ({volumes}): give a horizon and a state"
        tested = [] if obstacle else list(_claims(question, policy, sends, sequential=changes))
        refused = [f"{claim.name}: {claim.why}" for claim in tested if claim.status == "refused"]
        unproven = [f"{claim.name}: {claim.why}" for claim in tested if claim.status == "open"]
        candidates.append(
            CandidateVerdict(
                name=name,
                version=policy.version,
                verdict="refuse" if refused else "hold" if unproven or obstacle else "promote",
                why=obstacle or "; ".join(refused or unproven),
                claims=tested or (),
                sends=sends.sends,
                logged_sends=logged.sends,
            )
        )
    return candidates


def _claims(question: GateQuestion, candidate: TargetPolicy, sends: Volume, *, sequential: bool) -> Iterator[Claim]:
    """The gain, over the horizon where it is ``sequential``; every limited outcome; and every limit on what is sent."""
    analysis = question.analysis.with_policies(candidate, question.baseline)
    level = 1 - 2 * question.delta  # its lower end is a one-sided bound at δ
    comparison = Comparison.build(analysis, (question.estimator,), level=level)
    names = (OBJECTIVE, *question.limits.outcomes)
    rows = [row for name in names for row in comparison.compare(analysis.estimands[name])]
    estimates = {(row.policy, row.outcome): row for row in rows}
    if sequential:
        yield _gain_over_horizon(question, candidate, estimates["difference", OBJECTIVE], level)
    else:
        yield _gain_of_one_step(question, estimates["difference", OBJECTIVE], estimates["baseline", OBJECTIVE].value)
    for name, limit in question.limits.outcomes.items():
        yield _limited_outcome(question, comparison.weights[0], estimates["target", name], limit, sends.largest)
    yield from _limited_volumes(question.limits, sends)


def _gain_of_one_step(question: GateQuestion, row: EstimateRow, reference: float | None) -> Claim:
    """The paired difference per decision; ``reference`` is what the baseline earns."""
    claim = Claim(name=GAIN, status="refused", delta=question.delta, method=CLUSTER_T, reference=reference)
    return _judge_gain(claim, row, "the gain may be 0", row.n)


def _gain_over_horizon(question: GateQuestion, candidate: TargetPolicy, one_step: EstimateRow, level: float) -> Claim:
    """The gain per user over the horizon; the diagnostics of one step must hold as well."""
    claim = Claim(name=GAIN, status="refused", delta=question.delta, method=SEQUENTIAL, periods=question.horizon or 1)
    if question.horizon is None or one_step.verdict in UNUSABLE:
        return replace(claim, why=one_step.why)
    bound = value_bound(
        question.log,
        candidate,
        question.baseline,
        horizon=question.horizon,
        state=question.state,
        level=level,
        objective=question.analysis.objective,
    )
    return _judge_gain(claim, bound, "the gain over the horizon may be 0", question.log.n)


def _judge_gain(claim: Claim, estimate: EstimateRow | ValueBound, doubt: str, n: int) -> Claim:
    """Proven where the lower bound is above 0 and the estimate is reliable; ``n`` decisions gave it."""
    if estimate.verdict in UNUSABLE or estimate.low is None:
        return replace(claim, why=estimate.why)
    claim = replace(claim, value=estimate.value, bound=estimate.low, other=estimate.high)
    reliable = estimate.verdict == "ok"
    if estimate.low > 0 and reliable:
        return replace(claim, status="proven")
    decisions = _decisions_to_see(claim.delta, estimate.value, estimate.se, n) if reliable else None
    return replace(claim, status="open", why=estimate.why or doubt, needed=decisions)


def _decisions_to_see(delta: float, value: float | None, se: float | None, n: int) -> int | None:
    """Decisions in all after which the gain is seen with probability .8, if it is what it seems."""
    if value is None or se is None or value <= 0:
        return None
    return math.ceil(n * ((float(ndtri(1 - delta)) + float(ndtri(POWER))) * se / value) ** 2)


def _limited_outcome(
    question: GateQuestion, weights: PolicyWeights, row: EstimateRow, limit: float, max_probability: float
) -> Claim:
    """Is the limit kept? By betting on users, which needs no events to be valid.

    ``row`` is what the evaluation says of the outcome, and ``max_probability`` the candidate's largest, for logs
    without vectors whose ``min_propensity`` is declared.
    """
    name = row.outcome
    claim = Claim(name=name, status="open", limit=limit, delta=question.delta, method=BETTING)
    if row.verdict in UNUSABLE:
        return replace(claim, status="refused", why=row.why)
    if question.log.outcomes[name].spec.bounds is None:
        return replace(claim, why=f"{name} has no declared range: set range in [outcomes]")
    largest = weights.largest
    if largest is None and question.min_propensity is not None:
        largest = max_probability / question.min_propensity
    if largest is None:
        doubt = "how large weights can get is not known: log propensity vectors, or set [log] min_propensity"
        return replace(claim, why=doubt)
    bets = _bets_on(question.log, weights, name, largest)
    certificate = certify(bets, limit, question.delta)
    claim = replace(claim, value=certificate.value, bound=min(certificate.upper, bets.bounds[1]))
    if certificate.kept:
        return replace(claim, status="proven")
    doubt = "it may be above its limit" if certificate.value <= limit else "it seems to be above its limit"
    decisions = needed(bets, limit, delta=question.delta) if certificate.value < limit else None
    return replace(claim, why=doubt, needed=decisions)


def _bets_on(log: Log, weights: PolicyWeights, name: str, largest: float) -> Stakes:
    """One bet a user on a limited outcome, in the order of the users' keys."""
    measured = log.outcomes[name]
    rows = np.flatnonzero(measured.known)
    users, user = np.unique(log.user[rows], return_inverse=True)
    reward = measured.value[rows]
    periods = int(log.period.max() - log.period.min()) + 1
    scopes = int(np.unique(log.scope.code).size)
    # A user may have the event several times in several scopes, or where people came back.
    once = measured.spec.absorbing and scopes == 1 and float(np.bincount(user, reward).max()) <= 1
    return stakes(
        reward,
        weights.weight[rows],
        user,
        max_rows=periods * scopes,
        cap=largest,
        bounds=measured.spec.bounds or (0.0, 1.0),
        absorbing=once,
        key=log.user_key[users],
    )


def _limited_volumes(limits: Limits, sends: Volume) -> Iterator[Claim]:
    """Limits on what is sent: functions of the pmf, where nothing is uncertain but which users come."""
    if limits.sends_per_period is not None:
        if None in sends.actions.frequencies:
            raise SpecError("a limit on sends needs a frequency for every action", "[limits]", "use a grid of actions")
        yield _exact("sends_per_period", sends.sends, limits.sends_per_period)
    for slot, share in limits.slot_share.items():
        yield _exact(f"slot_share {slot}", sends.in_slot(slot), share)


def _exact(name: str, value: float, limit: float) -> Claim:
    claim = Claim(name=name, status="proven", value=value, bound=value, limit=limit)
    if value <= limit * (1 + VOLUME_TOLERANCE):
        return claim
    return replace(claim, status="open", why="it is above its limit")
