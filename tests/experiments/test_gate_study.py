"""The study of gates and monitors runs, draws what it says, and its small setting shows nothing absurd."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tactful.ope.wealth import stakes

FOLDER = "007_ope"


@pytest.fixture
def design(module_of):
    return module_of(FOLDER, "gate_design")


def test_sums_of_users_are_the_stakes_of_their_rows(design):
    """Users of eight decisions, written out row by row, give the stakes that the study draws."""
    world = design.WORLDS[1]
    drawn = design.draw_stakes(np.random.default_rng(1), world, 200, 0.05)
    user = np.repeat(np.arange(200), drawn.count.astype(int))
    last = np.append(np.flatnonzero(np.diff(user)), user.size - 1)
    reward, weight = np.zeros(user.size), np.ones(user.size)
    reward[last[drawn.low > 0]], weight[last[drawn.low > 0]] = 1.0, drawn.low[drawn.low > 0]
    totals = stakes(reward, weight, user, max_rows=8, cap=max(world.weight), absorbing=True)
    np.testing.assert_array_equal(totals.count, drawn.count)
    np.testing.assert_allclose(totals.high, drawn.high)
    assert (totals.floor, totals.max_rows, totals.cap, totals.worst) == (
        drawn.floor,
        drawn.max_rows,
        drawn.cap,
        drawn.worst,
    )


@pytest.mark.parametrize("rows", [1, 8])
def test_events_come_at_their_rate(design, rows):
    """Per decision, on 100,000 users: 4 standard errors."""
    world = design.WORLDS[0]._replace(rows=rows)
    drawn = design.draw_stakes(np.random.default_rng(2), world, 100_000, 0.02)
    n = drawn.count.sum()
    assert np.count_nonzero(drawn.low) / n == pytest.approx(0.02, abs=4 * np.sqrt(0.02 * 0.98 / n))


@pytest.mark.slow
def test_the_small_study_runs(module_of):
    """100 runs a cell: false words above .13 come up once in 1,000 cells; a foretold share is met within .05 + .15."""
    study = module_of(FOLDER, "gate")
    results = study.run(100)
    assert json.loads(json.dumps(results)) == results
    for c in results["limits"]:
        assert c["kept"] <= 0.13 or c["ratio"] < 1
        assert c["kept"] == pytest.approx(c["power"], abs=0.2)
        assert c["unlike_the_bound"] == 0
    for c in results["gains"]:
        assert c["promoted"] == pytest.approx(c["power"], abs=0.2)
    assert all(c["promoted"] <= 0.13 for c in results["best_of_20"])
    assert all(c["safe"] <= 0.13 for c in results["monitors"] if c["ratio"] >= 1)
    assert study.fragment(results).count("|") > 100
