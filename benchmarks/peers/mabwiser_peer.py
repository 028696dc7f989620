"""MABWiser's learners. Their predictions carry no propensity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from mabwiser.mab import MAB, LearningPolicy
except ImportError:
    MAB = None


def learner(arms: Sequence[Any], policy: str, **options: Any) -> Any | None:
    """An untrained learner by one of MABWiser's names, such as ``LinTS``; None where it is not installed."""
    if MAB is None:
        print("MABWiser is not installed: pip install --group bench")
        return None
    return MAB(list(arms), getattr(LearningPolicy, policy)(**options))


def installed() -> bool:
    """Whether it is."""
    return MAB is not None
