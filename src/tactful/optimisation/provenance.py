"""Where a policy was learnt: for each outcome and node, at which level of the tree, and from how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tactful.core.lineage import Lineage
from tactful.core.segments import Segments
from tactful.models.base import Posterior, ProvidesLevels

DIGITS = 6  # significant ones: this is for people


def traced(posterior: Posterior, outcomes: Iterable[str]) -> Lineage:
    """The lineage of a posterior, with what it knows of these outcomes at every node.

    ``size`` is the effective sample size of the median action: its mean is known as well as from so many independent
    decisions. ``level`` is the depth at which the node was learnt, for models that say so.
    """
    return replace(posterior.lineage, learnt={o: _learnt(posterior, o) for o in outcomes})


def _learnt(posterior: Posterior, outcome: str) -> dict[str, list[float]]:
    size = np.nan_to_num(np.median(posterior.strength(outcome), axis=1), posinf=0.0)
    learnt = {"size": [float(f"{x:.{DIGITS}g}") for x in size.tolist()]}
    if isinstance(posterior, ProvidesLevels):
        learnt["level"] = [float(depth) for depth in posterior.level(outcome)]
    return learnt


def at_node(lineage: Lineage, segments: Segments, node: int) -> dict[str, dict[str, Any]]:
    """What a policy knew at a node.

    Parameters
    ----------
    lineage
        As :func:`traced` gave it.
    segments
        The policy's tree.
    node
        Index of the node.

    Returns
    -------
    dict
        For each outcome the ``effective_sample_size``, and ``at``, the path of the node at which it was learnt: its
        own, that of an ancestor, or None where the model does not say.
    """
    knowledge: dict[str, dict[str, Any]] = {}
    for outcome, learnt in lineage.learnt.items():
        path = None
        if "level" in learnt:
            ancestor = node
            while segments.depths[ancestor] > learnt["level"][node]:
                ancestor = int(segments.parents[ancestor])
            path = segments.paths[ancestor]
        knowledge[outcome] = {"at": path, "effective_sample_size": learnt["size"][node]}
    return knowledge
