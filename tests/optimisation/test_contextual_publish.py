"""From contextual posteriors to policies: exact or counted, within limits over the sample, explored by any rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contexts import FEATURES, TREE, Made, people
from logs import GRID, random_log
from reference import gauss as reference
from tactful.batch.pmf import context_of, pmf_of
from tactful.batch.served import serve
from tactful.core.draw import ONE
from tactful.core.features import Features
from tactful.core.outcomes import Limits, Objective
from tactful.errors import NothingToSayError, PolicyError, SpecError
from tactful.evaluation.evaluate import evaluate
from tactful.models.conjugate.posterior import Conjugate
from tactful.optimisation.cautious import Cautious
from tactful.optimisation.explorers import UCB, EpsilonGreedy, Greedy, InverseGap, Softmax, Thompson
from tactful.optimisation.publish import node_pmf, publish
from tactful.policies.artifact import load, save
from tactful.policies.bank_score import BankScore
from tactful.policies.exploration_rules import Rule
from tactful.policies.linear_score import LinearScore

SPEND, BOTH = Objective({"spend": 1.0}), Objective({"spend": 1.0, "opted_out": -0.5})
LOGISTIC = {"spend": "identity", "opted_out": "logistic"}
EXPLORERS = [Thompson(64), Greedy(), EpsilonGreedy(0.2), Softmax(0.2), UCB(1.0), InverseGap(20.0)]
NODES, CONTEXT = people(12)


def test_linear_utilities_are_integrated_and_other_ones_counted():
    assert isinstance(publish(Made(), BOTH).score, LinearScore)
    assert isinstance(publish(Made(links=LOGISTIC), BOTH).score, BankScore)
    assert isinstance(publish(Made(links=LOGISTIC), SPEND).score, LinearScore)  # the other outcome has no value
    assert isinstance(publish(Made(independent=False), BOTH).score, BankScore)
    assert isinstance(publish(Made(independent=False), BOTH, explorer=UCB()).score, LinearScore)
    assert publish(Made(links=LOGISTIC), BOTH).score.theta.shape[-1] == 256
    assert publish(Made(links=LOGISTIC), BOTH, explorer=Thompson(64)).score.theta.shape[-1] == 64


def test_covariances_of_outcomes_add():
    made, policy = Made(3), publish(Made(3), BOTH, explorer=Thompson(sharpen=1.0))
    found = policy.pmf(NODES, CONTEXT)
    for node, z, row in zip(NODES, FEATURES.design(CONTEXT), found, strict=True):
        mean = (made.mean_["spend"][node] - 0.5 * made.mean_["opted_out"][node]) @ z
        cov = [made.root_[o][node] @ made.root_[o][node].swapaxes(1, 2) for o in ("spend", "opted_out")]
        spread = np.sqrt(np.einsum("d,kde,e->k", z, cov[0] + 0.25 * cov[1], z))
        np.testing.assert_allclose(row, reference.best(mean.tolist(), spread.tolist()), atol=5e-6)  # the grid's


@pytest.mark.parametrize("m", [4096, pytest.param(65_536, marks=pytest.mark.slow)])
def test_a_large_bank_is_the_integral_within_its_noise(m):
    """Counts of draws won are binomial: a right bank is outside of 5.5 standard errors somewhere once in 10⁵."""
    made = Made(5, rows=9)
    one = Thompson(m, 1.0)
    exact = publish(made, BOTH, explorer=one).pmf(NODES, CONTEXT)
    drawn = publish(replace(made, independent=False), BOTH, explorer=one).pmf(NODES, CONTEXT)
    np.testing.assert_array_less(np.abs(drawn - exact), 5.5 * np.sqrt(exact * (1 - exact) / m) + 1e-6)


def test_the_negative_of_an_outcome_at_the_negative_value_changes_no_bit():
    mirrored = Objective({"spend": 1.0, "opted_out": 0.5})
    for explorer in EXPLORERS:
        plain = publish(Made(), BOTH, explorer=explorer)
        turned = publish(Made(sign=-1.0), mirrored, explorer=explorer)
        np.testing.assert_array_equal(plain.pmf(NODES, CONTEXT), turned.pmf(NODES, CONTEXT))


CASES = [({}, explorer) for explorer in (*EXPLORERS, Cautious(Thompson(64), ratio=1.2))]
CASES += [(LOGISTIC, explorer) for explorer in (Thompson(32), InverseGap(20.0))]


@pytest.mark.parametrize(("links", "explorer"), CASES)
def test_limits_are_kept_over_the_sample(links, explorer):
    """By draw, from the integers that are served: the certainty's quantile of the aggregate rate."""
    made = Made(7, rows=100, **({"links": links} if links else {}))
    loose = publish(made, BOTH, explorer=explorer, uniform=0.05)
    limits = Limits({"opted_out": 0.8 * loose.expected["opted_out"]}, 0.8 * loose.expected["sends_per_period"])
    policy = publish(made, BOTH, limits, explorer=explorer, uniform=0.05, seed=2)
    nodes, context = made.sample
    pmf = serve(pmf_of(policy, nodes, context), None, 0.05) / ONE
    response = np.einsum("mrkd,rd->mrk", made.bank("opted_out", 512, 2)[:, nodes], FEATURES.design(context))
    if links:
        response = 1 / (1 + np.exp(-response))
    rates = np.einsum("mrk,rk->m", response, pmf) / nodes.size
    assert np.quantile(rates, 0.95) <= limits.outcomes["opted_out"] * (1 + 1e-6)
    sends = float(np.mean(pmf @ np.array(GRID.frequencies, float)))
    assert sends <= limits.sends_per_period * (1 + 1e-6)
    assert policy.expected["sends_per_period"] == pytest.approx(sends, rel=1e-9)
    assert max(policy.prices.values()) > 0


def test_a_limit_that_does_not_bind_changes_nothing():
    free, limited = publish(Made(), BOTH), publish(Made(), BOTH, Limits({"opted_out": 50.0}, 9.0))
    assert limited.version == free.version
    assert limited.share == 0
    assert set(limited.prices.values()) == {0.0}


def test_limits_that_cannot_be_kept_are_named():
    for limits, words in (
        (Limits({"opted_out": -9.0}), "opted_out = -9 cannot be kept"),
        (Limits({"bounced": 0.1}), "unknown outcome 'bounced'"),
        (Limits({}, 0.01), "sends_per_period = 0.01 cannot be kept"),
    ):
        with pytest.raises(SpecError, match=r"\[limits\]") as caught:
            publish(Made(), BOTH, limits)
        assert words in str(caught.value)


def test_expectations_run_over_the_sample():
    made = Made(4, links=LOGISTIC)
    policy = publish(made, BOTH, explorer=Softmax(0.3), uniform=0.1)
    nodes, context = made.sample
    pmf = serve(policy.pmf(nodes, context), None, 0.1) / ONE
    design = FEATURES.design(context)
    spend = np.einsum("rkd,rd->rk", made.mean_["spend"][nodes], design)
    left = np.mean(
        [1 / (1 + np.exp(-np.einsum("rkd,rd->rk", b[nodes], design))) for b in made.bank("opted_out", 4000, 1)], 0
    )
    assert policy.expected["spend"] == pytest.approx(np.sum(pmf * spend) / len(pmf), rel=1e-9)
    assert policy.expected["opted_out"] == pytest.approx(np.sum(pmf * left) / len(pmf), rel=5e-3)
    assert policy.expected["objective"] == pytest.approx(policy.expected["spend"] - 0.5 * policy.expected["opted_out"])


def test_the_average_of_a_node_runs_over_the_contexts_below_it():
    made = Made(6)
    policy = publish(made, BOTH, explorer=Softmax(0.3), uniform=0.2)
    nodes, context = made.sample
    b = TREE.index("b")
    at = context[nodes == b]
    by_hand = policy.pmf(np.full(len(at), b), at).mean(0)
    np.testing.assert_allclose(policy.average()[b], by_hand, atol=1e-9)
    np.testing.assert_allclose(node_pmf(policy)[b], 0.8 * by_hand + 0.2 / GRID.k, atol=1e-9)
    np.testing.assert_allclose(policy.average().sum(1), 1, atol=1e-9)


def test_a_posterior_without_features_gives_a_table():
    bare = Made()
    bare.features = Features()
    assert publish(bare, BOTH).kind == "table"


def test_an_empty_sample_says_so():
    made = Made()
    made.sample = made.sample[0][:0], made.sample[1][:0]
    made.counted = lambda _: np.ones((len(TREE), GRID.k))
    with pytest.raises(NothingToSayError, match="fit on a log first"):
        publish(made, BOTH)


def test_the_same_seed_gives_the_same_version():
    made = Made(links=LOGISTIC)
    one = publish(made, BOTH, explorer=Thompson(32), seed=7)
    assert publish(made, BOTH, explorer=Thompson(32), seed=7).version == one.version
    assert publish(made, BOTH, explorer=Thompson(32), seed=8).version != one.version


# Explorers on tables


def fitted():
    return Conjugate().fit(random_log(1, users=40, outcomes=("engaged", "opted_out"), paths=("ios", "web")))


TABLED = Objective({"engaged": 1.0, "opted_out": -2.0})


def test_ucb_and_inverse_gap_by_hand():
    posterior = fitted()
    mean = TABLED.combine({o: posterior.mean(o) for o in TABLED.values})
    sd = np.sqrt(posterior.sd("engaged") ** 2 + 4 * posterior.sd("opted_out") ** 2)
    bound = mean + 1.5 * sd
    np.testing.assert_array_equal(UCB(1.5).pmf(posterior, TABLED, 0), bound == bound.max(1, keepdims=True))
    offset = np.array([0.1, 0.0, -0.2])
    np.testing.assert_allclose(
        InverseGap(30.0).pmf(posterior, TABLED, 0, offset), Rule("inverse-gap", 30.0).pmf(mean + offset, sd), rtol=1e-12
    )


def test_thompson_is_the_same_for_any_block_of_nodes(monkeypatch):
    posterior = fitted()
    whole = Thompson(64).pmf(posterior, TABLED, 3)
    monkeypatch.setattr("tactful.optimisation.explorers.NODE_BLOCK", 1)
    np.testing.assert_array_equal(Thompson(64).pmf(posterior, TABLED, 3), whole)


def test_a_cautious_explorer_explores_only_what_is_safe():
    posterior = fitted()
    drawn = posterior.draws("opted_out", 512, 5)
    hazard = np.quantile(drawn, 0.9, 0)
    mean = TABLED.combine({o: posterior.mean(o) for o in TABLED.values})
    best, rows = mean.argmax(1), np.arange(len(mean))
    careful, free = Cautious(Thompson(128), ratio=1.1), Thompson(128).pmf(posterior, TABLED, 5)
    unsafe = hazard > 1.1 * hazard[rows, best][:, None]
    assert unsafe.any()
    by_hand = np.where(unsafe, 0.0, free)
    by_hand[rows, best] += np.where(unsafe, free, 0.0).sum(1)
    np.testing.assert_allclose(careful.pmf(posterior, TABLED, 5), by_hand, atol=1e-12)
    by_limit = Cautious(Thompson(128), most=float(np.median(hazard))).safe(posterior, TABLED, 5)
    np.testing.assert_array_equal(by_limit, hazard <= np.median(hazard))
    with pytest.raises(SpecError, match="unknown outcome 'left'"):
        Cautious(outcome="left").pmf(posterior, TABLED, 5)


def test_explorers_without_meaning_are_refused():
    for make in (lambda: Thompson(0), lambda: Thompson(8, -1.0), lambda: Cautious(ratio=0.5)):
        with pytest.raises(SpecError):
            make()
    for explorer in (UCB(-1.0), InverseGap(-1.0), Softmax(0.0), EpsilonGreedy(2.0)):
        with pytest.raises(PolicyError):
            publish(fitted(), TABLED, explorer=explorer)


# Evaluation on a log


def with_context(names=("age", "dose")):
    log = random_log(2, users=200, actions=GRID, outcomes=("spend",), paths=("a/x", "b"))
    context = np.random.default_rng(1).normal(1, 1, (log.n, len(names)))
    return replace(log, context=context, context_names=names)


def test_evaluation_finds_the_columns_by_name(tmp_path):
    log, policy = with_context(), publish(Made(), SPEND, explorer=Softmax(1.0), uniform=0.2)
    np.testing.assert_array_equal(context_of(policy, log), log.context[:, ::-1])
    save(policy, tmp_path)
    for named in (policy, tmp_path):
        found = evaluate(log, named)["target", "spend", "ips"]
        nodes = policy.segments.locate(log.segments)[log.segment]
        pmf = serve(policy.pmf(nodes, log.context[:, ::-1]), None, 0.2) / ONE
        weight = pmf[np.arange(log.n), log.action] / log.propensity
        assert found.value == pytest.approx(np.mean(weight * log.outcomes["spend"].value), rel=1e-9)
    assert load(tmp_path).version == policy.version


def test_a_log_without_the_context_is_refused_in_one_line():
    policy = publish(Made(), SPEND)
    for log in (with_context(("age",)), random_log(2, actions=GRID, outcomes=("spend",))):
        with pytest.raises(PolicyError, match="the log has no context dose"):
            evaluate(log, policy)
    log = with_context()
    log.context[5, 0] = np.nan
    with pytest.raises(PolicyError, match=r"not finite in 1 rows \(row 6\)"):
        evaluate(log, policy)
