"""From a posterior to a policy that can be served."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from tactful.batch.pmf import pmf_of
from tactful.batch.served import serve
from tactful.core.arrays import F64
from tactful.core.draw import ONE
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, SpecError
from tactful.models.base import ContextualPosterior, Posterior, ProvidesFeatures
from tactful.optimisation.constrained import CERTAINTY, constrain
from tactful.optimisation.context_population import ContextPopulation
from tactful.optimisation.explorers import Explorer, Thompson
from tactful.optimisation.node_population import NodePopulation
from tactful.optimisation.population import Population
from tactful.optimisation.provenance import traced
from tactful.policies.arms import Arms
from tactful.policies.codec import Saved
from tactful.policies.protocol import Published
from tactful.policies.terms import DEFAULT_SALT, Terms


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
        Bounds on what is served, at the log's mix of segments: outcomes with ``certainty``, volume and slot shares
        exactly. For contextual policies they hold over the posterior's sample of contexts. The policy's ``prices``
        say which of them bind.
    explorer
        How to explore; by default ``Thompson(draws=1024, sharpen=2)``, with 256 draws in a bank.
    uniform
        Total share in [0, 1] of uniform traffic: it keeps every propensity above ``uniform / k``.
    certainty
        Quantile between 0 and 1 of the posterior of an aggregate rate that must be within its limit; .5 is the median.
    seed
        Of the posterior draws; the same seed and posterior give the same policy.
    salt
        Of the policy's own draws; with another salt every user draws anew.
    scope
        Name of what is decided, such as a channel; users draw independently in another scope.
    arms
        Shares of users who are kept from the policy for good; by default none.
    from_period, valid_until
        Indices of the first and the last period in which the policy may decide; None: no bound.

    Returns
    -------
    Table or Contextual
        Its ``prices`` are those of the limits, and its ``expected`` what the model expects of what is served, per
        decision: every outcome, the objective, and the sends per period where actions have frequencies.

    Raises
    ------
    SpecError
        The objective is empty, names an outcome that the posterior does not know, or a limit cannot be kept.
    NothingToSayError
        No decision's value is known yet for an outcome of the objective or the limits.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().trial(200, 4, seed=1).log
    >>> posterior = tt.Conjugate().fit(log)
    >>> policy = publish(posterior, Objective({"engaged": 1.0}), Limits({"opted_out": 0.02}))
    >>> policy.actions.names, policy.uniform, policy.prices
    (('none', 'send'), 0.03, {'opted_out': 0.0})
    >>> 0 < policy.expected["opted_out"] < 0.02
    True
    """
    _check(posterior, objective, certainty)
    limits, explorer = limits or Limits(), explorer or Thompson()
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
    population = population_of(posterior)
    if limits.to_json():
        limited = constrain(population, objective, limits, explorer, uniform=uniform, seed=seed, certainty=certainty)
        policy = limited.draft.policy(replace(terms, prices=limited.prices), limited.optimum, limited.share)
    else:
        policy = population.explore(explorer, objective, None, seed).policy(terms)
    pmf = serve(pmf_of(policy, population.nodes, population.context), None, uniform) / ONE
    return replace(policy, terms=replace(policy.terms, expected=population.expected(objective, pmf)))


def population_of(posterior: Posterior) -> Population:
    """The rows over which limits and expectations run: the contexts of a contextual posterior, or the nodes.

    Raises
    ------
    NothingToSayError
        A contextual posterior keeps no context.
    """
    if is_contextual(posterior):
        return ContextPopulation.kept_by(posterior)
    return NodePopulation.from_posterior(posterior)


def _check(posterior: Posterior, objective: Objective, certainty: float) -> None:
    """Refuse what nothing can be published for."""
    objective.check(posterior.outcomes)
    if not 0 < certainty < 1:
        raise SpecError(f"a certainty of {certainty}", "publish", "choose it between 0 and 1, such as 0.95")
    if not objective.outcomes:
        raise SpecError("no outcome has a value", "[objective]", "say what is wanted, such as engaged = 1.0")
    for o in objective.outcomes:
        if not posterior.counted(o).any():
            raise NothingToSayError(f"no value of {o} is mature yet", "outcomes", "wait, or set a later [log] as_of")


def is_contextual(posterior: Posterior) -> TypeGuard[ContextualPosterior]:
    """Whether a posterior depends on features of a context."""
    return isinstance(posterior, ProvidesFeatures) and bool(posterior.features.names)


def node_pmf(policy: Published) -> F64:
    """(s, k) what is served at each node of the policy's tree when every action is eligible.

    For a contextual policy it is the mean over the contexts that it was published on.
    """
    return serve(policy.average(), None, policy.uniform) / ONE
