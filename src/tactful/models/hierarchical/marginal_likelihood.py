"""Hyper-parameters by the Laplace marginal likelihood, under weak priors around good defaults.

Reference: Rasmussen & Williams 2006, section 5.5.1.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from tactful.core.arrays import F64
from tactful.core.segments import Segments
from tactful.models.hierarchical.action_kernel import (
    SHARED_PARAMETERS,
    ActionGeometry,
    covariances,
    defaults,
    gradient,
)
from tactful.models.hierarchical.laplace import CellProblem, evidence_slope, mode
from tactful.models.tree.message_passing import Tree

LENGTH_PRIOR_SD = 0.4  # of the prior on the logarithm of a length
SD_PRIOR_SD = 1.0  # of the prior on the logarithm of a standard deviation
PRIOR_REACH = 3.0  # bounds of the search, in standard deviations of the priors
TUNING_TOLERANCE = 1e-5  # of the mode at which the evidence is computed
EXTRA_EVALUATIONS = 8  # beyond one an iteration, for line searches


def tune(problem: CellProblem, geometry: ActionGeometry, start: F64, iterations: int) -> F64:
    """The logarithms of the hyper-parameters with the highest evidence × prior, by L-BFGS-B.

    Every evaluation is one Newton run, started at the mode of the last, and one gradient: O(nodes · k³).

    Parameters
    ----------
    problem
        The data of the cells.
    geometry
        Of the k actions.
    start
        (2 + 3 levels,) where the search starts.
    iterations
        Their largest number.

    Returns
    -------
    F64
        (2 + 3 levels,).
    """
    centre = defaults(len(problem.tree.levels))
    sd = np.full_like(centre, SD_PRIOR_SD)
    sd[:SHARED_PARAMETERS] = LENGTH_PRIOR_SD
    newest_mode: list[F64 | None] = [None]
    first_evidence: list[float] = []

    def loss(z: F64) -> tuple[float, F64]:
        theta = centre + sd * z
        K = covariances(geometry, theta)
        optimum = mode(problem, K, newest_mode[0], TUNING_TOLERANCE)
        newest_mode[0] = optimum.f
        first_evidence.append(optimum.evidence)
        slope = gradient(geometry, theta, evidence_slope(problem, K, optimum))
        # Relative to the first evidence, so that the tolerances of the optimiser do not depend on the data's size.
        return first_evidence[0] - optimum.evidence + 0.5 * float(z @ z), z - sd * slope

    optimum = minimize(
        loss,
        np.clip((start - centre) / sd, -PRIOR_REACH, PRIOR_REACH),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-PRIOR_REACH, PRIOR_REACH)] * centre.size,
        options={"maxiter": iterations, "maxfun": iterations + EXTRA_EVALUATIONS, "ftol": 1e-3, "gtol": 0.1},
    )
    return np.asarray(centre + sd * optimum.x)


def thin(problem: CellProblem, segments: Segments, size: int) -> CellProblem:
    """The problem of at most ``size`` nodes with data, evenly spread over the tree, and of their ancestors.

    Variances and lengths are common to a level, so that some hundred nodes determine them as well as all. The choice
    depends on the paths and on which nodes have data alone.
    """
    with_data = np.flatnonzero(problem.t.any(1))
    if with_data.size <= size:
        return problem
    chosen = with_data[np.linspace(0, with_data.size - 1, size).round().astype(np.int64)]
    deepest = segments.paths[-1]  # so that the thinned tree has as many levels
    thinned = Segments.of([*(segments.paths[int(i)] for i in chosen), deepest])
    rows = segments.locate(thinned)
    return problem._replace(tree=Tree.from_segments(thinned), y=problem.y[rows], t=problem.t[rows])
