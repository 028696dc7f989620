"""A table policy: one row of integer shares for every node of the segment tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, U64
from tactful.core.draw import ONE, to_shares
from tactful.core.features import Features
from tactful.core.segments import ROOT, Segments
from tactful.errors import PolicyError
from tactful.policies.terms import OnTerms, Terms


@dataclass(frozen=True)
class Table(OnTerms):
    """One pmf for every node of a segment tree; a segment that is not in the tree gets its nearest ancestor's.

    Examples
    --------
    >>> actions, segments = ActionSpace.named(["none", "push"]), Segments.of(["ios", "web"])
    >>> pmf = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    >>> policy = Table.of(actions, segments, pmf, terms=Terms(uniform=0.03))
    >>> policy.pmf(np.array([segments.nearest("ios/new")])).tolist(), policy.uniform
    ([[0.25, 0.75]], 0.03)
    """

    actions: ActionSpace
    """The k actions."""
    segments: Segments
    """The tree of s nodes."""
    shares: U64
    """(s, k) the pmf of each node before mask and mix, as integers that sum to 2**32."""
    terms: Terms = field(default_factory=Terms)
    """What the policy draws with, when it may decide, and what it says of its origin."""

    def __post_init__(self) -> None:
        """Refuse a table that is no pmf."""
        if self.shares.shape != (len(self.segments), self.actions.k):
            raise PolicyError("shares do not have one row a node and one column an action", "policy", "rebuild it")
        if not (self.shares.sum(1, dtype=np.uint64) == ONE).all() or (self.shares > ONE).any():
            raise PolicyError("a row of shares does not sum to 2**32", "policy", "rebuild it")
        if not 0 <= self.uniform <= 1:
            raise PolicyError(f"a uniform share of {self.uniform}", "policy", "choose it between 0 and 1")

    @classmethod
    def of(cls, actions: ActionSpace, segments: Segments, pmf: F64, terms: Terms | None = None) -> Table:
        """A table from probabilities.

        Parameters
        ----------
        actions
            The k actions.
        segments
            The tree of s nodes.
        pmf
            (s, k) probabilities of each node; rows are normalised, then rounded to integers.
        terms
            As the field; by default no uniform share and no bounds.

        Raises
        ------
        PolicyError
            The probabilities do not fit the segments and actions, or the uniform share is none.
        """
        rows = [to_shares((row / row.sum()).tolist()) for row in pmf]
        return cls(actions, segments, np.array(rows, np.uint64), terms or Terms())

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        return "table"

    @property
    def features(self) -> Features:
        """No features: the context does not matter."""
        return Features()

    def behaviour(self) -> dict[str, Any]:
        """The plain form of all that decides which action is drawn, and with what probability."""
        return {
            "kind": self.kind,
            "actions": self.actions.to_json(),
            "segments": list(self.segments.paths),
            "shares": self.shares.tolist(),
            **self.terms.behaviour(),
        }

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:  # noqa: ARG002
        """(n, k) probabilities before mask and mix, for nodes (n,) of the tree; the context does not matter."""
        return (self.shares / ONE)[nodes]

    def average(self) -> F64:
        """(s, k) the pmf of each node."""
        return self.shares / ONE


def uniform(actions: ActionSpace) -> Table:
    """A policy that takes every eligible action alike.

    Examples
    --------
    >>> uniform(ActionSpace.named(["none", "push"])).average().tolist()
    [[0.5, 0.5]]
    """
    return Table.of(actions, Segments((ROOT,)), np.full((1, actions.k), 1 / actions.k))


def always(actions: ActionSpace, name: str) -> Table:
    """A policy that takes one action for everybody; where it is not eligible, the eligible ones alike.

    Raises
    ------
    SpecError
        The action is not in the action space.

    Examples
    --------
    >>> always(ActionSpace.named(["none", "push"]), "push").average().tolist()
    [[0.0, 1.0]]
    """
    return Table.of(actions, Segments((ROOT,)), np.eye(actions.k)[[actions.index(name)]])
