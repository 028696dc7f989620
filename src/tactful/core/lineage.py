"""Where a policy or a posterior comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a policy comes from; it does not change what the policy does.

    Rows of users in the fit share (those that the split does not hold out) decided before ``trained_until``
    (µs UTC, None where the log has no times) are in-sample. ``learnt`` holds, for each outcome, lists by node: the
    effective sample ``size`` and the ``level`` of the tree at which it was learnt.
    """

    log: str = ""
    split_salt: str = ""
    split_share: float = 0.0
    trained_until: int | None = None
    model: str = ""
    package: str = ""
    learnt: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict[str, Mapping[str, list[float]]])
