"""The default model: a Gaussian process over hour and frequency, pooled over the segment tree, by Laplace.

f_root ~ N(μ₀·1, K₀), f_v = f_parent + δ_v, δ_v ~ N(0, K_level): what one action, hour or segment teaches, its
neighbours learn from. Reference: Rasmussen & Williams 2006, chapters 3 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import final

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.segments import Segments
from tactful.models.base import DrawVisitor
from tactful.models.counted_posterior import CountedPosterior
from tactful.models.evidence import CELL_COUNTER, Evidence
from tactful.models.hierarchical.action_kernel import ActionGeometry, defaults, extended
from tactful.models.hierarchical.laplace import CellProblem
from tactful.models.hierarchical.marginal_likelihood import thin, tune
from tactful.models.hierarchical.outcome_fit import OutcomeFit, fit_outcome, learnt_levels, problem_of, tree_gaussian
from tactful.models.sufficient_statistics import CellSums
from tactful.models.tree.draws import TreeGaussian, draw, draw_each
from tactful.models.tree.message_passing import Tree

FIRST_ITERATIONS = 12  # of tuning from the defaults
NEXT_ITERATIONS = 2  # of tuning from the last posterior's values
TUNING_GROWTH = 1.25  # hyper-parameters are tuned again at so many times the decisions of the last tuning


@final
@dataclass(frozen=True, slots=True)
class Hierarchical:
    """The default model: structured pooling over actions and segments.

    Actions share what they learn with neighbouring hours and frequencies, segments with their parent. Rates are
    binomial–logistic, counts Poisson–log and real outcomes Gaussian, by Laplace's approximation.

    Parameters
    ----------
    dispersion
        Divide the sums by the variance inflation that repeating users cause.
    half_life_days
        A decision counts half after so many days, a quarter after twice as many, and so on; None counts all alike.
    tuned
        Estimate the hyper-parameters by the marginal likelihood; otherwise they keep their defaults.
    tuned_on
        The largest number of segment nodes by which they are estimated.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(200, 4, seed=1).log
    >>> posterior = tt.Hierarchical(tuned=False).fit(log)
    >>> posterior.draws("engaged", 10, seed=1).shape == (10, len(log.segments), log.actions.k)
    True
    >>> bool(posterior.strength("engaged").min() > 0)
    True
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
        evidence = Evidence[CellSums].empty(log, CELL_COUNTER, self.half_life_days)
        return HierarchicalPosterior(self, evidence.update(log, self.name))


@final
@dataclass(frozen=True)
class HierarchicalPosterior(CountedPosterior[CellSums]):
    """Sums, and what follows from them; frozen: ``update``, ``merge`` and ``forget`` return another."""

    model: Hierarchical
    """The options."""
    evidence: Evidence[CellSums]
    """The sums, and which rows are in them."""
    start: Mapping[str, F64] = field(default_factory=dict[str, F64])
    """By outcome the logarithms of the hyper-parameters from which tuning goes on."""
    theta: Mapping[str, F64] = field(default_factory=dict[str, F64])
    """By outcome the logarithms of hyper-parameters that need no tuning."""
    tuned_at: Mapping[str, float] = field(default_factory=dict[str, float])
    """By outcome the decisions that the hyper-parameters were tuned on."""

    def update(self, log: Log) -> HierarchicalPosterior:
        """The posterior after the rows of ``log`` that matured since the last time (:meth:`Evidence.update`).

        The hyper-parameters stay this posterior's. Once the decisions have grown by a quarter (with a half-life: every
        time) they are tuned again, from there. The sums are those of one fit on everything.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        evidence = self.evidence.update(log, self.model.name)
        return HierarchicalPosterior(self.model, evidence, self._thetas, tuned_at=self.sizes)

    def merge(self, shard: HierarchicalPosterior) -> HierarchicalPosterior:
        """The posterior of two disjoint shards of users: exactly that of the whole, hyper-parameters included.

        Raises
        ------
        LogError
            Other actions or outcomes, or shards read as of different times.
        """
        return HierarchicalPosterior(self.model, self.evidence.merge(shard.evidence))

    def forget(self, log: Log) -> HierarchicalPosterior:
        """The posterior without rows that had been counted (:meth:`Evidence.forget`).

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        return HierarchicalPosterior(self.model, self.evidence.forget(log), self._thetas, tuned_at=self.sizes)

    def including(self, paths: Iterable[str]) -> HierarchicalPosterior:
        """With nodes for segments without data: each has the posterior of its nearest ancestor, and its own δ."""
        evidence = self.evidence.extend(Segments.of(paths))
        levels = int(evidence.segments.depths.max()) + 1
        theta = {o: extended(x, levels) for o, x in self._thetas.items()}
        return replace(self, evidence=evidence, theta=theta, tuned_at=self.sizes)

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision."""
        fit = self._fit(outcome)
        return fit.mean * fit.trials

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of the mean per decision."""
        fit = self._fit(outcome)
        return np.sqrt(fit.variance) * fit.trials

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size: independent decisions (trials) that would know the mean as well."""
        fit = self._fit(outcome)
        return fit.likelihood.size(fit.mean, fit.variance)

    def level(self, outcome: str) -> I64:
        """(s,) the depth at which each node was learnt.

        A node's own where its data have removed half of the variance by which it may differ from its parent (the mean
        over the actions other than ``none``), otherwise its parent's.
        """
        return learnt_levels(self._fit(outcome), self._geometry, self.segments, self.counted(outcome))

    def dispersion(self, outcome: str) -> float:
        """The factor by which repeating users inflate the variance; 1 for independent rows."""
        return self.sums[outcome].dispersion(self.outcomes[outcome]) if self.model.dispersion else 1.0

    def hyperparameters(self, outcome: str) -> F64:
        """Logarithms: two length scales (hour, ln frequency), then by level the sds (smooth, constant, nugget)."""
        return self._thetas[outcome]

    @property
    def sizes(self) -> dict[str, float]:
        """By outcome the decisions that its hyper-parameters were tuned on."""
        return {o: self.tuned_at[o] if self._still_tuned(o) else self._size(o) for o in self.outcomes}

    def converged(self, outcome: str) -> bool:
        """Whether Newton's iteration ended before its limit of steps."""
        return self._fit(outcome).mode.converged

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of the mean per decision, joint over actions and segments; the same for the same seed.

        Outcomes are independent of each other, and the mean number of trials is taken as known.
        """
        return draw(self._fit(outcome).tree, self._latent(outcome), m=m, seed=seed)

    def visit_draws(self, outcomes: Iterable[str], m: int, seed: int, visitor: DrawVisitor) -> None:
        """The draws of :meth:`draws`, handed over some nodes at a time, so that no array holds all of them.

        Parameters
        ----------
        outcomes
            Names of the outcomes to draw.
        m
            Draws of each mean.
        seed
            The same seed gives the same draws.
        visitor
            Called in threads with nodes (b,) and, by outcome, their draws (b, m, k), until it had every node once. It
            may write to the draws.
        """
        latents = {o: self._latent(o) for o in outcomes}
        draw_each(Tree.from_segments(self.segments), latents, visitor, m=m, seed=seed)

    def _latent(self, outcome: str) -> TreeGaussian:
        stream = tuple(self.outcomes).index(outcome)
        return tree_gaussian(self._fit(outcome), stream, self.outcomes[outcome].has_trials)

    @cached_property
    def _problems(self) -> dict[str, CellProblem]:
        tree = Tree.from_segments(self.segments)
        return {o: problem_of(spec, self.sums[o], tree, self.dispersion(o)) for o, spec in self.outcomes.items()}

    @cached_property
    def _geometry(self) -> ActionGeometry:
        return ActionGeometry.from_actions(self.actions)

    @cached_property
    def _thetas(self) -> dict[str, F64]:
        return {o: self._theta(o) for o in self.outcomes}

    @cached_property
    def _fits(self) -> dict[str, OutcomeFit]:
        return {}

    def _theta(self, outcome: str) -> F64:
        """(2 + 3 levels,) the hyper-parameters of one outcome, tuned where that is due."""
        problem = self._problems[outcome]
        levels = len(problem.tree.levels)
        if outcome in self.theta:
            return self.theta[outcome]
        start = self.start.get(outcome)
        theta = defaults(levels) if start is None else extended(start, levels)
        if not self.model.tuned or not problem.t.any() or self._still_tuned(outcome):
            return theta
        thinned = thin(problem, self.segments, self.model.tuned_on)
        return tune(thinned, self._geometry, theta, NEXT_ITERATIONS if self.tuned_at.get(outcome) else FIRST_ITERATIONS)

    def _still_tuned(self, outcome: str) -> bool:
        """Whether the hyper-parameters of the last tuning are still good enough."""
        if outcome not in self.tuned_at or (self.model.half_life_days and outcome not in self.theta):
            return False
        return outcome in self.theta or self._size(outcome) <= TUNING_GROWTH * self.tuned_at[outcome]

    def _size(self, outcome: str) -> float:
        return float(self.sums[outcome].n.sum())

    def _fit(self, outcome: str) -> OutcomeFit:
        """The posterior of one outcome, computed once."""
        if outcome not in self._fits:
            sums, has_trials = self.sums[outcome], self.outcomes[outcome].has_trials
            trials = sums.mean_trials(self.segments, self.actions) if has_trials else None
            problem, theta = self._problems[outcome], self._thetas[outcome]
            self._fits[outcome] = fit_outcome(problem, self._geometry, theta, trials)
        return self._fits[outcome]
