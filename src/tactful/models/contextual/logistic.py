"""Bayesian logistic regression per action (and with the logarithmic link for counts), pooled over the segment tree.

Rows enter through Laplace's approximation at the mode: a quadratic for each (segment, action), which adds. One fit, on
one log or on shards, is exact Laplace; an update takes the posterior for the prior of the new rows (assumed-density
filtering). Reference: Chapelle & Li 2011, algorithm 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import final

from tactful.core.features import Features
from tactful.core.log import Log
from tactful.errors import LogError
from tactful.models.contextual.coefficient_fit import CoefficientFit
from tactful.models.contextual.context_rows import LogRows
from tactful.models.contextual.context_sample import ContextSample
from tactful.models.contextual.gaussian import fit_gaussian
from tactful.models.contextual.glm import LearntRows, empty_like, fit_glm, learn, link_of, unlearn
from tactful.models.contextual.moments import ContextCounter, ContextMoments
from tactful.models.contextual.posterior import CoefficientPosterior
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.contextual.shards import check_mergeable, check_strength, features_of
from tactful.models.evidence import Evidence


@final
@dataclass(frozen=True, slots=True)
class Logistic:
    """A generalised linear model of every outcome, given the log's context columns.

    Binary outcomes and counts out of trials have the logistic link, counts without trials the logarithmic one
    (Poisson); real outcomes are Gaussian, as in :class:`tactful.models.contextual.linear.Linear`.

    Parameters
    ----------
    pooled
        One set of coefficients for all segments. Otherwise a segment's coefficients differ from its parent's by as much
        as the data say.
    action_features
        Actions share coefficients through harmonics of the hour and a parabola in ln frequency, and each has a small
        deviation of its own. Otherwise every action has its own coefficients.
    strength
        The prior precision of an intercept on the scale of the link; for real outcomes, decisions. None finds the best
        for the root and for the levels below it, by the marginal likelihood.
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
    >>> posterior = tt.Logistic(pooled=True, strength=3.0).fit(log)
    >>> mean = posterior.mean("opted_out")
    >>> mean.shape == (len(log.segments), log.actions.k), bool((mean > 0).all() and (mean < 1).all())
    (True, True)
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
        return "logistic"

    def fit(self, *logs: Log, features: Features | None = None) -> LogisticPosterior:
        """The posterior given every mature, known outcome; cost O(steps · n d²).

        Parameters
        ----------
        logs
            One log, or disjoint shards of users read as of one time: exactly the posterior of the whole.
        features
            Names, centres and scales, such as another posterior's; by default those of these logs. They stay as they
            are in updates.

        Raises
        ------
        LogError
            No log, shards that do not fit together, no outcome, or a context that is not finite.
        """
        if not logs or len({log.as_of for log in logs}) > 1:
            raise LogError("no log, or shards read as of different times", "fit", "set [log] as_of to one date for all")
        features = features or features_of(logs)
        counter = ContextCounter(features, self.pooled, self.dispersion)
        evidence = Evidence[ContextMoments].empty(logs[0], counter, self.half_life_days)
        sums = {o: empty_like(evidence.sums[o], spec) for o, spec in evidence.outcomes.items()}
        contexts = ContextSample.empty(features)
        return LogisticPosterior(self, replace(evidence, sums=sums), features, contexts).learn(*logs)


@final
@dataclass(frozen=True)
class LogisticPosterior(CoefficientPosterior):
    """Quadratics, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another."""

    model: Logistic
    """The options."""
    evidence: Evidence[ContextMoments]
    """The quadratics, and which rows are in them."""
    features: Features
    """Names, centres and scales of the context columns, fixed by the first fit."""
    contexts: ContextSample
    """The sample of contexts over which averages run."""
    chosen_strengths: Mapping[str, Strengths] = field(default_factory=dict[str, Strengths])
    """By outcome the strengths of the prior that the first fit chose."""
    unconverged: tuple[str, ...] = ()
    """The outcomes whose mode was not reached in some fit or update."""

    def update(self, log: Log) -> LogisticPosterior:
        """The posterior after the rows of ``log`` that matured since the last time (:meth:`Evidence.update`).

        Assumed-density filtering: this posterior, with its strengths, is the prior of the new rows. A fit on all
        rows at once differs by a fraction of a posterior standard deviation (docs/models.md has figures).

        Raises
        ------
        LogError
            The log has other actions, outcomes or context columns.
        """
        return self.learn(log)

    def merge(self, shard: LogisticPosterior) -> LogisticPosterior:
        """The product of two shards' likelihood approximations under one prior, with the larger shard's strengths.

        It is near to the posterior of the whole, and no more than that: ``fit(*shards)`` is exact.

        Raises
        ------
        LogError
            Other actions, outcomes, options or features, or shards read as of different times.
        """
        check_mergeable(self.model == shard.model, self.features == shard.features)
        evidence = self.evidence.merge(shard.evidence)
        larger = max((self, shard), key=lambda x: (x.decisions.sum(), sorted(x.chosen_strengths.items())))
        return replace(
            self,
            evidence=evidence,
            contexts=self._sample_union(shard, evidence),
            chosen_strengths=larger.chosen_strengths,
            unconverged=tuple(sorted({*self.unconverged, *shard.unconverged})),
        )

    def forget(self, log: Log) -> LogisticPosterior:
        """The posterior without rows that had been counted (:meth:`Evidence.forget`).

        Their quadratics at the present mode are taken away: exact for a cell that loses all of its rows, and for real
        outcomes; otherwise to second order in what is taken away.

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        evidence, aligned_log = self.evidence.align(log)
        sums = {o: self._counted_sums(evidence, aligned_log, o) for o in self.outcomes}
        return replace(self, evidence=evidence.subtract(sums), contexts=self._sample_without(log))

    def converged(self, outcome: str) -> bool:
        """Whether Newton's iteration came to rest in every fit and update."""
        return outcome not in self.unconverged

    def fitted(self, outcome: str) -> CoefficientFit:
        """The posterior of one outcome, computed once."""
        if outcome not in self._fits:
            self._fits[outcome] = self._fit(outcome)
        return self._fits[outcome]

    def learn(self, *logs: Log) -> LogisticPosterior:
        """The posterior after the uncounted rows of some logs, taken together; :meth:`update` of several.

        Raises
        ------
        LogError
            A log has other actions, outcomes or context columns.
        """
        aligned = self.evidence
        for log in logs:
            aligned, _ = aligned.align(log)
        aligned_logs = [aligned.align(log)[1] for log in logs]
        learnt = {o: self._learn(aligned, aligned_logs, o) for o in self.outcomes}
        # The first log brings the sums of all, the others their watermarks and lineage.
        evidence = aligned.add(aligned_logs[0], {o: x.moments for o, x in learnt.items()}, self.model.name)
        for log in aligned_logs[1:]:
            nothing = {o: x.times(0.0) for o, x in evidence.sums.items()}
            evidence = evidence.add(log, nothing, self.model.name)
        unconverged = {*self.unconverged, *(o for o, x in learnt.items() if not x.converged)}
        return replace(
            self,
            evidence=evidence,
            contexts=self._sample_with(aligned_logs, aligned),
            chosen_strengths={o: x.strengths for o, x in learnt.items() if x.strengths},
            unconverged=tuple(sorted(unconverged)),
        )

    @cached_property
    def _fits(self) -> dict[str, CoefficientFit]:
        return {}

    def _fit(self, outcome: str) -> CoefficientFit:
        spec, moments = self.outcomes[outcome], self.sums[outcome]
        if link_of(spec) == "identity":
            return fit_gaussian(moments, spec, self.actions, self.segments, self.model)
        strengths = self.chosen_strengths.get(outcome)
        return fit_glm(moments, spec, self.actions, self.segments, self.model, strengths=strengths)

    def _learn(self, evidence: Evidence[ContextMoments], logs: list[Log], outcome: str) -> LearntRows:
        """What the uncounted rows of aligned logs add to one outcome."""
        spec, old = self.outcomes[outcome], evidence.sums[outcome]
        new = [LogRows(log, rows := evidence.uncounted(log, outcome), evidence.weight(log, rows)) for log in logs]
        if link_of(spec) == "identity":
            return LearntRows(self._gaussian_sums(evidence, new, outcome), None, True)
        return learn(old, new, spec, self.features, self.model, strengths=self.chosen_strengths.get(outcome))

    def _counted_sums(self, evidence: Evidence[ContextMoments], log: Log, outcome: str) -> ContextMoments:
        """What the counted rows of an aligned log had added to one outcome."""
        spec, rows = self.outcomes[outcome], evidence.counted(log, outcome)
        counted = LogRows(log, rows, evidence.weight(log, rows))
        if link_of(spec) == "identity":
            return self._gaussian_sums(evidence, [counted], outcome)
        fit = replace(self, evidence=evidence).fitted(outcome)
        return unlearn(evidence.sums[outcome], counted, spec, self.features, self.model, fit=fit)

    def _gaussian_sums(
        self, evidence: Evidence[ContextMoments], rows_by_log: list[LogRows], outcome: str
    ) -> ContextMoments:
        """The moments of rows of several logs."""
        total = evidence.sums[outcome].times(0.0)
        for log, rows, weight in rows_by_log:
            total = total.plus(evidence.counter.from_rows(log, outcome, rows, weight))
        return total
