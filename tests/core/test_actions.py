"""The action space: a grid or plain names, and the clock that cuts time into periods."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.errors import SpecError

SLOTS = ["08:00", "12:00", "18:00", "21:30"]


def test_a_grid_is_none_first_then_slot_by_slot():
    space = ActionSpace.grid(["08:00", "21:30"], [1, 7])
    assert space.names == ("none", "1x@08:00", "7x@08:00", "1x@21:30", "7x@21:30")
    assert space.slots == (None, "08:00", "08:00", "21:30", "21:30")
    assert space.frequencies == (0, 1, 7, 1, 7)
    assert [space.index(n) for n in space.names] == list(range(space.k))
    assert space.period_us == 7 * DAY_US


def test_a_grid_without_none():
    assert ActionSpace.grid(["08:00"], [1, 2], none=False).names == ("1x@08:00", "2x@08:00")


def test_plain_names_have_no_geometry_but_none_sends_nothing():
    space = ActionSpace.named(["a", "none"])
    assert (space.slots, space.frequencies, space.period_us) == ((None, None), (None, 0), None)


def test_sends_are_frequencies_and_one_for_a_plain_action_that_sends():
    assert ActionSpace.grid(["08:00", "21:30"], [1, 7]).sends.tolist() == [0, 1, 7, 1, 7]
    assert ActionSpace.named(["a", "none", "b"]).sends.tolist() == [1, 0, 1]
    assert ActionSpace(("none", "a"), (None, None), (None, 2)).sends.tolist() == [0, 2]
    assert ActionSpace.named(["a", "b"]).sends.dtype == float


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ActionSpace.grid(["8:00"], [1]), ["8:00", "HH:MM"]),
        (lambda: ActionSpace.grid(["24:00"], [1]), ["24:00"]),
        (lambda: ActionSpace.grid(["08:60"], [1]), ["08:60"]),
        (lambda: ActionSpace.grid(["08:00\n"], [1]), ["not a time of day"]),
        (lambda: ActionSpace.grid(SLOTS, [8]), ["8", "once a day"]),
        (lambda: ActionSpace.grid(SLOTS, [0]), ["0", "frequenc"]),
        (lambda: ActionSpace.grid(SLOTS, [1, 2], period_days=1), ["2", "once a day"]),
        (lambda: ActionSpace.grid(["08:00", "08:00"], [1]), ["1x@08:00", "twice"]),
        (lambda: ActionSpace.grid([], [1]), ["two actions"]),
        (lambda: ActionSpace.grid(SLOTS, [1], origin="monday"), ["monday", "origin"]),
        (lambda: ActionSpace.named(["only"]), ["two actions"]),
        (lambda: ActionSpace.named(["a", "a", "b"]), ["a", "twice"]),
        (lambda: ActionSpace.named(["a", "b"], period_days=0), ["period_days"]),
        (lambda: ActionSpace.named(["a", "b"]).index("c"), ["'c'", "a, b"]),
        (lambda: ActionSpace.named(["a", "b"]).period(0), ["period_days"]),
        (lambda: ActionSpace(("a", "b"), (None,), (None, None)), ["length"]),
    ],
)
def test_what_cannot_be_drawn_from_is_refused_with_what_to_do(make, words):
    with pytest.raises(SpecError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
    assert caught.value.do


@given(st.integers(-(10**6), 10**6), st.sampled_from([1, 7, 0.5, 28]), st.integers(0, 10**18))
def test_a_time_is_in_the_period_that_starts_before_it(period, days, offset):
    space = ActionSpace.named(["a", "b"], period_days=days, origin="2024-02-29T12:30:00+01:00")
    start, end = space.period_start_us(period), space.period_start_us(period + 1)
    at = start + offset % (end - start)
    assert space.period(at) == period
    assert end - start == days * DAY_US


def test_weeks_start_on_monday_by_default_and_are_negative_before_the_origin():
    space = ActionSpace.named(["a", "b"], period_days=7)
    assert space.period_start_us(0) == time_us("1970-01-05", "")
    assert space.period(time_us("1970-01-04T23:59:59.999999", "")) == -1
    assert space.period(time_us("2026-11-22T23:59:59Z", "")) + 1 == space.period(time_us("2026-11-23", ""))


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("2106-02-07T06:28:15.999999", 4294967295_999999),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text, us):
    assert time_us(text, "") == us


@pytest.mark.parametrize(
    "space",
    [ActionSpace.grid(SLOTS, [1, 3]), ActionSpace.named(["a", "none"]), ActionSpace.named(["ä", '"'], period_days=1.5)],
)
def test_json_is_lossless(space):
    assert ActionSpace.from_json(json.loads(json.dumps(space.to_json()))) == space
