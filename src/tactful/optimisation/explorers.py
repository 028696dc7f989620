"""How a posterior becomes a pmf: exploration, with exact probabilities in every case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.outcomes import Objective
from tactful.core.parallel import blocks
from tactful.errors import SpecError
from tactful.kernels import bank
from tactful.models.base import Posterior
from tactful.models.tree.draws import Work
from tactful.policies.exploration_rules import THOMPSON, Rule, greedy

BLOCK = 64  # nodes at once
DRAWS = 1024  # of a table, which keeps none of them


class Explorer(Protocol):
    """Turns a posterior and an objective into probabilities (s, k); ``offset`` (k,) adds to the actions' utilities.

    For a contextual policy ``rule`` says the same of one context.
    """

    @property
    def rule(self) -> Rule: ...
    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64: ...


@dataclass(frozen=True, slots=True)
class Thompson:
    """Thompson sampling as a frozen bank of joint posterior draws: a probability is the share of draws won.

    ``draws`` M, by default 1,024, and 256 where they must be served with the policy; ``sharpen`` β: π ∝ π^β. β = 1
    is plain Thompson sampling, which explores more than a campaign of weeks repays; a larger β is nearer to greedy, and
    its propensities are as exact.
    Reference: Thompson 1933; Chapelle & Li 2011.
    """

    draws: int | None = None
    sharpen: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what is no bank."""
        if (self.draws is not None and self.draws < 1) or not 0 <= self.sharpen < inf:
            raise SpecError(f"{self.draws} draws, sharpened by {self.sharpen}", "explorer", "choose positive numbers")

    @property
    def rule(self) -> Rule:
        """For one context."""
        return Rule(THOMPSON, self.sharpen)

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k); the draws of a few nodes are held at a time."""
        m = self.draws or DRAWS
        won = np.empty((len(posterior.segments), posterior.actions.k))

        def work(nodes: I64, drawn: Mapping[str, F64]) -> None:
            utility = np.zeros((nodes.size, m, won.shape[1]))
            for o, x in drawn.items():
                x *= objective.values[o]
                utility += x
            if offset is not None:
                utility += offset
            share = np.empty((nodes.size, won.shape[1]))
            bank.wins(utility, share)
            won[nodes] = share

        _visit(posterior, objective.outcomes, m, seed, work)
        sharp = (won / won.max(1, keepdims=True)) ** self.sharpen
        return sharp / sharp.sum(1, keepdims=True)


@dataclass(frozen=True, slots=True)
class Greedy:
    """The action of the highest posterior mean; ties split equally."""

    @property
    def rule(self) -> Rule:
        """For one context."""
        return Rule("greedy")

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        return _from_moments(self.rule, posterior, objective, seed, offset)


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """Greedy, and with probability ``epsilon`` any action alike."""

    epsilon: float = 0.1

    @property
    def rule(self) -> Rule:
        """For one context."""
        return Rule("epsilon-greedy", self.epsilon)

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        return _from_moments(self.rule, posterior, objective, seed, offset)


@dataclass(frozen=True, slots=True)
class Softmax:
    """π ∝ exp(U / temperature), with the temperature in units of the objective."""

    temperature: float = 0.1

    @property
    def rule(self) -> Rule:
        """For one context."""
        return Rule("softmax", self.temperature)

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        return _from_moments(self.rule, posterior, objective, seed, offset)


@dataclass(frozen=True, slots=True)
class UCB:
    """The action of the highest upper bound, mean + ``width`` standard deviations; ties split equally.

    Deterministic but for ties: only the uniform share of a published policy makes its log evaluable.
    Reference: Li et al. 2010 (LinUCB).
    """

    width: float = 1.0

    @property
    def rule(self) -> Rule:
        """For one context."""
        return Rule("ucb", self.width)

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        return _from_moments(self.rule, posterior, objective, seed, offset)


@dataclass(frozen=True, slots=True)
class InverseGap:
    """π_a = 1 / (k + ``gamma`` · gap_a), and what is left to the best action; ties of the best split it equally.

    The gap is that of posterior means; ``gamma`` is in units of one over the objective, and larger is greedier.
    Reference: Foster & Rakhlin 2020 (SquareCB).
    """

    gamma: float = 100.0

    @property
    def rule(self) -> Rule:
        """For one context."""
        return Rule("inverse-gap", self.gamma)

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        return _from_moments(self.rule, posterior, objective, seed, offset)


@dataclass(frozen=True, slots=True)
class Cautious:
    """Another explorer that explores only actions of which ``outcome`` is unlikely: aware that people leave for good.

    An action is unsafe where the posterior quantile ``certainty`` of the outcome is above ``most``, or, without that,
    above ``ratio`` times that of the greedy action. The mass of unsafe actions goes to the greedy action; what it does
    itself is not exploration. For a contextual policy this is judged by node, over the posterior's sample of contexts.
    """

    explorer: Explorer = field(default_factory=Thompson)
    outcome: str = "opted_out"
    ratio: float = 1.5
    most: float | None = None
    certainty: float = 0.9
    draws: int = 512

    def __post_init__(self) -> None:
        """Refuse what is no caution."""
        if not (self.ratio >= 1 and 0 < self.certainty < 1 and self.draws > 0):
            raise SpecError(f"a ratio of {self.ratio} at {self.certainty}", "cautious", "1 or more, between 0 and 1")

    @property
    def rule(self) -> Rule:
        """For one context."""
        return self.explorer.rule

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k)."""
        safe = self.safe(posterior, objective, seed, offset)
        pmf = self.explorer.pmf(posterior, objective, seed, offset)
        moved = np.where(safe, 0.0, pmf).sum(1, keepdims=True)
        return np.where(safe, pmf, 0.0) + moved * greedy(mean_utility(posterior, objective, offset))

    def safe(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> Bool:
        """(s, k) the actions that may be explored.

        Raises
        ------
        SpecError
            The posterior does not know the outcome.
        """
        if self.outcome not in posterior.outcomes:
            raise SpecError(
                f"unknown outcome {self.outcome!r}", "cautious", f"choose one of {', '.join(posterior.outcomes)}"
            )
        hazard = np.empty((len(posterior.segments), posterior.actions.k))

        def work(nodes: I64, drawn: Mapping[str, F64]) -> None:
            hazard[nodes] = np.quantile(drawn[self.outcome], self.certainty, 1)

        _visit(posterior, (self.outcome,), self.draws, seed, work)
        if self.most is not None:
            return hazard <= self.most
        best = greedy(mean_utility(posterior, objective, offset))
        return hazard <= self.ratio * (best * hazard).sum(1, keepdims=True) * (1 + 1e-12)


def _visit(posterior: Posterior, outcomes: Iterable[str], m: int, seed: int, work: Work) -> None:
    """Hand the draws (b, m, k) of outcomes over, some nodes (b,) at a time; ``work`` may write to them."""
    own: Any = getattr(posterior, "visit_draws", None)
    if own is not None:
        own(outcomes, m, seed, work)
        return
    draws = {o: posterior.draws(o, m, seed) for o in outcomes}
    every = np.arange(len(posterior.segments))
    for at in blocks(every.size, BLOCK):
        work(every[at], {o: x[:, at].swapaxes(0, 1).copy() for o, x in draws.items()})


def _from_moments(
    rule: Rule,
    posterior: Posterior,
    objective: Objective,
    seed: int,  # noqa: ARG001 - nothing is drawn
    offset: F64 | None,
) -> F64:
    mean = mean_utility(posterior, objective, offset)
    return rule.pmf(mean, deviation(posterior, objective) if rule.bounds else np.zeros_like(mean))


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


def deviation(posterior: Posterior, objective: Objective) -> F64:
    """(s, k) the posterior standard deviation of the objective; outcomes are independent of each other."""
    parts = [(objective.values[o] * posterior.sd(o)) ** 2 for o in objective.outcomes]
    return np.sqrt(np.sum(parts, axis=0))
