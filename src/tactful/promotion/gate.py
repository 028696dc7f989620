"""The gate: is a candidate better than the baseline, and does it keep its limits, so surely that it may be shipped?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import cast

from tactful.core.log import Log
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.evaluation.analysis_set import AnalysisSet, check_askable
from tactful.evaluation.estimator_registry import check_names
from tactful.evaluation.target_policies import LoggingPolicy, PolicySource, TargetPolicy, resolve
from tactful.policies.codec import Saved
from tactful.promotion import wording as sentence
from tactful.promotion.candidates import judge, word_of
from tactful.promotion.claims import SEQUENTIAL, Question
from tactful.promotion.ledger import WHOLE, Allowance, allowance, enter_gate, holdout
from tactful.promotion.results import Judged, Verdict, Word


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

    Reference: Thomas et al. 2015 (high-confidence policy improvement); Berger 1982 (all claims at the same δ).
    """
    _check(delta, spend, estimator, horizon, state)
    named = _named(candidate, log)
    base = resolve(baseline, log.actions)
    bare = Verdict("refuse", "", None, (), _name(baseline, base), log.n, log.users, delta, 0.0, delta)
    left_out = dict(log.left_out)
    try:
        check_askable(log)
        if log.provenance == "estimated":
            raise NothingToSayError("propensities are estimated, which assumes no hidden confounding", "propensity")
        analysis = AnalysisSet.build(log, [*named.values(), base], objective=objective)
        if any(analysis.in_sample):
            raise NothingToSayError("a policy was fitted on all of these rows", "in-sample", "gate on a log of others")
        log, left_out = analysis.log, dict(analysis.left_out)
        analysis.check_users()
    except NothingToSayError as error:
        return replace(bare, sentence=sentence.refuse([("", str(error))]), left_out=left_out)
    first = next(iter(named.values()))
    reward = analysis.objective
    if not reward.outcomes:
        raise SpecError("nothing to gain", "[objective]", "say what is wanted, such as engaged = 1.0")
    bounds = _limits(limits, log, first)
    asked = Question(log, base, reward, bounds, delta, estimator, horizon, state, min_propensity)
    return _held(asked, named, replace(bare, n=log.n, users=log.users, left_out=left_out), ledger, spend)


def _check(delta: float, spend: float, estimator: str, horizon: int | None, state: str | Sequence[str] | None) -> None:
    if not 0 < delta < 0.5:
        raise SpecError(f"a delta of {delta:g}", "gate", "choose it between 0 and 0.5")
    if not 0 < spend <= 1:
        raise SpecError(f"a share of {spend:g} to spend", "gate", "choose it above 0, up to 1")
    if check_names((estimator,))[0] not in ("ips", "snips", "dr", "sndr"):
        raise SpecError(f"{estimator} has no interval that a gate could use", "gate", "choose dr, snips, ips or sndr")
    if state is not None and horizon is None:
        raise SpecError("a state without a horizon", "gate", "say over how many periods, such as a horizon of 4")


def _named(candidate: PolicySource | Sequence[PolicySource], log: Log) -> dict[str, TargetPolicy]:
    """The candidates by what they are called, each behaviour once."""
    one = isinstance(candidate, str | Path | Saved | LoggingPolicy)
    several = [cast("PolicySource", candidate)] if one else list(cast("Sequence[PolicySource]", candidate))
    found: dict[str, TargetPolicy] = {}
    for one in several:
        policy = resolve(one, log.actions)
        if policy.version not in {p.version for p in found.values()}:
            found[_name(one, policy)] = policy
    if not found:
        raise SpecError("no candidate", "gate", "name a policy")
    return found


def _name(given: PolicySource, policy: TargetPolicy) -> str:
    return str(given) if isinstance(given, str | Path) else policy.version


def _limits(given: Limits | None, log: Log, first: TargetPolicy) -> Limits:
    own = Limits() if isinstance(first, LoggingPolicy) else first.limits
    found = given or (log.limits if log.limits.to_json() else own)
    if unknown := [o for o in found.outcomes if o not in log.outcomes]:
        raise SpecError(f"unknown outcome {unknown[0]!r}", "[limits]", f"the outcomes are {', '.join(log.outcomes)}")
    return found


def _held(
    asked: Question, named: Mapping[str, TargetPolicy], bare: Verdict, ledger: Path | str | None, spend: float
) -> Verdict:
    """The verdict, entered into the ledger before anybody sees it."""
    path = None if ledger is None else Path(ledger)
    where = holdout(*(None if isinstance(p, LoggingPolicy) else p.lineage for p in (*named.values(), asked.baseline)))
    question = _fingerprint(asked, [p.version for p in named.values()])
    allowed = allowance(path, where, question, delta=asked.delta, share=spend)
    asked = replace(asked, delta=allowed.spend / len(named))
    judged = judge(asked, named, used_up=allowed.spend == 0)
    word, best = word_of(judged)
    asserted = any(c.status != "refused" for j in judged for c in j.claims if c.delta)
    if path is not None and asserted:
        policies = {"candidates": [p.version for p in named.values()], "baseline": asked.baseline.version}
        held = {"delta": asked.delta * len(named), **policies, "verdict": word}
        enter_gate(path, where, question, allowed, held)
    kept = allowed if asserted else replace(allowed, spend=0.0)
    return replace(
        bare,
        verdict=word,
        sentence=_said(word, best, judged, asked, bare, where, allowed),
        promoted=best.version if best else None,
        candidates=judged,
        spent=kept.spend,
        left=kept.left,
        holdout=where,
        looks=allowed.looks,
        again=allowed.again,
        notes=_notes(asked, judged, allowed, recorded=path is not None),
    )


def _fingerprint(asked: Question, versions: Sequence[str]) -> str:
    """What makes two gates the same question: the data, the policies and everything that was asked."""
    plain = [asked.log.fingerprint(), sorted(versions), asked.baseline.version, dict(asked.objective.values)]
    plain += [asked.limits.to_json(), asked.estimator, asked.horizon, asked.state, asked.min_propensity]
    return sha256(json.dumps(plain, sort_keys=True, default=list).encode()).hexdigest()[:16]


def _said(
    word: Word,
    best: Judged | None,
    judged: Sequence[Judged],
    asked: Question,
    bare: Verdict,
    where: str,
    allowed: Allowance,
) -> str:
    if best is not None:
        whose = "users" if where == WHOLE else "users held out"
        return sentence.promote(best, bare.baseline, asked.log, whose, allowed.spend)
    if word == "hold":
        return sentence.hold([j for j in judged if j.verdict == "hold"], bare.baseline, asked.log)
    return sentence.refuse([(j.name, j.why) for j in judged])


def _notes(asked: Question, judged: Sequence[Judged], allowed: Allowance, *, recorded: bool) -> list[str]:
    notes: list[str] = []
    if any(c.method == SEQUENTIAL for j in judged for c in j.claims):
        notes.append("limits are of one step: what more sends do to later periods is in the gain alone")
    if allowed.again:
        notes.append("the same question was asked before: it has the same answer, and spends nothing more")
    if allowed.looks:
        notes.append(f"evaluations have shown this holdout {allowed.looks} times: a candidate chosen by them voids δ")
    if not recorded:
        notes.append("no ledger is kept: this must be the only gate on this holdout")
    if len(set(asked.log.policy.code.tolist())) > 1:
        notes.append("several policies wrote this log: bounds take them as given, not as learnt from these users")
    return notes
