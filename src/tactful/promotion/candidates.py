"""Candidates before the gate: what changes frequency needs a sequential bound, and every claim must be proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy
from tactful.evaluation.volume import Volume, volume
from tactful.promotion.claims import Question, claims
from tactful.promotion.results import GAIN, Judged, Word

CHANGE = 0.1  # of the mean sends, beyond which one-step estimates promote nothing
ONE_STEP = "frequency changes; one-step only"
USED_UP = "the confidence of this holdout is used up: gate on a log of later decisions, or on users kept for it"


def judge(asked: Question, named: Mapping[str, TargetPolicy], *, used_up: bool) -> list[Judged]:
    """Each candidate with its claims; none is tested where the confidence of the holdout is used up."""
    logged = volume(LoggingPolicy(), asked.log)
    base = volume(asked.baseline, asked.log)
    return [
        _one(asked, name, policy, (volume(policy, asked.log), base, logged), used_up=used_up)
        for name, policy in named.items()
    ]


def _one(
    asked: Question, name: str, policy: TargetPolicy, sends: tuple[Volume, Volume, Volume], *, used_up: bool
) -> Judged:
    """One candidate; ``sends`` are its own, the baseline's and those of logging."""
    mine, _, logged = (x.sends for x in sends)
    changes = any(abs(x.sends - logged) > CHANGE * logged for x in sends[:2])

    def word(says: Word, why: str) -> Judged:
        return Judged(name, policy.version, says, why, (), mine, logged)

    if used_up:
        return word("hold", USED_UP)
    if changes and asked.horizon is None:
        return word("hold", f"{ONE_STEP} ({mine:.3g} sends instead of {logged:.3g}): give a horizon and a state")
    found = list(claims(asked, policy, sends[0], sequential=changes))
    refused = [f"{c.name}: {c.why}" for c in found if c.status == "refused"]
    still_open = [f"{c.name}: {c.why}" for c in found if c.status == "open"]
    says: Word = "refuse" if refused else "hold" if still_open else "promote"
    return replace(word(says, "; ".join(refused or still_open)), claims=found)


def word_of(judged: Sequence[Judged]) -> tuple[Word, Judged | None]:
    """The word on all, and of those that pass the candidate with the largest lower bound per period."""
    passed = [j for j in judged if j.verdict == "promote"]
    if passed:
        return "promote", max(passed, key=lambda j: (j.claim(GAIN).bound or 0.0) / j.claim(GAIN).periods)
    return ("hold" if any(j.verdict == "hold" for j in judged) else "refuse"), None
