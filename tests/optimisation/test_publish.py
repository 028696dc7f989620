"""From a posterior to a policy: Thompson against quadrature, the other explorers and expectations by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from scipy import integrate, stats

from logs import ABSORBING, BINARY, GRID, JIT, PLAIN, measured, random_log
from reference.draw import WHOLE, largest_remainder, served_integers
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import NothingToSayError, SpecError
from tactful.models.conjugate.posterior import Conjugate
from tactful.optimisation.explorers import EpsilonGreedy, Greedy, Softmax, Thompson
from tactful.optimisation.node_population import expected
from tactful.optimisation.publish import node_pmf, publish
from tactful.policies.arms import Arms

DRAWS = 8192 if JIT else 1024
OUTCOMES = ("engaged", "opted_out", "spend")
ENGAGED, BOTH = Objective({"engaged": 1.0}), Objective({"engaged": 1.0, "opted_out": -2.0})


@dataclass
class Fixed:
    """A posterior that is certain of given means, for two nodes and the plain actions."""

    means: dict = field(
        default_factory=lambda: {
            "engaged": np.array([[0.1, 0.3, 0.3], [0.5, 0.2, 0.4]]),
            "opted_out": np.array([[0.0, 0.1, 0.05], [0.0, 0.0, 0.0]]),
        }
    )
    decisions: np.ndarray = field(default_factory=lambda: np.array([1.0, 3.0]))
    actions = PLAIN
    segments = Segments(("", "ios"))
    outcomes = {"engaged": BINARY, "opted_out": ABSORBING}  # noqa: RUF012
    lineage = Lineage(log="abc")

    def counted(self, outcome):
        return np.outer(self.decisions, [1.0, 0.0, 0.0])

    def strength(self, outcome):
        return self.counted(outcome)

    def mean(self, outcome):
        return self.means[outcome]

    def draws(self, outcome, m, seed):
        return np.tile(self.means[outcome], (m, 1, 1))


@cache
def fit():
    return Conjugate().fit(random_log(1, users=40, outcomes=OUTCOMES, paths=("ios", "web")))


def best_of_betas(alpha, beta):
    """P(arm a is the largest) of independent Beta arms: ∫ f_a Π_{b≠a} F_b."""
    arms = [stats.beta(a, b) for a, b in zip(alpha, beta, strict=True)]
    chances = []
    for a, arm in enumerate(arms):
        others = [o for b, o in enumerate(arms) if b != a]
        points = sorted({float(o.median()) for o in arms})

        def density(x, arm=arm, others=others):
            return arm.pdf(x) * np.prod([o.cdf(x) for o in others])

        chances.append(integrate.quad(density, 0, 1, points=points, epsabs=1e-10, limit=200)[0])
    assert sum(chances) == pytest.approx(1, abs=1e-7)
    return chances


def test_thompson_probabilities_are_the_chances_of_being_best():
    """Each number of draws won is binomial; over all cells a right sampler fails once in 10⁶."""
    posterior = fit()
    pmf = Thompson(DRAWS, 1.0).pmf(posterior, ENGAGED, 5)
    mean, strength = posterior.mean("engaged"), posterior.strength("engaged")
    for node in range(len(posterior.segments)):
        chances = best_of_betas(mean[node] * strength[node], (1 - mean[node]) * strength[node])
        for a, chance in enumerate(chances):
            won = round(pmf[node, a] * DRAWS)
            assert won == pytest.approx(pmf[node, a] * DRAWS, abs=1e-6)
            assert stats.binomtest(won, DRAWS, min(chance, 1.0)).pvalue > 1e-6 / pmf.size


def test_what_is_to_be_minimised_is_minimised():
    """P(best) under −opted_out is P(smallest): the same quadrature on mirrored arms."""
    posterior = fit()
    pmf = Thompson(DRAWS, 1.0).pmf(posterior, Objective({"opted_out": -3.0}), 5)
    mean, strength = posterior.mean("opted_out"), posterior.strength("opted_out")
    chances = best_of_betas((1 - mean[0]) * strength[0], mean[0] * strength[0])
    for a, chance in enumerate(chances):
        assert stats.binomtest(round(pmf[0, a] * DRAWS), DRAWS, min(chance, 1.0)).pvalue > 1e-6 / 3


def test_thompson_weighs_all_outcomes_of_a_draw():
    posterior, m = fit(), 50
    utility = posterior.draws("engaged", m, 3) - 2 * posterior.draws("opted_out", m, 3)
    by_hand = np.zeros(utility.shape[1:])
    for draw in utility:
        for node, row in enumerate(draw):
            by_hand[node, row.argmax()] += 1 / m
    np.testing.assert_allclose(Thompson(m, 1.0).pmf(posterior, BOTH, 3), by_hand, atol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 2.0, 4.0])
def test_sharpening_takes_the_power_and_normalises(beta):
    plain, sharp = (Thompson(200, b).pmf(fit(), BOTH, 3) for b in (1.0, beta))
    by_hand = plain**beta / (plain**beta).sum(1, keepdims=True)
    np.testing.assert_allclose(sharp, by_hand, rtol=1e-12)
    assert not np.allclose(plain, sharp)


def test_ties_of_draws_split_equally():
    np.testing.assert_allclose(Thompson(4, 1.0).pmf(Fixed(), ENGAGED, 1), [[0, 0.5, 0.5], [1, 0, 0]])


def test_greedy_takes_the_best_mean_and_splits_ties():
    np.testing.assert_array_equal(Greedy().pmf(Fixed(), ENGAGED, 0), [[0, 0.5, 0.5], [1, 0, 0]])
    np.testing.assert_array_equal(Greedy().pmf(Fixed(), BOTH, 0), [[0, 0, 1], [1, 0, 0]])


def test_epsilon_greedy():
    found = EpsilonGreedy(0.3).pmf(Fixed(), BOTH, 0)
    np.testing.assert_allclose(found, [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], rtol=1e-12)


def test_softmax():
    utility = np.array([[0.1, 0.1, 0.2], [0.5, 0.2, 0.4]])
    by_hand = np.exp(utility / 0.05) / np.exp(utility / 0.05).sum(1, keepdims=True)
    np.testing.assert_allclose(Softmax(0.05).pmf(Fixed(), BOTH, 0), by_hand, rtol=1e-12)
    cold = Softmax(1e-6).pmf(Fixed(), BOTH, 0)
    np.testing.assert_allclose(cold, Greedy().pmf(Fixed(), BOTH, 0), atol=1e-12)


@pytest.mark.parametrize("explorer", [Thompson(), Greedy(), EpsilonGreedy(), Softmax()])
def test_every_explorer_gives_a_pmf(explorer):
    pmf = explorer.pmf(fit(), BOTH, 1)
    np.testing.assert_allclose(pmf.sum(1), 1, rtol=1e-12)
    assert (pmf >= 0).all()


def test_a_published_table_holds_the_explorers_pmf():
    policy = publish(Fixed(), BOTH, explorer=EpsilonGreedy(0.3))
    assert policy.shares.tolist() == [largest_remainder(row) for row in ([0.1, 0.1, 0.8], [0.8, 0.1, 0.1])]
    assert (policy.uniform, policy.objective, policy.lineage.log) == (0.03, BOTH, "abc")


def test_options_reach_the_policy():
    options = {"salt": "s", "scope": "push", "arms": Arms(0.1), "from_period": 3, "valid_until": 9, "uniform": 0.2}
    limits = Limits({"opted_out": 0.5})
    policy = publish(fit(), BOTH, limits, **options)
    assert {name: getattr(policy, name) for name in options} == options
    assert policy.limits == limits


def test_the_same_seed_gives_the_same_version():
    few = Thompson(64)
    one = publish(fit(), BOTH, explorer=few, seed=7)
    assert publish(fit(), BOTH, explorer=few, seed=7).version == one.version
    assert publish(fit(), BOTH, explorer=few, seed=8).version != one.version
    assert publish(fit(), BOTH, explorer=few, seed=7, uniform=0.1).version != one.version


def test_thompson_with_1024_draws_sharpened_twice_is_the_default():
    assert publish(fit(), BOTH, seed=7).version == publish(fit(), BOTH, seed=7, explorer=Thompson(1024, 2.0)).version


@pytest.mark.parametrize("objective", [Objective({}), Objective({"engaged": 0.0}), Objective({"clicks": 1.0})])
def test_an_objective_without_meaning_is_refused(objective):
    for explorer in (Thompson(8), Greedy()):
        with pytest.raises(SpecError, match="objective"):
            publish(fit(), objective, explorer=explorer)


def test_expectations_by_hand():
    posterior = Fixed()
    policy = publish(posterior, BOTH, explorer=Greedy(), uniform=0.3)
    served = [[x / WHOLE for x in served_integers(row, [True] * 3, 0.3)] for row in ([0, 0, WHOLE], [WHOLE, 0, 0])]
    np.testing.assert_array_equal(node_pmf(policy), served)
    np.testing.assert_allclose(served, [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], atol=1e-9)
    engaged = [0.1 * 0.1 + 0.1 * 0.3 + 0.8 * 0.3, 0.8 * 0.5 + 0.1 * 0.2 + 0.1 * 0.4]
    opted_out = [0.1 * 0.1 + 0.8 * 0.05, 0.0]
    assert policy.expected["engaged"] == pytest.approx((engaged[0] + 3 * engaged[1]) / 4, abs=1e-8)
    assert policy.expected["opted_out"] == pytest.approx(opted_out[0] / 4, abs=1e-8)
    assert policy.expected["objective"] == pytest.approx(policy.expected["engaged"] - 2 * policy.expected["opted_out"])
    assert "sends_per_period" not in policy.expected  # plain names have no frequencies
    np.testing.assert_allclose(expected(posterior, BOTH, np.array(served))["engaged"], engaged, atol=1e-8)


def test_expected_sends_by_hand():
    posterior = Conjugate().fit(random_log(1, actions=GRID))
    for explorer, uniform in ((Greedy(), 0.0), (Thompson(64), 0.25)):
        policy = publish(posterior, ENGAGED, explorer=explorer, uniform=uniform)
        sends = []
        for row in policy.shares.tolist():
            served = served_integers(row, [True] * 5, uniform)
            sends.append(sum(x / WHOLE * f for x, f in zip(served, (0, 1, 3, 1, 3), strict=True)))
        weight = posterior.decisions
        assert policy.expected["sends_per_period"] == pytest.approx(sends @ weight / weight.sum(), rel=1e-12)


@pytest.mark.parametrize("unknown", OUTCOMES)
def test_an_outcome_of_which_nothing_is_known_cannot_be_published(unknown):
    log = random_log(1, users=40, outcomes=OUTCOMES)
    outcomes = dict(log.outcomes)
    outcomes[unknown] = measured(outcomes[unknown].spec, np.full(log.n, np.nan))
    posterior = Conjugate().fit(replace(log, outcomes=outcomes))
    if unknown == "spend":  # it has no value in the objective
        publish(posterior, BOTH, explorer=Greedy())
    else:
        with pytest.raises(NothingToSayError, match=f"no value of {unknown} is mature") as caught:
            publish(posterior, BOTH, explorer=Greedy())
        assert caught.value.exit_code == 4
