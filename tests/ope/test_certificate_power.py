"""Rehearsed certificates: what is foretold is what ``certify`` does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.ope.betting import certify, keeps
from tactful.ope.certificate_power import MANY_EVENTS, Design, chance_kept, users_to_keep
from tactful.ope.sample_size import chance_of_verdict
from tactful.ope.wealth import stakes

LIMIT = 0.02
PLAIN = Design(weight=np.array([2.7, 0.15]), share=np.array([1 / 3, 2 / 3]), largest=2.7)


def staked(rng, design, users, rate):
    """Users as rows, that end with an event."""
    most = design.max_rows
    event = rng.random((users, most)) < rate
    here = np.cumsum(event, 1) - event == 0
    weight = rng.choice(design.weight, (users, most), p=design.share)
    user = np.broadcast_to(np.arange(users)[:, None], (users, most))
    return stakes(
        event[here].astype(float), weight[here], user[here], max_rows=most, cap=design.largest, absorbing=True
    )


@given(st.integers(0, 2**32), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([1, 3]))
def test_one_pass_says_what_the_bound_says(seed, ratio, rows):
    design = replace(PLAIN, rows=rows, max_rows=rows)
    at = staked(np.random.default_rng(seed), design, 600, ratio * LIMIT)
    assert keeps(at, LIMIT) == certify(at, LIMIT).kept == (certify(at, LIMIT).upper <= LIMIT)


def test_it_is_the_same_every_time_and_grows():
    chances = [chance_kept(PLAIN, LIMIT, 0.5 * LIMIT, users) for users in (200, 1000, 3000, 10_000)]
    assert chances == sorted(chances)
    assert chances[1] == chance_kept(PLAIN, LIMIT, 0.5 * LIMIT, 1000)
    assert chance_kept(PLAIN, LIMIT, 1.5 * LIMIT, 3000) < 0.01


def test_where_events_are_many_it_is_the_first_passage():
    users = int(1.1 * MANY_EVENTS / LIMIT)
    gain, probability = PLAIN.gains(LIMIT, LIMIT)
    expected = chance_of_verdict(gain, users, PLAIN.most_bet(LIMIT), probability=probability)
    assert chance_kept(PLAIN, LIMIT, LIMIT, users) == expected
    assert chance_kept(PLAIN, LIMIT, LIMIT, users // 3) == pytest.approx(expected, abs=0.03)


def test_the_users_that_are_needed_give_the_chance():
    users = users_to_keep(PLAIN, LIMIT, 0.5 * LIMIT)
    assert chance_kept(PLAIN, LIMIT, 0.5 * LIMIT, users) >= 0.8
    assert chance_kept(PLAIN, LIMIT, 0.5 * LIMIT, round(0.96 * users)) < 0.8
    assert users_to_keep(PLAIN, LIMIT, LIMIT) is None


def test_the_worst_design_has_a_mean_weight_of_1():
    design = Design.worst(5.0, 3)
    assert design.share @ design.weight == pytest.approx(1)
    assert design.square == pytest.approx(5)


def test_users_whose_rows_are_alike_take_longer():
    apart, alike = (Design.worst(2.0, 8, absorbing=False, correlation=c) for c in (0.0, 0.2))
    assert users_to_keep(alike, 0.2, 0.15) > 1.2 * users_to_keep(apart, 0.2, 0.15)


@pytest.mark.parametrize(("users", "ratio", "rows"), [(1000, 0.25, 1), (2500, 0.5, 1), (600, 0.5, 4)])
def test_what_is_foretold_comes_true(users, ratio, rows):
    """500 logs each: within .05 and two standard errors of the study (.045)."""
    design = replace(PLAIN, rows=rows, max_rows=rows)
    rng = np.random.default_rng(5)
    kept = np.mean([keeps(staked(rng, design, users, ratio * LIMIT), LIMIT) for _ in range(500)])
    assert kept == pytest.approx(chance_kept(design, LIMIT, ratio * LIMIT, users), abs=0.095)
