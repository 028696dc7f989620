"""The tables of the simulated experiments are those that their runs give, and every run is on a reported seed."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "experiments"
FOLDERS = {"004_regret": "regret_tables", "005_limits": "limits_tables", "006_cold_start": "cold_tables"}

each = pytest.mark.parametrize("name", FOLDERS)


def module_of(name):
    path = ROOT / name / f"{FOLDERS[name]}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def runs_of(name):
    return [json.loads(line) for line in (ROOT / name / "runs.jsonl").read_text(encoding="utf-8").splitlines()]


def config_of(name):
    return tomllib.loads((ROOT / name / "config.toml").read_text(encoding="utf-8"))


@each
def test_the_tables_are_those_of_the_runs(name):
    module, config = module_of(name), config_of(name)
    runs = runs_of(name)
    if name == "004_regret":
        made = module.tables(module.Runs(runs, config))
    else:
        made = module.tables(runs, config if name == "005_limits" else config["run"])
    readme = (ROOT / name / "README.md").read_text(encoding="utf-8")
    for table in made:
        assert table.markdown() in readme, f"run experiments/{name}/run.py --draw: {table.title!r} is another"


@each
def test_every_run_is_of_a_reported_seed_and_there_once(name):
    run, runs = config_of(name)["run"], runs_of(name)
    assert {r["seed"] for r in runs} <= set(range(run["first_seed"], run["first_seed"] + run["seeds"]))
    keys = [tuple(r.get(k) for k in ("part", "world", "method", "seed")) for r in runs]
    assert len(set(keys)) == len(keys)


@each
def test_the_readme_names_the_command_and_the_date_and_shows_the_figure(name):
    text = (ROOT / name / "README.md").read_text(encoding="utf-8")
    assert f"python experiments/{name}/run.py" in text
    assert "2026-11-22" in text
    figures = [p.name for p in (ROOT / name).glob("*.png")]
    assert figures
    assert all(f"]({figure})" in text for figure in figures)


def test_peers_are_tuned_on_seeds_that_are_not_reported():
    config = config_of("004_regret")
    first = config["run"]["first_seed"]
    assert not set(config["tuning"]["seeds"]) & set(range(first, first + config["run"]["seeds"]))
    for method, grid in config["tuning"]["grids"].items():
        assert config["knobs"][method] in grid, f"{method} has knobs that nothing chose"
