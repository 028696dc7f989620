"""Populations: of nodes and of contexts, and where every context is the same they say the same."""

from __future__ import annotations

import numpy as np
import pytest

from contexts import FEATURES, TREE, Made
from logs import GRID, random_log
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError
from tactful.models.conjugate.posterior import Conjugate
from tactful.optimisation.constrained import constrain
from tactful.optimisation.context_population import ContextPopulation
from tactful.optimisation.explorers import Greedy
from tactful.optimisation.linear_programme import Limit
from tactful.optimisation.node_population import NodePopulation, expected
from tactful.optimisation.publish import population_of

BOTH = Objective({"spend": 1.0, "opted_out": -0.5})


class Alike(Made):
    """Every context at the centre of the features."""

    def __post_init__(self):
        super().__post_init__()
        self.sample = self.sample[0], np.tile(FEATURES.centre, (self.rows, 1))

    def mean(self, outcome):
        return self.mean_[outcome][..., 0]

    def draws(self, outcome, m, seed):
        return self.bank(outcome, m, seed)[..., 0]


def populations():
    return NodePopulation.from_posterior(Alike()), ContextPopulation.kept_by(Alike())


def test_rows_nodes_and_weights():
    nodes, contexts = populations()
    assert nodes.nodes.tolist() == list(range(len(TREE)))
    assert nodes.context is None
    assert contexts.context.shape == (300, 2)
    np.testing.assert_allclose(nodes.node_weight, contexts.node_weight)
    assert contexts.node_weight.sum() == pytest.approx(1)


def test_means_and_expectations_agree_where_contexts_do():
    nodes, contexts = populations()
    for outcome in ("spend", "opted_out"):
        np.testing.assert_allclose(contexts.mean(outcome), nodes.mean(outcome)[contexts.nodes])
    pmf = np.random.default_rng(1).dirichlet(np.ones(GRID.k), len(TREE))
    by_nodes, by_contexts = nodes.expected(BOTH, pmf), contexts.expected(BOTH, pmf[contexts.nodes])
    assert list(by_nodes) == list(by_contexts) == ["spend", "opted_out", "objective", "sends_per_period"]
    assert by_nodes == pytest.approx(by_contexts)
    values = expected(nodes.posterior, BOTH, pmf)["spend"]
    assert by_nodes["spend"] == pytest.approx(values @ nodes.node_weight)


def test_rates_are_draws_of_the_mean_over_all_rows():
    nodes, contexts = populations()
    pmf = np.random.default_rng(1).dirichlet(np.ones(GRID.k), len(TREE))
    spend = contexts.limit("spend", 1.0, 5)
    np.testing.assert_allclose(spend.cost, contexts.by_node(contexts.mean("spend")))
    sends = Limit("sends_per_period", 1.0, np.tile(GRID.sends, (len(TREE), 1)))
    by_contexts = contexts.rates([spend, sends], pmf[contexts.nodes], 5)
    by_nodes = nodes.rates([spend, sends], pmf, 5)
    weighted = contexts.node_weight[:, None] * pmf
    for limit, left, right in zip([spend, sends], by_contexts, by_nodes, strict=True):
        np.testing.assert_allclose(left, right)
        np.testing.assert_allclose(left, limit.rates(weighted))
    assert [rates.shape for rates in by_nodes] == [(512,), (1,)]


def test_the_same_prices_where_contexts_do_not_matter():
    limits = Limits({}, 1.0)
    by_nodes, by_contexts = (constrain(p, BOTH, limits, Greedy(), uniform=0.1, seed=3) for p in populations())
    assert by_nodes.prices == pytest.approx(by_contexts.prices)
    assert by_nodes.prices["sends_per_period"] > 0


def test_contexts_of_a_node_are_those_below_it_or_else_its_parents():
    population = ContextPopulation.kept_by(Made(rows=40))
    nodes, rows = population.contexts_by_node(12)
    for v in range(len(TREE)):
        mine = rows[nodes == v]
        assert 0 < mine.size <= 12
        below = {u for u in range(len(TREE)) if TREE.paths[u].startswith(TREE.paths[v])}
        assert set(population.nodes[mine].tolist()) <= below
    alone = np.flatnonzero(Made(rows=40).sample[0] == TREE.index("b"))
    assert set(rows[nodes == TREE.index("b")].tolist()) <= set(alone.tolist())


def test_an_empty_sample_says_nothing():
    made = Made()
    made.sample = np.empty(0, np.int64), np.empty((0, 2))
    with pytest.raises(NothingToSayError, match="no decision has been counted"):
        ContextPopulation.kept_by(made)


def test_a_posterior_with_features_has_a_population_of_contexts():
    log = random_log(1, users=40, outcomes=("engaged",))
    assert isinstance(population_of(Conjugate().fit(log)), NodePopulation)
    assert isinstance(population_of(Made()), ContextPopulation)
