"""The default model: a Gaussian process over hour and frequency, pooled over the segment tree, by Laplace.

f_root ~ N(μ₀·1, K₀), f_v = f_parent + δ_v, δ_v ~ N(0, K_level): what one action, hour or segment teaches, its
neighbours learn from. Reference: math.md 3; Rasmussen & Williams 2006, chapters 3 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.models.base import DrawVisitor
from tactful.models.counted_posterior import Counting
from tactful.models.evidence import Evidence
from tactful.models.hierarchical.action_kernel import Geometry, covariances, defaults, extended
from tactful.models.hierarchical.laplace import Mode, Problem, mode
from tactful.models.hierarchical.marginal_likelihood import part, tune
from tactful.models.likelihoods import Likelihood, likelihood
from tactful.models.sufficient_statistics import Sums, up
from tactful.models.tree.draws import Latent, draw, draw_each
from tactful.models.tree.message_passing import Tree, spread

FIRST, NEXT = 12, 2  # iterations of tuning: from the defaults, and from the last posterior's values
GROWTH = 1.25  # hyper-parameters are tuned again once there are so many times the decisions of the last tuning
LEARNT = 0.5  # share of a node's own prior variance that its data must have removed


@dataclass(frozen=True, slots=True)
class Hierarchical:
    """Structured pooling over actions and segments.

    ``dispersion`` divides the sums by the variance inflation that repeating users cause. ``tuned`` estimates the
    hyper-parameters by the marginal likelihood of at most ``tuned_on`` nodes; otherwise they keep their defaults. With
    ``half_life_days`` old decisions count less, half as much for every half-life.

    Examples
    --------
    >>> Hierarchical().name
    'hierarchical'
    """

    dispersion: bool = True
    half_life_days: float | None = None
    tuned: bool = True
    tuned_on: int = 128

    @property
    def name(self) -> str:
        """The name on the command line."""
        return "hierarchical"

    def fit(self, log: Log) -> HierarchicalPosterior:
        """The posterior given every mature, known outcome of ``log``; cost O(n log n + nodes · k³).

        Raises
        ------
        LogError
            The log has no outcome, or no times by which to forget.
        """
        return HierarchicalPosterior(self, Evidence.none(log, self.half_life_days).update(log, self.name))


class _Fitted(NamedTuple):
    likelihood: Likelihood
    tree: Tree
    K: F64
    mode: Mode
    variance: F64
    mean: F64
    spread: F64
    trials: F64


@dataclass(frozen=True)
class HierarchicalPosterior(Counting[Sums]):
    """Sums, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another.

    ``start`` holds the logarithms of the hyper-parameters from which tuning goes on, ``known`` those that need none,
    ``tuned_at`` the decisions that they were tuned on.
    """

    model: Hierarchical
    evidence: Evidence[Sums]
    start: Mapping[str, F64] = field(default_factory=dict[str, F64])
    known: Mapping[str, F64] = field(default_factory=dict[str, F64])
    tuned_at: Mapping[str, float] = field(default_factory=dict[str, float])

    def update(self, log: Log) -> HierarchicalPosterior:
        """The posterior after the rows of ``log`` that matured since the last time (:meth:`Evidence.update`).

        The hyper-parameters stay this posterior's, and go on from them once the decisions have grown by a quarter (with
        a half-life: every time); the sums are those of one fit on everything.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        evidence = self.evidence.update(log, self.model.name)
        return HierarchicalPosterior(self.model, evidence, self._thetas, tuned_at=self.sizes)

    def merge(self, other: HierarchicalPosterior) -> HierarchicalPosterior:
        """The posterior of two disjoint shards of users: exactly that of the whole, hyper-parameters included.

        Raises
        ------
        LogError
            Other actions or outcomes, or shards read as of different times.
        """
        return HierarchicalPosterior(self.model, self.evidence.merge(other.evidence))

    def forget(self, log: Log) -> HierarchicalPosterior:
        """The posterior without rows that had been counted (:meth:`Evidence.forget`).

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        return HierarchicalPosterior(self.model, self.evidence.forget(log), self._thetas, tuned_at=self.sizes)

    def including(self, paths: Iterable[str]) -> HierarchicalPosterior:
        """With nodes for segments never seen: each has its nearest known ancestor's posterior plus its own δ."""
        evidence = self.evidence.over(Segments.of(paths))
        levels = int(evidence.segments.depths.max()) + 1
        known = {o: extended(x, levels) for o, x in self._thetas.items()}
        return replace(self, evidence=evidence, known=known, tuned_at=self.sizes)

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision."""
        fit = self._fit(outcome)
        return fit.mean * fit.trials

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of the mean per decision."""
        fit = self._fit(outcome)
        return np.sqrt(fit.spread) * fit.trials

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size: independent decisions (trials) that would know the mean as well."""
        fit = self._fit(outcome)
        return fit.likelihood.size(fit.mean, fit.spread)

    def level(self, outcome: str) -> I64:
        """(s,) the depth at which each node was learnt.

        A node's own where its data have removed half of the variance by which it may differ from its parent (the mean
        over the actions other than ``none``), otherwise its parent's.
        """
        fit, segments = self._fit(outcome), self.segments
        used = self._geometry.alike.diagonal()
        rows = slice(None) if not used.any() else used
        variance = fit.variance[:, rows].mean(1)
        prior = fit.K.diagonal(axis1=1, axis2=2)[:, rows].mean(1)
        seen = up(self.counted(outcome), segments.parents).sum(1)
        level = np.zeros(len(segments), np.int64)
        for v, (parent, depth) in enumerate(zip(segments.parents, segments.depths, strict=True)):
            if depth:
                own = variance[v] < variance[parent] + LEARNT * prior[depth]
                level[v] = depth if own and seen[v] > 0 else level[parent]
        return level

    def dispersion(self, outcome: str) -> float:
        """The factor by which repeating users inflate the variance; 1 for independent rows."""
        return self.sums[outcome].dispersion(self.outcomes[outcome]) if self.model.dispersion else 1.0

    def hyperparameters(self, outcome: str) -> F64:
        """Logarithms: two length scales (hour, ln frequency), then by level the sds (smooth, constant, nugget)."""
        return self._thetas[outcome]

    @property
    def sizes(self) -> dict[str, float]:
        """The decisions that each outcome's hyper-parameters were tuned on."""
        return {o: self.tuned_at[o] if self._kept(o) else self._size(o) for o in self.outcomes}

    def converged(self, outcome: str) -> bool:
        """Whether Newton's iteration ended before its limit of steps."""
        return self._fit(outcome).mode.converged

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of the mean per decision, joint over actions and segments; a pure function of the seed.

        Outcomes are independent of each other, and the mean number of trials is taken as known.
        """
        return draw(self._fit(outcome).tree, self._latent(outcome), m=m, seed=seed)

    def visit_draws(self, outcomes: Iterable[str], m: int, seed: int, visitor: DrawVisitor) -> None:
        """The same draws without an array of them all: ``visitor`` gets (b, m, k) of each outcome for nodes (b,).

        It is called in threads until every node was there once, and may write to its arrays.
        """
        latents = {o: self._latent(o) for o in outcomes}
        draw_each(Tree.of(self.segments), latents, visitor, m=m, seed=seed)

    def _latent(self, outcome: str) -> Latent:
        fit, stream = self._fit(outcome), tuple(self.outcomes).index(outcome)
        trials = fit.trials if self.outcomes[outcome].has_trials else None
        return Latent(fit.K, fit.mode.messages.precision, fit.mode.f, fit.likelihood, stream, trials)

    @cached_property
    def _problems(self) -> dict[str, Problem]:
        tree = Tree.of(self.segments)
        return {o: self._problem(o, tree) for o in self.outcomes}

    @cached_property
    def _geometry(self) -> Geometry:
        return Geometry.of(self.actions)

    @cached_property
    def _thetas(self) -> dict[str, F64]:
        return {o: self._theta(o) for o in self.outcomes}

    @cached_property
    def _fits(self) -> dict[str, _Fitted]:
        return {}

    def _problem(self, outcome: str, tree: Tree) -> Problem:
        spec, sums = self.outcomes[outcome], self.sums[outcome]
        scale, kind = self.dispersion(outcome), likelihood(spec, sums.noise())
        size = float(sums.t.sum())
        centre = kind.link(float(sums.y.sum()) / size) if size > 0 else 0.0
        return Problem(tree, kind, sums.y / scale, sums.t / scale, centre)

    def _theta(self, outcome: str) -> F64:
        problem = self._problems[outcome]
        levels = len(problem.tree.levels)
        if outcome in self.known:
            return self.known[outcome]
        before = self.start.get(outcome)
        theta = defaults(levels) if before is None else extended(before, levels)
        if not self.model.tuned or not problem.t.any() or self._kept(outcome):
            return theta
        some = part(problem, self.segments, self.model.tuned_on)
        return tune(some, self._geometry, theta, NEXT if self.tuned_at.get(outcome) else FIRST)

    def _kept(self, outcome: str) -> bool:
        """Whether the hyper-parameters of before are still good enough."""
        if outcome not in self.tuned_at or (self.model.half_life_days and outcome not in self.known):
            return False
        return outcome in self.known or self._size(outcome) <= GROWTH * self.tuned_at[outcome]

    def _size(self, outcome: str) -> float:
        return float(self.sums[outcome].n.sum())

    def _fit(self, outcome: str) -> _Fitted:
        if outcome not in self._fits:
            self._fits[outcome] = self._fitted(outcome)
        return self._fits[outcome]

    def _fitted(self, outcome: str) -> _Fitted:
        problem, sums = self._problems[outcome], self.sums[outcome]
        K = covariances(self._geometry, self._thetas[outcome])
        at = mode(problem, K)
        variance = spread(problem.tree, K, at.messages.precision).variance
        mean, spreads = problem.likelihood.moments(at.f, variance)
        has = self.outcomes[outcome].has_trials
        trials = sums.mean_trials(self.segments, self.actions) if has else np.ones_like(mean)
        return _Fitted(problem.likelihood, problem.tree, K, at, variance, mean, spreads, trials)
