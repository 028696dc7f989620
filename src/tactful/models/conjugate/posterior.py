"""Conjugate posteriors per (segment, action) and outcome, with empirical-Bayes priors up the segment tree.

Rates are Beta–Binomial, counts Gamma–Poisson, real outcomes Gaussian; a count out of trials is a rate times
the mean number of trials of its action.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.models.conjugate.empirical_bayes import Cells, shrink
from tactful.models.conjugate.families import Family, family
from tactful.models.counted_posterior import Counting
from tactful.models.evidence import Evidence
from tactful.models.sufficient_statistics import Sums


@dataclass(frozen=True, slots=True)
class Conjugate:
    """Separate conjugate cells that borrow strength from their parent segment.

    ``dispersion`` divides the sums by the variance inflation that repeating users cause. With
    ``half_life_days`` old decisions count less, half as much for every half-life.

    Examples
    --------
    >>> Conjugate().name
    'conjugate'
    """

    dispersion: bool = True
    half_life_days: float | None = None

    @property
    def name(self) -> str:
        """The name on the command line."""
        return "conjugate"

    def fit(self, log: Log) -> ConjugatePosterior:
        """The posterior given every mature, known outcome of ``log``; cost O(n log n) for the grouping by user.

        Raises
        ------
        LogError
            The log has no outcome, or no times by which to forget.
        """
        return ConjugatePosterior(self, Evidence.none(log, self.half_life_days).update(log, self.name))


class _Fitted(NamedTuple):
    family: Family
    cells: Cells
    per_decision: F64
    dispersion: float


@dataclass(frozen=True)
class ConjugatePosterior(Counting[Sums]):
    """Sums, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another."""

    model: Conjugate
    evidence: Evidence[Sums]

    def update(self, log: Log) -> ConjugatePosterior:
        """The posterior after the rows of ``log`` that matured since the last time (:meth:`Evidence.update`).

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        return ConjugatePosterior(self.model, self.evidence.update(log, self.model.name))

    def merge(self, other: ConjugatePosterior) -> ConjugatePosterior:
        """The posterior of two disjoint shards of users; with sums by user, exactly that of the whole.

        Raises
        ------
        LogError
            Other actions or outcomes, or shards read as of different times.
        """
        return ConjugatePosterior(self.model, self.evidence.merge(other.evidence))

    def forget(self, log: Log) -> ConjugatePosterior:
        """The posterior without rows that had been counted (:meth:`Evidence.forget`).

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        return ConjugatePosterior(self.model, self.evidence.forget(log))

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision."""
        fit = self._fitted[outcome]
        return fit.cells.mean * fit.per_decision

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of the mean per decision."""
        fit = self._fitted[outcome]
        return np.sqrt(fit.family.variance(fit.cells.mean, fit.cells.strength)) * fit.per_decision

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size behind the mean, prior included, after the dispersion."""
        return self._fitted[outcome].cells.strength

    def dispersion(self, outcome: str) -> float:
        """The factor by which repeating users inflate the variance; 1 for independent rows."""
        return self._fitted[outcome].dispersion

    def converged(self, outcome: str) -> bool:  # noqa: ARG002
        """Whether the fit came to rest; conjugate cells are exact."""
        return True

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of the mean per decision; a pure function of the seed."""
        fit = self._fitted[outcome]
        out = np.empty((m, fit.cells.mean.size))
        stream = tuple(self.outcomes).index(outcome)
        fit.family.draws(fit.cells.mean.ravel(), fit.cells.strength.ravel(), seed, stream, out)
        return out.reshape(m, *fit.cells.mean.shape) * fit.per_decision

    @cached_property
    def _fitted(self) -> dict[str, _Fitted]:
        return {o: self._fit(o) for o in self.outcomes}

    def _fit(self, outcome: str) -> _Fitted:
        spec, sums = self.outcomes[outcome], self.sums[outcome]
        scale = sums.dispersion(spec) if self.model.dispersion else 1.0
        kind = family(spec, sums.noise())
        cells = shrink(kind, sums.y / scale, sums.t / scale, self.segments)
        trials = sums.mean_trials(self.segments, self.actions) if spec.has_trials else np.ones_like(sums.t)
        return _Fitted(kind, cells, trials, scale)
