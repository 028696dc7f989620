"""Sequential estimators: exact in a tiny Markov chain, equal to the reference, and honest about their errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import chain
from reference import sequential as reference
from tactful.errors import LogError
from tactful.ope.sequential import marginalised, pdis, sequential_dr, weighted_pdis
from tactful.ope.trajectories import AWAY, Trajectories, align

TRUTH = chain.value(chain.TARGET)


def of(state, action, reward, target=chain.TARGET, logging=chain.LOGGING):
    state, action, reward = (np.array(x) for x in (state, action, reward))
    alive = state != chain.END
    weight = target[state, action] / logging[state, action]
    return Trajectories.of(weight, np.where(alive, reward, np.nan), alive, np.where(alive, state, -9))


def lives():
    """(probabilities, trajectories) with every life once."""
    chance, state, action, reward = zip(*chain.every_life(), strict=True)
    return np.array(chance), of(state, action, reward)


def models(q, state, action):
    """Q̂ at the logged action and its mean under the target, (u, T)."""
    t = np.arange(state.shape[1])
    return q[t, state, action], (chain.TARGET * q[t][:, :, :]).sum(2)[t, state]


Q = {
    "none": np.zeros((3, 3, 2)),
    "true": chain.action_values(chain.TARGET)[:3],
    "wrong": np.random.default_rng(1).normal(size=(3, 3, 2)),
}


def test_the_enumeration_is_complete():
    chance, _ = lives()
    assert chance.sum() == pytest.approx(1, abs=1e-12)


def rows(estimate):
    """What each user adds to a mean."""
    return estimate.influence + estimate.value


def test_pdis_is_unbiased():
    chance, one = lives()
    assert chance @ rows(pdis(one)) == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize("model", Q)
def test_dr_is_unbiased_whatever_its_model(model):
    chance, state, action, reward = (np.array(x) for x in zip(*chain.every_life(), strict=True))
    found = sequential_dr(of(state, action, reward), *models(Q[model], state, action))
    assert chance @ rows(found) == pytest.approx(TRUTH, abs=1e-12)


def test_the_true_model_leaves_only_the_luck_of_the_start_and_of_the_next_state():
    chance, state, action, reward = (np.array(x) for x in zip(*chain.every_life(), strict=True))
    plain, robust = (
        rows(e)
        for e in (
            pdis(of(state, action, reward)),
            sequential_dr(of(state, action, reward), *models(Q["true"], state, action)),
        )
    )
    assert chance @ (robust - TRUTH) ** 2 < chance @ (plain - TRUTH) ** 2


def population():
    """A log in which every life occurs exactly as often as it should: chances are multiples of 2⁻¹³."""
    chance, state, action, reward = (np.array(x) for x in zip(*chain.every_life(), strict=True))
    copies = chance * 2**13
    np.testing.assert_array_equal(copies, np.round(copies))
    return tuple(np.repeat(x, copies.astype(int), axis=0) for x in (state, action, reward))


@pytest.mark.parametrize("normalised", [False, True])
def test_on_the_population_marginalised_and_weighted_are_exact(normalised):
    one = of(*population())
    assert one.users == 2**13
    assert marginalised(one, normalised=normalised).value == pytest.approx(TRUTH, abs=1e-12)
    assert weighted_pdis(one).value == pytest.approx(TRUTH, abs=1e-12)
    assert marginalised(one).weight.mean() == pytest.approx(1, abs=1e-12)


def test_leaving_out_those_who_left_is_wrong():
    """What a log without the rows of opted-out users would say: the mean over the survivors of each period."""
    state, action, reward = population()
    one = of(state, action, reward)
    product = np.cumprod(one.weight, 1)
    survivors = sum((product * one.reward)[one.alive[:, t], t].mean() for t in range(3))
    assert abs(survivors - TRUTH) > 0.2


@st.composite
def cases(draw):
    u, t, m = draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    alive = np.minimum.accumulate(rng.random((u, t)) < 0.85, axis=1)
    reward = np.where(alive, rng.normal(size=(u, t)), np.nan)
    return Trajectories.of(rng.gamma(1, size=(u, t)), reward, alive, rng.integers(m, size=(u, t)))


def equal(ours, theirs):
    value, influence = theirs
    assert ours.value == pytest.approx(value, abs=1e-10, rel=1e-10)
    np.testing.assert_allclose(ours.influence, influence, rtol=1e-10, atol=1e-10)
    assert ours.influence.sum() == pytest.approx(0, abs=1e-9 * (1 + abs(ours.influence).sum()))


@given(cases())
def test_estimators_equal_the_reference(case):
    weight, reward, state = case.weight.tolist(), case.reward.tolist(), case.state.tolist()
    equal(pdis(case), reference.pdis(weight, reward))
    equal(weighted_pdis(case), reference.weighted_pdis(weight, reward))
    rng = np.random.default_rng(0)
    q, v = rng.normal(size=case.weight.shape), rng.normal(size=case.weight.shape)
    equal(sequential_dr(case, q, v), reference.dr(weight, reward, q.tolist(), v.tolist()))
    for normalised in (False, True):
        found = marginalised(case, normalised=normalised)
        expected = reference.marginalised(weight, reward, state, normalised)
        assert found.value == pytest.approx(expected, abs=1e-10, rel=1e-10)
        assert found.influence.sum() == pytest.approx(0, abs=1e-9 * (1 + abs(found.influence).sum()))


@given(cases())
def test_estimators_are_one_family(case):
    zeros = np.zeros(case.weight.shape)
    np.testing.assert_allclose(sequential_dr(case, zeros, zeros).influence, pdis(case).influence, atol=1e-12)
    logging = Trajectories(np.ones_like(case.weight), case.reward, case.alive, case.state)
    mean = case.reward.sum(1).mean()
    for estimate in (
        pdis(logging),
        weighted_pdis(logging),
        marginalised(logging),
        marginalised(logging, normalised=True),
    ):
        assert estimate.value == pytest.approx(mean, abs=1e-10)
        np.testing.assert_allclose(estimate.influence, case.reward.sum(1) - mean, atol=1e-9)
    one = case.head(1)
    if one.states == 1:
        assert marginalised(one).value == pytest.approx(pdis(one).value, abs=1e-12)
    assert pdis(one).value == pytest.approx((case.weight * case.reward)[:, 0].mean(), abs=1e-12)


@given(cases(), st.integers(0, 11), st.booleans())
def test_the_influence_is_the_derivative(case, which, normalised):
    """Adding a little of one user's mass moves the value by its influence: a finite difference over copied users."""
    user, copies = which % case.users, 2000

    def with_copies(extra):
        order = np.repeat(np.arange(case.users), copies)
        order = np.append(order, np.full(extra, user))
        return marginalised(
            Trajectories(*(x[order] for x in (case.weight, case.reward, case.alive, case.state))), normalised=normalised
        )

    base = with_copies(0)
    moved = (with_copies(1).value - base.value) * case.users * copies
    influence = base.influence[user * copies]
    assert moved == pytest.approx(influence, rel=0.02, abs=0.02 * (1 + abs(base.influence).max()))


@given(cases(), st.booleans())
def test_weights_have_the_mean_that_they_are_divided_to(case, normalised):
    """Where no state loses all its weight, normalised weights have a mean of 1."""
    found = marginalised(case, normalised=normalised)
    assert (found.weight >= 0).all()
    lost = any(not case.weight[case.state[:, t] == s, t].any() for t in range(case.periods) for s in case.state[:, t])
    if normalised and not lost:
        assert found.weight.mean() == pytest.approx(1, abs=1e-9)


def test_weight_is_lost_where_nobody_has_been():
    """Everybody in the log who was sent to at first was not sent to again, which the target would have done."""
    state, action = np.array([[0, 1], [0, 0]]), np.array([[1, 0], [0, 0]])
    weight = np.where(action == 1, 2.0, 0.0)  # the target always sends, logging does with one half
    one = Trajectories.of(weight, np.ones((2, 2)), np.ones((2, 2), bool), state)
    assert marginalised(one).weight.mean() == marginalised(one, normalised=True).weight.mean() == 0.5


def test_no_weight_at_all_is_undefined():
    one = Trajectories.of(np.zeros((2, 2)), np.ones((2, 2)), np.ones((2, 2), bool))
    assert np.isnan(weighted_pdis(one).value)
    assert marginalised(one).value == marginalised(one, normalised=True).value == pdis(one).value == 0


def test_layout():
    alive = np.array([[True, False], [True, True]])
    one = Trajectories.of(
        np.full((2, 2), 3.0), np.array([[1.0, np.nan], [2.0, 4.0]]), alive, np.array([[5, -1], [0, 2]])
    )
    assert one.weight.tolist() == [[3.0, 1.0], [3.0, 3.0]]
    assert one.reward.tolist() == [[1.0, 0.0], [2.0, 4.0]]
    assert one.state.tolist() == [[6, AWAY], [1, 3]]
    assert (one.users, one.periods, one.states, one.head(1).periods) == (2, 2, 7, 1)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reward": np.ones((2, 3))}, "different shapes"),
        ({"reward": np.full((2, 2), np.nan)}, "4 decisions without a reward"),
        ({"weight": np.full((2, 2), np.inf)}, "4 decisions"),
        ({"state": np.full((2, 2), -1)}, "4 decisions"),
    ],
)
def test_what_is_no_trajectory_is_refused(changes, why):
    ones = np.ones((2, 2))
    arrays = {"weight": ones, "reward": ones, "alive": ones > 0, "state": ones.astype(int)} | changes
    with pytest.raises(LogError, match=why):
        Trajectories.of(**arrays)


def test_alignment_keeps_users_whose_horizon_has_passed():
    user, period = np.array([0, 0, 1, 2, 2, 3]), np.array([3, 5, 4, 4, 5, 6])
    found = align(user, period, 2)
    assert found.users.tolist() == [0, 1, 2]
    assert found.row.tolist() == [[0, -1], [2, -1], [3, 4]]
    assert found.spread(np.arange(6.0) * 10, 0.5).tolist() == [[0.0, 0.5], [20.0, 0.5], [30.0, 40.0]]
    assert align(user, period, 2, last=4).users.tolist() == [0]
    with pytest.raises(LogError, match="followed for 9 periods"):
        align(user, period, 9)
    with pytest.raises(LogError, match="two decisions in one period"):
        align(np.zeros(2, np.int64), np.array([1, 1]), 1)


@pytest.mark.slow
def test_errors_in_a_markov_world_of_ten_periods():
    """500 logs of 1,000 users: biases within 3.3 standard errors of 0; coverage of MIS in .95 ± .032 (3.3 errors)."""
    rng = np.random.default_rng(6)
    truth = chain.value(chain.TARGET, 10)
    error, hits = np.zeros((500, 3)), 0
    for i in range(500):
        one = of(*chain.simulate(rng, 1000, 10))
        found = marginalised(one)
        error[i] = [pdis(one).value - truth, found.value - truth, weighted_pdis(one).value - truth]
        hits += abs(found.value - truth) <= 1.96 * found.standard_error(np.arange(1000))
    z = error.mean(0) / (error.std(0) / np.sqrt(500))
    print(f"bias in standard errors: PDIS {z[0]:.2f}, MIS {z[1]:.2f}; SD {error.std(0).round(3)}; covered {hits / 500}")
    assert abs(z[0]) < 3.3
    assert abs(z[1]) < 3.3
    assert error[:, 1].std() < error[:, 0].std()
    assert 459 <= hits <= 491
