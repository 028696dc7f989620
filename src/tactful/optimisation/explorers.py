"""How a posterior becomes a pmf: exploration, with exact probabilities in every case."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.outcomes import Objective
from tactful.core.parallel import blocks
from tactful.errors import SpecError
from tactful.kernels import bank
from tactful.models.base import DrawsInBlocks, DrawVisitor, Posterior
from tactful.optimisation.utility import mean_utility, utility_sd
from tactful.policies.exploration_rules import THOMPSON, Rule

TABLE_DRAWS = 1024  # of a table, which keeps none of them
NODE_BLOCK = 64  # nodes whose draws are handed over at once


class Explorer(Protocol):
    """Turns what is known of each action's utility into probabilities.

    Examples
    --------
    >>> explorer: Explorer = Greedy()
    >>> explorer.rule.name
    'greedy'
    """

    @property
    def rule(self) -> Rule:
        """How it turns the utilities of one context into a pmf: what a contextual policy keeps."""
        ...

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k) probabilities of every node.

        Parameters
        ----------
        posterior
            What is known of the outcomes at the s nodes.
        objective
            Values of the outcomes: the utility of an action is their weighted sum.
        seed
            Of the posterior draws, where it draws.
        offset
            (k,) is added to the utility of each action; None adds nothing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Thompson:
    """Thompson sampling as a frozen bank of joint posterior draws: a probability is the share of draws won.

    Plain Thompson sampling (β = 1) explores more than a campaign of weeks repays; a larger β is nearer to greedy, and
    its propensities are as exact. References: Thompson 1933; Chapelle & Li 2011.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().trial(200, 4, seed=1).log
    >>> policy = tt.publish(tt.Conjugate().fit(log), tt.Objective({"engaged": 1.0}), explorer=Thompson(sharpen=1.0))
    >>> policy.average().sum(1).tolist()[0]
    1.0
    """

    draws: int | None = None
    """Number of draws; None means 1,024, and 256 where they must be served with the policy."""
    sharpen: float = 2.0
    """Exponent β of π ∝ (share of draws won)^β, at least 0."""

    def __post_init__(self) -> None:
        """Refuse what is no bank."""
        if (self.draws is not None and self.draws < 1) or not 0 <= self.sharpen < inf:
            raise SpecError(f"{self.draws} draws, sharpened by {self.sharpen}", "explorer", "choose positive numbers")

    @property
    def rule(self) -> Rule:
        """Thompson's, sharpened."""
        return Rule(THOMPSON, self.sharpen)

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k) as :class:`Explorer` says; the draws of a few nodes are held at a time."""
        m = self.draws or TABLE_DRAWS
        won = np.empty((len(posterior.segments), posterior.actions.k))

        def count(nodes: I64, draws: Mapping[str, F64]) -> None:
            utility = np.zeros((nodes.size, m, won.shape[1]))
            for o, x in draws.items():
                x *= objective.values[o]
                utility += x
            if offset is not None:
                utility += offset
            share = np.empty((nodes.size, won.shape[1]))
            bank.wins(utility, share)
            won[nodes] = share

        visit_draws(posterior, objective.outcomes, m, seed, count)
        sharp = (won / won.max(1, keepdims=True)) ** self.sharpen
        return sharp / sharp.sum(1, keepdims=True)


def visit_draws(posterior: Posterior, outcomes: Iterable[str], m: int, seed: int, visitor: DrawVisitor) -> None:
    """Hand posterior draws over, some nodes at a time.

    Parameters
    ----------
    posterior
        Where it is ``DrawsInBlocks``, no array holds the draws of all nodes.
    outcomes
        Names of the outcomes to draw.
    m
        Draws of each mean.
    seed
        Of the draws.
    visitor
        Takes nodes (b,) and, by outcome, draws (b, m, k), to which it may write.
    """
    if isinstance(posterior, DrawsInBlocks):
        posterior.visit_draws(outcomes, m, seed, visitor)
        return
    draws = {o: posterior.draws(o, m, seed) for o in outcomes}
    nodes = np.arange(len(posterior.segments))
    for block in blocks(nodes.size, NODE_BLOCK):
        visitor(nodes[block], {o: x[:, block].swapaxes(0, 1).copy() for o, x in draws.items()})


@dataclass(frozen=True, slots=True)
class RuleExplorer(ABC):
    """Abstract: an explorer that needs means, or means and standard deviations, and is its rule applied to them."""

    @property
    @abstractmethod
    def rule(self) -> Rule:
        """The rule, with its parameter."""

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:  # noqa: ARG002
        """(s, k) as :class:`Explorer` says; nothing is drawn."""
        mean = mean_utility(posterior, objective, offset)
        return self.rule.pmf(mean, utility_sd(posterior, objective) if self.rule.bounds else np.zeros_like(mean))


@dataclass(frozen=True, slots=True)
class Greedy(RuleExplorer):
    """The action of the highest posterior mean; ties split equally.

    Examples
    --------
    >>> Greedy().rule.pmf(np.array([[0.1, 0.3, 0.3]]), np.zeros((1, 3))).tolist()
    [[0.0, 0.5, 0.5]]
    """

    @property
    def rule(self) -> Rule:
        """All mass on the highest mean."""
        return Rule("greedy")


@dataclass(frozen=True, slots=True)
class EpsilonGreedy(RuleExplorer):
    """Greedy, and with probability ε any action alike.

    Examples
    --------
    >>> EpsilonGreedy(0.3).rule.pmf(np.array([[0.1, 0.3, 0.2]]), np.zeros((1, 3))).round(3).tolist()
    [[0.1, 0.8, 0.1]]
    """

    epsilon: float = 0.1
    """Share ε in [0, 1] of uniform draws."""

    @property
    def rule(self) -> Rule:
        """The greedy action, mixed with the uniform pmf."""
        return Rule("epsilon-greedy", self.epsilon)


@dataclass(frozen=True, slots=True)
class Softmax(RuleExplorer):
    """π ∝ exp(U / temperature).

    Examples
    --------
    >>> Softmax(0.1).rule.pmf(np.array([[0.1, 0.3]]), np.zeros((1, 2))).round(3).tolist()
    [[0.119, 0.881]]
    """

    temperature: float = 0.1
    """In units of the objective, above 0; smaller is greedier."""

    @property
    def rule(self) -> Rule:
        """The exponential weights."""
        return Rule("softmax", self.temperature)


@dataclass(frozen=True, slots=True)
class UCB(RuleExplorer):
    """The action of the highest upper confidence bound; ties split equally.

    Deterministic but for ties: only the uniform share of a published policy makes its log evaluable.
    Reference: Li et al. 2010 (LinUCB).

    Examples
    --------
    >>> UCB(1.0).rule.pmf(np.array([[0.1, 0.3]]), np.array([[0.5, 0.1]])).tolist()
    [[1.0, 0.0]]
    """

    width: float = 1.0
    """Standard deviations above the mean, at least 0."""

    @property
    def rule(self) -> Rule:
        """All mass on the highest bound."""
        return Rule("ucb", self.width)


@dataclass(frozen=True, slots=True)
class InverseGap(RuleExplorer):
    """π_a = 1 / (k + γ gap_a), and what is left to the best action; ties of the best split it equally.

    The gap is the distance of posterior means from the best. Reference: Foster & Rakhlin 2020 (SquareCB).

    Examples
    --------
    >>> InverseGap(10.0).rule.pmf(np.array([[0.0, 1.0]]), np.zeros((1, 2))).round(3).tolist()
    [[0.083, 0.917]]
    """

    gamma: float = 100.0
    """γ, in units of one over the objective, at least 0; larger is greedier."""

    @property
    def rule(self) -> Rule:
        """The inverse gaps."""
        return Rule("inverse-gap", self.gamma)
