"""From a contextual posterior to a contextual policy: the exact integral where it holds, a bank of draws otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tactful.batch.decide import served
from tactful.batch.pmf import pmf_of
from tactful.core.arrays import F64, U64
from tactful.core.draw import ONE, to_shares
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.models.base import ContextualPosterior
from tactful.optimisation.explorers import Cautious, Explorer, Thompson
from tactful.optimisation.population import Sampled
from tactful.optimisation.sampled_limits import constrain_sampled
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Contextual, Score
from tactful.policies.linear_score import LinearScore
from tactful.policies.terms import Terms

DRAWS = 256  # of a bank, where nothing else is said: a decision takes a sixth of a millisecond
A_NODE = 200  # contexts of each node over which its typical pmf is taken


def publish_contextual(
    posterior: ContextualPosterior,
    objective: Objective,
    explorer: Explorer | None,
    terms: Terms,
    *,
    certainty: float,
    seed: int,
) -> Contextual:
    """As :func:`tactful.optimisation.publish.publish`, which checks what it is given.

    Limits and ``expected`` run over the posterior's sample of contexts, with the mix of segments that it has.
    """
    explorer = explorer or Thompson()
    sampled = Sampled.of(posterior)
    even = np.array([to_shares([1 / posterior.actions.k] * posterior.actions.k)] * len(posterior.segments), np.uint64)

    def priced(values: Mapping[str, float], offset: F64) -> Contextual:
        worth = Objective(values)
        safe = explorer.safe(posterior, worth, seed, offset) if isinstance(explorer, Cautious) else None
        return Contextual(
            posterior.actions,
            posterior.segments,
            posterior.features,
            score_of(posterior, worth, offset, explorer, seed),
            even,
            safe=safe,
            terms=terms,
        )

    if terms.limits.to_json():
        policy = constrain_sampled(
            sampled, objective, terms.limits, priced, uniform=terms.uniform, certainty=certainty, seed=seed
        )
    else:
        policy = priced(objective.values, np.zeros(posterior.actions.k))
    terms = replace(policy.terms, expected=_expected(policy, sampled, objective))
    return replace(policy, typical=_typical(policy, sampled), terms=terms)


def score_of(posterior: ContextualPosterior, objective: Objective, offset: F64, explorer: Explorer, seed: int) -> Score:
    """The utilities in context: Gaussian and linear where links are the identity, a bank otherwise.

    Probabilities of being best also need independent actions; what follows from means and deviations does not.
    """
    rule, outcomes = explorer.rule, objective.outcomes
    linear = all(posterior.link(o) == "identity" for o in outcomes)
    if linear and (posterior.independent or not rule.samples):
        return LinearScore.of(rule, *_utility(posterior, objective, offset))
    gain = np.stack([objective.values[o] * posterior.scale(o) for o in outcomes])
    draws = _draws(explorer)
    theta = [posterior.bank(o, draws, seed) for o in outcomes]
    return BankScore.of(rule, [posterior.link(o) for o in outcomes], theta, gain, offset)


def _draws(explorer: Explorer) -> int:
    inner = explorer.explorer if isinstance(explorer, Cautious) else explorer
    return (inner.draws or DRAWS) if isinstance(inner, Thompson) else DRAWS


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


def _typical(policy: Contextual, sampled: Sampled) -> U64:
    """(s, k) the mean pmf of each node over contexts that it may face."""
    nodes, rows = sampled.facing(A_NODE)
    pmf = pmf_of(policy, nodes, sampled.context[rows])
    total = np.zeros((len(policy.segments), policy.actions.k))
    np.add.at(total, nodes, pmf)
    return np.array([to_shares((row / row.sum()).tolist()) for row in total], np.uint64)


def _expected(policy: Contextual, sampled: Sampled, objective: Objective) -> dict[str, float]:
    """What the model expects per decision of what is served, over the sample."""
    pmf = served(pmf_of(policy, sampled.nodes, sampled.context), None, policy.uniform) / ONE
    posterior = sampled.posterior
    found = {o: float(np.sum(pmf * sampled.mean(o)) / len(pmf)) for o in posterior.outcomes}
    found[OBJECTIVE] = sum(objective.values[o] * found[o] for o in objective.outcomes)
    if None not in posterior.actions.frequencies:
        found["sends_per_period"] = float(np.mean(pmf @ posterior.actions.sends))
    return found
