"""The gate: is a candidate better than the baseline, and does it keep its limits, so surely that it may be shipped?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

from tactful.core.lineage import Lineage
from tactful.core.log import Log
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.evaluation.analysis_set import AnalysisSet
from tactful.evaluation.estimator_registry import check_names
from tactful.evaluation.target_policies import LoggingPolicy, PolicySource, TargetPolicy
from tactful.policies.codec import Saved
from tactful.promotion import wording
from tactful.promotion.claims import GateQuestion, judge
from tactful.promotion.ledger import UnwritableLedgerError, allowance, enter_gate, name_holdout
from tactful.promotion.results import GAIN, CandidateVerdict, Verdict, VerdictWord

ESTIMATORS_WITH_BOUND = ("ips", "snips", "dr", "sndr")
ESTIMATED = "propensity: propensities are estimated, which assumes no hidden confounding"


def gate(
    log: Log,
    candidate: PolicySource | Sequence[PolicySource],
    baseline: PolicySource = "logging",
    *,
    delta: float = 0.05,
    objective: Objective | None = None,
    limits: Limits | None = None,
    horizon: int | None = None,
    state: str | Sequence[str] | None = None,
    ledger: Path | str | None = None,
    spend: float = 0.5,
    estimator: str = "dr",
    min_propensity: float | None = None,
) -> Verdict:
    """Promote, hold or refuse one or several candidates, on decisions that none of them was fitted on.

    A candidate passes when every claim is proven at δ'/m: the lower bound of its gain on the baseline is above 0
    (cluster-t by user, paired), and the upper bound of each limited outcome is at most its limit (betting by user).
    So a candidate that is no better, or breaks a limit, is promoted with probability δ'/m at most, and any of m with δ'
    at most: all of its claims would have to be proven, the false one among them. Candidates must have been chosen
    without this holdout's outcomes.

    Parameters
    ----------
    log
        Decisions with propensities; rows of the arm ``control``, and those that a policy was fitted on, are left out.
    candidate, baseline
        A policy, its folder, ``uniform``, ``logging`` or ``always:ACTION``; of candidates also several.
    delta
        The chance with which all gates on this holdout together may promote wrongly.
    objective, limits
        By default those of the log's specification, or else the first candidate's own.
    horizon, state
        Periods, and the column of a user's state, for a sequential bound of the gain: it alone promotes where mean
        sends per user and period differ from those of logging by more than 10 %.
    ledger
        Where gates on this holdout are entered; each spends the share ``spend`` of what is left of δ. Without a ledger
        this gate spends all of it, and must be the only one.
    estimator
        Of the gain: ``dr``, ``snips``, ``ips`` or ``sndr``, chosen before the outcomes are seen.
    min_propensity
        What logging guaranteed to every eligible action, where no vectors are logged.

    Returns
    -------
    Verdict
        With the sentence, every claim, and the decisions that an open claim needs.

    Raises
    ------
    SpecError, PolicyError, PolicyFormatError, LogError
        Something asked for is not there or cannot be understood, or the ledger is damaged.

    References
    ----------
    Thomas et al. 2015 (high-confidence policy improvement); Berger 1982 (all claims at the same δ).

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(1000, 4, seed=1).log
    >>> verdict = tt.gate(log, "always:none", objective=tt.Objective({"engaged": 1.0}))
    >>> verdict.verdict, verdict.exit_code, verdict.spent
    ('hold', 3, 0.0)
    >>> verdict.sentence
    'Hold. always:none: frequency changes; one-step only (0 sends instead of 3.92): give a horizon and a state.'
    """
    _check(delta, spend, estimator, horizon, state)
    sources = _sources(candidate)
    analysis = _choose_rows(log, [*sources, baseline], objective)
    if isinstance(analysis, _Refusal):
        return _refuse(analysis, log, _name(baseline), delta)
    if not analysis.objective.outcomes:
        raise SpecError("nothing to gain", "[objective]", "say what is wanted, such as engaged = 1.0")
    question = GateQuestion(
        analysis=analysis,
        baseline=analysis.policies[-1],
        limits=_limits(limits, analysis),
        delta=delta,
        estimator=estimator,
        horizon=horizon,
        state=state,
        min_propensity=min_propensity,
    )
    verdict = _decide(question, _by_name(sources, analysis.policies), None if ledger is None else Path(ledger), spend)
    verdict = replace(verdict, baseline=_name(baseline))
    notes = list(wording.notes(verdict, analysis.log, recorded=ledger is not None))
    return replace(verdict, sentence=wording.sentence(verdict, analysis.log), notes=notes)


def _decide(question: GateQuestion, policies: Mapping[str, TargetPolicy], ledger: Path | None, spend: float) -> Verdict:
    """Test the candidates with what the ledger allows, and enter that before anybody sees the verdict."""
    versions = [policy.version for policy in policies.values()]
    holdout = name_holdout(*(_lineage(policy) for policy in (*policies.values(), question.baseline)))
    fingerprint = question.fingerprint(versions)
    allowed = allowance(ledger, holdout, fingerprint, delta=question.delta, share=spend)
    shared = replace(question, delta=allowed.spend / len(policies))
    candidates = judge(shared, policies, used_up=allowed.spend == 0)
    word, best = _overall(candidates)
    tested = any(claim.status != "refused" for c in candidates for claim in c.claims if claim.delta)
    unentered = ""
    if ledger is not None and tested:
        entry = {"delta": shared.delta * len(policies), "candidates": versions}
        entry |= {"baseline": question.baseline.version, "verdict": word}
        try:
            enter_gate(ledger, holdout, fingerprint, allowed, entry)
        except UnwritableLedgerError as error:  # what has not been paid for promotes nothing
            unentered, tested = str(error), False
            word, best, candidates = ("hold" if best else word), None, _withheld(candidates)
    account = allowed if tested else replace(allowed, spend=0.0)
    return Verdict(
        verdict=word,
        sentence="",
        promoted=best.version if best else None,
        candidates=candidates,
        baseline=question.baseline.version,
        n=question.log.n,
        users=question.log.users,
        delta=question.delta,
        spent=account.spend,
        left=account.remaining,
        holdout=holdout,
        looks=allowed.looks,
        again=allowed.repeated,
        left_out=dict(question.analysis.left_out),
        unentered=unentered,
    )


def _withheld(candidates: Sequence[CandidateVerdict]) -> tuple[CandidateVerdict, ...]:
    """The candidates, of which none is promoted."""
    return tuple(replace(c, verdict="hold", why=wording.UNENTERED) if c.verdict == "promote" else c for c in candidates)


class _Refusal(NamedTuple):
    """Why nothing can be said from a log, and which rows were left out before that was clear."""

    reason: str
    left_out: Mapping[str, int]


def _refuse(refusal: _Refusal, log: Log, baseline: str, delta: float) -> Verdict:
    """The verdict on a log from which nothing can be said: nothing is tested, and nothing spent."""
    return Verdict(
        verdict="refuse",
        sentence=wording.refuse([refusal.reason]),
        promoted=None,
        candidates=(),
        baseline=baseline,
        n=log.n,
        users=log.users,
        delta=delta,
        spent=0.0,
        left=delta,
        left_out=dict(refusal.left_out),
    )


def _choose_rows(log: Log, policies: Sequence[PolicySource], objective: Objective | None) -> AnalysisSet | _Refusal:
    """The rows that none of the policies was fitted on."""
    left_out: Mapping[str, int] = dict(log.left_out)
    try:
        analysis = AnalysisSet.build(log, policies, objective=objective)
        if any(analysis.in_sample):
            left_out = _left_out_until(log, analysis.policies)
            raise NothingToSayError("a policy was fitted on all of these rows", "in-sample", "gate on a log of others")
        if not analysis.estimated:
            left_out = analysis.left_out
            analysis.check_users()
            return analysis
    except NothingToSayError as error:
        if log.provenance != "estimated" or log.users < 2:
            return _Refusal(str(error), left_out)
    # Estimated propensities are the reason that is given, whatever else the rows may lack.
    return _Refusal(ESTIMATED, dict(log.left_out))


def _left_out_until(log: Log, policies: Sequence[TargetPolicy]) -> Mapping[str, int]:
    """What is left out for the policies before the one that was fitted on all that remains."""
    for count in range(len(policies) - 1, 0, -1):
        analysis = AnalysisSet.build(log, policies[:count])
        if not any(analysis.in_sample):
            return analysis.left_out
    return dict(log.left_out)


def _overall(candidates: Sequence[CandidateVerdict]) -> tuple[VerdictWord, CandidateVerdict | None]:
    """The verdict on all, and of those that pass the candidate with the largest lower bound per period."""
    passing = [c for c in candidates if c.verdict == "promote"]
    if passing:
        return "promote", max(passing, key=lambda c: (c.claim(GAIN).bound or 0.0) / c.claim(GAIN).periods)
    return ("hold" if any(c.verdict == "hold" for c in candidates) else "refuse"), None


def _check(delta: float, spend: float, estimator: str, horizon: int | None, state: str | Sequence[str] | None) -> None:
    if not 0 < delta < 0.5:
        raise SpecError(f"a delta of {delta:g}", "gate", "choose it between 0 and 0.5")
    if not 0 < spend <= 1:
        raise SpecError(f"a share of {spend:g} to spend", "gate", "choose it above 0, up to 1")
    if estimator not in ESTIMATORS_WITH_BOUND:
        check_names((estimator,))
        raise SpecError(f"{estimator} has no interval that a gate could use", "gate", "choose dr, snips, ips or sndr")
    if state is not None and horizon is None:
        raise SpecError("a state without a horizon", "gate", "say over how many periods, such as a horizon of 4")


def _sources(candidate: PolicySource | Sequence[PolicySource]) -> list[PolicySource]:
    single = isinstance(candidate, str | Path | Saved | LoggingPolicy)
    sources = [cast("PolicySource", candidate)] if single else list(cast("Sequence[PolicySource]", candidate))
    if not sources:
        raise SpecError("no candidate", "gate", "name a policy")
    return sources


def _name(source: PolicySource) -> str:
    return str(source) if isinstance(source, str | Path) else source.version


def _by_name(sources: Sequence[PolicySource], policies: Sequence[TargetPolicy]) -> dict[str, TargetPolicy]:
    """The candidates by what they are called, each behaviour once; ``policies`` are those of the sources and more."""
    named: dict[str, TargetPolicy] = {}
    for source, policy in zip(sources, policies, strict=False):
        if policy.version not in {p.version for p in named.values()}:
            named[_name(source)] = policy
    return named


def _lineage(policy: TargetPolicy) -> Lineage | None:
    return None if isinstance(policy, LoggingPolicy) else policy.lineage


def _limits(limits: Limits | None, analysis: AnalysisSet) -> Limits:
    """As asked for, or those of the log's specification, or else the first candidate's own."""
    log, first = analysis.log, analysis.policies[0]
    own_limits = Limits() if isinstance(first, LoggingPolicy) else first.limits
    limits = limits or (log.limits if log.limits.to_json() else own_limits)
    if unknown := [name for name in limits.outcomes if name not in log.outcomes]:
        raise SpecError(f"unknown outcome {unknown[0]!r}", "[limits]", f"the outcomes are {', '.join(log.outcomes)}")
    return limits
