"""Where a policy or a posterior comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a policy or a posterior comes from; it does not change what the policy does.

    Rows of users in the fit share (those that the split does not hold out) that were decided before ``trained_until``
    are in-sample.

    >>> Lineage(log="1f0c", split_salt="2026-11", split_share=0.3).trained_until is None
    True
    """

    log: str = ""
    """Fingerprint of the log that was learnt from."""
    split_salt: str = ""
    """Salt of the split into fit users and held-out users; empty where nothing was held out."""
    split_share: float = 0.0
    """Share of the users that were held out."""
    trained_until: int | None = None
    """Time of the newest decision that was learnt from, in µs UTC; None where the log has no times."""
    model: str = ""
    """Name of the model."""
    package: str = ""
    """Version of tactful."""
    learnt: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict[str, Mapping[str, list[float]]])
    """For each outcome two lists by segment node: the effective sample ``size``, and the ``level`` of the tree at which
    the node was learnt (for models that say so)."""
