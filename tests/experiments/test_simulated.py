"""The simulated experiments: tables are those of the runs, seeds are the reported ones, and a cut study goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
TABLES = {"004_regret": "regret_tables", "005_limits": "limits_tables", "006_cold_start": "cold_tables"}
FIELDS = ("part", "world", "method", "seed")
METHODS = ["uniform", "separate arms", "Conjugate"]  # of 004: those that take no time

each = pytest.mark.parametrize("name", TABLES)


def tables_of(module, name, runs, config):
    if name == "004_regret":
        return module.tables(module.Runs(runs, config))
    return module.tables(runs, config if name == "005_limits" else config["run"])


@each
def test_the_tables_are_those_of_the_runs(name, module_of, config_of, runs_of, readme_of):
    readme = readme_of(name)
    for table in tables_of(module_of(name, TABLES[name]), name, runs_of(name), config_of(name)):
        assert table.markdown() in readme, f"run experiments/{name}/run.py --draw: {table.title!r} is another"


def test_the_table_of_the_world_is_that_of_its_results(module_of, readme_of):
    results = json.loads((EXPERIMENTS / "003_world" / "results.json").read_text(encoding="utf-8"))
    assert module_of("003_world", "run").table(results) in readme_of("003_world")


@each
def test_every_run_is_of_a_reported_seed_and_there_once(name, config_of, runs_of):
    run, runs = config_of(name)["run"], runs_of(name)
    assert {r["seed"] for r in runs} <= set(range(run["first_seed"], run["first_seed"] + run["seeds"]))
    keys = [tuple(r.get(k) for k in FIELDS) for r in runs]
    assert len(set(keys)) == len(keys)


@each
def test_no_run_is_missing(name, module_of, harness, config_of):
    """So that run.py only draws: nothing that is in the repository is measured again."""
    run, config = module_of(name, "run"), config_of(name)
    if name == "004_regret":
        wanted = [key[:3] for key in run.plan(config, config["run"], small=False)]
    else:
        wanted = list(run.plan(config["run"]) if name == "006_cold_start" else run.plan(config, config["run"]))
    keys = run.KEY
    store = harness("runs").RunFile(EXPERIMENTS / name / "runs.jsonl", keys)
    assert list(store.missing(wanted)) == []
    assert len(wanted) == len(store.load())


def measured(run, name, config, store):
    """The runs of one small seed, those that are in the file already taken from it."""
    settings = config["small"] | {"seeds": 1}
    if name == "004_regret":
        run.measure(run.Bench(config, settings | {"worlds": ["plain"]}, store.path.parent), store, True, METHODS)
    elif name == "005_limits":
        run.measure(config, settings, store)
    else:
        run.measure(store, settings)
    return store.load()


@each
def test_a_study_that_was_cut_goes_on_where_it_stopped(name, module_of, harness, config_of, tmp_path, monkeypatch):
    run, config = module_of(name, "run"), config_of(name)
    store = harness("runs").RunFile(tmp_path / "runs.jsonl", run.KEY)
    whole = measured(run, name, config, store)
    lines = store.path.read_text(encoding="utf-8").splitlines(keepends=True)
    half = len(lines) // 2
    store.path.write_text("".join(lines[:half]), encoding="utf-8")

    appended = []
    append = type(store).append
    monkeypatch.setattr(type(store), "append", lambda file, one: (appended.append(one), append(file, one)))
    again = measured(run, name, config, store)
    assert half > 0
    assert len(appended) == len(lines) - half
    assert [{**r, "seconds": None} for r in again] == [{**r, "seconds": None} for r in whole]


@each
def test_the_readme_has_the_date_and_shows_the_figure(name, readme_of):
    text = readme_of(name)
    assert "2026-11-22" in text
    figures = [p.name for p in (EXPERIMENTS / name).glob("*.png")]
    assert figures
    assert all(f"]({figure})" in text for figure in figures)


def test_peers_are_tuned_on_seeds_that_are_not_reported(config_of):
    config = config_of("004_regret")
    first = config["run"]["first_seed"]
    assert not set(config["tuning"]["seeds"]) & set(range(first, first + config["run"]["seeds"]))
    for method, grid in config["tuning"]["grids"].items():
        assert config["knobs"][method] in grid, f"{method} has knobs that nothing chose"
