"""SLOPE++: which member of a family of estimators to believe, by Lepski's principle on confidence widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.ope.estimators import clipped_ips, shrunk_dr, switch_dr
from tactful.ope.intervals import cluster_t

SLACK = 6**0.5 - 1


class Choice(NamedTuple):
    """The chosen member's place in the family as given, its parameter and its estimate."""

    place: int
    parameter: float
    estimate: Estimate


def choose(family: Sequence[Estimate], width: F64) -> int:
    """The place of the last member, going from the widest to the narrowest, that agrees with all before it.

    Sort by ``width`` (m,), the half-widths CNF of the members, descending; go on while
    |θ_j − θ_i| ≤ CNF_i + (√6 − 1) CNF_j for all earlier i. Where widths bound the deviations and bias grows as widths
    shrink, the error is within a constant of the best member's. Members that are not finite are passed over.
    O(m²). Reference: Tucker & Lee 2021 (SLOPE++); Su et al. 2020 (SLOPE).

    Raises
    ------
    ValueError
        No member is finite.

    Examples
    --------
    >>> zeros = np.zeros(2)
    >>> choose([Estimate(v, zeros, zeros) for v in (1.0, 1.2, 3.0)], np.array([0.5, 0.3, 0.1]))
    1
    """
    value = np.array([e.value for e in family])
    order = [int(i) for i in np.argsort(-width, kind="stable") if np.isfinite(value[i]) and np.isfinite(width[i])]
    if not order:
        raise ValueError("no member of the family is finite")
    for place, j in enumerate(order):
        earlier = order[:place]
        if np.any(np.abs(value[earlier] - value[j]) > width[earlier] + SLACK * width[j]):
            return order[place - 1]
    return order[-1]


def choose_clip(reward: F64, weight: F64, user: I64, *, level: float = 0.95) -> Choice:
    """Clipped IPS with its clip by SLOPE++ over ``grid(weight)``; users are the clusters of the widths.

    The choice looks at rewards: intervals of the chosen member are a little optimistic.
    """
    points = grid(weight)
    return _best([clipped_ips(reward, weight, float(m)) for m in points], points, user, level)


def choose_switch(reward: F64, weight: F64, q_logged: F64, q_target: F64, user: I64, *, level: float = 0.95) -> Choice:
    """Switch-DR with τ by SLOPE++ over ``grid(weight)``; see ``choose_clip``."""
    points = grid(weight)
    family = [switch_dr(reward, weight, q_logged, q_target, float(t)) for t in points]
    return _best(family, points, user, level)


def choose_shrink(reward: F64, weight: F64, q_logged: F64, q_target: F64, user: I64, *, level: float = 0.95) -> Choice:
    """DR with optimistic shrinkage with λ by SLOPE++ over squares of ``grid(weight)`` and ∞; see ``choose_clip``."""
    points = np.append(grid(weight) ** 2, np.inf)
    family = [shrunk_dr(reward, weight, q_logged, q_target, float(s)) for s in points]
    return _best(family, points, user, level)


def grid(weight: F64, points: int = 8) -> F64:
    """Candidate thresholds, equal steps on a log scale from 1 to the largest weight; no outcome enters.

    >>> grid(np.array([0.5, 4.0]), 3)
    array([1., 2., 4.])
    """
    largest = float(weight.max())
    if largest <= 1:
        return np.array([largest])
    inner = np.geomspace(1.0, largest, points)
    inner[-1] = largest  # exactly: the last member is the unclipped one
    return inner


def _best(family: Sequence[Estimate], points: F64, user: I64, level: float) -> Choice:
    bounds = [cluster_t(e, user, level) for e in family]
    chosen = choose(family, np.array([(b.high - b.low) / 2 for b in bounds]))
    return Choice(chosen, float(points[chosen]), family[chosen])
