"""Rates and counts of the contextual models: what rows add to the quadratics, and the posterior that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, Bool
from tactful.core.features import Features
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.base import Link
from tactful.models.contextual.action_sharing import sharing
from tactful.models.contextual.coefficients import solve
from tactful.models.contextual.gaussian import Options, chosen, tree_of
from tactful.models.contextual.moments import Moments, Rows, blank, counted
from tactful.models.contextual.newton import LINKS, Problem, mode, score
from tactful.models.contextual.posterior import Fitted
from tactful.models.contextual.prior_strength import Grid, Strengths, prior
from tactful.models.likelihoods import likelihood
from tactful.models.sufficient_statistics import mean_trials
from tactful.models.tree.message_passing import Tree

GRID = Grid(tuple(10.0 ** (i / 2 - 1) for i in range(8)), Strengths(1.0, 6.0))  # precisions on the scale of the link
ROUGH = 1e-3  # tolerance of the mode at which dispersion and strengths are estimated


class Clustered(Options, Protocol):
    """Options that say whether users who repeat inflate the variance."""

    @property
    def dispersion(self) -> bool: ...


class Learnt(NamedTuple):
    """What new rows add, the strengths of the prior under which they did, and whether Newton came to rest."""

    moments: Moments
    strengths: Strengths | None
    converged: bool


class Fresh(NamedTuple):
    """The chosen rows of one log: which, and what each counts."""

    log: Log
    rows: Bool
    weight: F64 | None


def link_of(outcome: Outcome) -> Link:
    """Logistic for rates, log for counts without trials, identity for real outcomes."""
    if outcome.kind == "binary" or outcome.has_trials:
        return "logistic"
    return "log" if outcome.kind == "count" else "identity"


def learn(
    old: Moments,
    fresh: Sequence[Fresh],
    outcome: Outcome,
    features: Features,
    options: Clustered,
    known: Strengths | None = None,
) -> Learnt:
    """The quadratics of fresh rows at the mode of them and of the ``old`` ones.

    Dispersion and, unless they are ``known``, strengths are estimated at a rough mode, and fixed from there on. In the
    sums, ``pairs`` (…, 1, 1) holds Σ_u (Σ e)² of users' summed residuals in a cell, and the last element of ``rows``
    what independent rows would give: their ratio is the dispersion.
    """
    new = none_of(old, outcome)
    for part in fresh:
        new = new.plus(counted(none_of(old, outcome), part.log, outcome.name, part.rows, part.weight))
    first = fresh[0].log
    blocks = [Rows.of(p.log, outcome.name, p.rows, p.weight, features, options.pooled) for p in fresh]
    problem = problem_of(blocks, old, old.plus(new), outcome, first.actions, first.segments, options)
    arms = problem.arms
    start = np.zeros((len(problem.old), *arms.precision(1.0).shape))
    rough = mode(problem, prior(arms, 1.0, known or GRID.centre), 1.0, start, ROUGH)
    theta = problem.theta(rough.phi)
    apart, pairs = residual_sums(blocks, problem.link, theta, options.dispersion)
    new.nodes.rows[..., -1, -1] = apart
    new = new._replace(pairs=pairs.reshape(new.pairs.shape))
    scale = dispersion(old.plus(new))
    at = known or chosen(options, first.segments, *problem.information(rough.touch.rows, scale), arms, 1.0, GRID)
    final = mode(problem, prior(arms, 1.0, at), scale, rough.phi)
    touch = final.touch.rows
    touch[..., -1, -1] = apart
    return Learnt(new._replace(rows=touch.reshape(new.rows.shape)), at, final.converged)


def leaving(
    old: Moments, part: Fresh, outcome: Outcome, features: Features, options: Clustered, fit: Fitted
) -> Moments:
    """The quadratics of counted rows at the posterior mode."""
    new = counted(none_of(old, outcome), part.log, outcome.name, part.rows, part.weight)
    block = Rows.of(part.log, outcome.name, part.rows, part.weight, features, options.pooled)
    theta = fit.sharing.spread(fit.solved.mean).copy()
    theta[..., 0] += fit.centre
    rows = np.zeros_like(old.nodes.rows)
    scored = score(block, LINKS[fit.link], theta)
    block.add(scored.response, scored.weight, rows)
    rows[..., -1, -1], pairs = residual_sums([block], LINKS[fit.link], theta, options.dispersion)
    return new._replace(rows=rows.reshape(old.rows.shape), pairs=pairs.reshape(old.pairs.shape))


def fitted(
    moments: Moments,
    outcome: Outcome,
    actions: ActionSpace,
    segments: Segments,
    options: Clustered,
    known: Strengths | None,
) -> Fitted:
    """The posterior that the quadratics and the prior give."""
    problem = problem_of([], moments, moments, outcome, actions, segments, options)
    scale = dispersion(moments)
    J, h = problem.information(np.zeros_like(problem.old), scale)
    at = known or chosen(options, segments, J, h, problem.arms, 1.0, GRID)
    before = prior(problem.arms, 1.0, at)
    solved = solve(problem.tree, J, h, before)
    per_decision = np.ones((len(segments), actions.k))
    if outcome.has_trials:
        per_decision = mean_trials(moments.n, moments.t, segments, actions)
    return Fitted(
        link_of(outcome),
        likelihood(outcome, 1.0),
        problem.tree,
        problem.arms,
        before,
        at,
        solved,
        problem.centre,
        per_decision,
        np.ones(actions.k),
        scale,
    )


def problem_of(
    blocks: Sequence[Rows],
    old: Moments,
    total: Moments,
    outcome: Outcome,
    actions: ActionSpace,
    segments: Segments,
    options: Options,
) -> Problem:
    """Rows beside the ``old`` quadratics; the prior mean of intercepts is the link of the mean over the ``total``."""
    earlier = old.nodes.rows
    arms = sharing(actions, earlier.shape[-1] - 1, options.action_features)
    size = float(total.t.sum())
    centre = likelihood(outcome, 1.0).link(float(total.y.sum()) / size) if size > 0 else 0.0
    tree = Tree.of(tree_of(segments, options.pooled))
    return Problem(blocks, LINKS[link_of(outcome)], earlier, tree, arms, centre)


def residual_sums(blocks: Sequence[Rows], link: int, theta: F64, clustered: bool) -> tuple[F64, F64]:
    """(v, k) Σ Var e of independent rows, and (v, k) Σ_u (Σ e)² of users' totals in a cell (the first, if not so)."""
    shape = theta.shape[:2]
    apart, together = np.zeros(shape), np.zeros(shape)
    for block in blocks:
        scored = score(block, link, theta)
        used = block.cell >= 0
        cell, n = block.cell[used], apart.size
        apart += np.bincount(cell, scored.weight[used], n).reshape(shape)
        if clustered:
            squares = np.square(scored.residual) * (block.weight if block.weight.size else 1.0)
            pairs = np.zeros((*shape, 2, 2))
            bare = block._replace(context=np.zeros((block.cell.size, 0)), units=np.zeros((2, 0)))
            bare.add_pairs(scored.residual, pairs)
            together += np.bincount(cell, squares[used], n).reshape(shape) + pairs[..., 1, 1]
    return apart, together if clustered else apart


def dispersion(moments: Moments) -> float:
    """The variance of users' totals over what independent rows would give; at least 1."""
    alone = float(moments.rows[..., -1, -1].sum())
    return max(1.0, float(moments.pairs.sum()) / alone) if alone > 1e-12 else 1.0


def none_of(like: Moments, outcome: Outcome) -> Moments:
    """No rows, in the shapes of other moments; quadratics need one number of pairs."""
    (s, k), pooled, size = like.n.shape, like.rows.ndim == 3, like.rows.shape[-1]
    return blank(s, k, size, pooled, like.pairs.shape[-1] if link_of(outcome) == "identity" else 1)
