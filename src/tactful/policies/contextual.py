"""A contextual policy: what it makes of a context, within the terms that every published policy has."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, U64, Bool
from tactful.core.draw import ONE
from tactful.core.features import CLIP, Features
from tactful.core.segments import Segments
from tactful.errors import PolicyError, first
from tactful.policies import tensors
from tactful.policies.exploration_rules import Rule, greedy
from tactful.policies.grid import fraction_bits
from tactful.policies.terms import OnTerms, Terms


class Score(Protocol):
    """From designs to probabilities: ``LinearScore`` or ``BankScore``."""

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        ...

    @property
    def rule(self) -> Rule:
        """How utilities become a pmf."""
        ...

    @property
    def group(self) -> I64:
        """(s,) the index of each node's coefficients; nodes may share them."""
        ...

    @property
    def k(self) -> int:
        """The number of actions."""
        ...

    @property
    def d(self) -> int:
        """The length of the design."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps in its second file."""
        ...

    def members(self) -> dict[str, object]:
        """What else determines behaviour, beside the rule and the arrays."""
        ...

    def moments(self, nodes: I64, design: F64) -> tuple[F64, F64]:
        """(n, k) means and standard deviations of the utilities at nodes (n,) and designs (n, d)."""
        ...

    def pmf(self, nodes: I64, design: F64) -> F64:
        """(n, k) probabilities at nodes (n,) and designs (n, d)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Contextual(OnTerms):
    """A pmf that depends on a context: (1 − share) · score(context) + share · base, before mask and mix.

    Examples
    --------
    The second action is worth one more for every standard deviation of the dose, give or take a tenth:

    >>> from tactful.policies.linear_score import LinearScore
    >>> mean, root = np.array([[[0.0, 0.0], [0.0, 1.0]]]), np.full((1, 2, 2, 2), 0.1)
    >>> policy = Contextual(
    ...     actions=ActionSpace.named(["none", "push"]),
    ...     segments=Segments.of([""]),
    ...     features=Features(("dose",), (2.0,), (1.0,)),
    ...     score=LinearScore.from_coefficients(Rule("greedy"), mean, root),
    ...     typical=np.array([[ONE // 2, ONE // 2]], np.uint64),
    ... )
    >>> policy.pmf(np.array([0, 0]), np.array([[1.0], [3.0]])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    actions: ActionSpace
    """The k actions."""
    segments: Segments
    """The tree of s nodes."""
    features: Features
    """The columns of a context, and how they become a design (d,)."""
    score: Score
    """The utilities of the actions in context, and the rule that turns them into a pmf."""
    typical: U64
    """(s, k) the mean pmf over the contexts that the policy was published on, as integers that sum to 2**32; it is a
    report and changes nothing."""
    base: U64 | None = None
    """(s, k) the best pmf within the limits, as integers that sum to 2**32; None where nothing is mixed in."""
    share: float = 0.0
    """Share in [0, 1] of ``base``: just enough to keep the limits."""
    safe: Bool | None = None
    """(s, k) the actions that may be explored; the mass of others goes to the greedy action. None means all."""
    terms: Terms = field(default_factory=Terms)
    """What the policy draws with, when it may decide, and what it says of its origin."""

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        shape = (len(self.segments), self.actions.k)
        if (self.score.group.size, self.score.k, self.score.d) != (*shape, self.features.d):
            raise PolicyError("coefficients do not fit segments, actions and features", "policy", "rebuild it")
        for shares in (self.typical, self.base):
            if shares is not None and (
                shares.shape != shape or not (shares.sum(1, dtype=np.uint64) == ONE).all() or (shares > ONE).any()
            ):
                raise PolicyError("a row of shares does not sum to 2**32", "policy", "rebuild it")
        if self.safe is not None and self.safe.shape != shape:
            raise PolicyError("safe actions of another shape", "policy", "rebuild it")
        if not (0 <= self.uniform <= 1 and 0 <= self.share <= 1) or (self.share > 0 and self.base is None):
            raise PolicyError(f"shares of {self.uniform} and {self.share}", "policy", "choose them between 0 and 1")

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        return self.score.kind

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps as arrays."""
        return self.score.arrays()

    @cached_property
    def digest(self) -> str:
        """The sha256 of the arrays' file."""
        return tensors.digest(self.arrays())

    def behaviour(self) -> dict[str, Any]:
        """The plain form of all that decides which action is drawn, and with what probability."""
        return {
            "kind": self.kind,
            "actions": self.actions.to_json(),
            "segments": list(self.segments.paths),
            "features": self.features.to_json(),
            "rule": {"name": self.score.rule.name, "parameter": float(self.score.rule.parameter)},
            **self.score.members(),
            "arrays": self.digest,
            "base": None if self.base is None else self.base.tolist(),
            "share": float(self.share),
            "safe": None if self.safe is None else self.safe.astype(np.int64).tolist(),
            **self.terms.behaviour(),
        }

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:
        """(n, k) probabilities before mask and mix, for nodes (n,) of the tree and raw contexts (n, len(names)).

        Raises
        ------
        PolicyError
            No context, one of another width, or one that is not finite.
        """
        design = self.design(context)
        return self.within(nodes, design, self.score.pmf(nodes, design))

    def design(self, context: F64 | None) -> F64:
        """(n, d) designs on their grid; as ``Features.design`` but for the rounding to 2⁻²⁰ standard deviations."""
        centre, scale, large = self._standard
        names = self.features.names
        if context is None or context.ndim != 2 or context.shape[1] != len(names):
            raise PolicyError("no context for a contextual policy", "context", f"give {', '.join(names)}")
        raw = context[0] if len(context) == 1 else context  # one axis takes two thirds of the time of two
        if b"\0" in np.isfinite(raw).tobytes():  # a third of the time of all()
            unusable = [name for j, name in enumerate(names) if not np.isfinite(context[:, j]).all()]
            raise PolicyError(f"{first(unusable)} is not finite", "context", "fill it, or leave these rows out")
        z = raw - centre
        z /= scale
        np.minimum(z, CLIP, out=z)
        np.maximum(z, -CLIP, out=z)
        z += large  # leaves no more places than the grid has
        z -= large
        out = np.empty((len(context), self.features.d))
        out[:, 0] = 1.0
        out[:, 1:] = z
        return out

    @cached_property
    def _standard(self) -> tuple[F64, F64, float]:
        large = 1.5 * 2.0 ** (52 - fraction_bits(self.features.d))
        return np.array(self.features.centre), np.array(self.features.scale), large

    def within(self, nodes: I64, design: F64, pmf: F64) -> F64:
        """(n, k) the score's pmf without unsafe exploration, and mixed with the base."""
        if self.safe is not None:
            safe = self.safe[nodes]
            moved = np.where(safe, 0.0, pmf).sum(1, keepdims=True)
            pmf = np.where(safe, pmf, 0.0) + moved * greedy(self.score.moments(nodes, design)[0])
        if self.base is None or not self.share:
            return pmf
        return (1.0 - self.share) * pmf + self.share * (self.base[nodes] / ONE)

    def average(self) -> F64:
        """(s, k) the mean pmf of each node over the contexts that the policy was published on."""
        return self.typical / ONE
