"""Which policy is live in which period, against a plain model, through swaps, rollbacks and freezes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import GRID, PLAIN, START, WEEK, on_terms, table
from tactful.core.actions import ActionSpace
from tactful.errors import PolicyError, PolicyFormatError, SpecError
from tactful.policies.artifact import save
from tactful.policies.table import always, uniform
from tactful.serving import Decider, ServingConfig

NOW = 2900  # the period of the clock below
POLICIES = [table(seed, actions=GRID, salt=f"p{seed}") for seed in range(6)]
VERSION = [p.version for p in POLICIES]


def decider(policy=POLICIES[0], **config):
    return Decider(policy, ServingConfig(**config), clock=lambda: START + WEEK // 2)


def served(one, periods=range(NOW - 3, NOW + 12)):
    return [one.decide("u", p).policy for p in periods]


class Model:
    """Every period's policy written out, and the stack of those accepted."""

    def __init__(self, first):
        self.of = dict.fromkeys(range(NOW - 3, NOW + 12), first)
        self.stack = [first]

    def begin(self, policy, start):
        for p in self.of:
            if p >= start:
                self.of[p] = policy

    def swap(self, policy, start):
        if policy != self.stack[-1]:
            self.stack.append(policy)
        self.begin(policy, start)

    def rollback(self, start, policy=None):
        earlier = self.stack[:-1]
        at = len(earlier) - 1 if policy is None else max((i for i, s in enumerate(earlier) if s == policy), default=-1)
        if at < 0:
            return False
        self.stack = self.stack[: at + 1]
        self.begin(self.stack[-1], start)
        return True


STARTS = st.integers(NOW - 2, NOW + 10) | st.none() | st.just("now")
MOVES = st.lists(st.tuples(st.sampled_from(["swap", "rollback", "back to"]), st.integers(0, 5), STARTS), max_size=12)


def how(start):
    if start == "now":
        return {"now": True}, NOW
    return ({}, NOW + 1) if start is None else ({"from_period": start}, start)


@given(MOVES)
@settings(max_examples=100)
def test_every_period_is_decided_by_the_policy_that_is_live_for_it(moves):
    one, model = decider(keep=100), Model(0)
    for move, policy, start in moves:
        options, at = how(start)
        if move == "swap":
            live = one.swap(POLICIES[policy], **options)
            model.swap(policy, at)
            assert live.version == VERSION[policy]
        else:
            to = None if move == "rollback" else policy
            if model.rollback(at, to):
                one.rollback(None if to is None else VERSION[to], **options)
            else:
                with pytest.raises(PolicyError, match="no such earlier policy"):
                    one.rollback(None if to is None else VERSION[to], **options)
        assert served(one) == [VERSION[p] for p in model.of.values()]
        for period, policy_there in model.of.items():
            live = one.live(period)
            assert live.version == VERSION[policy_there]
            low = period if live.from_period is None else live.from_period
            high = period if live.until_period is None else live.until_period
            assert low <= period <= high
            assert {model.of[p] for p in range(low, high + 1) if p in model.of} == {policy_there}
    assert one.live() == one.live(NOW)


def test_a_swap_begins_with_the_next_period_and_a_user_asked_twice_gets_one_answer():
    one = decider()
    before = one.decide("u", NOW)
    live = one.swap(POLICIES[1])
    assert (live.version, live.from_period, live.until_period, live.source) == (VERSION[1], NOW + 1, None, "memory")
    assert one.decide("u", NOW) == before
    assert one.decide("u", NOW + 1).policy == VERSION[1]
    assert one.live(NOW)._replace(accepted_at="") == (VERSION[0], None, NOW, "", "memory", None, False, None)


def test_a_policy_begins_no_earlier_than_it_says():
    one = decider()
    assert one.swap(on_terms(POLICIES[1], from_period=NOW + 4)).from_period == NOW + 4
    assert one.swap(on_terms(POLICIES[2], from_period=NOW - 4)).from_period == NOW + 1
    for late in ({"from_period": NOW + 3}, {"now": True}):
        with pytest.raises(PolicyError, match=r"it cannot begin in period .* not begun"):
            one.swap(on_terms(POLICIES[1], from_period=NOW + 4), **late)
    with pytest.raises(PolicyError, match="it cannot begin in period 2901: expired"):
        one.swap(on_terms(POLICIES[1], valid_until=NOW))
    assert one.live(NOW + 9).version == on_terms(POLICIES[2], from_period=NOW - 4).version


def test_only_so_many_are_kept():
    one = decider(keep=2)
    for i in range(1, 6):
        one.swap(POLICIES[i], NOW + i)
    assert served(one, range(NOW + 3, NOW + 7)) == [VERSION[3], VERSION[4], VERSION[5], VERSION[5]]
    gone = one.decide("u", NOW + 2)
    assert (gone.action, gone.propensity, gone.fallback) == ("none", 1.0, "no policy is kept for this period")
    assert one.live(NOW + 2).fallback == "no policy is kept for this period"
    with pytest.raises(PolicyError, match=f"kept, newest first: {VERSION[4]}, {VERSION[3]}$"):
        one.rollback(VERSION[2])
    with pytest.raises(PolicyError, match="no policy is kept"):
        one.pmf(period=NOW + 2)
    assert one.pmf(period=NOW + 3) != one.pmf()
    one.rollback(VERSION[3], now=True)
    assert one.live().version == VERSION[3]
    none = decider(keep=0, fallback="refuse")
    none.swap(POLICIES[1], NOW)
    with pytest.raises(PolicyError, match="no policy is kept"):
        none.decide("u", NOW - 1)


def test_a_start_without_a_policy_is_kept_like_one(tmp_path):
    one = Decider(tmp_path, ServingConfig(actions=GRID, keep=1), clock=lambda: START)
    one.swap(POLICIES[1], NOW)
    assert one.decide("u", NOW - 1).fallback.startswith("no policy: ")
    assert one.rollback(now=True).fallback.startswith("no policy: ")
    assert one.swap(POLICIES[1], NOW + 1).version == VERSION[1]


def test_rolling_back_to_an_expired_policy_is_refused():
    one = decider(on_terms(POLICIES[0], valid_until=NOW))
    one.swap(POLICIES[1])
    with pytest.raises(PolicyError, match="expired"):
        one.rollback()
    assert one.rollback(now=True).version == on_terms(POLICIES[0], valid_until=NOW).version


def test_frozen_means_no_swap_but_a_way_back():
    one = decider()
    one.swap(POLICIES[1], NOW + 1)
    one.freeze()
    with pytest.raises(PolicyError, match="frozen"):
        one.swap(POLICIES[2])
    assert one.live().frozen
    assert one.rollback().version == VERSION[0]
    one.unfreeze()
    assert one.swap(POLICIES[2]).version == VERSION[2]


@pytest.mark.parametrize(
    ("policy", "says"),
    [(table(1, actions=PLAIN), "other actions"), (table(1, actions=GRID, scope="mail"), "of scope 'mail'")],
)
def test_a_policy_for_another_decider_is_refused(policy, says):
    one = decider()
    with pytest.raises(PolicyError, match=says):
        one.swap(policy)
    assert one.live(NOW + 5).version == VERSION[0]


def test_folders_are_verified(tmp_path):
    one = decider()
    live = one.swap(save(POLICIES[1], tmp_path / "a"))
    assert (live.source, len(live.sha256)) == (str(tmp_path / "a"), 64)
    assert one.swap(tmp_path / "a", sha256=live.sha256, source="registry").source == str(tmp_path / "a")
    with pytest.raises(PolicyFormatError, match="is not the pinned"):
        one.swap(tmp_path / "a", sha256="0" * 64)
    with pytest.raises(PolicyFormatError, match="no policy"):
        one.swap(tmp_path / "b")
    assert one.live(NOW + 5) == live


def test_a_folder_replaced_while_it_is_read_is_refused(tmp_path, monkeypatch):
    save(POLICIES[1], tmp_path)
    from tactful.policies import artifact

    honest = artifact.load

    def slow(folder):
        policy = honest(folder)
        save(POLICIES[2], folder)
        return policy

    monkeypatch.setattr(artifact, "load", slow)
    with pytest.raises(PolicyFormatError, match="replaced while it was read"):
        decider().swap(tmp_path)


def test_without_a_length_of_period_the_boundary_must_be_said():
    space = ActionSpace.named(["none", "send"])
    one = Decider(always(space, "send"))
    with pytest.raises(PolicyError, match="give from_period"):
        one.swap(uniform(space))
    assert one.swap(on_terms(uniform(space), from_period=7)).from_period == 7
    assert one.live().from_period == 7
    assert one.decide("u", 6).action == "send"
    with pytest.raises(PolicyError, match="give from_period"):
        one.rollback(now=True)
    with pytest.raises(SpecError, match="length of a period"):
        one.period(0)


def test_the_period_of_a_time():
    one = decider()
    at = datetime(1970, 1, 5, tzinfo=UTC) + NOW * timedelta(days=7)
    for same in (at, at.isoformat(), at.astimezone(timezone(timedelta(hours=-11))), START):
        assert one.period(same) == NOW
    assert one.period(at - timedelta(microseconds=1)) == NOW - 1
    assert one.period("2026-11-02T00:00:00Z") == 2965
    for naive in (datetime(2026, 11, 2), "2026-11-02", "2026-11-02T08:00"):
        with pytest.raises(PolicyError, match="without offset"):
            one.period(naive)
    with pytest.raises(PolicyError, match="not a time"):
        one.period("noon")


def test_threads_see_whole_policies():
    """Every decision of four threads is one that its policy makes, while a fifth swaps and rolls back."""
    one, wrong = decider(keep=4), []
    alone = {p.version: Decider(p) for p in POLICIES}
    done = threading.Event()

    def ask(name):
        while not done.is_set():
            for period in (NOW, NOW + 1):
                d = one.decide(name, period, "ios")
                if d != alone[d.policy].decide(name, period, "ios"):
                    wrong.append(d)

    threads = [threading.Thread(target=ask, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for i in range(60):
        one.swap(POLICIES[1 + i % 5])
        if i % 7 == 0:
            one.rollback()
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert one.live().version == VERSION[0]
