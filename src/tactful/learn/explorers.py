"""How a posterior becomes a pmf: exploration, with exact probabilities in every case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Objective
from tactful.errors import SpecError
from tactful.kernels import bank
from tactful.models.base import Posterior


class Explorer(Protocol):
    """Turns a posterior and an objective into probabilities (s, k); ``offset`` (k,) adds to the actions' utilities."""

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64: ...


@dataclass(frozen=True, slots=True)
class Thompson:
    """Thompson sampling as a frozen bank of joint posterior draws: a probability is the share of draws won.

    ``draws`` M; ``sharpen`` β: π ∝ π^β. β = 1 is plain Thompson sampling, which explores more than a campaign of
    weeks repays; a larger β is nearer to greedy, and its propensities are as exact.
    Reference: Thompson 1933; Chapelle & Li 2011.
    """

    draws: int = 1024
    sharpen: float = 2.0

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k); memory O(draws · s · k), twice."""
        utility = np.zeros((self.draws, len(posterior.segments), posterior.actions.k))
        for o in objective.outcomes:
            utility += objective.values[o] * posterior.draws(o, self.draws, seed)
        if offset is not None:
            utility += offset
        won = np.empty(utility.shape[1:])
        bank.wins(utility, won)
        sharp = (won / won.max(1, keepdims=True)) ** self.sharpen
        return sharp / sharp.sum(1, keepdims=True)


@dataclass(frozen=True, slots=True)
class Greedy:
    """The action of the highest posterior mean; ties split equally."""

    def pmf(
        self,
        posterior: Posterior,
        objective: Objective,
        seed: int,  # noqa: ARG002 - nothing is drawn
        offset: F64 | None = None,
    ) -> F64:
        """(s, k)."""
        utility = mean_utility(posterior, objective, offset)
        best = (utility == utility.max(1, keepdims=True)).astype(np.float64)
        return best / best.sum(1, keepdims=True)


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """Greedy, and with probability ``epsilon`` any action alike."""

    epsilon: float = 0.1

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        return (1 - self.epsilon) * Greedy().pmf(
            posterior, objective, seed, offset
        ) + self.epsilon / posterior.actions.k


@dataclass(frozen=True, slots=True)
class Softmax:
    """π ∝ exp(U / temperature), with the temperature in units of the objective."""

    temperature: float = 0.1

    def pmf(
        self,
        posterior: Posterior,
        objective: Objective,
        seed: int,  # noqa: ARG002 - nothing is drawn
        offset: F64 | None = None,
    ) -> F64:
        """(s, k)."""
        utility = mean_utility(posterior, objective, offset)
        weight = np.exp((utility - utility.max(1, keepdims=True)) / self.temperature)
        return weight / weight.sum(1, keepdims=True)


def mean_utility(posterior: Posterior, objective: Objective, offset: F64 | None = None) -> F64:
    """(s, k) the objective on posterior means, with an ``offset`` (k,) for each action.

    Raises
    ------
    SpecError
        The objective has no outcome.
    """
    if not objective.outcomes:
        raise SpecError("no outcome has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    utility = objective.combine({o: posterior.mean(o) for o in objective.outcomes})
    return utility if offset is None else utility + offset
