"""A table policy: one row of integer shares for every node of the segment tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, U64
from tactful.core.draw import ONE, to_shares
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import ROOT, Segments
from tactful.errors import PolicyError
from tactful.policies import terms
from tactful.policies.arms import Arms

DEFAULT_SALT = "tactful"


@dataclass(frozen=True)
class Table:
    """Probabilities as ``shares`` (s, k), integers of 2**32 before mask and mix.

    A segment that is not in the tree gets its nearest ancestor's row.
    ``uniform`` is the total share of the uniform pmf over the eligible actions. Periods before ``from_period`` or after
    ``valid_until`` are refused (None: no bound). ``expected`` reports what the model expects per decision and
    ``prices`` what the limits cost. ``objective``, ``limits``, ``prices``, ``expected`` and ``lineage`` do not change
    behaviour and not the version.
    """

    actions: ActionSpace
    segments: Segments
    shares: U64
    uniform: float = 0.0
    salt: str = DEFAULT_SALT
    scope: str = ""
    arms: Arms = field(default_factory=Arms)
    from_period: int | None = None
    valid_until: int | None = None
    objective: Objective | None = None
    limits: Limits = field(default_factory=Limits)
    prices: Mapping[str, float] = field(default_factory=dict[str, float])
    expected: Mapping[str, float] = field(default_factory=dict[str, float])
    lineage: Lineage | None = None

    def __post_init__(self) -> None:
        """Refuse a table that is no pmf."""
        if self.shares.shape != (len(self.segments), self.actions.k):
            raise PolicyError("shares do not have one row a node and one column an action", "policy", "rebuild it")
        if not (self.shares.sum(1, dtype=np.uint64) == ONE).all() or (self.shares > ONE).any():
            raise PolicyError("a row of shares does not sum to 2**32", "policy", "rebuild it")
        if not 0 <= self.uniform <= 1:
            raise PolicyError(f"a uniform share of {self.uniform}", "policy", "choose it between 0 and 1")

    @classmethod
    def of(cls, actions: ActionSpace, segments: Segments, pmf: F64, **options: Any) -> Table:
        """A table from probabilities (s, k); rows are normalised, then rounded to integers."""
        rows = [to_shares((row / row.sum()).tolist()) for row in pmf]
        return cls(actions, segments, np.array(rows, np.uint64), **options)

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        return "table"

    @property
    def features(self) -> Features:
        """None: the context does not matter."""
        return Features()

    @property
    def version(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of what determines behaviour."""
        return self._version

    @cached_property
    def _version(self) -> str:
        return terms.version(self.behaviour())

    def behaviour(self) -> dict[str, Any]:
        """The plain form of all that decides which action is drawn, and with what probability."""
        return {
            "kind": self.kind,
            "actions": self.actions.to_json(),
            "segments": list(self.segments.paths),
            "shares": self.shares.tolist(),
            **terms.common(self),
        }

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:  # noqa: ARG002
        """(n, k) probabilities before mask and mix, for nodes (n,) of the tree; the context does not matter."""
        return (self.shares / ONE)[nodes]

    def average(self) -> F64:
        """(s, k) the pmf of each node."""
        return self.shares / ONE

    def check_period(self, first: int, last: int) -> None:
        """Refuse periods in which this policy must not decide.

        Raises
        ------
        PolicyError
            One of the periods ``first`` to ``last`` is outside ``from_period`` to ``valid_until``.
        """
        terms.check_period(self, first, last)


def uniform(actions: ActionSpace) -> Table:
    """Every eligible action alike."""
    return Table.of(actions, Segments((ROOT,)), np.full((1, actions.k), 1 / actions.k))


def always(actions: ActionSpace, name: str) -> Table:
    """One action for everybody; where it is not eligible, the eligible ones alike.

    Raises
    ------
    SpecError
        The action is not in the action space.
    """
    return Table.of(actions, Segments((ROOT,)), np.eye(actions.k)[[actions.index(name)]])
