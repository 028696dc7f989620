"""A Gaussian outcome's coefficients from its second moments: exact, and a function of the sums alone."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.contextual.action_sharing import Sharing, sharing
from tactful.models.contextual.coefficients import solve
from tactful.models.contextual.moments import Moments
from tactful.models.contextual.posterior import Fitted
from tactful.models.contextual.prior_strength import Grid, Strengths, choose, prior
from tactful.models.contextual.residuals import noise
from tactful.models.likelihoods import Normal
from tactful.models.tree.message_passing import Tree

GRID = Grid(tuple(10.0 ** (i / 2) for i in range(9)), Strengths(30.0, 100.0))  # decisions


class Options(Protocol):
    """What the contextual models have in common; see :class:`tactful.models.contextual.linear.Linear`."""

    @property
    def pooled(self) -> bool: ...
    @property
    def action_features(self) -> bool: ...
    @property
    def strength(self) -> float | None: ...


def gaussian(
    moments: Moments,
    outcome: Outcome,
    actions: ActionSpace,
    segments: Segments,
    options: Options,
    known: Strengths | None = None,
) -> Fitted:
    """The posterior: each action has its own noise, and the prior is worth so many decisions of the common noise.

    The mean of the outcome over all rows is the prior mean of every intercept; an action that makes no trials has a
    ``scale`` of 0.
    """
    at = moments.nodes
    spread = noise(at, outcome)
    tree = Tree.of(tree_of(segments, options.pooled))
    arms = sharing(actions, at.rows.shape[-1] - 1, options.action_features)
    size = float(at.rows[..., 0, 0].sum())
    centre = float(at.rows[..., 0, -1].sum()) / size if size > 0 else 0.0
    weight = (spread.dispersion * spread.variance)[:, None]
    A, b = at.rows[..., :-1, :-1], at.rows[..., :-1, -1]
    J, h = arms.gather(A / weight[..., None], (b - centre * A[..., 0]) / weight)
    strengths = known or chosen(options, segments, J, h, arms, 1 / spread.common, GRID)
    before = prior(arms, 1 / spread.common, strengths)
    scale = np.ones((len(segments), actions.k))
    if outcome.has_trials:
        scale[:, [f == 0 for f in actions.frequencies]] = 0.0
    solved = solve(tree, J, h, before)
    return Fitted(
        "identity",
        Normal(1.0),
        tree,
        arms,
        before,
        strengths,
        solved,
        centre,
        scale,
        spread.variance,
        spread.dispersion,
    )


def tree_of(segments: Segments, pooled: bool) -> Segments:
    """The tree of coefficients: the root alone where nodes are pooled."""
    return Segments.of([]) if pooled else segments


def chosen(options: Options, segments: Segments, J: F64, h: F64, arms: Sharing, unit: float, grid: Grid) -> Strengths:
    """The strengths that the options give, or those that the data choose."""
    if options.strength is not None:
        return Strengths(options.strength, options.strength)
    return choose(tree_of(segments, options.pooled), J, h, arms, unit, grid)
