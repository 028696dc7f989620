"""Limits: kept under the posterior's quantile in every random problem, priced, named where they cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import linprog

from logs import ABSORBING, BINARY, JIT
from tactful.batch.served import serve
from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.optimisation.constrained import CERTAINTY, constrain
from tactful.optimisation.explorers import EpsilonGreedy, Greedy, Softmax, Thompson
from tactful.optimisation.linear_programme import Limit, LinearProgramme
from tactful.optimisation.node_population import NodePopulation
from tactful.optimisation.publish import publish

GRID = ActionSpace.grid(["08:00", "19:30"], [1, 3])
TREE = Segments.of(["a/x", "a/y", "b"])
REWARD = Objective({"engaged": 1.0, "opted_out": -2.0})
EXPLORERS = (Thompson(64, 2.0), Thompson(64, 1.0), Greedy(), EpsilonGreedy(0.3), Softmax(0.05))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A posterior that is its draws (m, s, k)."""

    bank: dict
    decisions: np.ndarray
    actions = GRID
    segments = TREE
    outcomes = {"engaged": BINARY, "opted_out": ABSORBING}  # noqa: RUF012
    lineage = Lineage()

    def counted(self, outcome):
        return np.outer(self.decisions, np.ones(GRID.k))

    def strength(self, outcome):
        return self.counted(outcome)

    def mean(self, outcome):
        return self.bank[outcome].mean(0)

    def draws(self, outcome, m, seed):
        return self.bank[outcome][:m]


def problem(seed, m=200):
    """Random means and spreads; more sends engage more and cost more opt-outs, on the whole."""
    rng = np.random.default_rng(seed)
    s, k = len(TREE), GRID.k
    f = np.array(GRID.frequencies, float)
    engaged = rng.beta(2, 8, (s, k)) + 0.05 * f
    opted = 0.001 + 0.002 * f * rng.gamma(2, 0.5, (s, k))
    decisions = np.where([p in ("a/x", "a/y", "b") for p in TREE.paths], rng.integers(1, 1000, s), 0).astype(float)
    bank = {
        "engaged": engaged * rng.lognormal(0, 0.2, (m, s, k)),
        "opted_out": opted * rng.lognormal(0, 0.4, (m, s, k)),
    }
    return Drawn(bank, decisions)


def rates(posterior, policy, name):
    """(m,) the aggregate rate of each posterior draw under what is served, from the integers themselves."""
    pmf = serve(policy.pmf(np.arange(len(TREE))), None, policy.uniform) / ONE
    weight = posterior.decisions / posterior.decisions.sum()
    return np.einsum("s,sk,msk->m", weight, pmf, posterior.bank[name])


def volume(posterior, policy, slot=None):
    pmf = serve(policy.pmf(np.arange(len(TREE))), None, policy.uniform) / ONE
    weight = posterior.decisions / posterior.decisions.sum()
    sends = np.array([f if slot is None or s == slot else 0 for f, s in zip(GRID.frequencies, GRID.slots, strict=True)])
    return float(weight @ pmf @ sends)


def programme(posterior, limits, uniform=0.0, certainty=CERTAINTY):
    """The linear programme of a posterior's means."""
    return LinearProgramme(
        utility=REWARD.combine({o: posterior.mean(o) for o in posterior.outcomes}),
        limits=limits,
        weight=posterior.decisions / posterior.decisions.sum(),
        parents=TREE.parents,
        uniform=uniform,
        certainty=certainty,
    )


@pytest.mark.parametrize("block", range(10))
def test_limits_are_kept_in_every_random_problem(block):
    """1,000 problems (100 without the JIT): kept in the quantile of the posterior, or refused by name."""
    refused = kept = 0
    for seed in range(block * 100, block * 100 + (100 if JIT else 10)):
        rng = np.random.default_rng(10_000 + seed)
        posterior = problem(seed)
        limits = Limits({"opted_out": rng.uniform(0.0012, 0.006)}, rng.uniform(0.3, 3), {"19:30": rng.uniform(0.2, 1)})
        explorer, eta = EXPLORERS[seed % len(EXPLORERS)], rng.choice([0.0, 0.03, 0.2])
        try:
            policy = publish(posterior, REWARD, limits, explorer=explorer, uniform=eta, seed=seed)
        except SpecError as error:
            refused += any(name in str(error) for name in ("opted_out", "sends_per_period", "slot_share"))
            continue
        kept += 1
        assert np.quantile(rates(posterior, policy, "opted_out"), CERTAINTY) <= limits.outcomes["opted_out"] * (
            1 + 1e-9
        )
        total = volume(posterior, policy)
        assert total <= limits.sends_per_period * (1 + 1e-9)
        assert volume(posterior, policy, "19:30") <= limits.slot_share["19:30"] * total + 1e-8
    assert kept + refused == (100 if JIT else 10)
    assert kept > refused


@pytest.mark.parametrize("seed", range(20))
def test_the_optimum_is_that_of_a_dense_programme(seed):
    posterior = problem(seed)
    weight = posterior.decisions / posterior.decisions.sum()
    utility = REWARD.combine({o: posterior.mean(o) for o in posterior.outcomes})
    cost = np.tile(np.array(GRID.frequencies, float), (len(TREE), 1))
    best, prices = programme(posterior, [Limit("sends", 1.0, cost)], uniform=0.1).solve([1.0])
    on = np.repeat(0.9 * weight, GRID.k)
    dense = linprog(
        -(on * utility.ravel()),
        [on * cost.ravel()],
        [1.0 - 0.1 * cost.mean(1) @ weight],
        np.kron(np.eye(len(TREE)), np.ones(GRID.k)),
        np.ones(len(TREE)),
    )
    assert float(on @ (best * utility).ravel()) == pytest.approx(-dense.fun, rel=1e-9)
    assert prices["sends"] == pytest.approx(-dense.ineqlin.marginals[0], rel=1e-6, abs=1e-9)


def test_a_limit_that_does_not_bind_changes_nothing_and_costs_nothing():
    posterior = problem(3)
    free = publish(posterior, REWARD, explorer=Thompson(64), seed=3)
    loose = publish(posterior, REWARD, Limits({"opted_out": 0.5}), explorer=Thompson(64), seed=3)
    assert loose.version == free.version
    assert loose.prices == {"opted_out": 0.0}


def test_a_tighter_limit_costs_more_and_earns_less():
    posterior = problem(4)
    policies = [publish(posterior, REWARD, Limits({}, c), explorer=Greedy(), seed=4) for c in (2.5, 1.5, 0.8, 0.4)]
    prices = [p.prices["sends_per_period"] for p in policies]
    assert prices == sorted(prices)
    assert prices[-1] > 0
    values = [p.expected["objective"] for p in policies]
    assert values == sorted(values, reverse=True)


def test_segments_without_decisions_get_the_mean_of_those_below():
    posterior = problem(5)
    found = constrain(NodePopulation.from_posterior(posterior), REWARD, Limits({}, 0.5), Greedy(), uniform=0.0, seed=5)
    for pmf in (found.draft.pmf, found.optimum):
        np.testing.assert_allclose(pmf.sum(1), 1, atol=1e-12)
    weight = posterior.decisions / posterior.decisions.sum()
    cost = np.tile(np.array(GRID.frequencies, float), (len(TREE), 1))
    best, _ = programme(posterior, [Limit("sends", 0.5, cost)]).optimum()
    above, below = TREE.index("a"), [TREE.index("a/x"), TREE.index("a/y")]
    assert weight[above] == weight[0] == 0
    np.testing.assert_allclose(best[above], weight[below] @ best[below] / weight[below].sum(), atol=1e-12)
    np.testing.assert_allclose(best[0], weight @ best, atol=1e-12)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits({"opted_out": 1e-6}), "opted_out = 1e-06 cannot be kept: the least that any policy reaches is"),
        (Limits({"bounced": 0.1}), "unknown outcome 'bounced'"),
        (Limits({}, 0.01), "sends_per_period = 0.01 cannot be kept"),
        (Limits({}, None, {"12:00": 0.1}), "unknown slot '12:00'"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_named(limits, words):
    with pytest.raises(SpecError, match=r"\[limits\]") as caught:
        publish(problem(6), REWARD, limits, uniform=0.1)
    assert words in str(caught.value)


def test_less_certainty_leaves_more_room():
    posterior = problem(7)
    limits = Limits({"opted_out": 0.003})
    utility = REWARD.combine({o: posterior.mean(o) for o in posterior.outcomes})
    limit = Limit("opted_out", 0.003, posterior.mean("opted_out"), posterior.bank["opted_out"])
    weight = posterior.decisions / posterior.decisions.sum()
    earned = []
    for certainty in (0.99, 0.9, 0.5):
        policy = publish(posterior, REWARD, limits, explorer=Greedy(), certainty=certainty, uniform=0.0)
        assert np.quantile(rates(posterior, policy, "opted_out"), certainty) <= 0.003 * (1 + 1e-9)
        best, _ = programme(posterior, [limit], certainty=certainty).optimum()
        earned.append(float(weight @ np.sum(best * utility, 1)))
    assert earned == sorted(earned)
    assert earned[0] < earned[-1]
    with pytest.raises(SpecError, match="certainty"):
        publish(posterior, REWARD, limits, certainty=1.0)
