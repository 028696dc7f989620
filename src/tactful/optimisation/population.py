"""A contextual posterior at the contexts of its sample, over which limits and expectations of its policies run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.errors import NothingToSayError
from tactful.models.base import ContextualPosterior, Link

ROWS = 64  # contexts at once
_PLACES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_NORMAL = [(float(x), float(w / _WEIGHTS.sum())) for x, w in zip(_PLACES, _WEIGHTS, strict=True)]


@dataclass(frozen=True, eq=False)
class Sampled:
    """r decisions of the posterior's sample: ``nodes`` (r,), raw ``context`` and their design (r, d)."""

    posterior: ContextualPosterior
    nodes: I64
    context: F64
    design: F64

    @classmethod
    def of(cls, posterior: ContextualPosterior) -> Sampled:
        """All of the sample.

        Raises
        ------
        NothingToSayError
            The sample is empty.
        """
        nodes, context = posterior.sample
        if not nodes.size:
            raise NothingToSayError("no decision has been counted", "context", "fit on a log first")
        return cls(posterior, nodes, context, posterior.features.design(context, nodes.size))

    @cached_property
    def weight(self) -> F64:
        """(s,) the share of the sample at each node itself."""
        return np.bincount(self.nodes, minlength=len(self.posterior.segments)) / self.nodes.size

    def mean(self, outcome: str) -> F64:
        """(r, k) posterior mean of an outcome per decision, in context."""
        posterior = self.posterior
        theta, scale, link = posterior.coefficients(outcome), posterior.scale(outcome), posterior.link(outcome)
        root = None if link == "identity" else posterior.roots(outcome)
        out = np.empty((self.nodes.size, posterior.actions.k))
        for node, rows in self._blocks():
            z = self.design[rows]
            mean = z @ theta[node].T
            if root is not None:
                spread = np.sqrt(np.sum(np.square(np.einsum("rd,ade->rae", z, root[node])), 2))
                mean = _expected(link, mean, spread)
            out[rows] = mean * scale[node]
        return out

    def by_node(self, values: F64) -> F64:
        """(s, k) means of values (r, k) over the sample at each node itself; 0 where there is none."""
        total = np.zeros((len(self.posterior.segments), values.shape[1]))
        np.add.at(total, self.nodes, values)
        return total / np.maximum(self.weight * self.nodes.size, 1.0)[:, None]

    def draws(self, outcome: str, m: int, seed: int) -> Iterator[tuple[int, I64, F64]]:
        """Blocks of the sample, each of one node: the node, its rows (b,), and draws of the outcome (m, k, b)."""
        bank, scale = self.posterior.bank(outcome, m, seed), self.posterior.scale(outcome)
        link = self.posterior.link(outcome)
        for node, rows in self._blocks():
            response = _inverse(link, bank[:, node] @ self.design[rows].T)
            response *= scale[node][None, :, None]
            yield node, rows, response

    def node_draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of the mean over the sample at each node itself; 0 where there is none."""
        out = np.zeros((m, len(self.posterior.segments), self.posterior.actions.k))
        for node, _, drawn in self.draws(outcome, m, seed):
            out[:, node] += drawn.sum(2)
        return out / np.maximum(self.weight * self.nodes.size, 1.0)[:, None]

    def rates(self, outcome: str, pmf: F64, m: int, seed: int) -> F64:
        """(m,) draws of the outcome's mean over the sample, under a pmf (r, k)."""
        total = np.zeros(m)
        for _, rows, drawn in self.draws(outcome, m, seed):
            total += np.einsum("mab,ba->m", drawn, pmf[rows])
        return total / self.nodes.size

    def facing(self, most: int) -> tuple[I64, I64]:
        """For each node rows that it may face, as (node, row) pairs: at or below it, or else its parent's; a few."""
        parents: list[int] = self.posterior.segments.parents.tolist()
        inside: list[I64] = [np.flatnonzero(self.nodes == v)[:most] for v in range(len(parents))]
        for v in range(len(parents) - 1, 0, -1):
            inside[parents[v]] = np.union1d(inside[parents[v]], inside[v])[:most]
        for v in range(1, len(parents)):
            if not inside[v].size:
                inside[v] = inside[parents[v]]
        return np.repeat(np.arange(len(parents)), [x.size for x in inside]), np.concatenate(inside)

    def _blocks(self) -> Iterator[tuple[int, I64]]:
        order = np.argsort(self.nodes, kind="stable")
        names, starts = np.unique(self.nodes[order], return_index=True)
        for node, rows in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
            for start in range(0, rows.size, ROWS):
                yield node, rows[start : start + ROWS]


def _inverse(link: Link, y: F64) -> F64:
    if link == "identity":
        return y
    return 0.5 + 0.5 * np.tanh(0.5 * y) if link == "logistic" else np.exp(y)


def _expected(link: Link, mean: F64, sd: F64) -> F64:
    """E link⁻¹(N(mean, sd²)): exact for log, Gauss–Hermite with 15 nodes for logistic."""
    if link == "log":
        return np.exp(mean + 0.5 * sd * sd)
    return np.sum([w * _inverse(link, mean + x * sd) for x, w in _NORMAL], axis=0)
