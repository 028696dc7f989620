"""Where a policy was learnt: for each outcome and node, at which level of the tree, and from how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tactful.core.lineage import Lineage
from tactful.core.segments import Segments
from tactful.models.base import Posterior

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
    level: Any = getattr(posterior, "level", None)
    if level is not None:
        learnt["level"] = [float(x) for x in level(outcome)]
    return learnt


def at_node(lineage: Lineage, segments: Segments, node: int) -> dict[str, dict[str, Any]]:
    """For each outcome the ``effective_sample_size`` at a node, and the path ``at`` which it was learnt (or None)."""
    found: dict[str, dict[str, Any]] = {}
    for outcome, learnt in lineage.learnt.items():
        at = None
        if "level" in learnt:
            above = node
            while segments.depths[above] > learnt["level"][node]:
                above = int(segments.parents[above])
            at = segments.paths[above]
        found[outcome] = {"at": at, "effective_sample_size": learnt["size"][node]}
    return found
