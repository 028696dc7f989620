"""The scalar decider, the batch and the reference take the same action with the same propensity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logs import GRID, JIT, PLAIN, on_terms, table
from reference.draw import decision, served_integers
from tactful.batch.decide import decide
from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE, serve, serve_row, user_keys
from tactful.core.features import Features
from tactful.core.segments import Segments
from tactful.errors import PolicyError, PolicyFormatError
from tactful.policies.arms import Arms
from tactful.policies.artifact import save
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import THOMPSON, Rule
from tactful.policies.linear_score import LinearScore
from tactful.policies.table import Table, always, uniform
from tactful.policies.terms import Terms
from tactful.serving import Decider, ServingConfig

PATHS = ["", "ios", "ios/new", "ios/new/beta", "web", "web/old", "android", "a//b"]
SPACES = [PLAIN, GRID, ActionSpace.grid(["08:00", "12:00", "21:30"], [1, 2, 3, 5]), ActionSpace.named(["none", "send"])]


@st.composite
def situations(draw):
    """(policy, users, periods, paths, masks): the masks are None, or one a row with something eligible."""
    actions = draw(st.sampled_from(SPACES))
    arms = draw(st.sampled_from([Arms(), Arms(0.3, 0.3), Arms(1.0), Arms(0.0, 1.0), Arms(0.2, 0.0, "other")]))
    options = {"uniform": draw(st.sampled_from([0.0, 0.03, 1.0])), "arms": arms, "salt": draw(st.text(max_size=3))}
    policy = table(draw(st.integers(0, 2**32)), actions=actions, scope=draw(st.text(max_size=3)), **options)
    n = draw(st.integers(1, 6))
    users = draw(st.lists(st.text() | st.integers(), min_size=n, max_size=n))
    periods = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=n, max_size=n))
    paths = draw(st.lists(st.sampled_from(PATHS), min_size=n, max_size=n))
    masks = None
    if draw(st.booleans()):
        masks = draw(st.lists(st.lists(st.booleans(), min_size=actions.k, max_size=actions.k), min_size=n, max_size=n))
        for mask in masks:
            mask[draw(st.integers(0, actions.k - 1))] = True
    return policy, users, periods, paths, masks


def batch(policy, users, periods, paths, masks):
    nodes = np.array([policy.segments.nearest(p) for p in paths], np.int64)
    eligible = None if masks is None else np.array(masks)
    return decide(policy, user_keys(users), np.array(periods, np.int64), nodes, eligible, vectors=True)


@given(situations())
def test_decider_batch_and_reference_agree(situation):
    policy, users, periods, paths, masks = situation
    many, decider = batch(*situation), Decider(policy)
    assert many.shares is not None
    if masks is None:  # without masks and vectors a table's rows are served once a node
        nodes = np.array([policy.segments.nearest(p) for p in paths], np.int64)
        short = decide(policy, user_keys(users), np.array(periods, np.int64), nodes)
        for column in ("arm", "action", "propensity"):
            np.testing.assert_array_equal(getattr(short, column), getattr(many, column))
    for i, (user, period, path) in enumerate(zip(users, periods, paths, strict=True)):
        mask = None if masks is None else masks[i]
        one = decider.decide(user, period, path, eligible=mask)
        arm, action, propensity, integers = decision(policy, user, period, path, mask)
        assert (one.arm, policy.actions.index(one.action), one.propensity) == (arm, action, propensity)
        assert (many.arm[i], many.action[i], many.propensity[i]) == (arm, action, propensity)
        assert many.shares[i].tolist() == integers
        assert (one.user, one.period, one.segment, one.policy, one.scope) == (
            user,
            period,
            path,
            policy.version,
            policy.scope,
        )
        assert (one.slot, one.frequency) == (policy.actions.slots[action], policy.actions.frequencies[action])
        assert one.fallback == (
            None
            if path in policy.segments.paths
            else f"unknown segment, served {policy.segments.paths[policy.segments.nearest(path)]!r}"
        )


@given(situations())
def test_the_pmf_of_the_decider_is_what_the_policy_arm_draws_from(situation):
    policy, _, _, paths, masks = situation
    mask = None if masks is None else masks[0]
    integers = decision(on_terms(policy, arms=Arms()), "u", 0, paths[0], mask)[3]
    assert Decider(policy).pmf(paths[0], mask) == {
        n: i / ONE for n, i in zip(policy.actions.names, integers, strict=True)
    }


@given(st.lists(st.floats(0, 1) | st.just(0.0), min_size=2, max_size=30).filter(any), st.sampled_from([0.0, 0.03, 1.0]))
def test_a_row_of_an_array_is_served_to_the_same_bits(weights, uniform):
    pmf = np.array(weights) / np.sum(weights)
    plain = served_integers((pmf * 2**32).tolist(), [True] * len(weights), uniform)
    assert serve_row(pmf, uniform) == serve((pmf * 2**32).tolist(), None, uniform) == plain


def test_the_uniform_arm_is_exactly_uniform_over_the_eligible():
    """Three equal shares of 2**32 are not quite equal: masks must not start from the rounded ones."""
    decider = Decider(on_terms(uniform(PLAIN), arms=Arms(0.0, 1.0)))
    drawn = [decider.decide(u, 0, eligible=[True, True, False]) for u in range(20)]
    assert {d.propensity for d in drawn} == {0.5}


@pytest.mark.parametrize("kind", ["linear", "bank"])
def test_contextual_decisions_are_those_of_the_batch(kind):
    """Actions alike; an integral by numpy and by a kernel differ by up to 1e-8, and banks not at all."""
    rng, tree, n = np.random.default_rng(3), Segments.of(["ios/new", "web"]), 40
    s, k, d = len(tree), GRID.k, 4
    mean, noise = rng.normal(size=(s, k, d)), rng.normal(size=(64, s, k, d))
    if kind == "linear":
        score = LinearScore.from_coefficients(Rule(THOMPSON, 2.0), mean, np.broadcast_to(0.4 * np.eye(d), (s, k, d, d)))
    else:
        draws = [mean + 0.4 * noise]
        score = BankScore.from_draws(Rule(THOMPSON, 1.0), ["logistic"], draws, np.ones((1, s, k)), np.zeros(k))
    features = Features(("a", "b", "c"), (0.0,) * 3, (1.0,) * 3)
    typical = np.tile(np.array([ONE] + [0] * (k - 1), np.uint64), (s, 1))
    policy = Contextual(
        actions=GRID,
        segments=tree,
        features=features,
        score=score,
        typical=typical,
        terms=Terms(uniform=0.03, arms=Arms(0.1, 0.1)),
    )
    context, nodes, users = rng.normal(size=(n, 3)), rng.integers(s, size=n), [f"u{i}" for i in range(n)]
    masks = rng.random((n, k)) < 0.7
    masks[:, 1] = True
    masks[::2] = True
    many = decide(policy, user_keys(users), np.full(n, 9), nodes, masks, context=context)
    decider = Decider(policy)
    for i, user in enumerate(users):
        mask = None if i % 2 == 0 else masks[i]
        one = decider.decide(user, 9, tree.paths[nodes[i]], dict(zip("abc", context[i], strict=True)), mask)
        assert (one.arm, GRID.index(one.action)) == (many.arm[i], many.action[i])
        assert abs(one.propensity - many.propensity[i]) <= (1e-8 if kind == "linear" else 0.0)


def test_a_batch_does_not_depend_on_its_size(monkeypatch):
    policy = table(3, arms=Arms(0.2, 0.2), uniform=0.1)
    rng = np.random.default_rng(0)
    columns = user_keys(range(50)), rng.integers(9, size=50), rng.integers(len(policy.segments), size=50)
    eligible = np.ones((50, 3), bool)
    eligible[:, 1] = rng.random(50) < 0.5
    whole = decide(policy, *columns, eligible, vectors=True)
    monkeypatch.setattr("tactful.batch.decide.ROW_BLOCK", 7)
    for a, b in zip(whole, decide(policy, *columns, eligible, vectors=True), strict=True):
        np.testing.assert_array_equal(a, b)
    assert decide(policy, *columns, eligible).shares is None
    assert decide(policy, *(c[:0] for c in columns)).action.size == 0


def test_draws_have_their_propensities():
    """χ² of 100,000 draws of one row against its propensities; a right draw fails once in 10⁶."""
    policy = table(5, actions=GRID, zeros=False, uniform=0.1)
    n = 100_000 if JIT else 10_000
    drawn = decide(policy, user_keys(range(n)), np.full(n, 12), np.zeros(n, np.int64))
    expected = np.array(list(Decider(policy).pmf().values()))
    assert stats.chisquare(np.bincount(drawn.action, minlength=5), expected * n).pvalue > 1e-6
    np.testing.assert_array_equal(drawn.propensity, expected[drawn.action])


def test_periods_draw_anew():
    """A user's draws in two periods are independent: χ² of the 5 × 5 table fails once in 10⁶."""
    policy, n = uniform(GRID), 20_000 if JIT else 2000
    first, second = (decide(policy, user_keys(range(n)), np.full(n, p), np.zeros(n, np.int64)).action for p in (1, 2))
    counts = np.bincount(first * 5 + second, minlength=25).reshape(5, 5)
    assert stats.chi2_contingency(counts).pvalue > 1e-6


@pytest.mark.parametrize("mask", [[False] * 3, [True] * 2, [True] * 4, []])
@pytest.mark.parametrize("arms", [Arms(), Arms(1.0), Arms(0.0, 1.0)])
def test_a_mask_that_cannot_be_served_is_refused(mask, arms):
    decider = Decider(table(1, arms=arms))
    with pytest.raises(PolicyError, match="3 booleans"):
        decider.decide("u", 1, eligible=mask)
    with pytest.raises(PolicyError, match="3 booleans"):
        decider.pmf("ios", mask)


def test_numpy_masks_are_masks():
    decider = Decider(table(1))
    assert decider.decide("u", 1, eligible=np.array([False, True, False])).action == "morning"


@pytest.mark.parametrize(("period", "fine"), [(2, False), (3, True), (9, True), (10, False)])
def test_periods_outside_the_bounds_are_refused_where_nothing_may_stand_in(period, fine):
    policy = on_terms(table(1), from_period=3, valid_until=9)
    ways = [
        lambda: Decider(policy, ServingConfig(fallback="refuse")).decide("u", period),
        lambda: decide(policy, user_keys(["u", "v"]), np.array([5, period]), np.zeros(2, np.int64)),
    ]
    for way in ways:
        if fine:
            way()
        else:
            with pytest.raises(PolicyError, match="decides periods 3 to 9"):
                way()


def test_an_arm_that_the_action_space_cannot_serve_is_refused_at_once():
    with pytest.raises(PolicyError, match="'none'"):
        Decider(on_terms(uniform(ActionSpace.named(["a", "b"])), arms=Arms(0.1)))


def test_a_control_user_with_none_masked_draws_from_the_eligible_alike():
    decider = Decider(on_terms(always(PLAIN, "evening"), arms=Arms(1.0)))
    assert decider.decide("u", 1).action == "none"
    assert decider.decide("u", 1, eligible=[False, True, True]).propensity == 0.5


def test_the_example_of_the_documentation(tmp_path):
    save(Table.of(GRID, table(1).segments, np.eye(5)[[4, 3, 2, 4]]), tmp_path)
    d = Decider.open(tmp_path).decide(user="u-42", period=12, segment="ios/new")
    assert (d.action, d.slot, d.frequency, d.propensity, d.arm, d.fallback) == (
        "3x@19:30",
        "19:30",
        3,
        1.0,
        "policy",
        None,
    )
    with pytest.raises(PolicyFormatError):
        Decider.open(tmp_path / "nowhere")
