"""How strongly coefficients lean on their prior: the best of a grid, by the marginal likelihood.

A grid, and not an optimiser: sums that differ by rounding alone give the very same strengths.
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

LOG_SD = 3.0  # of the weak prior on a strength's logarithm
MOST, LEAST = 32, 8  # nodes that choose
WORK = 4_000_000  # p³ of all of their blocks, where that leaves the least
SLOPES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Strengths(NamedTuple):
    """Prior precisions of an intercept at the root and at the levels ``below`` it, and of a slope beside those."""

    root: float
    below: float
    slope: float = 1.0


class Grid(NamedTuple):
    """What may be chosen for the first two, and the centre of the weak prior on all three."""

    values: tuple[float, ...]
    centre: Strengths


def prior(arms: Sharing, unit: float, at: Strengths) -> Prior:
    """Precisions (b, p) of the levels; ``unit`` is that of one observation."""
    precision = unit * arms.precision(at.slope)
    return Prior(at.root * precision, at.below * precision)


def choose(segments: Segments, J: F64, h: F64, arms: Sharing, unit: float, grid: Grid) -> Strengths:
    """The strengths with the highest marginal likelihood: in turns, from the centre, until none changes.

    Some nodes that have data, evenly spread over the tree, and their ancestors choose.
    """
    blocks, p = J.shape[1], J.shape[-1]
    most = int(np.clip(WORK // (blocks * p**3), LEAST, MOST))
    part, rows = _part(segments, np.flatnonzero(J[:, :, 0, 0].any(1)), most)
    tree, J_part, h_part = Tree.of(part), J[rows], h[rows]

    @cache
    def score(at: Strengths) -> float:
        wide = (np.log(at) - np.log(grid.centre)) / LOG_SD
        return solve(tree, J_part, h_part, prior(arms, unit, at)).evidence - 0.5 * float(wide @ wide)

    found, before = grid.centre, None
    while found != before:
        before = found
        found = _climb(found, "root", grid.values, score)
        if len(tree.levels) > 1:
            found = _climb(found, "below", grid.values, score)
        if arms.d > 1:
            found = _climb(found, "slope", SLOPES, score)
    return found


def _climb(at: Strengths, which: str, values: Sequence[float], score: Callable[[Strengths], float]) -> Strengths:
    """The first value, from the present one up or down the grid, whose neighbours are no better."""
    now = getattr(at, which)
    ladder = sorted({*values, now})
    i = ladder.index(now)
    steps = [at._replace(**{which: x}) for x in ladder]
    for direction in (1, -1):
        while 0 <= i + direction < len(ladder) and score(steps[i + direction]) > score(steps[i]):
            i += direction
    return steps[i]


def _part(segments: Segments, seen: I64, most: int) -> tuple[Segments, I64]:
    if seen.size <= most:
        return segments, np.arange(len(segments), dtype=np.int64)
    some = seen[np.linspace(0, seen.size - 1, most).round().astype(np.int64)]
    part = Segments.of([segments.paths[int(v)] for v in some])
    return part, segments.locate(part)
