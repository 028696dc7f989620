"""Generalised linear models of rates and counts: what rows add to the quadratics, and the posterior that follows.

Reference: McCullagh & Nelder 1989, sections 2.5 and 4.5; Rasmussen & Williams 2006, section 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.features import Features
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.base import Link
from tactful.models.contextual.action_sharing import sharing_of
from tactful.models.contextual.coefficient_fit import CoefficientFit
from tactful.models.contextual.coefficients import solve
from tactful.models.contextual.context_rows import ContextRows, LogRows
from tactful.models.contextual.gaussian import ContextualOptions, chosen_strengths, coefficient_tree
from tactful.models.contextual.moments import ContextMoments
from tactful.models.contextual.newton import LINK_CODES, RowProblem, mode, score
from tactful.models.contextual.prior_strength import StrengthGrid, Strengths, prior
from tactful.models.contextual.residuals import dispersion_of, residual_sums
from tactful.models.likelihoods import likelihood
from tactful.models.sufficient_statistics import mean_trials
from tactful.models.tree.message_passing import Tree

LINK_GRID = StrengthGrid(tuple(10.0 ** (i / 2 - 1) for i in range(8)), Strengths(1.0, 6.0))  # on the scale of the link
ROUGH_TOLERANCE = 1e-3  # of the mode at which dispersion and strengths are estimated


class LearntRows(NamedTuple):
    """What new rows add, the strengths of the prior under which they did, and whether Newton came to rest."""

    moments: ContextMoments
    strengths: Strengths | None
    converged: bool


def link_of(outcome: Outcome) -> Link:
    """Logistic for rates, log for counts without trials, identity for real outcomes."""
    if outcome.kind == "binary" or outcome.has_trials:
        return "logistic"
    return "log" if outcome.kind == "count" else "identity"


def learn(
    old: ContextMoments,
    new_rows: Sequence[LogRows],
    outcome: Outcome,
    features: Features,
    options: ContextualOptions,
    *,
    strengths: Strengths | None = None,
) -> LearntRows:
    """The quadratics of new rows at the mode of them and of the ``old`` ones.

    Dispersion and, unless they are given, strengths are estimated at a rough mode, and fixed from there on. In the
    sums, ``pairs`` (…, 1, 1) holds Σ_u (Σ e)² of users' summed residuals in a cell, and the last element of ``rows``
    what independent rows would give: their ratio is the dispersion.

    Parameters
    ----------
    old
        The quadratics of earlier rows.
    new_rows
        Of one log or several on the same tree.
    outcome
        Whose values are learnt.
    features
        Names, centres and scales.
    options
        Of the model.
    strengths
        Of the prior; None lets the data choose.
    """
    # Counts, and the rows as kernels take them.
    new = empty_like(old, outcome)
    for log_rows in new_rows:
        new = new.plus(empty_like(old, outcome).with_counts(log_rows, outcome.name))
    first = new_rows[0].log
    blocks = [ContextRows.from_log(x, outcome.name, features, pooled=options.pooled) for x in new_rows]
    problem = problem_of(blocks, old, old.plus(new), outcome, first.actions, segments=first.segments, options=options)
    sharing = problem.sharing
    # A rough mode, and the residuals there.
    start = np.zeros((len(problem.old), *sharing.precision(1.0).shape))
    rough_prior = prior(sharing, 1.0, strengths or LINK_GRID.centre)
    rough_mode = mode(problem, rough_prior, 1.0, start, ROUGH_TOLERANCE)
    independent, pairs = residual_sums(blocks, problem.link, problem.theta(rough_mode.phi), options.dispersion)
    new.nodes.rows[..., -1, -1] = independent
    new = new._replace(pairs=pairs.reshape(new.pairs.shape))
    # Dispersion and strengths from them, and the mode that these give.
    dispersion = dispersion_of(old.plus(new))
    if strengths is None:
        J, h = problem.information(rough_mode.quadratic.rows, dispersion)
        strengths = chosen_strengths(options, first.segments, J, h, sharing, unit=1.0, grid=LINK_GRID)
    optimum = mode(problem, prior(sharing, 1.0, strengths), dispersion, rough_mode.phi)
    quadratic = optimum.quadratic.rows
    quadratic[..., -1, -1] = independent
    return LearntRows(new._replace(rows=quadratic.reshape(new.rows.shape)), strengths, optimum.converged)


def unlearn(
    old: ContextMoments,
    counted_rows: LogRows,
    outcome: Outcome,
    features: Features,
    options: ContextualOptions,
    *,
    fit: CoefficientFit,
) -> ContextMoments:
    """The quadratics of counted rows at the posterior mode.

    Parameters
    ----------
    old
        The quadratics of all rows, these among them.
    counted_rows
        The rows to forget.
    outcome
        Whose values are forgotten.
    features
        Names, centres and scales.
    options
        Of the model.
    fit
        The posterior given all rows.
    """
    moments = empty_like(old, outcome).with_counts(counted_rows, outcome.name)
    block = ContextRows.from_log(counted_rows, outcome.name, features, pooled=options.pooled)
    theta, link = fit.theta(fit.solution.mean), LINK_CODES[fit.link]
    rows = np.zeros_like(old.nodes.rows)
    scores = score(block, link, theta)
    block.add(scores.response, scores.weight, rows)
    rows[..., -1, -1], pairs = residual_sums([block], link, theta, options.dispersion)
    return moments._replace(rows=rows.reshape(old.rows.shape), pairs=pairs.reshape(old.pairs.shape))


def fit_glm(
    moments: ContextMoments,
    outcome: Outcome,
    actions: ActionSpace,
    segments: Segments,
    options: ContextualOptions,
    *,
    strengths: Strengths | None,
) -> CoefficientFit:
    """The posterior that the quadratics and the prior give.

    Parameters
    ----------
    moments
        The quadratics of all rows.
    outcome
        Its kind.
    actions
        The k actions.
    segments
        The tree of s nodes.
    options
        Of the model.
    strengths
        Of the prior; None lets the data choose.
    """
    problem = problem_of([], moments, moments, outcome, actions, segments=segments, options=options)
    dispersion = dispersion_of(moments)
    J, h = problem.information(np.zeros_like(problem.old), dispersion)
    strengths = strengths or chosen_strengths(options, segments, J, h, problem.sharing, unit=1.0, grid=LINK_GRID)
    precisions = prior(problem.sharing, 1.0, strengths)
    scale = np.ones((len(segments), actions.k))
    if outcome.has_trials:
        scale = mean_trials(moments.n, moments.t, segments, actions)
    return CoefficientFit(
        link=link_of(outcome),
        likelihood=likelihood(outcome, 1.0),
        tree=problem.tree,
        sharing=problem.sharing,
        prior=precisions,
        strengths=strengths,
        solution=solve(problem.tree, J, h, precisions),
        centre=problem.centre,
        scale=scale,
        noise=np.ones(actions.k),
        dispersion=dispersion,
    )


def problem_of(
    blocks: Sequence[ContextRows],
    old: ContextMoments,
    total: ContextMoments,
    outcome: Outcome,
    actions: ActionSpace,
    *,
    segments: Segments,
    options: ContextualOptions,
) -> RowProblem:
    """Rows beside earlier quadratics.

    Parameters
    ----------
    blocks
        The rows.
    old
        The earlier quadratics.
    total
        Sums over all rows: the link of their mean is the prior mean of intercepts.
    outcome
        Its kind.
    actions
        The k actions.
    segments
        The tree of s nodes.
    options
        Of the model.
    """
    earlier = old.nodes.rows
    sharing = sharing_of(actions, earlier.shape[-1] - 1, options.action_features)
    size = float(total.t.sum())
    centre = likelihood(outcome, 1.0).link(float(total.y.sum()) / size) if size > 0 else 0.0
    tree = Tree.from_segments(coefficient_tree(segments, options.pooled))
    return RowProblem(
        blocks=blocks, link=LINK_CODES[link_of(outcome)], old=earlier, tree=tree, sharing=sharing, centre=centre
    )


def empty_like(moments: ContextMoments, outcome: Outcome) -> ContextMoments:
    """No rows, in the shapes of other moments; quadratics need one number of pairs."""
    (s, k), size = moments.n.shape, moments.rows.shape[-1]
    pairs = moments.pairs.shape[-1] if link_of(outcome) == "identity" else 1
    return ContextMoments.empty(s, k, size, pooled=moments.rows.ndim == 3, pairs=pairs)
