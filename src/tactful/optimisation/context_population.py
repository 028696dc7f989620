"""The population of a contextual policy: the sample of contexts that its posterior keeps from the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tactful.batch.pmf import pmf_of
from tactful.core.arrays import F64, I64, U64
from tactful.core.draw import to_shares
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import NothingToSayError
from tactful.models.base import ContextualPosterior, Link
from tactful.optimisation.cautious import Cautious
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.linear_programme import Limit
from tactful.optimisation.population import SENDS
from tactful.optimisation.scores import score_of
from tactful.policies.contextual import Contextual
from tactful.policies.terms import Terms

CONTEXT_DRAWS = 512  # posterior draws at each context
CONTEXT_BLOCK = 64  # contexts at once
TYPICAL_CONTEXTS = 200  # of each node, over which its typical pmf is taken
PRICE_FACTORS = (1.0, 1.25, 1.6, 2.5, 4.0)
_PLACES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_NORMAL = [(float(x), float(w / _WEIGHTS.sum())) for x, w in zip(_PLACES, _WEIGHTS, strict=True)]


@dataclass(frozen=True, eq=False, kw_only=True)
class ContextPopulation:
    """A row for every context that a posterior keeps, all of one weight: a keyed sample of the decisions counted."""

    posterior: ContextualPosterior
    """What is known of the outcomes in context."""
    nodes: I64
    """(r,) the node of each decision."""
    context: F64
    """(r, d − 1) its raw context."""
    design: F64
    """(r, d) its design."""
    node_weight: F64
    """(s,) the share of the sample at each node itself."""
    price_factors: tuple[float, ...] = PRICE_FACTORS
    """Also higher prices: the optimum decides by node, and mixing it in costs what contexts are worth."""
    _means: dict[str, F64] = field(default_factory=dict[str, F64], init=False, repr=False)

    @classmethod
    def kept_by(cls, posterior: ContextualPosterior) -> ContextPopulation:
        """All of a posterior's sample.

        Raises
        ------
        NothingToSayError
            The sample is empty.
        """
        nodes, context = posterior.sample
        if not nodes.size:
            raise NothingToSayError("no decision has been counted", "context", "fit on a log first")
        return cls(
            posterior=posterior,
            nodes=nodes,
            context=context,
            design=posterior.features.design(context, nodes.size),
            node_weight=np.bincount(nodes, minlength=len(posterior.segments)) / nodes.size,
        )

    def mean(self, outcome: str) -> F64:
        """(r, k) posterior mean of an outcome per decision, in context."""
        if outcome not in self._means:
            self._means[outcome] = self._mean(outcome)
        return self._means[outcome]

    def _mean(self, outcome: str) -> F64:
        posterior = self.posterior
        theta, scale, link = posterior.coefficients(outcome), posterior.scale(outcome), posterior.link(outcome)
        root = None if link == "identity" else posterior.roots(outcome)
        means = np.empty((self.nodes.size, posterior.actions.k))
        for node, rows in self._blocks():
            z = self.design[rows]
            mean = z @ theta[node].T
            if root is not None:
                spread = np.sqrt(np.sum(np.square(np.einsum("rd,ade->rae", z, root[node])), 2))
                mean = _expected_response(link, mean, spread)
            means[rows] = mean * scale[node]
        return means

    def by_node(self, values: F64) -> F64:
        """(s, k) means of values (r, k) over the contexts at each node itself; 0 where there are none."""
        total = np.zeros((len(self.posterior.segments), values.shape[1]))
        np.add.at(total, self.nodes, values)
        return total / self._counts

    def limit(self, outcome: str, bound: float, seed: int) -> Limit:
        """The limit on an outcome, with posterior draws of its mean over the contexts at each node itself."""
        draws = np.zeros((CONTEXT_DRAWS, len(self.posterior.segments), self.posterior.actions.k))
        for node, _, response in self._responses(outcome, seed):
            draws[:, node] += response.sum(2)
        return Limit(outcome, bound, self.by_node(self.mean(outcome)), draws / self._counts)

    def rates(self, limits: Sequence[Limit], pmf: F64, seed: int) -> list[F64]:
        """For each limit (m,) draws of what a served pmf (r, k) costs; one number where it is exact."""
        return [self._rates(limit, pmf, seed) for limit in limits]

    def _rates(self, limit: Limit, pmf: F64, seed: int) -> F64:
        if limit.draws is None:
            cost: F64 = limit.cost[0]
            return (pmf @ cost).mean(keepdims=True)
        total = np.zeros(CONTEXT_DRAWS)
        for _, rows, response in self._responses(limit.name, seed):
            total += np.einsum("mab,ba->m", response, pmf[rows])
        return total / self.nodes.size

    def explore(self, explorer: Explorer, objective: Objective, offset: F64 | None, seed: int) -> ContextualDraft:
        """The explorer's score in context; without ``offset`` as with zeros."""
        posterior = self.posterior
        offset = np.zeros(posterior.actions.k) if offset is None else offset
        safe = explorer.safe(posterior, objective, seed, offset) if isinstance(explorer, Cautious) else None
        even = to_shares([1 / posterior.actions.k] * posterior.actions.k)
        policy = Contextual(
            actions=posterior.actions,
            segments=posterior.segments,
            features=posterior.features,
            score=score_of(posterior, explorer, objective, offset, seed),
            typical=np.array([even] * len(posterior.segments), np.uint64),
            safe=safe,
        )
        return ContextualDraft(self, policy)

    def expected(self, objective: Objective, pmf: F64) -> dict[str, float]:
        """Means over the contexts."""
        posterior = self.posterior
        means = {o: float(np.sum(pmf * self.mean(o)) / len(pmf)) for o in posterior.outcomes}
        means[OBJECTIVE] = sum(objective.values[o] * means[o] for o in objective.outcomes)
        if None not in posterior.actions.frequencies:
            means[SENDS] = float(np.mean(pmf @ posterior.actions.sends))
        return means

    def contexts_by_node(self, size: int) -> tuple[I64, I64]:
        """At most ``size`` contexts that each node may face: at or below it, or else its parent's.

        Returns
        -------
        nodes, rows
            (p,) pairs of a node and a row of the population.
        """
        parents: list[int] = self.posterior.segments.parents.tolist()
        inside: list[I64] = [np.flatnonzero(self.nodes == v)[:size] for v in range(len(parents))]
        for v in range(len(parents) - 1, 0, -1):
            inside[parents[v]] = np.union1d(inside[parents[v]], inside[v])[:size]
        for v in range(1, len(parents)):
            if not inside[v].size:
                inside[v] = inside[parents[v]]
        return np.repeat(np.arange(len(parents)), [x.size for x in inside]), np.concatenate(inside)

    @cached_property
    def _counts(self) -> F64:
        """(s, 1) contexts at each node itself, at least 1."""
        return np.maximum(self.node_weight * self.nodes.size, 1.0)[:, None]

    def _responses(self, outcome: str, seed: int) -> Iterator[tuple[int, I64, F64]]:
        """Blocks of contexts, each of one node: the node, its rows (b,), and draws of the outcome (m, k, b)."""
        bank, scale = self.posterior.bank(outcome, CONTEXT_DRAWS, seed), self.posterior.scale(outcome)
        link = self.posterior.link(outcome)
        for node, rows in self._blocks():
            response = _response(link, bank[:, node] @ self.design[rows].T)
            response *= scale[node][None, :, None]
            yield node, rows, response

    def _blocks(self) -> Iterator[tuple[int, I64]]:
        order = np.argsort(self.nodes, kind="stable")
        names, starts = np.unique(self.nodes[order], return_index=True)
        for node, rows in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
            for start in range(0, rows.size, CONTEXT_BLOCK):
                yield node, rows[start : start + CONTEXT_BLOCK]


@dataclass(frozen=True, eq=False)
class ContextualDraft:
    """A contextual policy in the making, without its terms."""

    population: ContextPopulation
    """The contexts on which it is published."""
    draft: Contextual
    """What it does so far."""

    @property
    def pmf(self) -> F64:
        """(r, k) probabilities on the contexts of the population."""
        return pmf_of(self.draft, self.population.nodes, self.population.context)

    def policy(self, terms: Terms, optimum: F64 | None = None, share: float = 0.0) -> Contextual:
        """The policy that can be served, with a share of another pmf by node (s, k) mixed in, and its typical pmf."""
        policy = self.draft
        if optimum is not None and share > 0:
            base = np.array([to_shares(row.tolist()) for row in optimum], np.uint64)
            policy = replace(policy, base=base, share=share)
        return replace(policy, typical=self._typical(policy), terms=terms)

    def _typical(self, policy: Contextual) -> U64:
        """(s, k) the mean pmf of each node over contexts that it may face."""
        nodes, rows = self.population.contexts_by_node(TYPICAL_CONTEXTS)
        pmf = pmf_of(policy, nodes, self.population.context[rows])
        total = np.zeros((len(policy.segments), policy.actions.k))
        np.add.at(total, nodes, pmf)
        return np.array([to_shares((row / row.sum()).tolist()) for row in total], np.uint64)


def _response(link: Link, y: F64) -> F64:
    """The inverse link."""
    if link == "identity":
        return y
    return 0.5 + 0.5 * np.tanh(0.5 * y) if link == "logistic" else np.exp(y)


def _expected_response(link: Link, mean: F64, sd: F64) -> F64:
    """E link⁻¹(N(mean, sd²)): exact for log, Gauss–Hermite with 15 nodes for logistic."""
    if link == "log":
        return np.exp(mean + 0.5 * sd * sd)
    return np.sum([w * _response(link, mean + x * sd) for x, w in _NORMAL], axis=0)
