"""Limits of contextual policies: kept over the posterior's sample of contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tactful.batch.pmf import pmf_of
from tactful.core.arrays import F64
from tactful.core.draw import to_shares
from tactful.core.outcomes import Limits, Objective
from tactful.optimisation.constrained import SLACK, Served, bisected, tightened
from tactful.optimisation.constraints import Limit, limited_outcomes, priced_values, send_limits
from tactful.optimisation.population import Sampled
from tactful.policies.contextual import Contextual

DRAWS = 512  # at each context of the sample
RAISES = (1.0, 1.25, 1.6, 2.5, 4.0)  # of the prices


class Problem(NamedTuple):
    """Limits over a sample: ``best`` (s, k) is the optimum within them, by node, at these ``prices``."""

    sampled: Sampled
    limits: list[Limit]
    on: Served
    best: F64
    prices: Mapping[str, float]
    seed: int

    def share(self, pmf: F64) -> float:
        """The least share of ``best`` beside a pmf (r, k) at which every limit is kept."""
        # What is served is linear in the share: each limit's rates under both ends, by draw.
        mixed = (1 - self.on.uniform) * pmf + self.on.uniform / pmf.shape[1]
        ends: list[tuple[F64, F64, float]] = []
        for x in self.limits:
            here = _plain(mixed, x) if x.draws is None else self.sampled.rates(x.name, mixed, DRAWS, self.seed)
            ends.append((here, self.on.rates(self.best, x), x.bound - SLACK * abs(x.bound)))
        q = self.on.certainty
        return bisected(lambda a: all(_quantile((1 - a) * e + a * b, q) <= top + 1e-12 for e, b, top in ends), 0.0)


def constrain_sampled(
    sampled: Sampled,
    objective: Objective,
    limits: Limits,
    priced: Callable[[Mapping[str, float], F64], Contextual],
    *,
    uniform: float,
    certainty: float,
    seed: int,
) -> Contextual:
    """A contextual policy, moved just far enough towards the constrained optimum to keep every limit over the sample.

    The programme decides by node, on averages over the sample; ``priced`` makes the policy that explores on given
    values of the outcomes and an offset (k,) of the actions. Mixing in a pmf by node costs what contexts are worth, so
    that higher prices are tried too: of these policies, all within the limits, the one of the highest expected
    objective over the sample is taken.

    Raises
    ------
    SpecError, NothingToSayError
        As ``limits.constrain``.
    """
    posterior = sampled.posterior
    bounds = limited_outcomes(posterior, limits)
    means = {o: sampled.mean(o) for o in {*objective.outcomes, *bounds}}
    found = [Limit(o, b, sampled.by_node(means[o]), sampled.node_draws(o, DRAWS, seed)) for o, b in bounds.items()]
    found += send_limits(posterior, limits)
    utility = objective.combine({o: means[o] for o in objective.outcomes})
    on = Served(sampled.weight, uniform, certainty)
    best, prices = tightened(found, sampled.by_node(utility), on, posterior.segments.parents)
    problem = Problem(sampled, found, on, best, prices, seed)
    base = np.array([to_shares(row.tolist()) for row in best], np.uint64)
    most, chosen = -np.inf, None
    for raised in RAISES:
        policy = priced(*priced_values(posterior, objective, found, {o: raised * p for o, p in prices.items()}))
        pmf = pmf_of(policy, sampled.nodes, sampled.context)
        share = problem.share(pmf)
        value = float(np.sum(((1 - share) * pmf + share * best[sampled.nodes]) * utility))
        if value > most:
            most, chosen = (
                value,
                replace(
                    policy,
                    base=base if share > 0 else None,
                    share=share,
                    terms=replace(policy.terms, prices=prices),
                ),
            )
        if share == 0 or not any(prices.values()):
            break
    assert chosen is not None  # noqa: S101 - the first is better than nothing
    return chosen


def _quantile(rates: F64, q: float) -> float:
    return float(np.quantile(rates, q))


def _plain(mixed: F64, limit: Limit) -> F64:
    cost: F64 = limit.cost[0]
    return (mixed @ cost).mean(keepdims=True)
