"""Where no policy may decide, the configured pmf does, with its true propensity and the reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import GRID, PLAIN, START, WEEK, on_terms, table
from reference.draw import choose, decision, number, served_integers, user_word
from serving.contextual import Tilted
from tactful.core.actions import ActionSpace
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.errors import PolicyError, PolicyFormatError, TactfulError
from tactful.policies.arms import Arms
from tactful.policies.artifact import save
from tactful.policies.table import Table, always, uniform
from tactful.serving import Decider, ServingConfig

USERS = [f"u{i}" for i in range(60)]
WHOLE = {"dose": 0.5, "age": -1.0}
ODD = always(GRID, "3x@19:30")


def stand_in(policy, fallback):
    """The policy that a fallback is, by the rule of the documentation."""
    tables = {"none": always(policy.actions, "none"), "uniform": uniform(policy.actions)}
    own = Arms(policy.arms.control, 0.0, policy.arms.salt)
    chosen = fallback if isinstance(fallback, Table) else tables[fallback]
    return on_terms(chosen, arms=own, salt=policy.salt, scope=policy.scope)


@given(
    st.sampled_from(["none", "uniform", ODD]),
    st.sampled_from([Arms(), Arms(0.3, 0.3), Arms(1.0), Arms(0.0, 1.0)]),
    st.lists(st.booleans(), min_size=5, max_size=5).filter(any) | st.none(),
    st.integers(10, 2**40),
)
def test_an_expired_policy_gives_way_to_the_fallback(fallback, arms, mask, period):
    policy = table(1, actions=GRID, arms=arms, salt="q", scope="push", valid_until=9)
    decider = Decider(policy, ServingConfig(fallback=fallback))
    other = stand_in(policy, fallback)
    for user in USERS[:6]:
        one = decider.decide(user, period, "ios", eligible=mask)
        arm, action, propensity, _ = decision(other, user, period, "ios", mask)
        assert (one.arm, one.action, one.propensity) == (arm, GRID.names[action], propensity)
        assert (one.policy, one.scope) == (other.version, "push")
        assert one.fallback == f"expired: policy {policy.version} decides periods … to 9"


def test_the_fallback_is_a_policy_that_can_be_saved_and_decides_alike(tmp_path):
    decider = Decider(table(1, actions=GRID, arms=Arms(0.3), valid_until=9), ServingConfig(fallback="uniform"))
    alone = Decider.open(save(decider.fallback, tmp_path))
    for user in USERS:
        assert decider.decide(user, 10)._replace(fallback=None) == alone.decide(user, 10)
    assert Decider(table(1), ServingConfig(fallback="refuse")).fallback is None


def test_control_stays_control_and_the_uniform_slice_ends_with_its_policy():
    policy = table(1, actions=GRID, arms=Arms(0.3, 0.4), valid_until=9)
    decider = Decider(policy, ServingConfig(fallback="uniform"))
    before = {u: decider.decide(u, 9).arm for u in USERS}
    after = {u: decider.decide(u, 10) for u in USERS}
    assert {"control", "uniform", "policy"} == set(before.values())
    for user, arm in before.items():
        assert after[user].arm == ("control" if arm == "control" else "policy")
        assert after[user].propensity == pytest.approx(1.0 if arm == "control" else 0.2, abs=2**-32)


def test_none_that_is_not_eligible_becomes_uniform_over_what_is():
    decider = Decider(table(1, actions=GRID, from_period=20))
    drawn = [decider.decide(u, 3, eligible=[False, True, True, False, False]) for u in USERS]
    assert {d.propensity for d in drawn} == {0.5}
    assert {d.action for d in drawn} == {"1x@08:00", "3x@08:00"}
    assert drawn[0].fallback.startswith("not begun: policy")


# The context of a contextual policy


def test_a_context_by_name_or_in_order_draws_from_its_pmf():
    policy = Tilted()
    decider = Decider(policy)
    for user in USERS:
        one = decider.decide(user, 3, "ios", WHOLE | {"unused": "x"})
        assert decider.decide(user, 3, "ios", context=[0.5, -1.0]) == one
        pmf = policy.pmf(np.array([1]), np.array([[0.5, -1.0]]))[0]
        integers = served_integers((pmf * 2**32).tolist(), [True] * 5, 0.03)
        action = choose(integers, number(user_word(user), 3, "s", ""))
        assert (one.action, one.propensity) == (GRID.names[action], integers[action] / 2**32)
        assert (one.policy, one.fallback) == ("tilted", None)
    assert decider.pmf("ios", context=WHOLE) == dict(zip(GRID.names, (i / 2**32 for i in integers), strict=True))


def test_a_policy_without_features_needs_no_context():
    decider = Decider(Tilted(features=Features()))
    assert decider.decide("u", 3).fallback is None
    assert decider.decide("u", 3, context={"dose": NAN}).fallback is None


NAN = float("nan")


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (None, "missing context: dose, age"),
        ({"dose": 1.0}, "missing context: age"),
        ({"dose": 1.0, "age": None}, "missing context: age"),
        ({"dose": NAN, "age": 1.0}, "context is not finite: dose"),
        ([1.0, float("inf")], "context is not finite: age"),
        (["1", "old"], "context is not finite: dose, age"),
        ([1.0], "a context of 1 numbers, the policy takes 2"),
        (np.array([NAN, 0.0]), "context is not finite: dose"),
    ],
)
def test_a_context_that_is_not_whole_falls_back(context, reason):
    policy = Tilted(arms=Arms(0.2, 0.3))
    decider = Decider(policy)
    drawn = [decider.decide(u, 3, "ios", context) for u in USERS]
    assert {d.arm for d in drawn} == {"control", "uniform", "policy"}
    for d in drawn:
        if d.arm == "policy":
            assert (d.action, d.propensity, d.fallback) == ("none", 1.0, reason)
            assert d.policy == stand_in(policy, "none").version
        else:  # these arms need no context
            assert d.propensity == pytest.approx(1.0 if d.arm == "control" else 0.2, abs=2**-32)
            assert (d.fallback, d.policy) == (None, "tilted")
    with pytest.raises(PolicyError, match=reason):
        Decider(policy, ServingConfig(fallback="refuse")).decide(
            next(d.user for d in drawn if d.arm == "policy"), 3, "ios", context
        )


def test_where_a_policy_gives_no_pmf_the_fallback_does_and_one_that_never_does_is_not_taken():
    class Broken(Tilted):
        def pmf(self, nodes, context=None):
            return super().pmf(nodes, context) * np.where(context.any(), NAN, 1.0)

    class Worse(Tilted):
        def pmf(self, nodes, context=None):
            return super().pmf(nodes, context) * NAN

    assert Decider(Broken()).decide("u", 3, "", WHOLE).fallback == "the policy has no pmf at this context"
    with pytest.raises(PolicyError, match="no pmf"):
        Decider(Broken()).swap(Worse(), 5)


# Missing, damaged, mismatching


def test_without_a_sound_policy_a_decider_starts_only_where_it_knows_the_actions(tmp_path):
    folder = save(table(1, actions=GRID), tmp_path / "policy")
    for damage in (None, b"", b"{}"):
        path = tmp_path / "nowhere"
        if damage is not None:
            path = folder
            (folder / "policy.json").write_bytes(damage)
        with pytest.raises(PolicyFormatError):
            Decider.open(path)
        with pytest.raises(PolicyFormatError):
            Decider.open(path, ServingConfig(fallback="refuse", actions=GRID))
        d = Decider.open(path, ServingConfig(actions=GRID)).decide("u", 3, "ios")
        assert (d.action, d.propensity) == ("none", 1.0)
        assert d.fallback.startswith("no policy: ")
        safe = Decider.open(path, ServingConfig(fallback=table(7, actions=GRID, salt="z", arms=Arms(1.0))))
        assert safe.decide("u", 3).arm == "control"
        assert safe.live().fallback.startswith("no policy: ")
        assert safe.fallback is safe.policy
        assert safe.swap(table(1, actions=GRID, scope="mail"), 5).version
        assert safe.decide("u", 5).scope == "mail"


def test_a_policy_of_other_actions_than_configured_is_not_served(tmp_path):
    config = ServingConfig(actions=GRID)
    decider = Decider(table(1), config)
    assert decider.actions == GRID
    assert decider.decide("u", 1).fallback == "no policy: it has other actions than those that are served"
    with pytest.raises(PolicyError, match="other actions than the policy"):
        Decider(table(1), ServingConfig(fallback=uniform(GRID)))


def test_none_must_be_there_to_fall_back_to():
    send = uniform(ActionSpace.named(["mail", "push"]))
    with pytest.raises(PolicyError, match="no action 'none' to fall back to"):
        Decider(send)
    expired = on_terms(send, valid_until=3)
    assert Decider(expired, ServingConfig(fallback="uniform")).decide("u", 4).propensity == 0.5


def test_a_policy_grows_too_old():
    lineage = Lineage(trained_until=START + 3 * WEEK)  # in period 2903
    decider = Decider(table(1, lineage=lineage), ServingConfig(max_age_periods=4))
    assert decider.decide("u", 2907).fallback is None
    assert decider.decide("u", 2908).fallback.startswith("expired: ")
    assert Decider(table(1), ServingConfig(max_age_periods=0)).decide("u", 2**62).fallback is None
    timeless = uniform(ActionSpace.named(["none", "b"]))
    with pytest.raises(TactfulError, match="length of a period"):
        Decider(on_terms(timeless, lineage=lineage), ServingConfig(max_age_periods=4))


# What is asked for wrongly is refused, not served


@pytest.mark.parametrize("period", [2**63, -(2**63) - 1, 1.5, "12", None])
def test_a_period_that_is_none_is_refused(period):
    for decider in (Decider(table(1)), Decider(table(1, valid_until=3)), Decider(Tilted())):
        with pytest.raises(PolicyError, match="period"):
            decider.decide("u", period)


def test_numpy_periods_and_the_ends_of_the_range():
    decider = Decider(table(1))
    assert decider.decide("u", np.int64(7)) == decider.decide("u", 7)
    assert type(decider.decide("u", np.int64(7)).period) is int
    for end in (-(2**63), 2**63 - 1):
        assert decider.decide("u", end).fallback is None


def test_an_id_that_is_no_text_is_refused():
    with pytest.raises(PolicyError, match="surrogates"):
        Decider(table(1)).decide("\ud800", 1)


def test_unknown_segments_say_so_beside_a_context():
    assert Decider(Tilted()).decide("u", 1, "web", WHOLE).fallback == "unknown segment, served ''"
    assert Decider(Tilted()).decide("u", 1, "ios/new/x", WHOLE).fallback == "unknown segment, served 'ios/new'"


def test_plain_actions_have_a_fallback_too():
    assert Decider(table(1, actions=PLAIN, valid_until=1)).decide("u", 2).action == "none"
