"""Do the logged propensities average out? For any target the mean weight must be 1, with and without vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.diagnostics.finding import EACH, Finding
from tactful.evaluation.importance import side_of
from tactful.ope.reliability import Health
from tactful.ope.tails import log_evidence
from tactful.policies.table import uniform


def uniform_weight(log: Log, propensity: F64) -> F64:
    """(n,) the weights of the uniform policy: it takes every action, so it meets every fault of the propensities."""
    return side_of(uniform(log.actions), log, propensity).weight


def mean_weight(log: Log, weight: F64) -> tuple[dict[str, float], Iterator[Finding]]:
    """The diagnostics of the uniform policy's ``weight`` (n,), and what follows from them."""
    health = Health.of(weight, log.user)
    said = {
        "ess": health.ess,
        "max_weight": health.max_weight,
        "mean_weight": health.mean_weight,
        "mean_se": health.mean_se,
    }
    return said, _off(said)


def _off(said: Mapping[str, float]) -> Iterator[Finding]:
    """Outside 1 ± (4 SE + .001), in 6 of 100,000 sound logs where the weights are many and even."""
    off = said["mean_weight"] - 1
    reach = 4 * said["mean_se"] + 0.001
    if off > reach:
        yield Finding(
            "error",
            f"the uniform policy's mean weight is {1 + off:.3f}, above 1: propensities are too small, or actions were "
            "changed after the draw",
            "propensities",
        )
    elif off < -reach:
        yield Finding(
            "warning",
            f"the uniform policy's mean weight is {1 + off:.3f}, below 1: some actions were never possible "
            "somewhere, or propensities are too large",
            "propensities",
        )


def parts(log: Log) -> Iterator[Finding]:
    """Error ``weights``: the mean weight of always taking one action, or of the uniform policy in a part, exceeds 1.

    Without vectors this is what overrides show in: 1{A = a}/p has mean 1 where a could be taken and less elsewhere.
    The evidence holds for any number of rows and for logs that learn.
    """
    p = log.propensity
    if p is None or log.n == 0:
        return
    weight = uniform_weight(log, p)
    looks = [("", 1 / p, log.action, _possible(log), [f"always:{a}" for a in log.actions.names])]
    for name, part, names in _cuts(log):
        size = np.bincount(part, minlength=len(names)).astype(np.float64)
        looks.append((f" in {name} ", weight, part, size, names))
    for where, x, group, trials, names in looks:
        evidence = log_evidence(x, group, trials)
        bar = math.log(len(names) * len(looks) / EACH)
        over = np.flatnonzero(evidence > bar)
        if over.size:
            worst = int(over[np.argmax(evidence[over])])
            mean = float(x[group == worst].sum() / trials[worst])
            whose = f"the uniform policy{where}{names[worst]}" if where else names[worst]
            yield Finding(
                "error",
                f"the mean weight of {whose} is {mean:.3f}, and can at most be 1: its propensities are too small, or "
                "actions were changed to it after the draw",
                "weights",
                min(1.0, len(names) * len(looks) * math.exp(-float(evidence[worst]))),
            )


def _possible(log: Log) -> F64:
    """(k,) rows in which each action was eligible."""
    if log.eligible is None:
        return np.full(log.actions.k, float(log.n))
    return log.eligible.sum(0).astype(np.float64)


def _cuts(log: Log) -> Iterator[tuple[str, I64, list[str]]]:
    if np.unique(log.segment).size > 1:
        yield "segment", log.segment, [p or "the root" for p in log.segments.paths]
    if len(log.arm.names) > 1:
        yield "arm", log.arm.code, list(log.arm.names)
