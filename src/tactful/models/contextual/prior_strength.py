"""How strongly coefficients lean on their prior: the best of a grid, by the marginal likelihood.

A grid, and not an optimiser: sums that differ by rounding alone give the very same strengths.
Reference: Bishop 2006, section 3.5, for the marginal likelihood of a linear model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.segments import Segments
from tactful.models.contextual.action_sharing import Sharing
from tactful.models.contextual.coefficients import Prior, solve
from tactful.models.tree.message_passing import Tree

STRENGTH_LOG_SD = 3.0  # of the weak prior on a strength's logarithm
MIN_STRENGTH_NODES, MAX_STRENGTH_NODES = 8, 32  # nodes by which strengths are chosen
STRENGTH_WORK = 4_000_000  # p³ of all of their blocks, where that leaves the smallest number
ROOT_FIELD, BELOW_FIELD, SLOPE_FIELD = range(3)  # positions in ``Strengths``
SLOPE_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Strengths(NamedTuple):
    """Prior precisions of an intercept at the root and at the levels ``below`` it, and of a slope beside those."""

    root: float
    below: float
    slope: float = 1.0


class StrengthGrid(NamedTuple):
    """The values that the first two may have, and the centre of the weak prior on all three."""

    values: tuple[float, ...]
    centre: Strengths


def prior(sharing: Sharing, unit: float, strengths: Strengths) -> Prior:
    """Precisions (b, p) of the levels; ``unit`` is the precision of one observation."""
    precision = unit * sharing.precision(strengths.slope)
    return Prior(strengths.root * precision, strengths.below * precision)


def choose(segments: Segments, J: F64, h: F64, sharing: Sharing, *, unit: float, grid: StrengthGrid) -> Strengths:
    """The strengths with the highest marginal likelihood: in turns, from the centre, until none changes.

    Some nodes that have data, evenly spread over the tree, and their ancestors choose.

    Parameters
    ----------
    segments
        The tree of the v nodes.
    J, h
        (v, b, p, p) and (v, b, p): what the data of each node say.
    sharing
        How the coefficients of the actions hang together.
    unit
        The precision of one observation.
    grid
        The values to choose from.
    """
    blocks, p = J.shape[1], J.shape[-1]
    size = int(np.clip(STRENGTH_WORK // (blocks * p**3), MIN_STRENGTH_NODES, MAX_STRENGTH_NODES))
    thinned, rows = _thin(segments, np.flatnonzero(J[:, :, 0, 0].any(1)), size)
    tree, J_thinned, h_thinned = Tree.from_segments(thinned), J[rows], h[rows]

    @cache
    def score(strengths: Strengths) -> float:
        z = (np.log(strengths) - np.log(grid.centre)) / STRENGTH_LOG_SD
        evidence = solve(tree, J_thinned, h_thinned, prior(sharing, unit, strengths)).evidence
        return evidence - 0.5 * float(z @ z)

    optimum, last = grid.centre, None
    while optimum != last:
        last = optimum
        optimum = _climb(optimum, ROOT_FIELD, grid.values, score)
        if len(tree.levels) > 1:
            optimum = _climb(optimum, BELOW_FIELD, grid.values, score)
        if sharing.d > 1:
            optimum = _climb(optimum, SLOPE_FIELD, SLOPE_STRENGTHS, score)
    return optimum


def _climb(
    strengths: Strengths, position: int, values: Sequence[float], score: Callable[[Strengths], float]
) -> Strengths:
    """The first value of one strength, from the present one up or down the grid, whose neighbours are no better."""
    ladder = sorted({*values, strengths[position]})
    i = ladder.index(strengths[position])
    steps = [Strengths._make((*strengths[:position], x, *strengths[position + 1 :])) for x in ladder]
    for direction in (1, -1):
        while 0 <= i + direction < len(ladder) and score(steps[i + direction]) > score(steps[i]):
            i += direction
    return steps[i]


def _thin(segments: Segments, with_data: I64, size: int) -> tuple[Segments, I64]:
    """The tree of at most ``size`` of the nodes with data and of their ancestors, and its rows in the whole."""
    if with_data.size <= size:
        return segments, np.arange(len(segments), dtype=np.int64)
    chosen = with_data[np.linspace(0, with_data.size - 1, size).round().astype(np.int64)]
    thinned = Segments.of([segments.paths[int(v)] for v in chosen])
    return thinned, segments.locate(thinned)
