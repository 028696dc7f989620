"""Contextual policies: Gaussian utilities by their integral, banks by counting, and the same bits for any company."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexts import FEATURES, TREE, Made, bank, contextual, linear, people
from logs import GRID, JIT, on_terms
from reference import gauss as reference
from tactful.batch.pmf import pmf_of
from tactful.batch.served import serve
from tactful.core.draw import ONE
from tactful.errors import PolicyError
from tactful.policies.bank_score import BankScore
from tactful.policies.exploration_rules import Rule
from tactful.policies.grid import coefficients, fraction_bits
from tactful.policies.linear_score import LinearScore
from tactful.policies.table import Table
from tactful.policies.terms import Terms

NODES, CONTEXT = people(60)
RULES = [("thompson", 1.0), ("thompson", 2.0), ("greedy", 0), ("ucb", 1.0), ("softmax", 0.2), ("inverse-gap", 9.0)]
KINDS = [linear, bank]


def base(seed=3):
    return Table.of(GRID, TREE, np.random.default_rng(seed).dirichlet(np.ones(GRID.k), len(TREE))).shares


def test_a_linear_policy_is_the_quadrature_of_its_utilities():
    made, policy = Made(2), linear(Rule("thompson", 1.0), 2)
    found = policy.pmf(NODES[:8], CONTEXT[:8])
    for node, z, row in zip(NODES[:8], FEATURES.design(CONTEXT[:8]), found, strict=True):
        mean = made.mean_["spend"][node] @ z
        spread = np.sqrt([z @ r @ r.T @ z for r in made.root_["spend"][node]])
        np.testing.assert_allclose(row, reference.best(mean.tolist(), spread.tolist(), 2), atol=3e-6)  # the grid's


def test_sharpening_takes_the_power():
    plain, sharp = (linear(Rule("thompson", b)).pmf(NODES, CONTEXT) for b in (1.0, 3.0))
    np.testing.assert_allclose(sharp, plain**3 / (plain**3).sum(1, keepdims=True), rtol=1e-10, atol=1e-30)


def test_a_bank_is_counted_by_hand():
    policy = bank(Rule("thompson", 1.0), m=50)
    heads = policy.score.theta.astype(float)
    for node, z, row in zip(NODES[:6], policy.design(CONTEXT[:6]), policy.pmf(NODES[:6], CONTEXT[:6]), strict=True):
        g = policy.score.group[node]
        spend, left = (np.einsum("d,dkm->mk", z, h[g]) for h in heads)
        utility = spend - 2 / (1 + np.exp(-left)) + np.arange(GRID.k) * 0.1
        won = np.bincount(utility.argmax(1), minlength=GRID.k) / 50
        np.testing.assert_allclose(row, won, atol=1e-12)


def test_ties_in_a_bank_split_equally():
    theta = np.zeros((4, len(TREE), GRID.k, FEATURES.d))
    theta[0, :, 2, 0] = 1.0  # one draw of four has a winner
    gain = np.ones((1, len(TREE), GRID.k))
    score = BankScore.from_draws(Rule("thompson", 1.0), ("log",), [theta], gain, np.zeros(GRID.k))
    np.testing.assert_allclose(contextual(score).pmf(NODES[:1], CONTEXT[:1]), [[0.15, 0.15, 0.4, 0.15, 0.15]])


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_a_row_has_the_same_bits_alone_and_in_company(make, rule):
    policy = make(Rule(*rule))
    whole = policy.pmf(NODES, CONTEXT)
    alone = np.concatenate([policy.pmf(NODES[i : i + 1], CONTEXT[i : i + 1]) for i in range(NODES.size)])
    np.testing.assert_array_equal(whole, alone)
    order = np.random.default_rng(1).permutation(NODES.size)
    np.testing.assert_array_equal(policy.pmf(NODES[order], CONTEXT[order]), whole[order])
    np.testing.assert_allclose(pmf_of(policy, NODES, CONTEXT), whole, rtol=0, atol=2e-12)
    np.testing.assert_allclose(whole.sum(1), 1, atol=1e-12)


@pytest.mark.parametrize("links", [("identity", "identity"), ("logistic", "logistic"), ("log", "log")])
def test_the_negative_of_an_outcome_at_the_negative_value_changes_no_bit(links):
    made = Made(4)
    theta = [made.bank(o, 32, 1) for o in made.outcomes]
    gain = np.stack([np.ones((len(TREE), GRID.k)), np.full((len(TREE), GRID.k), -2.0)])
    rule, offset = Rule("thompson", 1.0), np.zeros(GRID.k)
    plain = contextual(BankScore.from_draws(rule, ("identity", links[1]), theta, gain, offset))
    first = contextual(
        BankScore.from_draws(rule, ("identity", links[1]), [-theta[0], theta[1]], -gain * [[[1]], [[-1]]], offset)
    )
    np.testing.assert_array_equal(plain.pmf(NODES, CONTEXT), first.pmf(NODES, CONTEXT))


def test_unsafe_actions_are_left_to_the_greedy_one():
    safe = np.ones((len(TREE), GRID.k), bool)
    safe[:, [1, 3]] = False
    for make in KINDS:
        free, careful = make(), make(safe=safe)
        loose, tight = free.pmf(NODES, CONTEXT), careful.pmf(NODES, CONTEXT)
        best = free.score.moments(NODES, free.design(CONTEXT))[0].argmax(1)
        rows = np.arange(NODES.size)
        by_hand = np.where(safe[NODES], loose, 0.0)
        by_hand[rows, best] += loose[:, [1, 3]].sum(1)
        np.testing.assert_allclose(tight, by_hand, atol=1e-12)
        np.testing.assert_allclose(pmf_of(careful, NODES, CONTEXT), by_hand, atol=1e-11)


def test_the_base_is_mixed_in():
    free, mixed = linear(), linear(base=base(), share=0.25)
    by_hand = 0.75 * free.pmf(NODES, CONTEXT) + 0.25 * base()[NODES] / ONE
    np.testing.assert_allclose(mixed.pmf(NODES, CONTEXT), by_hand, atol=1e-15)
    np.testing.assert_array_equal(linear(base=base()).pmf(NODES, CONTEXT), free.pmf(NODES, CONTEXT))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_context_that_is_not_finite_is_refused_by_name(make, bad):
    context = CONTEXT.copy()
    context[3, 1] = bad
    with pytest.raises(PolicyError, match="age is not finite"):
        make().pmf(NODES, context)
    for missing in (None, CONTEXT[:, :1], CONTEXT[0]):
        with pytest.raises(PolicyError, match="give dose, age"):
            make().pmf(NODES, missing)


def test_the_design_is_that_of_the_features_on_a_grid():
    context = np.vstack([CONTEXT, [[1e9, -1e9]], [[1e300, 1e200]]])
    found = linear().design(context)
    np.testing.assert_allclose(found, FEATURES.design(context), rtol=0, atol=2.0**-21)
    assert (found * 2.0**20 == np.rint(found * 2.0**20)).all()
    assert np.abs(found).max() == 8


@given(st.integers(1, 2000), st.integers(0, 2**32))
@settings(max_examples=30)
def test_products_on_the_grid_are_exact(d, seed):
    """The sum of any d products fits into 53 bits, so that its value cannot depend on the order."""
    rng = np.random.default_rng(seed)
    theta = coefficients(rng.normal(0, 10.0 ** rng.integers(-6, 6), (1, d)), (1,))[0]
    places = 2.0 ** fraction_bits(d)
    z = np.rint(rng.uniform(-8, 8, d) * places) / places
    exact = sum((int(t * 2**80) * int(x * places) for t, x in zip(theta.tolist(), z.tolist(), strict=True)), 0)
    assert float(theta @ z) * 2**80 * places == exact
    order = rng.permutation(d)
    assert theta[order] @ z[order] == theta @ z
    assert (theta.astype(np.float32) == theta).all()


def test_nodes_with_equal_coefficients_share_them():
    made = Made(1)
    mean, root = made.mean_["spend"].copy(), made.root_["spend"].copy()
    mean[3], root[3] = mean[1], root[1]
    score = LinearScore.from_coefficients(Rule("greedy"), mean, root)
    assert score.group.tolist() == [0, 1, 2, 1, 3]
    assert score.mean.shape[0] == 4
    one = np.broadcast_to(made.bank("spend", 8, 1)[:, :1], (8, len(TREE), GRID.k, FEATURES.d))
    pooled = BankScore.from_draws(Rule("greedy"), ("log",), [one], np.ones((1, len(TREE), GRID.k)), np.zeros(GRID.k))
    assert pooled.group.tolist() == [0] * len(TREE)


def test_what_does_not_fit_together_is_refused():
    good = linear()
    made = Made(1)
    for odd in (
        {"score": replace(good.score, group=good.score.group[:2])},
        {"features": replace(FEATURES, names=("dose",), centre=(1.0,), scale=(1.0,))},
        {"typical": good.typical[:2]},
        {"base": good.typical + np.uint64(1)},
        {"share": 0.5},
        {"share": float("nan")},
        {"terms": Terms(uniform=1.5)},
        {"safe": np.ones((2, 2), bool)},
    ):
        with pytest.raises(PolicyError):
            replace(good, **odd)
    with pytest.raises(PolicyError, match="not there"):
        replace(good.score, group=good.score.group + 9)
    with pytest.raises(PolicyError, match="shapes"):
        LinearScore.from_coefficients(Rule("greedy"), made.mean_["spend"], made.root_["spend"][..., :1])
    with pytest.raises(PolicyError, match="link"):
        replace(bank().score, links=("probit", "log"))


def test_the_version_is_that_of_behaviour():
    policy = linear(base=base(), share=0.1)
    score = policy.score
    other = [
        policy,
        replace(policy, share=0.2),
        replace(policy, base=base(4)),
        replace(policy, safe=np.ones((len(TREE), GRID.k), bool)),
        replace(policy, features=replace(FEATURES, centre=(1.0, 41.0))),
        replace(policy, score=replace(score, rule=Rule("thompson", 3.0))),
        replace(policy, score=replace(score, mean=score.mean * 2)),
        on_terms(policy, uniform=0.1),
        bank(),
    ]
    assert len({p.version for p in other}) == len(other)
    assert on_terms(replace(policy, typical=base()), expected={"spend": 1.0}).version == policy.version


CASES = 10**6 if JIT else 10**4


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_sums_uniform_shares_and_masks_in_a_million_cases(make):
    rng = np.random.default_rng(8)
    policy = make(uniform=0.05, base=base(), share=0.2)
    rows = CASES if make is linear else CASES // 10
    for start in range(0, rows, 1 << 14):
        n = min(1 << 14, rows - start)
        nodes, context = people(n, start)
        may = rng.random((n, GRID.k)) < 0.6
        may[np.arange(n), rng.integers(GRID.k, size=n)] = True
        shares = serve(pmf_of(policy, nodes, context), may, policy.uniform)
        assert (shares.sum(1) == ONE).all()
        assert (shares[~may] == 0).all()
        floor = np.floor(policy.uniform / may.sum(1) * ONE)
        assert (shares[may] >= np.repeat(floor, may.sum(1)) - 1).all()
