"""Every experiment has its parts, and reads its specs and its configuration; needs no data."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tactful.frames.spec.log_spec import LogSpec

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(p for p in (ROOT / "experiments").glob("[0-9]*") if any(f.is_file() for f in p.iterdir()))
REAL = [ROOT / "experiments" / name for name in ("000_bank", "001_heartsteps", "002_open_bandit")]
SPECS = sorted(
    p
    for folder in FOLDERS
    for p in folder.glob("*.toml")
    if p.name != "config.toml" and "actions" in tomllib.loads(p.read_text(encoding="utf-8"))
)

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
each_on_real_logs = pytest.mark.parametrize("folder", REAL, ids=lambda p: p.name)


def test_the_real_logs_have_their_specs():
    assert set(REAL) <= set(FOLDERS)
    assert [len([s for s in SPECS if s.parent == folder]) for folder in REAL] == [2, 1, 3]


@each_folder
def test_an_experiment_has_its_parts(folder):
    for name in ("README.md", "config.toml", "run.py"):
        assert (folder / name).is_file(), f"{folder.name} has no {name}"


@each_on_real_logs
def test_the_readme_has_a_date_and_names_the_command(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"python experiments/{folder.name}/run.py" in text
    assert "2026-" in text


@each_on_real_logs
def test_run_uses_the_public_names_alone(folder):
    lines = (folder / "run.py").read_text(encoding="utf-8").splitlines()
    imported = [line for line in lines if line.startswith(("import tactful", "from tactful"))]
    allowed = {"import tactful as tt", "from tactful.tracking.mlflow_run import default_uri, record"}
    assert set(imported) <= allowed


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_spec_parses(path):
    assert LogSpec.from_toml(path).outcomes


@each_on_real_logs
def test_without_its_data_an_experiment_says_so_and_ends_well(folder, tmp_path):
    config = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    there = tmp_path / "repository" / "experiments" / folder.name
    there.mkdir(parents=True)
    for name in ("run.py", "config.toml"):
        (there / name).write_bytes((folder / name).read_bytes())
    done = subprocess.run(
        [sys.executable, str(there / "run.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert config["log"] in done.stdout
