"""What every contextual posterior says: coefficients, draws, and averages over a sample of contexts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.models.base import Link
from tactful.models.contextual.coefficient_fit import CoefficientFit, ContextAverage, average_link
from tactful.models.contextual.coefficients import covariances, draw, lower_roots
from tactful.models.contextual.context_sample import ContextSample
from tactful.models.contextual.moments import ContextMoments
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.counted_posterior import CountedPosterior
from tactful.models.evidence import Evidence

SINGULAR_SHARE = 1e-9  # of its variance: what a feature must keep beside the features before it


class CoefficientPosterior(CountedPosterior[ContextMoments]):
    """Abstract: a posterior of coefficients by node and action, of s nodes, k actions and d coefficients."""

    features: Features
    contexts: ContextSample

    @abstractmethod
    def fitted(self, outcome: str) -> CoefficientFit:
        """The posterior of one outcome, computed once."""

    @property
    def independent(self) -> bool:
        """Whether the actions' coefficients are independent of each other, given the data."""
        return self.fitted(next(iter(self.outcomes))).sharing.independent

    @property
    def sample(self) -> tuple[I64, F64]:
        """Nodes (r,) and raw contexts (r, d − 1): a keyed sample of the decisions that were counted."""
        return self.contexts.node, self.contexts.context

    def link(self, outcome: str) -> Link:
        """Of the outcome's mean per trial."""
        return self.fitted(outcome).link

    def scale(self, outcome: str) -> F64:
        """(s, k) mean trials per decision; 1 where the outcome has none."""
        return self.fitted(outcome).scale

    def strengths(self, outcome: str) -> Strengths:
        """The strengths of the prior."""
        return self.fitted(outcome).strengths

    def dispersion(self, outcome: str) -> float:
        """The factor by which repeating users inflate the variance; 1 for independent rows."""
        return self.fitted(outcome).dispersion

    def repaired(self, outcome: str) -> int:
        """How many pivots of the Cholesky factors rounding had made useless; they were lifted to a trace."""
        return self.fitted(outcome).solution.repaired

    def coefficients(self, outcome: str) -> F64:
        """(s, k, d) posterior mean of θ."""
        fit = self.fitted(outcome)
        return self._for_all_nodes(fit.theta(fit.solution.mean))

    def roots(self, outcome: str) -> F64:
        """(s, k, d, d) R with Cov θ[s, a] = R Rᵀ, lower triangular."""
        return self._for_all_nodes(lower_roots(self._covariance(outcome)))

    def bank(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k, d) joint draws of θ, over actions and nodes: the same for the same seed.

        Where nodes are pooled this is a read-only view of one node's draws.
        """
        fit, stream = self.fitted(outcome), tuple(self.outcomes).index(outcome)
        k, d = self.actions.k, self.features.d
        out = np.empty((m, len(fit.solution.mean), k, d))
        for block, phi in draw(fit.tree, fit.solution, fit.prior, m=m, seed=seed, stream=stream):
            out[block] = fit.theta(phi)
        return np.broadcast_to(out, (m, len(self.segments), k, d))

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision, averaged over the sample at each node."""
        fit, average = self.fitted(outcome), self._averages[outcome]
        return fit.likelihood.moments(average.mean, average.variance)[0] * fit.scale

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of that mean."""
        fit, average = self.fitted(outcome), self._averages[outcome]
        return np.sqrt(fit.likelihood.moments(average.mean, average.variance)[1]) * fit.scale

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size: independent decisions (trials) that would know the mean as well."""
        fit, average = self.fitted(outcome), self._averages[outcome]
        return fit.likelihood.size(*fit.likelihood.moments(average.mean, average.variance)) * fit.noise

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of that mean, from the draws of :meth:`bank`, to first order on the scale of the link."""
        fit, average, stream = self.fitted(outcome), self._averages[outcome], tuple(self.outcomes).index(outcome)
        out = np.empty((m, *average.mean.shape))
        for block, phi in draw(fit.tree, fit.solution, fit.prior, m=m, seed=seed, stream=stream):
            deviation = fit.sharing.spread(phi - fit.solution.mean)
            deviation = np.broadcast_to(deviation, (len(deviation), *average.slope.shape))
            latent = average.mean + np.einsum("mvad,vad->mva", deviation, average.slope)
            out[block] = fit.likelihood.response(latent) * fit.scale
        return out

    @property
    def redundant(self) -> tuple[str, ...]:
        """Features that are constant, or linear in those before them: their coefficients stay near the prior's."""
        # Second moments of the features around their means, over all cells.
        rows = next(iter(self.sums.values())).rows
        A = rows.reshape(-1, *rows.shape[-2:]).sum(0)[:-1, :-1]
        n = max(float(A[0, 0]), 1e-300)
        remainder = A[1:, 1:] - np.outer(A[1:, 0], A[0, 1:]) / n
        threshold = SINGULAR_SHARE * (A.diagonal()[1:] + n)
        # One feature after the other is regressed out of those that follow.
        names: list[str] = []
        for j, name in enumerate(self.features.names):
            if remainder[j, j] <= threshold[j]:
                names.append(name)
            else:
                remainder = remainder - np.outer(remainder[:, j], remainder[j]) / remainder[j, j]
        return tuple(names)

    def _sample_with(self, logs: Sequence[Log], evidence: Evidence[ContextMoments]) -> ContextSample:
        """The sample with the rows of logs that know any outcome; ``evidence`` is aligned with them."""
        sample = self.contexts.relocated(self.segments, evidence.segments)
        for log in logs:
            sample = sample.update(log, self.features, _any_known(log), evidence.half_life_days)
        return sample

    def _sample_union(self, shard: CoefficientPosterior, evidence: Evidence[ContextMoments]) -> ContextSample:
        """The sample of two shards, on the tree of ``evidence``."""
        a, b = (x.contexts.relocated(x.segments, evidence.segments) for x in (self, shard))
        return a.union(b)

    def _sample_without(self, log: Log) -> ContextSample:
        """The sample without the rows of a log."""
        return self.contexts.without(log, _any_known(log), self.evidence.half_life_days)

    @cached_property
    def _averages(self) -> dict[str, ContextAverage]:
        return {o: self._average(o) for o in self.outcomes}

    def _average(self, outcome: str) -> ContextAverage:
        """The average of one outcome over the contexts at or below each node."""
        link, theta = self.link(outcome), self.coefficients(outcome)
        mean, slope = np.empty(theta.shape[:2]), np.empty_like(theta)
        design = self.features.design(self.contexts.context, len(self.contexts.key))
        for v, rows in enumerate(self.contexts.by_node(self.segments)):
            z = design[rows] if rows.size else np.eye(1, self.features.d)
            mean[v], slope[v] = average_link(link, z, theta[v])
        covariance = self._for_all_nodes(self._covariance(outcome))
        return ContextAverage(mean, np.einsum("vad,vade,vae->va", slope, covariance, slope), slope)

    def _covariance(self, outcome: str) -> F64:
        """(v, k, d, d) posterior covariance of each action's θ."""
        fit = self.fitted(outcome)
        return fit.sharing.covariance(covariances(fit.tree, fit.solution, fit.prior))

    def _for_all_nodes(self, x: F64) -> F64:
        """(s, …) for every node, also where one node (1, …) stands for all."""
        s = len(self.segments)
        return x if len(x) == s else np.repeat(x, s, axis=0)


def _any_known(log: Log) -> Bool:
    return np.any([m.known for m in log.outcomes.values()], axis=0)
