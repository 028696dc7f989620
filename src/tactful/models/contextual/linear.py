"""Bayesian linear regression per action, its coefficients pooled over the segment tree.

θ_root ~ N(m, S), θ_v = θ_parent + δ_v, r = zᵀθ_v,a + e with e ~ N(0, σ_a²). All data enter through sums, so batch,
stream and shards give one posterior. Reference: Bishop 2006, section 3.3; Li et al. 2010.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

from tactful.core.features import Features
from tactful.core.log import Log
from tactful.models.contextual.coefficient_fit import CoefficientFit
from tactful.models.contextual.context_sample import ContextSample
from tactful.models.contextual.gaussian import fit_gaussian
from tactful.models.contextual.moments import ContextCounter, ContextMoments
from tactful.models.contextual.posterior import CoefficientPosterior
from tactful.models.contextual.shards import check_mergeable, check_strength, features_of
from tactful.models.evidence import Evidence


@final
@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model of every outcome per decision, of any kind, given the log's context columns.

    Rates and counts are taken for Gaussian. The posterior is exact and additive: batch, stream and shards agree.

    Parameters
    ----------
    pooled
        One set of coefficients for all segments. Otherwise a segment's coefficients differ from its parent's by as much
        as the data say.
    action_features
        Actions share coefficients through harmonics of the hour and a parabola in ln frequency, and each has a small
        deviation of its own. Otherwise every action has its own coefficients.
    strength
        What the prior is worth, in decisions. None finds the best for the root and for the levels below it, by the
        marginal likelihood.
    dispersion
        Divide the sums by the variance inflation that repeating users cause.
    half_life_days
        A decision counts half after so many days, a quarter after twice as many, and so on; None counts all alike.

    Raises
    ------
    SpecError
        The strength is not finite and positive.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(200, 4, seed=1).log
    >>> posterior = tt.Linear(pooled=True).fit(log)
    >>> posterior.coefficients("engaged").shape == (len(log.segments), log.actions.k, posterior.features.d)
    True
    >>> bool((posterior.sd("engaged") >= 0).all())
    True
    """

    pooled: bool = False
    action_features: bool = False
    strength: float | None = None
    dispersion: bool = True
    half_life_days: float | None = None

    def __post_init__(self) -> None:
        """Refuse a prior that is none."""
        check_strength(self.strength)

    @property
    def name(self) -> str:
        """The name on the command line."""
        return "linear"

    def fit(self, log: Log, features: Features | None = None) -> LinearPosterior:
        """The posterior given every mature, known outcome of ``log``; cost O(n d²) for the sums.

        Parameters
        ----------
        log
            Decisions; their context columns are the features.
        features
            Names, centres and scales, such as another posterior's: shards merge when they have the same. By default
            those of this log; they stay as they are in updates.

        Raises
        ------
        LogError
            The log has no outcome, no times by which to forget, or a context that is not finite.
        """
        features = features or features_of([log])
        counter = ContextCounter(features, self.pooled, self.dispersion)
        evidence = Evidence[ContextMoments].empty(log, counter, self.half_life_days)
        return LinearPosterior(self, evidence, features, ContextSample.empty(features)).update(log)


@final
@dataclass(frozen=True)
class LinearPosterior(CoefficientPosterior):
    """Sums, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another."""

    model: Linear
    """The options."""
    evidence: Evidence[ContextMoments]
    """The sums, and which rows are in them."""
    features: Features
    """Names, centres and scales of the context columns, fixed by the first fit."""
    contexts: ContextSample
    """The sample of contexts over which averages run."""

    def update(self, log: Log) -> LinearPosterior:
        """The posterior after the rows of ``log`` that matured since the last time (:meth:`Evidence.update`).

        Raises
        ------
        LogError
            The log has other actions, outcomes or context columns.
        """
        evidence = self.evidence.update(log, self.model.name)
        _, log = evidence.align(log)
        return replace(self, evidence=evidence, contexts=self._sample_with([log], evidence))

    def merge(self, shard: LinearPosterior) -> LinearPosterior:
        """The posterior of two disjoint shards of users: exactly that of the whole.

        Raises
        ------
        LogError
            Other actions, outcomes, options or features, or shards read as of different times.
        """
        check_mergeable(self.model == shard.model, self.features == shard.features)
        evidence = self.evidence.merge(shard.evidence)
        return replace(self, evidence=evidence, contexts=self._sample_union(shard, evidence))

    def forget(self, log: Log) -> LinearPosterior:
        """The posterior without rows that had been counted (:meth:`Evidence.forget`), as if it had never had them.

        The sample loses them too; where it was full, none takes their place.

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        return replace(self, evidence=self.evidence.forget(log), contexts=self._sample_without(log))

    def converged(self, outcome: str) -> bool:  # noqa: ARG002
        """Whether the fit came to rest; a linear model is exact."""
        return True

    def fitted(self, outcome: str) -> CoefficientFit:
        """The posterior of one outcome, computed once."""
        if outcome not in self._fits:
            spec, moments = self.outcomes[outcome], self.sums[outcome]
            self._fits[outcome] = fit_gaussian(moments, spec, self.actions, self.segments, self.model)
        return self._fits[outcome]

    @cached_property
    def _fits(self) -> dict[str, CoefficientFit]:
        return {}
