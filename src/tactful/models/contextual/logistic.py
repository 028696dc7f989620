"""Bayesian logistic regression per action (and with the logarithmic link for counts), pooled over the segment tree.

Rows enter through Laplace's approximation at the mode: a quadratic for each (segment, action), which adds. One fit, on
one log or on shards, is exact Laplace; an update takes the posterior for the prior of the new rows (assumed-density
filtering). Reference: math.md 4; Chapelle & Li 2011, algorithm 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tactful.core.features import Features
from tactful.core.log import Log
from tactful.errors import LogError
from tactful.models.contextual.context_sample import Sample
from tactful.models.contextual.gaussian import gaussian
from tactful.models.contextual.glm import Fresh, Learnt, fitted, learn, leaving, link_of, none_of
from tactful.models.contextual.moments import Contexts, Moments
from tactful.models.contextual.posterior import Contextual, Fitted
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.contextual.shards import check_mergeable, check_strength, features_of
from tactful.models.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Logistic:
    """A generalised linear model of every outcome, given the log's context columns.

    Binary outcomes and counts out of trials have the logistic link, counts without trials the logarithmic one
    (Poisson); real outcomes are Gaussian, as in :class:`tactful.models.contextual.linear.Linear`,
    whose options these are.
    ``strength`` is the prior precision of an intercept on the scale of the link; for real outcomes, decisions.

    Examples
    --------
    >>> Logistic().name
    'logistic'
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
            Centres and scales, such as another posterior's; by default those of these logs. They stay as they are.

        Raises
        ------
        LogError
            No log, shards that do not fit together, no outcome, or a context that is not finite.
        """
        if not logs or len({log.as_of for log in logs}) > 1:
            raise LogError("no log, or shards read as of different times", "fit", "set [log] as_of to one date for all")
        features = features or features_of(logs)
        counter = Contexts(features, self.pooled, self.dispersion)
        evidence = Evidence[Moments].counting(logs[0], counter, self.half_life_days)
        empty = {o: none_of(evidence.sums[o], spec) for o, spec in evidence.outcomes.items()}
        return LogisticPosterior(self, replace(evidence, sums=empty), features, Sample.none(features)).learn(*logs)


@dataclass(frozen=True)
class LogisticPosterior(Contextual):
    """Quadratics, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another.

    ``known`` holds the strengths that the first fit chose, ``rough`` the outcomes whose mode was not reached.
    """

    model: Logistic
    evidence: Evidence[Moments]
    features: Features
    kept: Sample
    known: Mapping[str, Strengths] = field(default_factory=dict[str, Strengths])
    rough: tuple[str, ...] = ()

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

    def merge(self, other: LogisticPosterior) -> LogisticPosterior:
        """The product of two shards' likelihood approximations under one prior, with the larger shard's strengths.

        Near to the posterior of the whole, and no more than that: ``fit(*shards)`` is exact.

        Raises
        ------
        LogError
            Other actions, outcomes, options or features, or shards read as of different times.
        """
        check_mergeable(self.model == other.model, self.features == other.features)
        evidence = self.evidence.merge(other.evidence)
        larger = max((self, other), key=lambda x: (x.decisions.sum(), sorted(x.known.items())))
        rough = tuple(sorted({*self.rough, *other.rough}))
        kept = self.sampled_with(other, evidence)
        return replace(self, evidence=evidence, kept=kept, known=larger.known, rough=rough)

    def forget(self, log: Log) -> LogisticPosterior:
        """The posterior without rows that had been counted (:meth:`Evidence.forget`).

        Their quadratics at the present mode are taken away: exact for a cell that loses all of its rows, and for real
        outcomes; otherwise to second order in what is taken away.

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        now, log_here = self.evidence.facing(log)
        parts = {o: self._left(now, log_here, o) for o in self.outcomes}
        return replace(self, evidence=now.without(parts), kept=self.sampled_without(log))

    def converged(self, outcome: str) -> bool:
        """Whether Newton's iteration came to rest in every fit and update."""
        return outcome not in self.rough

    def fitted(self, outcome: str) -> Fitted:
        """The posterior of one outcome, computed once."""
        if outcome not in self._fits:
            self._fits[outcome] = self._fit(outcome)
        return self._fits[outcome]

    @cached_property
    def _fits(self) -> dict[str, Fitted]:
        return {}

    def _fit(self, outcome: str) -> Fitted:
        spec, moments = self.outcomes[outcome], self.sums[outcome]
        if link_of(spec) == "identity":
            return gaussian(moments, spec, self.actions, self.segments, self.model)
        return fitted(moments, spec, self.actions, self.segments, self.model, self.known.get(outcome))

    def learn(self, *logs: Log) -> LogisticPosterior:
        """The posterior after the fresh rows of some logs, taken together; :meth:`update` of several."""
        now = self.evidence
        for log in logs:
            now, _ = now.facing(log)
        here = [now.facing(log)[1] for log in logs]
        learnt = {o: self._learn(now, here, o) for o in self.outcomes}
        done = now.added(here[0], {o: x.moments for o, x in learnt.items()}, self.model.name)
        for log in here[1:]:
            done = done.added(log, {o: x.times(0.0) for o, x in done.sums.items()}, self.model.name)
        known = {o: x.strengths for o, x in learnt.items() if x.strengths}
        rough = tuple(sorted({*self.rough, *(o for o, x in learnt.items() if not x.converged)}))
        return replace(self, evidence=done, kept=self.sampled(here, now), known=known, rough=rough)

    def _learn(self, now: Evidence[Moments], logs: list[Log], outcome: str) -> Learnt:
        spec, old = self.outcomes[outcome], now.sums[outcome]
        fresh = [Fresh(log, rows := now.fresh(log, outcome), now.weight(log, rows)) for log in logs]
        if link_of(spec) == "identity":
            return Learnt(self._gaussian_sums(now, fresh, outcome), None, True)
        return learn(old, fresh, spec, self.features, self.model, self.known.get(outcome))

    def _left(self, now: Evidence[Moments], log: Log, outcome: str) -> Moments:
        spec, rows = self.outcomes[outcome], now.gone(log, outcome)
        part = Fresh(log, rows, now.weight(log, rows))
        if link_of(spec) == "identity":
            return self._gaussian_sums(now, [part], outcome)
        fit = replace(self, evidence=now).fitted(outcome)
        return leaving(now.sums[outcome], part, spec, self.features, self.model, fit)

    def _gaussian_sums(self, now: Evidence[Moments], parts: list[Fresh], outcome: str) -> Moments:
        total = now.sums[outcome].times(0.0)
        for log, rows, weight in parts:
            total = total.plus(now.counter.of(log, outcome, rows, weight))
        return total
