"""Hyper-parameters by the Laplace marginal likelihood, under weak priors around good defaults."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from tactful.core.arrays import F64
from tactful.core.segments import Segments
from tactful.models.hierarchical.action_kernel import SHARED, Geometry, covariances, defaults, gradient
from tactful.models.hierarchical.laplace import Problem, evidence_slope, mode
from tactful.models.tree.message_passing import Tree

LENGTH_SD, SD_SD = 0.4, 1.0  # sd of the priors on the logarithms of lengths and of standard deviations
REACH = 3.0  # bounds, in those sds
TOLERANCE = 1e-5


def tune(problem: Problem, geometry: Geometry, start: F64, iterations: int) -> F64:
    """The logarithms of the hyper-parameters with the highest evidence × prior, by L-BFGS-B from ``start``.

    Every evaluation is one Newton run, started at the mode of the last, and one gradient: O(nodes · k³).
    """
    centre = defaults(len(problem.tree.levels))
    sd = np.full_like(centre, SD_SD)
    sd[:SHARED] = LENGTH_SD
    last: list[F64 | None] = [None]
    base: list[float] = []

    def loss(z: F64) -> tuple[float, F64]:
        theta = centre + sd * z
        K = covariances(geometry, theta)
        at = mode(problem, K, last[0], TOLERANCE)
        last[0] = at.f
        base.append(at.evidence)
        slope = gradient(geometry, theta, evidence_slope(problem, K, at))
        return base[0] - at.evidence + 0.5 * float(z @ z), z - sd * slope

    bounds = [(-REACH, REACH)] * centre.size
    found = minimize(
        loss,
        np.clip((start - centre) / sd, -REACH, REACH),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations, "maxfun": iterations + 8, "ftol": 1e-3, "gtol": 0.1},
    )
    return np.asarray(centre + sd * found.x)


def part(problem: Problem, segments: Segments, size: int) -> Problem:
    """The problem of at most ``size`` nodes with data, evenly spread over the tree, and of their ancestors.

    Variances and lengths are common to a level, so some hundred nodes tell them as well as all. The choice depends on
    the paths and on which nodes have data alone.
    """
    seen = np.flatnonzero(problem.t.any(1))
    if seen.size <= size:
        return problem
    chosen = seen[np.linspace(0, seen.size - 1, size).round().astype(np.int64)]
    deepest = segments.paths[-1]  # so that the part has as many levels
    some = Segments.of([*(segments.paths[int(i)] for i in chosen), deepest])
    rows = segments.locate(some)
    return problem._replace(tree=Tree.of(some), y=problem.y[rows], t=problem.t[rows])
