"""Rows that every peer learns from before it is timed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Training(NamedTuple):
    """n decisions with a context, among k actions that were drawn uniformly."""

    context: NDArray[np.float64]
    """(n, features)."""
    action: NDArray[np.int64]
    """(n,) indices below k."""
    reward: NDArray[np.float64]
    """(n,) in [0, 1]."""


def training(n: int, features: int, k: int, seed: int = 1) -> Training:
    """Random contexts, actions and rewards: what is learnt does not matter to the time of a prediction."""
    rng = np.random.default_rng(seed)
    return Training(rng.normal(size=(n, features)), rng.integers(k, size=n), rng.random(n))
