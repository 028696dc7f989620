"""From a posterior to a policy that can be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeGuard

import numpy as np

from tactful.batch.decide import served
from tactful.core.arrays import F64
from tactful.core.draw import ONE
from tactful.core.features import Features
from tactful.core.outcomes import OBJECTIVE, Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.models.base import ContextualPosterior, Posterior
from tactful.optimisation.constrained import CERTAINTY, constrain
from tactful.optimisation.contextual import publish_contextual
from tactful.optimisation.explorers import Explorer, Thompson
from tactful.optimisation.provenance import traced
from tactful.policies.arms import Arms
from tactful.policies.codec import Saved
from tactful.policies.protocol import Published
from tactful.policies.table import Table
from tactful.policies.terms import DEFAULT_SALT, Terms

SENDS = "sends_per_period"


def publish(
    posterior: Posterior,
    objective: Objective,
    limits: Limits | None = None,
    *,
    explorer: Explorer | None = None,
    uniform: float = 0.03,
    certainty: float = CERTAINTY,
    seed: int = 0,
    salt: str = DEFAULT_SALT,
    scope: str = "",
    arms: Arms | None = None,
    from_period: int | None = None,
    valid_until: int | None = None,
) -> Saved:
    """A policy that can be served: the explorer's pmf for every node of the segment tree, and every context.

    Without features it is a ``Table``. A contextual posterior gives a ``Contextual`` policy: Gaussian utilities with
    exact probabilities where all links are the identity and actions are independent, and a bank of draws otherwise.

    Parameters
    ----------
    posterior
        What is known of each outcome.
    objective
        What the outcomes are worth.
    limits
        Bounds on what is served, at the log's mix of segments: outcomes with ``certainty``, volume and slot
        shares exactly (``optimisation.constrained``). Prices of those that bind stand in ``prices``. For contextual
        policies they hold over the posterior's sample of contexts.
    explorer
        ``Thompson(draws=1024, sharpen=2)`` by default, with 256 draws in a bank.
    uniform
        Total share of uniform traffic: keeps every propensity above ``uniform / k``.
    certainty
        Quantile of the posterior of an aggregate rate that must be within its limit; .5 is the median.
    seed
        Of the bank of draws; the same seed and posterior give the same policy.
    salt, scope
        Of the draw: users draw anew in another scope.

    Raises
    ------
    SpecError
        The objective is empty, names an outcome that the posterior does not know, or a limit cannot be kept.
    NothingToSayError
        No decision's value is known yet for an outcome of the objective or the limits.
    """
    objective.check(posterior.outcomes)
    if not 0 < certainty < 1:
        raise SpecError(f"a certainty of {certainty}", "publish", "choose it between 0 and 1, such as 0.95")
    if not objective.outcomes:
        raise SpecError("no outcome has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    for o in objective.outcomes:
        if not posterior.counted(o).any():
            raise NothingToSayError(f"no value of {o} is mature yet", "outcomes", "wait, or set a later [log] as_of")
    limits = limits or Limits()
    terms = Terms(
        uniform=uniform,
        salt=salt,
        scope=scope,
        arms=arms or Arms(),
        from_period=from_period,
        valid_until=valid_until,
        objective=objective,
        limits=limits,
        lineage=traced(posterior, objective.outcomes),
    )
    if is_contextual(posterior):
        return publish_contextual(posterior, objective, explorer, terms, certainty=certainty, seed=seed)
    explorer = explorer or Thompson()
    prices: Mapping[str, float] = {}
    if limits.to_json():
        found = constrain(posterior, objective, limits, explorer, uniform=uniform, seed=seed, certainty=certainty)
        pmf, prices = found.pmf, found.prices
    else:
        pmf = explorer.pmf(posterior, objective, seed)
    table = Table.of(posterior.actions, posterior.segments, pmf, terms)
    means = _overall(posterior, expected(posterior, objective, node_pmf(table)))
    return replace(table, terms=replace(terms, prices=prices, expected=means))


def expected(posterior: Posterior, objective: Objective, pmf: F64) -> dict[str, F64]:
    """What the model expects per decision of a served pmf (s, k), for each node (s,).

    Every outcome, the objective, and the sends per period where all actions have a frequency.
    """
    means = {o: np.sum(pmf * posterior.mean(o), 1) for o in posterior.outcomes}
    means[OBJECTIVE] = objective.combine(means)
    if None not in posterior.actions.frequencies:
        means[SENDS] = pmf @ posterior.actions.sends
    return means


def is_contextual(posterior: Posterior) -> TypeGuard[ContextualPosterior]:
    """Whether a posterior depends on features of a context."""
    features: Features | None = getattr(posterior, "features", None)
    return features is not None and bool(features.names)


def node_pmf(policy: Published) -> F64:
    """(s, k) what is served at each node of the policy's tree when every action is eligible.

    For a contextual policy it is the mean over the contexts that it was published on.
    """
    return served(policy.average(), None, policy.uniform) / ONE


def _overall(posterior: Posterior, by_node: Mapping[str, F64]) -> dict[str, float]:
    """Means over the decisions of the log, at its own mix of segments."""
    weight = posterior.decisions
    return {name: float(values @ weight / weight.sum()) for name, values in by_node.items()}
