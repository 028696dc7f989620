"""An explorer that keeps from what may make people leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.outcomes import Objective
from tactful.errors import SpecError
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer, Thompson, visit_draws
from tactful.optimisation.utility import mean_utility
from tactful.policies.exploration_rules import Rule, greedy


@dataclass(frozen=True, slots=True)
class Cautious:
    """Another explorer that explores only actions of which an outcome is unlikely: aware that people leave for good.

    An action is unsafe where a posterior quantile of the outcome is above ``most``, or, without that, above ``ratio``
    times that of the greedy action. The mass of unsafe actions goes to the greedy action; what it does itself is not
    exploration. For a contextual policy this is judged by node, over the posterior's sample of contexts.

    Examples
    --------
    >>> from tactful.optimisation.explorers import Greedy
    >>> Cautious(Greedy(), outcome="opted_out", ratio=2.0).rule.name
    'greedy'
    """

    explorer: Explorer = field(default_factory=Thompson)
    """Explores among the actions that are safe."""
    _: KW_ONLY
    outcome: str = "opted_out"
    """Name of the outcome that should be rare."""
    ratio: float = 1.5
    """Largest ratio to the greedy action's quantile, at least 1."""
    most: float | None = None
    """Largest quantile itself, per decision; it takes the place of ``ratio``."""
    certainty: float = 0.9
    """The quantile, between 0 and 1."""
    draws: int = 512
    """Number of posterior draws that it is taken over."""

    def __post_init__(self) -> None:
        """Refuse what is no caution."""
        if not (self.ratio >= 1 and 0 < self.certainty < 1 and self.draws > 0):
            raise SpecError(f"a ratio of {self.ratio} at {self.certainty}", "cautious", "1 or more, between 0 and 1")

    @property
    def rule(self) -> Rule:
        """That of the other explorer."""
        return self.explorer.rule

    def pmf(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> F64:
        """(s, k) as :class:`Explorer` says."""
        safe = self.safe(posterior, objective, seed, offset)
        pmf = self.explorer.pmf(posterior, objective, seed, offset)
        moved = np.where(safe, 0.0, pmf).sum(1, keepdims=True)
        return np.where(safe, pmf, 0.0) + moved * greedy(mean_utility(posterior, objective, offset))

    def safe(self, posterior: Posterior, objective: Objective, seed: int, offset: F64 | None = None) -> Bool:
        """(s, k) the actions that may be explored.

        Parameters
        ----------
        posterior
            What is known of the outcomes at the s nodes.
        objective
            Values of the outcomes, by which an action is the greedy one.
        seed
            Of the posterior draws.
        offset
            (k,) is added to the utility of each action; None adds nothing.

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

        def measure(nodes: I64, draws: Mapping[str, F64]) -> None:
            hazard[nodes] = np.quantile(draws[self.outcome], self.certainty, 1)

        visit_draws(posterior, (self.outcome,), self.draws, seed, measure)
        if self.most is not None:
            return hazard <= self.most
        best = greedy(mean_utility(posterior, objective, offset))
        return hazard <= self.ratio * (best * hazard).sum(1, keepdims=True) * (1 + 1e-12)
