"""Rates from decisions that are still young: what has come so far, over the share that should have come by now.

Zeros for the young bias a rate low, and dropping them throws the newest decisions away.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.estimate import Estimate
from tactful.errors import LogError, NothingToSayError


class Curve(NamedTuple):
    """The share of decisions ``survival`` (m,) whose outcome has not come by ``time`` (m,), which ascends."""

    time: F64
    survival: F64

    def at(self, age: F64) -> F64:
        """S(age), right-continuous; 1 before the first time."""
        return np.append(1.0, self.survival)[np.searchsorted(self.time, age, side="right")]


def km(age: F64, seen_after: F64) -> Curve:
    """The Kaplan–Meier curve of the delay over *all* decisions, censored at their age.

    Those who never respond stay in the denominator: among responders alone, delays are cut off at the age of the
    decision, and look too short. Reference: Kaplan & Meier 1958; Chapelle 2014 (delayed feedback).

    Parameters
    ----------
    age
        (n,) time since the decision.
    seen_after
        (n,) time from the decision to its outcome, NaN where none has come.

    Raises
    ------
    LogError
        An outcome that came before the decision or after now.

    Examples
    --------
    >>> km(np.array([1.0, 3.0, 3.0, 3.0]), np.array([np.nan, 2.0, np.nan, np.nan])).survival.round(3).tolist()
    [0.667]
    """
    came = ~np.isnan(seen_after)
    if np.any((seen_after[came] < 0) | (seen_after[came] > age[came])):
        raise LogError("an outcome that came before its decision or after now", "seen_after", "give the time since it")
    time, events = np.unique(seen_after[came], return_counts=True)
    ends = np.sort(np.where(came, seen_after, age))
    at_risk = ends.size - np.searchsorted(ends, time, side="left")
    survival = np.cumprod(1 - events / np.maximum(at_risk, 1))
    return Curve(time, survival.astype(np.float64))


def corrected_rate(age: F64, seen_after: F64, window: float) -> Estimate:
    """Σ came / Σ τ(age ∧ W)/τ(W): the share of decisions whose outcome comes within the window W, young ones included.

    τ(t) = 1 − S(t) with S from :func:`km`. Consistent where delays do not depend on when the decision was made. The
    influence takes τ as known.

    Parameters
    ----------
    age, seen_after
        (n,) as for :func:`km`, in the unit of ``window``.

    Raises
    ------
    NothingToSayError
        No decision is as old as the window, so that nobody knows how much comes late; or no outcome has come.
    """
    if not np.any(age >= window):
        raise NothingToSayError("no decision is as old as the window", "age", "wait, or correct for a shorter window")
    within = np.where(seen_after <= window, seen_after, np.nan)
    curve = km(np.minimum(age, window), within)
    whole = float(1 - curve.at(np.array([window]))[0])
    if whole <= 0:
        raise NothingToSayError("no outcome has come yet", "seen_after", "wait")
    came = (~np.isnan(within)).astype(np.float64)
    exposed = (1 - curve.at(np.minimum(age, window))) / whole
    value = float(came.sum() / exposed.sum())
    return Estimate(value, (came - value * exposed) / float(exposed.mean()), exposed)
