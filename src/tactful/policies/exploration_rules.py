"""From what is known of each action's utility to a pmf: the rules that need means and standard deviations alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np

from tactful.core.arrays import F64
from tactful.errors import PolicyError

THOMPSON = "thompson"


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule with its one parameter: how utilities become a pmf.

    Examples
    --------
    >>> Rule("inverse-gap", 10.0).pmf(np.array([[0.0, 1.0]]), np.ones((1, 2))).round(3).tolist()
    [[0.083, 0.917]]
    """

    name: str
    """``thompson``, ``greedy``, ``ucb``, ``softmax``, ``epsilon-greedy`` or ``inverse-gap``."""
    parameter: float = 0.0
    """The exponent β of ``thompson``, the width of ``ucb`` in standard deviations, the temperature of ``softmax``, the
    share ε of uniform draws of ``epsilon-greedy``, or γ of ``inverse-gap``; ``greedy`` has none."""

    def __post_init__(self) -> None:
        """Refuse rules that do not exist, and parameters without meaning."""
        if self.name != THOMPSON and self.name not in _FROM_MOMENTS:
            raise PolicyError(f"unknown rule {self.name!r}", "policy", "update tactful")
        largest = 1.0 if self.name == "epsilon-greedy" else inf
        no_temperature = self.name == "softmax" and not self.parameter
        if not 0 <= self.parameter <= largest or self.parameter == inf or no_temperature:
            raise PolicyError(f"a parameter of {self.parameter}", f"rule {self.name}", "choose a positive number")

    @property
    def samples(self) -> bool:
        """Whether probabilities are those of being best, and not functions of means and deviations."""
        return self.name == THOMPSON

    @property
    def bounds(self) -> bool:
        """Whether standard deviations matter."""
        return self.name == "ucb"

    def pmf(self, mean: F64, sd: F64) -> F64:
        """(n, k) from means and standard deviations (n, k); not for ``thompson``."""
        return _FROM_MOMENTS[self.name](mean, sd, self.parameter)


def sharpened(won: F64, power: float) -> F64:
    """(n, k) π ∝ won^power."""
    if power == 2:  # the default, and twice as fast
        sharp = won * won
    elif power == 1:
        sharp = won
    else:
        sharp = (won / np.maximum.reduce(won, 1, keepdims=True)) ** power
    return sharp / np.add.reduce(sharp, 1, keepdims=True)


def greedy(mean: F64) -> F64:
    """(n, k) all mass on the highest mean; ties split equally."""
    best = (mean == mean.max(1, keepdims=True)).astype(np.float64)
    return best / best.sum(1, keepdims=True)


def _greedy(mean: F64, sd: F64, parameter: float) -> F64:  # noqa: ARG001 - a rule's signature
    return greedy(mean)


def _ucb(mean: F64, sd: F64, width: float) -> F64:
    return greedy(mean + width * sd)


def _epsilon_greedy(mean: F64, sd: F64, epsilon: float) -> F64:  # noqa: ARG001
    return (1 - epsilon) * greedy(mean) + epsilon / mean.shape[1]


def _softmax(mean: F64, sd: F64, temperature: float) -> F64:  # noqa: ARG001
    weight = np.exp((mean - mean.max(1, keepdims=True)) / temperature)
    return weight / weight.sum(1, keepdims=True)


def _inverse_gap(mean: F64, sd: F64, gamma: float) -> F64:  # noqa: ARG001
    """π_a = 1 / (k + γ gap_a), and what is left to the best. Reference: Foster & Rakhlin 2020, SquareCB."""
    share = 1.0 / (mean.shape[1] + gamma * (mean.max(1, keepdims=True) - mean))
    return share + (1.0 - share.sum(1, keepdims=True)) * greedy(mean)


_FROM_MOMENTS: dict[str, Callable[[F64, F64, float], F64]] = {
    "greedy": _greedy,
    "ucb": _ucb,
    "epsilon-greedy": _epsilon_greedy,
    "softmax": _softmax,
    "inverse-gap": _inverse_gap,
}
