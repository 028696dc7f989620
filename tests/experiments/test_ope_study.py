"""The study of estimates: its worlds are what it says, its tables those of its results, and it goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "007_ope"


@pytest.fixture
def study(module_of):
    """A module of the folder by its name."""
    return lambda name: module_of(FOLDER.name, name)


@pytest.mark.parametrize("largest", [3, 20, 100])
@pytest.mark.parametrize("mean", [0.13, 0.004])
def test_the_world_has_its_mean_and_its_largest_weight(study, largest, mean):
    world = study("cover").CoverageWorld.build(largest, 0.2, mean)
    for pmf in (world.target, world.logging):
        np.testing.assert_allclose(pmf.sum(1), 1, atol=1e-12)
    assert (world.target * world.rate).sum(1).mean() == pytest.approx(mean, abs=1e-12)
    assert (world.target / world.logging).max() == pytest.approx(largest)
    assert 0 < world.rate.min() < world.rate.max() < 1


def test_decisions_of_a_user_have_the_correlation_that_is_asked_for(study):
    """Pairs of one rate, 60,000 users: an error of .004, so that ± .02 is left once in a million."""
    world = study("cover").CoverageWorld.build(3, 0.2, 0.13)
    reward, weight, _, segment, action = world.draw(np.random.default_rng(1), 60_000, 2)
    assert weight.mean() == pytest.approx(1, abs=0.02)
    centred = (reward - world.rate[segment, action]).reshape(-1, 2)
    same = action.reshape(-1, 2)[:, 0] == action.reshape(-1, 2)[:, 1]
    rate = world.rate[segment, action].reshape(-1, 2)[same, 0]
    correlation = (centred[same].prod(1) / (rate * (1 - rate))).mean()
    assert correlation == pytest.approx(0.2, abs=0.02)


def test_what_has_been_measured_is_not_measured_again(study, tmp_path):
    make, calls = study("results").Results, []

    def measure():
        calls.append(1)
        return {"x": np.float64(len(calls))}

    results = make(tmp_path / "a.json", {"seed": 1})
    results.once("cell", measure)
    assert results.once("cell", measure) == {"x": 1.0}
    assert len(calls) == 1
    assert make(tmp_path / "a.json", {"seed": 2}).cells() == {}
    assert make(tmp_path / "b.json", {"seed": 1}).cells() == {}


def test_the_band_is_wider_for_more_cells_and_names_what_leaves_it(study):
    cover = study("cover")

    def cells(count, low=0.95):
        good = {"logs": 2000, "n": 500, "largest": 3, "alike": 0.0, "mean": 0.13, "share ok": 0.96}
        good |= dict.fromkeys(cover.INTERVALS, 0.95)
        table = {str(i): dict(good) for i in range(count)}
        table["weak"] = good | {"share ok": 0.5, "dr t": 0.3}
        table["0"]["dr t"] = low
        return table

    (low, high), (lower, higher) = cover.band(cells(1)), cover.band(cells(20))
    assert lower < low < 0.95 < high < higher
    assert cover.outside(cells(20)) == []
    assert cover.outside(cells(20, 0.9)) == ["dr t: 0.900 at n = 500, W = 3, ICC = 0.0, mean 0.13"]


def test_pairs_are_compared_by_what_is_told_apart(study):
    settings = {"targets": [0.2, 0.8], "prices": [0.0]}
    trials = {
        "mis": np.array([[[1.0, 0.5]], [[1.0, 1.5]], [[1.0, 0.9]]]),
        "one": np.array([[[1.0, 2.0]]] * 3),
        "error": np.array([[[[0, 0.1], [0.1, 0]]], [[[0, 0.4], [0.4, 0]]], [[[0, 0.2], [0.2, 0]]]]),
    }
    results = study("carry_over").compare(settings, {"0.2": [1.0, 0.0], "0.8": [0.5, 0.0]}, trials)["price 0"]
    (pair,) = results["pairs"]
    assert (pair["true"], pair["told"], pair["right"]) == (-0.5, pytest.approx(2 / 3), 1.0)
    assert (pair["right, all"], pair["one-step right"]) == (pytest.approx(2 / 3), 0.0)


def test_the_tables_are_those_of_the_results(study, config_of, readme_of):
    """Studies whose settings in config.toml are those that were run."""
    run, readme, config = study("run"), readme_of(FOLDER.name), config_of(FOLDER.name)["run"]
    results = study("results")
    for name, (_, fragments) in run.STUDIES.items():
        cells = results.Results(FOLDER / "results" / f"{name}.json", config[name]).cells()
        assert cells, f"config.toml has other settings of {name} than its results"
        for fragment in fragments.values():
            assert fragment(cells).rstrip("\n") in readme, f"run.py --draw makes another table of {name}"


@pytest.mark.parametrize(("module", "path"), [("gate_tables", "gate.json"), ("health_tables", "results/health.json")])
def test_the_tables_of_gates_and_checks_are_those_of_their_results(study, readme_of, module, path):
    results = json.loads((FOLDER / path).read_text(encoding="utf-8"))
    assert study(module).fragment(results).rstrip("\n") in readme_of(FOLDER.name)


def test_a_fault_is_in_the_log_that_has_it(study):
    """Rows of users who opted out are missing; the rest of the log is as it was."""
    log = study("health_logs").simulate("table", {"users": 300, "periods": 8}, np.random.default_rng(1))
    opted_out = log.user[log.outcomes["opted_out"].value == 1]
    rest = study("health_faults").survivors(log, np.random.default_rng(0))
    assert opted_out.size > 0
    assert not np.isin(rest.user, opted_out).any()
    assert rest.n == np.count_nonzero(~np.isin(log.user, opted_out))


def test_the_figure_is_drawn(study, config_of, tmp_path):
    config = config_of(FOLDER.name)["run"]["coverage"]
    cells = study("results").Results(FOLDER / "results" / "coverage.json", config).cells()
    study("ope_figure").draw(cells, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_settings_small_and_large_have_the_same_names(config_of):
    config = config_of(FOLDER.name)
    assert json.dumps({k: sorted(v) for k, v in config["run"].items()}) == json.dumps(
        {k: sorted(v) for k, v in config["small"].items()}
    )
