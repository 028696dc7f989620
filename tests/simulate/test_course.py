"""A population lived week by week: under one policy the world's own log, and weeks apart continue one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tactful.errors import SpecError
from tactful.models.conjugate.posterior import Conjugate
from tactful.policies.table import always, uniform
from tactful.simulate.course import Course
from tactful.simulate.plain_world import PlainWorld
from tactful.simulate.world import World
from tactful.simulate.world_config import WorldConfig

BRISK = World(replace(WorldConfig(), hazard=0.02, openness=-1.0))
PLAIN = PlainWorld()
COLUMNS = ("action", "propensity", "propensities", "context", "decided_at", "period", "segment")


def course(users=200, seed=3):
    return Course(BRISK, BRISK.people(users, seed=seed), seed)


def by_period(log, period):
    rows = np.flatnonzero(log.period == period)
    return rows[np.argsort(log.user_key[log.user[rows]])]


def test_under_one_policy_it_is_the_worlds_own_simulation():
    whole = BRISK.simulate(200, 4, uniform(BRISK.actions), seed=3, warm=True).log
    lived = course()
    for _ in range(4):
        log = lived.advance(uniform(BRISK.actions)).log
        mine, theirs = by_period(log, log.period[0]), by_period(whole, log.period[0])
        assert mine.size == theirs.size
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(log, name)[mine], getattr(whole, name)[theirs])
        for o, measured in whole.outcomes.items():
            np.testing.assert_array_equal(log.outcomes[o].value[mine], measured.value[theirs])
    assert log.n < 200


def test_expectations_are_those_of_the_state_before_the_week():
    lived = course()
    before = lived.people.copy()
    week = lived.advance(always(BRISK.actions, "7x@08:00"), expected=True)
    mean = BRISK.one_step(before.take(before.alive))
    for leaf in np.unique(week.leaf):
        np.testing.assert_allclose(week.expected[week.leaf == leaf].mean(0), mean[leaf], rtol=1e-12, atol=1e-15)
    assert course().advance(always(BRISK.actions, "none")).expected.size == 0


def test_a_posterior_counts_every_week_of_a_course_once():
    lived = course()
    logs = [lived.advance(uniform(BRISK.actions)).log for _ in range(3)]
    posterior = Conjugate().fit(logs[0])
    for log in logs[1:]:
        posterior = posterior.update(log)
    for o in posterior.outcomes:
        assert posterior.counted(o).sum() == sum(log.n for log in logs)


def test_nobody_left_is_an_error():
    lived = course(users=3)
    lived.people.state[:, :] = 0
    with pytest.raises(SpecError, match="everybody has opted out"):
        lived.advance(uniform(BRISK.actions))


class TestPlain:
    def test_weeks_apart_are_those_of_the_whole(self):
        whole = PLAIN.simulate(50, 3, uniform(PLAIN.actions), seed=2).log
        for week in range(3):
            part = PLAIN.simulate(50, 1, uniform(PLAIN.actions), seed=2, first_week=week).log
            rows = whole.period == part.period[0]
            np.testing.assert_array_equal(part.action, whole.action[rows])
            for o, measured in part.outcomes.items():
                np.testing.assert_array_equal(measured.value, whole.outcomes[o].value[rows])

    def test_scatter_moves_every_cell_on_its_own_and_follows_its_seed(self):
        flat, rough = (replace(PLAIN, amplitude=0.0, bend=0.0, scatter=s, scatter_seed=1) for s in (0.0, 0.5))
        sends = PLAIN.truth()["sends"][:, 1:]

        def log_odds(world):
            p = world.truth()["engaged"][:, 1:] / sends
            return np.log(p / (1 - p))

        moved = log_odds(rough) - log_odds(flat)
        assert np.unique(moved.round(9)).size == moved.size
        # 100 normals: the standard deviation is within 4 of its errors, the neighbours' correlation within 4 of its own
        assert abs(moved.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * moved.size)
        assert abs(np.corrcoef(moved[:, :-1].ravel(), moved[:, 1:].ravel())[0, 1]) < 4 / np.sqrt(moved.size)
        assert not np.allclose(log_odds(replace(rough, scatter_seed=2)), log_odds(rough))

    def test_shares_say_where_users_are(self):
        world = replace(PLAIN, shares=(0.0, 1.0, 2.0, 1.0))
        log = world.simulate(4000, 1, uniform(PLAIN.actions), seed=4).log
        paths = np.array(log.segments.paths)[log.segment]
        found = np.array([np.mean(paths == leaf) for leaf in world.leaves])
        np.testing.assert_allclose(found, [0, 0.25, 0.5, 0.25], atol=4 * 0.5 / np.sqrt(4000))
        mean = (world.truth()["engaged"].mean(1) * [0, 0.25, 0.5, 0.25]).sum()
        assert world.value(uniform(PLAIN.actions))["engaged"] == pytest.approx(mean, abs=1e-8)

    @pytest.mark.parametrize("shares", [(1.0,), (-1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0)])
    def test_shares_that_do_not_fit_are_refused(self, shares):
        with pytest.raises(SpecError, match="shares do not fit"):
            replace(PLAIN, shares=shares)
