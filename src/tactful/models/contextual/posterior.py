"""What every contextual posterior says: coefficients, draws, and averages over a sample of contexts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from tactful.core.arrays import F64, I64, Bool
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.models.base import Link
from tactful.models.contextual.action_sharing import Sharing
from tactful.models.contextual.coefficients import Prior, Solved, covariances, draw, lower_roots
from tactful.models.contextual.context_sample import Sample
from tactful.models.contextual.moments import Moments
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.counted_posterior import Counting
from tactful.models.evidence import Evidence
from tactful.models.likelihoods import Likelihood
from tactful.models.tree.message_passing import Tree

SINGULAR = 1e-9  # of its variance: what a feature must keep beside the features before it


class Fitted(NamedTuple):
    """The posterior of one outcome's coefficients, and what it rests on.

    The tree has one node where nodes are pooled. ``centre`` is added to every intercept, ``scale`` (s, k) are mean
    trials, ``noise`` (k,) is the variance of one observation of a Gaussian outcome.
    """

    link: Link
    likelihood: Likelihood
    tree: Tree
    sharing: Sharing
    prior: Prior
    strengths: Strengths
    solved: Solved
    centre: float
    scale: F64
    noise: F64
    dispersion: float


class Latent(NamedTuple):
    """A Gaussian on the scale of the link for the average over contexts: mean and variance (s, k).

    ``slope`` (s, k, d) is the derivative of that average in θ: to first order, and exact for the identity.
    """

    mean: F64
    variance: F64
    slope: F64


class Contextual(Counting[Moments], ABC):
    """Abstract: a posterior of coefficients by node and action."""

    features: Features
    kept: Sample

    @abstractmethod
    def fitted(self, outcome: str) -> Fitted:
        """The posterior of one outcome, computed once."""

    @property
    def independent(self) -> bool:
        """Whether the actions' coefficients are independent of each other, given the data."""
        return self.fitted(next(iter(self.outcomes))).sharing.independent

    @property
    def sample(self) -> tuple[I64, F64]:
        """Nodes (r,) and raw contexts (r, d − 1): a keyed sample of the decisions that were counted."""
        return self.kept.node, self.kept.context

    def sampled(self, logs: Sequence[Log], evidence: Evidence[Moments]) -> Sample:
        """The sample with the rows of logs that know any outcome; ``evidence`` is facing them."""
        kept = self.kept.over(self.segments, evidence.segments)
        for log in logs:
            kept = kept.update(log, self.features, _any_known(log), evidence.half_life_days)
        return kept

    def sampled_with(self, other: Contextual, evidence: Evidence[Moments]) -> Sample:
        """The sample of both, on the tree of ``evidence``."""
        a, b = (x.kept.over(x.segments, evidence.segments) for x in (self, other))
        return a.union(b)

    def sampled_without(self, log: Log) -> Sample:
        """The sample without the rows of a log."""
        return self.kept.without(log, _any_known(log), self.evidence.half_life_days)

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
        return self.fitted(outcome).solved.repaired

    def coefficients(self, outcome: str) -> F64:
        """(s, k, d) posterior mean of θ."""
        fit = self.fitted(outcome)
        return self._all(_theta(fit, fit.solved.mean))

    def roots(self, outcome: str) -> F64:
        """(s, k, d, d) R with Cov θ[s, a] = R Rᵀ, lower triangular."""
        return self._all(lower_roots(self._covariance(outcome)))

    def bank(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k, d) joint draws of θ, over actions and nodes: the same for the same seed.

        Where nodes are pooled this is a read-only view of one node's draws.
        """
        fit, stream = self.fitted(outcome), tuple(self.outcomes).index(outcome)
        k, d = self.actions.k, self.features.d
        out = np.empty((m, len(fit.solved.mean), k, d))
        for at, phi in draw(fit.tree, fit.solved, fit.prior, m, seed, stream):
            out[at] = _theta(fit, phi)
        return np.broadcast_to(out, (m, len(self.segments), k, d))

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision, averaged over the sample at each node."""
        fit, at = self.fitted(outcome), self._latents[outcome]
        return fit.likelihood.moments(at.mean, at.variance)[0] * fit.scale

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of that mean."""
        fit, at = self.fitted(outcome), self._latents[outcome]
        return np.sqrt(fit.likelihood.moments(at.mean, at.variance)[1]) * fit.scale

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size: independent decisions (trials) that would know the mean as well."""
        fit, at = self.fitted(outcome), self._latents[outcome]
        return fit.likelihood.size(*fit.likelihood.moments(at.mean, at.variance)) * fit.noise

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of that mean, from the draws of :meth:`bank`, to first order on the scale of the link."""
        fit, at, stream = self.fitted(outcome), self._latents[outcome], tuple(self.outcomes).index(outcome)
        out = np.empty((m, *at.mean.shape))
        for rows, phi in draw(fit.tree, fit.solved, fit.prior, m, seed, stream):
            away = fit.sharing.spread(phi - fit.solved.mean)
            moved = at.mean + np.einsum("mvad,vad->mva", np.broadcast_to(away, (len(away), *at.slope.shape)), at.slope)
            out[rows] = fit.likelihood.response(moved) * fit.scale
        return out

    @property
    def redundant(self) -> tuple[str, ...]:
        """Features that are constant, or linear in those before them: their coefficients stay near the prior's."""
        rows = next(iter(self.sums.values())).rows
        A = rows.reshape(-1, *rows.shape[-2:]).sum(0)[:-1, :-1]
        n = max(float(A[0, 0]), 1e-300)
        left = A[1:, 1:] - np.outer(A[1:, 0], A[0, 1:]) / n
        least = SINGULAR * (A.diagonal()[1:] + n)
        found: list[str] = []
        for j, name in enumerate(self.features.names):
            if left[j, j] <= least[j]:
                found.append(name)
            else:
                left = left - np.outer(left[:, j], left[j]) / left[j, j]
        return tuple(found)

    @cached_property
    def _latents(self) -> dict[str, Latent]:
        return {o: self._latent(o) for o in self.outcomes}

    def _latent(self, outcome: str) -> Latent:
        link, theta = self.link(outcome), self.coefficients(outcome)
        mean, slope = np.empty(theta.shape[:2]), np.empty_like(theta)
        design = self.features.design(self.kept.context, len(self.kept.key))
        for v, rows in enumerate(self.kept.by_node(self.segments)):
            z = design[rows] if rows.size else np.eye(1, self.features.d)
            mean[v], slope[v] = _average(link, z, theta[v])
        cov = self._all(self._covariance(outcome))
        return Latent(mean, np.einsum("vad,vade,vae->va", slope, cov, slope), slope)

    def _covariance(self, outcome: str) -> F64:
        fit = self.fitted(outcome)
        return fit.sharing.covariance(covariances(fit.tree, fit.solved, fit.prior))

    def _all(self, x: F64) -> F64:
        """For every node, also where one stands for all."""
        s = len(self.segments)
        return x if len(x) == s else np.repeat(x, s, axis=0)


def _any_known(log: Log) -> Bool:
    return np.any([m.known for m in log.outcomes.values()], axis=0)


def _theta(fit: Fitted, phi: F64) -> F64:
    theta = fit.sharing.spread(phi).copy()
    theta[..., 0] += fit.centre
    return theta


def _average(link: Link, z: F64, theta: F64) -> tuple[F64, F64]:
    """The link of the mean response over contexts z (r, d), by action (k,), and its derivative in θ (k, d)."""
    eta = z @ theta.T
    if link == "identity":
        return eta.mean(0), np.tile(z.mean(0), (len(theta), 1))
    p = expit(eta) if link == "logistic" else np.exp(np.minimum(eta, 300.0))
    mean, tilt = p.mean(0), p * (1 - p) if link == "logistic" else p
    slope = tilt.T @ z / len(z)
    if link == "log":
        return np.log(mean), slope / mean[:, None]
    mean = np.clip(mean, 1e-12, 1 - 1e-12)
    return np.log(mean) - np.log1p(-mean), slope / (mean * (1 - mean))[:, None]
