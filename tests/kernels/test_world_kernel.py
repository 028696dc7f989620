"""The world's days under a cadence are those of plain Python, user by user, and so is every part of them."""

from __future__ import annotations

from math import exp, expm1, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world_arrays import SLOTS, Population, recorded, same_state, same_totals

from reference import philox
from reference import world as reference
from tactful.kernels import world as kernels

U32 = st.integers(0, 2**32 - 1) | st.sampled_from([0, 2**32 - 1])
DAYS = 17  # two whole weeks and a part


@given(st.integers(0, 2**64 - 1))
def test_a_word_gives_one_short_uniform(word):
    u = kernels.unit(np.uint64(word))
    assert u == philox.short_uniform(word % 2**32)
    assert 0 < u < 1


@given(U32, st.sampled_from([0.0, 1e-12, 0.3, 1.0, 12.0, 400.0]))
def test_a_poisson_variate_is_found_by_inversion(word, mean):
    u = philox.short_uniform(word)
    assert kernels.poisson(u, mean) == reference.poisson(u, mean)


@pytest.mark.parametrize("hazard", [0.0, 1e-300, 1e-9, 0.00999, 0.01, 0.3, 40.0])
def test_the_chance_of_at_least_one_event(hazard):
    """Below 0.01 by a series whose error is under 1e-12."""
    assert kernels.at_least_one(hazard) == pytest.approx(-expm1(-hazard), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("since", [0.0, 7.0, 7.5, 400.0])
@pytest.mark.parametrize("fatigue", [0.0, 1.9, 2.0, 30.0])
@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0])
def test_a_reaction_follows_the_equations(fatigue, since, factor):
    rates = Population(0, 1, 1)
    user = {"fatigue": fatigue, "habit": -0.3, "since": since, "tolerance": 2.0, "factors": [factor]}
    expected = reference.reaction(user, rates.named_rates, 0, -1.2)
    found = kernels.reaction(fatigue, -0.3, since, 2.0, -1.2, factor, rates.rates)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_what_a_send_brings(row, p, adds, quits):
    opened, added, left = reference.happens(5, row, 77, p, adds, quits)
    bits = kernels.happens(np.uint64(5), np.uint64(row), np.uint64(77), p, adds, quits)
    assert bits == kernels.OPENED * opened + kernels.ADDED * added + kernels.QUIT * left


@given(st.integers(1, 9), st.integers(-1, 4), U32)
def test_the_slots_of_a_day(sends, slot, choice):
    bits = int(kernels.chosen(sends, slot, np.uint64(choice), SLOTS))
    expected = reference.slots_of_day(sends, None if slot < 0 else slot, choice >> 16, SLOTS)
    assert [s for s in range(SLOTS) if bits >> s & 1] == expected
    assert bits < 1 << SLOTS


@pytest.mark.parametrize("first_day", [0, 1, (1 << 20) - 7])
@pytest.mark.parametrize(("share", "seed"), [(65536, 1), (30000, 2), (0, 3)])
def test_days_are_those_of_plain_python(first_day, share, seed):
    people = Population(seed, 12, DAYS)
    cadence = people.rng.choice([0, 250, 3000, 7000, 21000, 49000], (12, 3))
    slot = people.rng.integers(-1, SLOTS, (12, 3))
    windows = [0] * 5 + [2] * 7 + [0] * 5
    plan = np.array([first_day, 4, share, *windows])
    users = [people.user(i) for i in range(12)]
    out, sent = np.zeros((12, 3, 9)), np.full((12, 40), -1)
    kernels.cadences(np.uint64(seed), people.row, plan, *people.tables(), cadence, slot, people.state, out, sent)
    for i, user in enumerate(users):
        totals, record = reference.live(
            user, people.named_rates, seed=seed, first_day=first_day, weekday=4, share=share, windows=windows,
            drift=people.drift, cadence=cadence[i].tolist(), slots=[None if s < 0 else s for s in slot[i].tolist()],
        )  # fmt: skip
        same_state(user, people.state[i])
        same_totals(totals, out[i])
        assert sent[i].tolist() == recorded(record, 40)
    assert (out[:, 0, 0].sum() > 0) == (share > 0)


def test_a_narrow_record_keeps_the_first_sends_and_no_users_change_nothing():
    people = Population(4, 3, 7)
    state = people.state.copy()
    plan, cadence, slot = np.array([0, 0, 65536, *[0] * 7]), np.full((3, 1), 14000), np.full((3, 1), 2)
    wide, narrow = np.full((3, 20), -1), np.full((3, 4), -1)
    for sent in (wide, narrow):
        people.state[:] = state
        kernels.cadences(
            np.uint64(4), people.row, plan, *people.tables(), cadence, slot, people.state, np.zeros((3, 1, 9)), sent
        )
    assert narrow.tolist() == wide[:, :4].tolist()
    empty = Population(4, 0, 7)
    kernels.cadences(
        np.uint64(4),
        empty.row,
        plan,
        *empty.tables(),
        cadence[:0],
        slot[:0],
        empty.state,
        np.zeros((0, 1, 9)),
        wide[:0],
    )


def test_uniforms_of_pairs_of_row_and_lane():
    row, lane = np.array([0, 5, 2**64 - 1], np.uint64), np.array([1, 0, 2**64 - 1], np.uint64)
    out = np.empty(3)
    kernels.uniforms(np.uint64(3), row, lane, out)
    assert out.tolist() == [philox.uniforms(3, r, n)[0] for r, n in zip(row.tolist(), lane.tolist(), strict=True)]


def test_the_places_of_parameters_are_those_of_plain_python():
    """The reference names them; here their order: decay of fatigue first, what stays of the visits last."""
    people = Population(0, 1, 1)
    assert people.rates[kernels.DECAY_F] == people.named_rates["decay_fatigue"]
    assert people.rates[kernels.STAY] == people.named_rates["stay"]
    assert not isnan(exp(people.rates[kernels.LOG_FACTOR]))
