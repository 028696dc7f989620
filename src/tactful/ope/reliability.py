"""The reliability of an estimate: a grade with its reason, from the weights and from what is known of the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.estimate import effective_sample_size

Reliability = Literal["ok", "weak", "refused", "in-sample"]
"""How far an estimate may be relied on: ``ok`` is reliable, ``in-sample`` means judged on the rows it was fitted on."""
GRAVITY: Mapping[Reliability, int] = {"ok": 0, "weak": 1, "in-sample": 2, "refused": 3}

REFUSE_ESS = 50.0
WEAK_ESS = 200.0
WEAK_USERS = 40
WEAK_EVENTS = 50.0


@dataclass(frozen=True, slots=True)
class WeightDiagnostics:
    """What the importance weights of one policy say of the estimates that rest on them."""

    ess: float
    """Kish's effective sample size of the rows."""
    max_weight: float
    """The largest weight."""
    mean_weight: float
    """The mean weight: near 1 for any policy where the propensities are right."""
    mean_se: float
    """Standard error of the mean weight, with the rows of a user as one observation."""
    users: int
    """The number of users who have a row."""

    @classmethod
    def from_weights(cls, weight: F64, user: I64) -> WeightDiagnostics:
        """Diagnose the weights (n,) of rows that belong to users (n,), coded from 0."""
        mean = float(weight.mean())
        total = np.bincount(user, weight - mean)
        users = int(np.count_nonzero(np.bincount(user)))
        se = float(np.sqrt(users / max(users - 1, 1) * np.sum(total**2)) / weight.size)
        return cls(effective_sample_size(weight), float(weight.max()), mean, se, users)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the rows of an estimate besides their weights."""

    estimated: bool = False
    """Whether propensities were estimated from the log rather than recorded."""
    in_sample: bool = False
    """Whether the policy was fitted on these rows."""
    missing: int = 0
    """Rows that are past the window of an outcome and still do not know it."""
    unsupported: int = 0
    """Rows in which the policy may take an action that logging could not take."""


class Assessment(NamedTuple):
    """A grade of reliability and the reason for it, which is empty where the grade is ``ok``."""

    reliability: Reliability
    why: str

    def weaker(self, comparand: Assessment) -> Assessment:
        """The graver of two assessments; this one where both are equally grave."""
        return max(self, comparand, key=lambda assessment: GRAVITY[assessment.reliability])


RELIABLE = Assessment("ok", "")


class GradedWeights(NamedTuple):
    """What the estimates of one policy rest on: its weights in figures, and the grade that follows from them."""

    diagnostics: WeightDiagnostics
    assessment: Assessment

    def weaker(self, comparand: GradedWeights) -> GradedWeights:
        """What a paired difference rests on: the graver assessment, and the weights of the smaller sample size."""
        diagnostics = min(self.diagnostics, comparand.diagnostics, key=lambda weights: weights.ess)
        return GradedWeights(diagnostics, self.assessment.weaker(comparand.assessment))


def assess(diagnostics: WeightDiagnostics, circumstances: Circumstances, events: float | None) -> Assessment:
    """Grade the estimates of one policy; the gravest reason wins.

    Estimates are refused below an effective sample size of 50, and where the mean weight is outside 1 ± (4 SE + .001),
    since it must be 1 for any policy if the propensities are right. They are weak below an effective sample size of
    200, 40 users or 50 weighted events.

    Parameters
    ----------
    diagnostics
        Of the policy's importance weights.
    circumstances
        What else is known of the rows.
    events
        The effective number of weighted events of the rarest counted outcome; None where no outcome is counted.
    """
    if circumstances.missing:
        return Assessment("refused", f"{circumstances.missing:,} outcomes are unknown although their window has passed")
    if circumstances.unsupported:
        rows = f"{circumstances.unsupported:,} rows"
        return Assessment("refused", f"the policy takes actions that logging never could, in {rows}")
    if diagnostics.ess < REFUSE_ESS:
        largest = diagnostics.max_weight
        weights = f"{largest:,.0f}" if largest >= 100 else f"{largest:.3g}"
        words = f"starved: {diagnostics.ess:.1f} effective rows, with weights up to {weights}; 50 needed"
        return Assessment("refused", words)
    if abs(diagnostics.mean_weight - 1) > 4 * diagnostics.mean_se + 0.001:
        mean = f"{diagnostics.mean_weight:.4f} ± {diagnostics.mean_se:.4f}"
        return Assessment("refused", f"the mean weight is {mean}, and must be 1")
    if circumstances.in_sample:
        return Assessment("in-sample", "the policy was fitted on these rows")
    if circumstances.estimated:
        return Assessment("weak", "propensities are estimated: assumes no hidden confounding")
    return _assess_size(diagnostics, events)


def _assess_size(diagnostics: WeightDiagnostics, events: float | None) -> Assessment:
    """Are there enough rows, users and events for an asymptotic interval?"""
    if diagnostics.ess < WEAK_ESS:
        return Assessment("weak", f"{diagnostics.ess:.0f} effective rows; 200 make an interval reliable")
    if diagnostics.users < WEAK_USERS:
        return Assessment("weak", f"{diagnostics.users} users; 40 make an interval reliable")
    if events is not None and events < WEAK_EVENTS:
        return Assessment("weak", f"{math.floor(events)} effective weighted events; 50 make an interval reliable")
    return RELIABLE


def weighted_events(reward: F64, weight: F64) -> float:
    """(Σ (w r)²)³ / (Σ (w r)³)²: the number of equally weighted events whose sum would be as skewed.

    Skewness is what makes an asymptotic interval miss: its coverage falls short by about ¼ over this number (Hall
    1988). It never exceeds (Σ w r)² / Σ (w r)², the number of equal events with the same relative error. That count is
    not used because a few heavy events do not lower it enough: where intervals covered .926, it said 59 events and this
    one 15. The result is 0 without any event.

    Examples
    --------
    >>> weighted_events(np.array([1.0, 1.0, 0.0]), np.array([2.0, 2.0, 9.0]))
    2.0
    """
    contribution = np.abs(weight * reward)
    largest = float(contribution.max(initial=0.0))
    if largest == 0:
        return 0.0
    contribution /= largest
    square = contribution * contribution
    return float(square.sum() ** 3 / (square @ contribution) ** 2)
