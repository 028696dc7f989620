"""What a world, or anything that decides, asks of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.policies.arms import Arms


class Policy(Protocol):
    """A frozen pmf over actions, given a node of its segment tree and the context.

    What is served is this pmf masked, mixed with the share ``uniform`` of the uniform pmf over the eligible actions,
    and rounded (``core.draw.serve``).

    Examples
    --------
    >>> from tactful.policies.table import always
    >>> policy: Policy = always(ActionSpace.named(["none", "push"]), "push")
    >>> policy.uniform, policy.pmf(policy.segments.locate(policy.segments)).tolist()
    (0.0, [[0.0, 1.0]])
    """

    @property
    def segments(self) -> Segments:
        """The tree that ``nodes`` point into."""
        ...

    @property
    def uniform(self) -> float:
        """The share of the uniform pmf that is mixed in."""
        ...

    @property
    def version(self) -> str:
        """What the log's column ``policy`` says."""
        ...

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:
        """(n, k) probabilities before the uniform share is mixed in."""
        ...


class Published(Policy, Protocol):
    """A policy that can be saved, evaluated and served: ``Table`` and ``Contextual``.

    From ``salt`` to ``lineage`` its attributes are those of its ``terms``, which describe them.

    Examples
    --------
    >>> from tactful.policies.table import uniform
    >>> policy: Published = uniform(ActionSpace.named(["none", "push"]))
    >>> policy.kind, policy.features.names, policy.valid_until
    ('table', (), None)
    """

    @property
    def actions(self) -> ActionSpace:
        """The k actions."""
        ...

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        ...

    @property
    def features(self) -> Features:
        """The columns of a context, in order; none for a table."""
        ...

    @property
    def salt(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def arms(self) -> Arms: ...
    @property
    def from_period(self) -> int | None: ...
    @property
    def valid_until(self) -> int | None: ...
    @property
    def objective(self) -> Objective | None: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def prices(self) -> Mapping[str, float]: ...
    @property
    def expected(self) -> Mapping[str, float]: ...
    @property
    def lineage(self) -> Lineage | None: ...

    def average(self) -> F64:
        """(s, k) the pmf of each node; for contextual policies its mean over the contexts that it was published on."""
        ...

    def behaviour(self) -> dict[str, Any]:
        """The plain form of all that decides which action is drawn, and with what probability."""
        ...

    def check_period(self, first: int, last: int) -> None:
        """Refuse periods in which this policy must not decide."""
        ...
