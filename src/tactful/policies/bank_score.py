"""A frozen bank of posterior draws of a contextual model: a probability is the share of draws that an action wins.

Nothing is assumed of links, of correlations between actions, or of their laws; and the propensity is exact, since the
bank *is* the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.core.arrays import F64, I64
from tactful.errors import PolicyError
from tactful.policies.exploration_rules import Rule, sharpened
from tactful.policies.grid import coefficients
from tactful.policies.linear_score import by_group, check_group, shared

F32 = NDArray[np.float32]
LINKS = ("identity", "logistic", "log")
SCORE_BYTES = 16 << 20  # of scores at once


@dataclass(frozen=True, kw_only=True)
class BankScore:
    """The utility of action a at node s in draw m is offset[a] + Σ_h gain[h, s, a] · link_h⁻¹(z·θ_h).

    A head h is one outcome that has a value.

    Examples
    --------
    Two actions and one feature, four draws of the coefficients (intercept, slope) of each action:

    >>> rng = np.random.default_rng(1)
    >>> draws = rng.normal([[[[0.0, 0.0], [0.2, 1.0]]]], 0.1, (4, 1, 2, 2))
    >>> score = BankScore.from_draws(Rule("thompson", 1.0), ["identity"], [draws], np.ones((1, 1, 2)), np.zeros(2))
    >>> score.pmf(np.array([0]), np.array([[1.0, 0.5]])).tolist()
    [[0.0, 1.0]]
    """

    rule: Rule
    """How utilities become a pmf."""
    links: tuple[str, ...]
    """(h,) names of the links, in ``LINKS``."""
    group: I64
    """(s,) the index of each node's draws; nodes may share them."""
    theta: F32
    """(h, g, d, k, m) draws of the coefficients, on a grid, so that their products with a design are exact."""
    gain: F64
    """(h, s, k) the value of an outcome times its mean trials."""
    offset: F64
    """(k,) what is added to the utility of each action."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        h, s, k = self.gain.shape
        fits = self.theta.ndim == 5 and self.theta.shape[0] == h == len(self.links) and self.theta.shape[3] == k
        if not fits or self.group.shape != (s,) or self.offset.shape != (k,) or not self.theta.size:
            raise PolicyError("draws, gains and offsets of different shapes", "policy", "rebuild it")
        if unknown := [link for link in self.links if link not in LINKS]:
            raise PolicyError(f"unknown link {unknown[0]!r}", "policy", "update tactful")
        check_group(self.group, self.theta.shape[1])

    @classmethod
    def from_draws(cls, rule: Rule, links: Sequence[str], theta: Sequence[F64], gain: F64, offset: F64) -> BankScore:
        """From draws of every head, rounded to their grid; nodes with the same draws share them.

        Parameters
        ----------
        rule
            How utilities become a pmf.
        links
            (h,) names of the links.
        theta
            Of each head (m, s, k, d) draws of the coefficients.
        gain
            (h, s, k) the value of an outcome times its mean trials.
        offset
            (k,) what is added to the utility of each action.
        """
        heads = [coefficients(t.transpose(1, 3, 2, 0), (1, 3)).astype(np.float32) for t in theta]
        group, first = shared(*heads)
        frozen = np.stack([t[first] for t in heads])
        return cls(rule=rule, links=tuple(links), group=group, theta=frozen, gain=gain, offset=offset)

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        return "bank"

    @property
    def k(self) -> int:
        """The number of actions."""
        return self.theta.shape[3]

    @property
    def d(self) -> int:
        """The length of the design."""
        return self.theta.shape[2]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps in its second file."""
        return {"group": self.group, "theta": self.theta, "gain": self.gain, "offset": self.offset}

    def members(self) -> dict[str, object]:
        """What else determines behaviour."""
        return {"links": list(self.links)}

    def moments(self, nodes: I64, design: F64) -> tuple[F64, F64]:
        """(n, k) means and standard deviations of the utilities over the draws."""
        mean, sd = np.empty((nodes.size, self.k)), np.empty((nodes.size, self.k))
        for row, utility in self._utilities(nodes, design):
            mean[row], sd[row] = utility.mean(1), utility.std(1)
        return mean, sd

    def pmf(self, nodes: I64, design: F64) -> F64:
        """(n, k) probabilities at nodes (n,) and designs (n, d) on their grid."""
        if not self.rule.samples:
            return self.rule.pmf(*self.moments(nodes, design))
        won = np.empty((nodes.size, self.k))
        for row, utility in self._utilities(nodes, design):
            won[row] = wins(utility)
        return sharpened(won, self.rule.parameter)

    def _utilities(self, nodes: I64, design: F64) -> Iterator[tuple[int, F64]]:
        """Each row with its utilities (k, m): the same bits whatever rows stand beside it."""
        h, _, _, k, m = self.theta.shape
        if nodes.size == 1:
            node = int(nodes[0])
            yield 0, self._utility(node, (design[0] @ self._ready(int(self.group[node]))).reshape(h, k, m))
            return
        for g, rows in by_group(self.group[nodes], max(1, SCORE_BYTES // (8 * h * k * m))):
            scores = (design[rows] @ self._ready(g)).reshape(-1, h, k, m)
            for row, score in zip(rows.tolist(), scores, strict=True):
                yield row, self._utility(int(nodes[row]), score)

    def _utility(self, node: int, score: F64) -> F64:
        """(k, m) from the scores (h, k, m), which are used up."""
        constant, gain = self._gains
        total = None
        for link, y, c in zip(self.links, score, gain[:, node], strict=True):
            if link == "logistic":  # 1 / (1 + e^−y) = ½ + ½ tanh(y/2); the halves are in the gains and the constant
                y *= 0.5
                np.tanh(y, out=y)
            elif link == "log":
                np.exp(y, out=y)
            y *= c
            total = y if total is None else np.add(total, y, out=total)
        assert total is not None  # noqa: S101 - there is at least one head
        total += constant[node]
        return total

    @cached_property
    def _gains(self) -> tuple[F64, F64]:
        """What does not depend on the draw (s, k, 1), and the factors (h, s, k, 1)."""
        half = np.array([0.5 if link == "logistic" else 0.0 for link in self.links])[:, None, None]
        factor = self.gain * np.where(half > 0, 0.5, 1.0)
        constant = self.offset + (self.gain * half).sum(0)
        return constant[..., None], factor[..., None]

    @cached_property
    def _groups(self) -> dict[int, F64]:
        return {}

    def _ready(self, g: int) -> F64:
        """(d, h·k·m) the draws of a group in double precision, made at its first use."""
        if g not in self._groups:
            h, _, d, k, m = self.theta.shape
            self._groups[g] = self.theta[:, g].transpose(1, 0, 2, 3).reshape(d, h * k * m).astype(np.float64)
        return self._groups[g]


def wins(utility: F64) -> F64:
    """(k,) the share of draws in which each action is best; ties split equally. ``utility`` (k, m)."""
    won = (utility == np.maximum.reduce(utility, 0)).astype(np.float64)
    ties = np.add.reduce(won, 0)
    ties *= ties.size
    return won @ (1.0 / ties)
