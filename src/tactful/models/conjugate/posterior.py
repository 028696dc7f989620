"""Conjugate posteriors per (segment, action) and outcome, with empirical-Bayes priors down the segment tree.

Rates are Beta–Binomial, counts Gamma–Poisson, real outcomes Gaussian; a count out of trials is a rate times
the mean number of trials of its action.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, final

import numpy as np

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.models.conjugate.empirical_bayes import ShrunkCells, shrink
from tactful.models.conjugate.families import Family, family
from tactful.models.counted_posterior import CountedPosterior
from tactful.models.evidence import CELL_COUNTER, Evidence
from tactful.models.sufficient_statistics import CellSums


@final
@dataclass(frozen=True, slots=True)
class Conjugate:
    """A model of separate conjugate cells, each of which borrows strength from its parent segment.

    Actions share nothing: it is for actions without hours and frequencies, or whose neighbours have nothing in common.
    Rates are Beta–Binomial, counts Gamma–Poisson and real outcomes Gaussian.

    Parameters
    ----------
    dispersion
        Divide the sums by the variance inflation that repeating users cause.
    half_life_days
        A decision counts half after so many days, a quarter after twice as many, and so on; None counts all alike.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(200, 4, seed=1).log
    >>> posterior = tt.Conjugate().fit(log)
    >>> posterior.mean("engaged").shape == (len(log.segments), log.actions.k)
    True
    >>> bool((posterior.sd("engaged") > 0).all())
    True
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
        evidence = Evidence[CellSums].empty(log, CELL_COUNTER, self.half_life_days)
        return ConjugatePosterior(self, evidence.update(log, self.name))


class _ConjugateFit(NamedTuple):
    """What follows from the sums of one outcome; ``trials`` (s, k) are those of a mean decision."""

    family: Family
    cells: ShrunkCells
    trials: F64
    dispersion: float


@final
@dataclass(frozen=True)
class ConjugatePosterior(CountedPosterior[CellSums]):
    """Sums, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another."""

    model: Conjugate
    """The options."""
    evidence: Evidence[CellSums]
    """The sums, and which rows are in them."""

    def update(self, log: Log) -> ConjugatePosterior:
        """The posterior after the rows of ``log`` that matured since the last time (:meth:`Evidence.update`).

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        return ConjugatePosterior(self.model, self.evidence.update(log, self.model.name))

    def merge(self, shard: ConjugatePosterior) -> ConjugatePosterior:
        """The posterior of two disjoint shards of users; with sums by user, exactly that of the whole.

        Raises
        ------
        LogError
            Other actions or outcomes, or shards read as of different times.
        """
        return ConjugatePosterior(self.model, self.evidence.merge(shard.evidence))

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
        fit = self._fits[outcome]
        return fit.cells.mean * fit.trials

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of the mean per decision."""
        fit = self._fits[outcome]
        return np.sqrt(fit.family.variance(fit.cells.mean, fit.cells.strength)) * fit.trials

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size behind the mean, prior included, after the dispersion."""
        return self._fits[outcome].cells.strength

    def dispersion(self, outcome: str) -> float:
        """The factor by which repeating users inflate the variance; 1 for independent rows."""
        return self._fits[outcome].dispersion

    def converged(self, outcome: str) -> bool:  # noqa: ARG002
        """Whether the fit came to rest; conjugate cells are exact."""
        return True

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of the mean per decision, independent by cell; the same for the same seed."""
        fit = self._fits[outcome]
        out = np.empty((m, fit.cells.mean.size))
        stream = tuple(self.outcomes).index(outcome)
        fit.family.draws(fit.cells.mean.ravel(), fit.cells.strength.ravel(), seed, stream, out)
        return out.reshape(m, *fit.cells.mean.shape) * fit.trials

    @cached_property
    def _fits(self) -> dict[str, _ConjugateFit]:
        return {o: self._fit(o) for o in self.outcomes}

    def _fit(self, outcome: str) -> _ConjugateFit:
        spec, sums = self.outcomes[outcome], self.sums[outcome]
        dispersion = sums.dispersion(spec) if self.model.dispersion else 1.0
        kind = family(spec, sums.noise())
        cells = shrink(kind, sums.y / dispersion, sums.t / dispersion, self.segments)
        trials = sums.mean_trials(self.segments, self.actions) if spec.has_trials else np.ones_like(sums.t)
        return _ConjugateFit(kind, cells, trials, dispersion)
