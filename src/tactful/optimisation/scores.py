"""From a contextual posterior to utilities in context: an exact integral where it holds, a bank of draws otherwise."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64
from tactful.core.outcomes import Objective
from tactful.models.base import ContextualPosterior
from tactful.optimisation.cautious import Cautious
from tactful.optimisation.explorers import Explorer, Thompson
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Score
from tactful.policies.linear_score import LinearScore

BANK_DRAWS = 256  # of a bank, where nothing else is said: a decision takes a sixth of a millisecond


def score_of(posterior: ContextualPosterior, explorer: Explorer, objective: Objective, offset: F64, seed: int) -> Score:
    """The utilities in context, with the rule by which an explorer turns them into a pmf.

    They are Gaussian and linear where the links of all outcomes are the identity. Probabilities of being best also need
    actions that are independent of each other; rules of means and deviations do not. Otherwise they are a bank.

    Parameters
    ----------
    posterior
        Coefficients of every outcome.
    explorer
        Its rule, and how many draws its bank has.
    objective
        Values of the outcomes, prices subtracted.
    offset
        (k,) is added to the utility of each action.
    seed
        Of the bank of draws.
    """
    rule, outcomes = explorer.rule, objective.outcomes
    linear = all(posterior.link(o) == "identity" for o in outcomes)
    if linear and (posterior.independent or not rule.samples):
        return LinearScore.from_coefficients(rule, *_utility(posterior, objective, offset))
    gain = np.stack([objective.values[o] * posterior.scale(o) for o in outcomes])
    draws = _bank_size(explorer)
    theta = [posterior.bank(o, draws, seed) for o in outcomes]
    return BankScore.from_draws(rule, [posterior.link(o) for o in outcomes], theta, gain, offset)


def _bank_size(explorer: Explorer) -> int:
    explores = explorer.explorer if isinstance(explorer, Cautious) else explorer
    return (explores.draws or BANK_DRAWS) if isinstance(explores, Thompson) else BANK_DRAWS


def _utility(posterior: ContextualPosterior, objective: Objective, offset: F64) -> tuple[F64, F64]:
    """Mean (s, k, d) and root (s, k, d, d) of the utility's coefficients; outcomes are independent, covariances add."""
    factor = {o: objective.values[o] * posterior.scale(o) for o in objective.outcomes}
    mean = np.sum([c[..., None] * posterior.coefficients(o) for o, c in factor.items()], axis=0)
    mean[..., 0] += offset
    roots = [c[..., None, None] * posterior.roots(o) for o, c in factor.items()]
    if len(roots) == 1:
        return mean, roots[0]
    upper: F64 = np.linalg.qr(np.concatenate(roots, 3).swapaxes(2, 3))[1]
    return mean, upper.swapaxes(2, 3)
