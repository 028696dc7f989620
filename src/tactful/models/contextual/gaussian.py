"""A Gaussian outcome's coefficients from its second moments: exact, and a function of the sums alone."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.models.contextual.action_sharing import Sharing, sharing_of
from tactful.models.contextual.coefficient_fit import CoefficientFit
from tactful.models.contextual.coefficients import solve
from tactful.models.contextual.moments import ContextMoments
from tactful.models.contextual.prior_strength import StrengthGrid, Strengths, choose, prior
from tactful.models.contextual.residuals import Noise, noise
from tactful.models.likelihoods import Normal
from tactful.models.tree.message_passing import Tree

DECISION_GRID = StrengthGrid(tuple(10.0 ** (i / 2) for i in range(9)), Strengths(30.0, 100.0))  # decisions


class ContextualOptions(Protocol):
    """Options that the contextual models have in common; see :class:`tactful.models.contextual.linear.Linear`."""

    @property
    def pooled(self) -> bool:
        """One set of coefficients for all segments."""
        ...

    @property
    def action_features(self) -> bool:
        """Actions share coefficients through features of their hour and frequency."""
        ...

    @property
    def strength(self) -> float | None:
        """What the prior is worth; None lets the data choose."""
        ...

    @property
    def dispersion(self) -> bool:
        """Users who repeat inflate the variance."""
        ...


def fit_gaussian(
    moments: ContextMoments, outcome: Outcome, actions: ActionSpace, segments: Segments, options: ContextualOptions
) -> CoefficientFit:
    """The posterior: each action has its own noise, and the prior is worth so many decisions of the common noise.

    The mean of the outcome over all rows is the prior mean of every intercept. An action that makes no trials has a
    ``scale`` of 0. Reference: Bishop 2006, eq. 3.50 to 3.53.

    Parameters
    ----------
    moments
        Sums over the rows of the outcome.
    outcome
        Its kind.
    actions
        The k actions.
    segments
        The tree of s nodes.
    options
        Of the model.
    """
    # Noise, and the mean around which coefficients are centred.
    by_node = moments.nodes
    residual = noise(by_node, outcome)
    size = float(by_node.rows[..., 0, 0].sum())
    centre = float(by_node.rows[..., 0, -1].sum()) / size if size > 0 else 0.0
    # What the data say of the coefficients.
    tree = Tree.from_segments(coefficient_tree(segments, options.pooled))
    sharing = sharing_of(actions, by_node.rows.shape[-1] - 1, options.action_features)
    J, h = _information(by_node, residual, centre, sharing)
    # The prior, and the posterior.
    unit = 1 / residual.common
    strengths = chosen_strengths(options, segments, J, h, sharing, unit=unit, grid=DECISION_GRID)
    precisions = prior(sharing, unit, strengths)
    scale = np.ones((len(segments), actions.k))
    if outcome.has_trials:
        scale[:, [f == 0 for f in actions.frequencies]] = 0.0
    return CoefficientFit(
        link="identity",
        likelihood=Normal(1.0),
        tree=tree,
        sharing=sharing,
        prior=precisions,
        strengths=strengths,
        solution=solve(tree, J, h, precisions),
        centre=centre,
        scale=scale,
        noise=residual.variance,
        dispersion=residual.dispersion,
    )


def _information(by_node: ContextMoments, residual: Noise, centre: float, sharing: Sharing) -> tuple[F64, F64]:
    """Precisions (v, b, p, p) and vectors (v, b, p) of φ: second moments of each action in units of its noise."""
    weight = (residual.dispersion * residual.variance)[:, None]
    A, b = by_node.rows[..., :-1, :-1], by_node.rows[..., :-1, -1]
    return sharing.gather(A / weight[..., None], (b - centre * A[..., 0]) / weight)


def coefficient_tree(segments: Segments, pooled: bool) -> Segments:
    """The tree of coefficients: the root alone where nodes are pooled."""
    return Segments.of([]) if pooled else segments


def chosen_strengths(
    options: ContextualOptions,
    segments: Segments,
    J: F64,
    h: F64,
    sharing: Sharing,
    *,
    unit: float,
    grid: StrengthGrid,
) -> Strengths:
    """The strengths that the options give, or those that the data choose.

    Parameters
    ----------
    options
        Of the model.
    segments
        The tree of s nodes.
    J, h
        (v, b, p, p) and (v, b, p): what the data of each node say.
    sharing
        How the coefficients of the actions hang together.
    unit
        The precision of one observation.
    grid
        The values to choose from.
    """
    if options.strength is not None:
        return Strengths(options.strength, options.strength)
    return choose(coefficient_tree(segments, options.pooled), J, h, sharing, unit=unit, grid=grid)
