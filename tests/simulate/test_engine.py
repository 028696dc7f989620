"""The engine moves people as the plain Python of the equations does, and keeps its promises about sends."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_python import reaction, week
from scipy import stats

from tactful.kernels import world as kernel
from tactful.simulate.engine import MEASURES, ORIGIN, Engine
from tactful.simulate.people import draw_people
from tactful.simulate.plans import Fixed
from tactful.simulate.world import World
from tactful.simulate.world_config import WorldConfig

CONFIG = WorldConfig()
BRISK = replace(CONFIG, hazard=0.02, openness=-1.0, habit_gain=0.05, habit_loss=0.01)
ETERNAL = replace(CONFIG, hazard=0.0)
EVERY = len(CONFIG.slots)
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="too many users for plain Python")


def lived(config, people, weeks, pace, slot=-1, *, seed=1, first_day=0, sent=None, kept=1.0, threads=1):
    """Totals (n, measures) of weeks at a pace."""
    shape = (people.n, weeks)
    out = np.zeros((people.n, 1, len(MEASURES)))
    cadence = np.broadcast_to(np.rint(1000 * np.asarray(pace)).astype(np.int64), shape)
    engine = Engine(config, seed, threads)
    engine.cadences(people, first_day, cadence, np.full(shape, slot), out, sent=sent, kept=kept)
    return out[:, 0]


@pytest.mark.parametrize("first_day", [0, -7])
@pytest.mark.parametrize("config", [CONFIG, BRISK], ids=["default", "brisk"])
def test_a_user_is_the_plain_python_of_the_equations(config, first_day):
    people = draw_people(config, 40, 3, seed=7)
    people.kinds[:, 0] = people.kinds[:, 0] % 4 + 4 * len(config.zones)  # everybody's zone is known
    users = [
        {
            "row": int(people.row[i]), "chronotype": int(people.chronotype[i]), "alive": True, "since": 0.0,
            "lam": people.traits[i, 0], "b": people.traits[i, 1], "T": people.traits[i, 2],
            "F": 0.0, "H": 0.0, "credit": people.state[i, kernel.CREDIT],
        }
        for i in range(people.n)
    ]  # fmt: skip
    for at in range(3):
        totals = lived(config, people, 1, 5.0, 2, seed=7, first_day=first_day + 7 * at)
        expected = [week(config, 7, u, first_day + 7 * at, 5, 2) for u in users]
        for j, name in enumerate(MEASURES[:4]):
            np.testing.assert_array_equal(totals[:, j], [e[name] for e in expected], name)
        np.testing.assert_allclose(people.state[:, kernel.FATIGUE], [u["F"] for u in users], rtol=1e-12)
        np.testing.assert_allclose(people.state[:, kernel.HABIT], [u["H"] for u in users], atol=1e-14)
        np.testing.assert_array_equal(people.alive, [u["alive"] for u in users])


def test_the_expectations_of_a_day_are_the_closed_form_at_zero_fatigue():
    config = replace(BRISK, never=0.0)
    people = draw_people(config, 30, 0, seed=2)
    people.kinds[:, 0] = people.kinds[:, 0] % 4 + 4 * len(config.zones)
    people.state[:, kernel.CREDIT] = 6999
    before = people.copy()
    step = Engine(config, 2).one_step(before, 1)
    for i in range(people.n):
        user = {"F": 0.0, "H": 0.0, "since": 0.0, "T": people.traits[i, 2], "b": people.traits[i, 1],
                "chronotype": int(people.chronotype[i])}  # fmt: skip
        p, _, quits = reaction(config, user, 1, 0)
        mu = people.traits[i, 0]
        assert step[i] == pytest.approx([mu / EVERY, p, p * math.exp(-mu * config.replace_days), quits], rel=1e-12)


@compiled
def test_means_are_the_closed_form_at_zero_fatigue():
    """One send to 40,000 rested users: realised means against expectations; z tests, false-alarm rate 1e-4."""
    people = draw_people(BRISK, 40_000, 0, seed=5)
    people.state[:, kernel.CREDIT] = 6999
    step = Engine(BRISK, 5).one_step(people, 3)
    totals = lived(BRISK, people, 1, 0.001, 3, seed=5)
    assert (totals[:, 0] == 1).all()
    mu = 7 * people.traits[:, 0]
    for got, mean in ((totals[:, 1], step[:, 1]), (totals[:, 3], step[:, 3])):
        z = (got - mean).sum() / np.sqrt((mean * (1 - mean)).sum())
        assert abs(z) < stats.norm.isf(1e-4 / 6)
    stayed = totals[:, 3] == 0
    seen = (totals[:, 2] - totals[:, 8])[stayed & (totals[:, 1] == 0)]
    rate = mu[stayed & (totals[:, 1] == 0)]
    assert abs((seen - rate).sum() / np.sqrt(rate.sum())) < stats.norm.isf(1e-4 / 6)


@given(st.integers(0, 21), st.integers(-1, 4), st.integers(1, 3), st.integers(0, 10**6))
def test_the_number_of_sends_is_the_cadence_when_nothing_intervenes(pace, slot, weeks, seed):
    people = draw_people(ETERNAL, 3, 0, seed)
    assert (lived(ETERNAL, people, weeks, pace, slot, seed=seed)[:, 0] == pace * weeks).all()


@given(st.sampled_from([0.25, 0.5, 1.5]), st.integers(0, 10**6))
def test_fractions_of_a_send_a_week_add_up(pace, seed):
    people = draw_people(ETERNAL, 3, 0, seed)
    assert (lived(ETERNAL, people, 8, pace, seed=seed)[:, 0] == 8 * pace).all()


def test_sends_of_a_day_spread_over_its_slots_and_never_share_one():
    people = draw_people(ETERNAL, 20, 0, seed=1)
    sent = np.full((20, 40), -1, np.int64)
    lived(ETERNAL, people, 1, 21, sent=sent)
    day, slot = np.divmod(sent[:, :21] // kernel.FLAGS - 64 * ORIGIN, 64)
    assert (sent[:, 21:] == -1).all()
    for i in range(20):
        assert len(set(zip(day[i], slot[i], strict=True))) == 21
        assert (np.bincount(day[i], minlength=7) == 3).all()
        assert (np.diff(64 * day[i] + slot[i]) > 0).all()


def test_any_slot_is_uniform_and_a_dropped_share_is_dropped():
    people = draw_people(ETERNAL, 400, 0, seed=3)
    sent = np.full((400, 8), -1, np.int64)
    totals = lived(ETERNAL, people, 1, 7, sent=sent)
    slot = (sent[:, :7] // kernel.FLAGS % 64).ravel()
    assert stats.chisquare(np.bincount(slot, minlength=5)).pvalue > 1e-4
    half = lived(ETERNAL, draw_people(ETERNAL, 400, 0, seed=3), 1, 7, kept=0.5)[:, 0].sum()
    assert abs(half - totals[:, 0].sum() / 2) < 4 * np.sqrt(2800 / 4)


def test_who_has_opted_out_gets_nothing_and_never_returns():
    people = draw_people(BRISK, 200, 0, seed=4)
    gone = np.zeros(200, bool)
    for at in range(12):
        totals = lived(BRISK, people, 1, 7, first_day=7 * at)
        assert not totals[gone][:, [0, 1, 3, 4, 6, 7]].any()
        assert (totals[~gone, 3] == ~people.alive[~gone]).all()
        gone |= ~people.alive
    assert 20 < gone.sum() < 200


@compiled
def test_threads_and_splits_of_time_change_nothing():
    whole = draw_people(BRISK, 5000, 0, seed=6)
    parts = whole.copy()
    totals = lived(BRISK, whole, 3, 5, threads=2)
    split = sum(lived(BRISK, parts, 1, 5, first_day=7 * at, threads=1) for at in range(3))
    np.testing.assert_array_equal(whole.state, parts.state)
    np.testing.assert_array_equal(totals[:, :4], split[:, :4])


@compiled
def test_expectations_without_dice_are_the_means_with_dice():
    """Every cadence from a warm state over two weeks: paired z tests of 20,000 users, false-alarm rate 1e-3."""
    world = World(replace(CONFIG, hazard=0.004))
    people = world.people(20_000, seed=8)
    paces = (0, 3, 7, 14)
    mean = Engine(world.config, 8).expected(people, 0, 14, np.array(paces) * 1000, np.full(4, 2))
    for j, pace in enumerate(paces):
        value = world.value(Fixed(float(pace), 2), 14, people, seed=8)
        for k, name in enumerate(("sends", "opens", "sessions", "opt_outs")):
            gap = value.of_users(name) - mean[:, j, k]
            assert abs(gap.mean()) <= stats.norm.isf(1e-3 / 32) * gap.std() / np.sqrt(gap.size) + 1e-12, (pace, name)
