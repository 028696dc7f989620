"""Do the logged propensities average out? For any target the mean weight must be 1, with and without vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.diagnostics.finding import TEST_LEVEL, Finding
from tactful.diagnostics.strata import segment_names
from tactful.evaluation.importance import importance_weights
from tactful.ope.reliability import WeightDiagnostics
from tactful.ope.tails import log_evidence
from tactful.policies.table import uniform

TOLERANCE = 0.001  # of a mean weight, beside 4 standard errors


def uniform_weight(log: Log, propensity: F64) -> F64:
    """(n,) the weights of the uniform policy: it takes every action, so it meets every fault of the propensities."""
    return importance_weights(uniform(log.actions), log, propensity).weight


def find_wrong_mean_weight(health: WeightDiagnostics) -> Iterator[Finding]:
    """Find a mean weight of the uniform policy other than 1: an error or warning ``propensities``.

    It is outside 1 ± (4 SE + .001) in 6 of 100,000 sound logs where the weights are many and even.
    """
    deviation = health.mean_weight - 1
    reach = 4 * health.mean_se + TOLERANCE
    if deviation > reach:
        yield Finding(
            "error",
            f"the uniform policy's mean weight is {1 + deviation:.3f}, above 1: propensities are too small, or actions "
            "were changed after the draw",
            "propensities",
        )
    elif deviation < -reach:
        yield Finding(
            "warning",
            f"the uniform policy's mean weight is {1 + deviation:.3f}, below 1: some actions were never possible "
            "somewhere, or propensities are too large",
            "propensities",
        )


class _Comparison(NamedTuple):
    """Mean weights of one kind: by action, or of the uniform policy by stratum."""

    place: str
    weight: F64
    group: I64
    trials: F64
    names: list[str]


def find_large_weights(log: Log) -> Iterator[Finding]:
    """Find mean weights above 1 of single actions, or of the uniform policy in a segment or arm: errors ``weights``.

    Without vectors this is what overrides show in: 1{A = a}/p has mean 1 where a could be taken and less elsewhere.
    The evidence holds for any number of rows and for logs that learn.
    """
    if log.propensity is None or log.n == 0:
        return
    comparisons = list(_comparisons(log, log.propensity))
    for c in comparisons:
        evidence = log_evidence(c.weight, c.group, c.trials)
        looks = len(c.names) * len(comparisons)
        alarms = np.flatnonzero(evidence > math.log(looks / TEST_LEVEL))
        if alarms.size:
            worst = int(alarms[np.argmax(evidence[alarms])])
            mean = float(c.weight[c.group == worst].sum() / c.trials[worst])
            policy = f"the uniform policy{c.place}{c.names[worst]}" if c.place else c.names[worst]
            yield Finding(
                "error",
                f"the mean weight of {policy} is {mean:.3f}, and can at most be 1: its propensities are too small, or "
                "actions were changed to it after the draw",
                "weights",
                min(1.0, looks * math.exp(-float(evidence[worst]))),
            )


def _comparisons(log: Log, propensity: F64) -> Iterator[_Comparison]:
    eligible = np.full(log.actions.k, float(log.n)) if log.eligible is None else log.eligible.sum(0).astype(np.float64)
    yield _Comparison("", 1 / propensity, log.action, eligible, [f"always:{a}" for a in log.actions.names])
    weight = uniform_weight(log, propensity)
    for name, stratum, names in _strata(log):
        size = np.bincount(stratum, minlength=len(names)).astype(np.float64)
        yield _Comparison(f" in {name} ", weight, stratum, size, names)


def _strata(log: Log) -> Iterator[tuple[str, I64, list[str]]]:
    if np.unique(log.segment).size > 1:
        yield "segment", log.segment, segment_names(log)
    if len(log.arm.names) > 1:
        yield "arm", log.arm.code, list(log.arm.names)
