"""A contextual policy in five lines, for tests of what serves one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from logs import GRID
from tactful.core.actions import ActionSpace
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.segments import Segments
from tactful.errors import PolicyError
from tactful.policies.arms import Arms


@dataclass(frozen=True)
class Tilted:
    """Softmax of the sum of the features, tilted to later actions, one step more for each node."""

    actions: ActionSpace = GRID
    segments: Segments = field(default_factory=lambda: Segments.of(["ios/new"]))
    features: Features = field(default_factory=lambda: Features(("dose", "age"), (0.0, 0.0), (1.0, 1.0)))
    uniform: float = 0.03
    salt: str = "s"
    scope: str = ""
    arms: Arms = field(default_factory=Arms)
    from_period: int | None = None
    valid_until: int | None = None
    lineage: Lineage | None = None
    version: str = "tilted"

    def pmf(self, nodes, context=None):
        if not np.isfinite(context).all():
            raise PolicyError("not finite")
        tilt = self.features.design(context).sum(1) + nodes
        raised = np.exp(tilt[:, None] * np.arange(self.actions.k) / 4)
        return raised / raised.sum(1, keepdims=True)
