"""The posterior of one outcome: Laplace's approximation of the latents, their responses, and where they were learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.hierarchical.action_kernel import ActionGeometry, covariances
from tactful.models.hierarchical.laplace import CellProblem, LatentMode, mode
from tactful.models.likelihoods import Likelihood, likelihood
from tactful.models.sufficient_statistics import CellSums, subtree_sums
from tactful.models.tree.draws import TreeGaussian
from tactful.models.tree.message_passing import Tree, spread

LEARNT_SHARE = 0.5  # share of a node's own prior variance that its data must have removed


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFit:
    """The posterior of one outcome: of the latents, and of their responses."""

    likelihood: Likelihood
    """Of the outcome's kind."""
    tree: Tree
    """The levels of the s nodes."""
    K: F64
    """(levels, k, k) prior covariance of the latents by level."""
    mode: LatentMode
    """Their posterior mode."""
    latent_variance: F64
    """(s, k) their posterior variance."""
    mean: F64
    """(s, k) posterior mean of the response."""
    variance: F64
    """(s, k) its posterior variance."""
    trials: F64
    """(s, k) trials of a mean decision."""


def problem_of(outcome: Outcome, sums: CellSums, tree: Tree, dispersion: float) -> CellProblem:
    """The data of every cell; the prior of the root is centred at the overall mean.

    Parameters
    ----------
    outcome
        Its kind chooses the likelihood.
    sums
        Of its rows.
    tree
        The levels of the s nodes.
    dispersion
        By which the sums are divided.
    """
    kind = likelihood(outcome, sums.noise())
    size = float(sums.t.sum())
    centre = kind.link(float(sums.y.sum()) / size) if size > 0 else 0.0
    return CellProblem(tree, kind, sums.y / dispersion, sums.t / dispersion, centre)


def fit_outcome(problem: CellProblem, geometry: ActionGeometry, theta: F64, trials: F64 | None) -> OutcomeFit:
    """Laplace's approximation under given hyper-parameters.

    Parameters
    ----------
    problem
        The data of every cell.
    geometry
        Of the k actions.
    theta
        (2 + 3 levels,) logarithms of the hyper-parameters.
    trials
        (s, k) trials of a mean decision; None where the outcome has none.
    """
    K = covariances(geometry, theta)
    optimum = mode(problem, K)
    latent_variance = spread(problem.tree, K, optimum.messages.precision).variance
    mean, variance = problem.likelihood.moments(optimum.f, latent_variance)
    return OutcomeFit(
        likelihood=problem.likelihood,
        tree=problem.tree,
        K=K,
        mode=optimum,
        latent_variance=latent_variance,
        mean=mean,
        variance=variance,
        trials=np.ones_like(mean) if trials is None else trials,
    )


def tree_gaussian(fit: OutcomeFit, stream: int, has_trials: bool) -> TreeGaussian:
    """What the draws of the outcome come from; ``stream`` numbers it in their key."""
    return TreeGaussian(
        K=fit.K,
        M=fit.mode.messages.precision,
        f=fit.mode.f,
        likelihood=fit.likelihood,
        stream=stream,
        trials=fit.trials if has_trials else None,
    )


def learnt_levels(fit: OutcomeFit, geometry: ActionGeometry, segments: Segments, counted: F64) -> I64:
    """The depth at which each node was learnt.

    A node's own where its data have removed half of the variance by which it may differ from its parent (the mean
    over the actions other than ``none``), otherwise its parent's.

    Parameters
    ----------
    fit
        The posterior of the outcome.
    geometry
        Of the k actions.
    segments
        The tree of s nodes.
    counted
        (s, k) decisions that were counted at each node itself.

    Returns
    -------
    I64
        (s,).
    """
    sends = geometry.alike.diagonal()
    columns = slice(None) if not sends.any() else sends
    variance = fit.latent_variance[:, columns].mean(1)
    prior = fit.K.diagonal(axis1=1, axis2=2)[:, columns].mean(1)
    decisions = subtree_sums(counted, segments.parents).sum(1)
    level = np.zeros(len(segments), np.int64)
    for v, (parent, depth) in enumerate(zip(segments.parents, segments.depths, strict=True)):
        if depth:
            learnt = variance[v] < variance[parent] + LEARNT_SHARE * prior[depth]
            level[v] = depth if learnt and decisions[v] > 0 else level[parent]
    return level
