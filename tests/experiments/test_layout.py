"""Every experiment has its parts, reads its specs and its configuration, and uses what is public; needs no data."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tactful as tt

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
FOLDERS = sorted(p for p in EXPERIMENTS.glob("[0-9]*") if any(f.is_file() for f in p.iterdir()))
REAL = [EXPERIMENTS / name for name in ("000_bank", "001_heartsteps", "002_open_bandit")]
FACES = ("tactful", *(f"tactful.{name}" for name in ("journal", "models", "ope", "serving", "simulate", "tracking")))
SOURCES = sorted(EXPERIMENTS.rglob("*.py"))
SPECS = sorted(
    p
    for folder in FOLDERS
    for p in folder.glob("*.toml")
    if p.name != "config.toml" and "actions" in tomllib.loads(p.read_text(encoding="utf-8"))
)
PATH_LINE = "sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is"

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
each_on_real_logs = pytest.mark.parametrize("folder", REAL, ids=lambda p: p.name)
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(EXPERIMENTS).as_posix())


def test_the_real_logs_have_their_specs():
    assert set(REAL) <= set(FOLDERS)
    assert [len([s for s in SPECS if s.parent == folder]) for folder in REAL] == [2, 1, 3]


@each_folder
def test_an_experiment_has_its_parts(folder):
    for name in ("README.md", "config.toml", "run.py"):
        assert (folder / name).is_file(), f"{folder.name} has no {name}"


@each_folder
def test_the_readme_names_the_command(folder):
    assert f"python experiments/{folder.name}/run.py" in (folder / "README.md").read_text(encoding="utf-8")


@each_on_real_logs
def test_the_readme_has_a_date(folder):
    assert "2026-" in (folder / "README.md").read_text(encoding="utf-8")


def names_from_faces(tree: ast.Module) -> list[tuple[str, str]]:
    """(face, name) of everything that a module takes from tactful."""
    aliases: dict[str, str] = {}
    taken: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {a.asname or a.name: a.name for a in node.names if a.name.split(".")[0] == "tactful"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tactful":
            taken += [(str(node.module), a.name) for a in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            taken.append((aliases[node.value.id], node.attr))
    return [*taken, *((module, "__name__") for module in aliases.values())]


@each_source
def test_a_module_uses_public_names_alone(path):
    for face, name in names_from_faces(ast.parse(path.read_text(encoding="utf-8"))):
        assert face in FACES, f"{face} is no public face"
        listed = importlib.import_module(face).__all__
        assert name in listed or name in ("__version__", "__name__"), f"{face}.{name} is not public"


def test_names_that_are_not_public_are_seen():
    source = "import tactful as tt\nfrom tactful.core.log import Log\nfrom tactful.ope import secret\ntt.hidden\n"
    taken = names_from_faces(ast.parse(source))
    assert ("tactful.core.log", "Log") in taken
    assert ("tactful.ope", "secret") in taken
    assert ("tactful", "hidden") in taken
    assert "hidden" not in tt.__all__


@each_source
def test_only_a_script_puts_the_harness_on_the_path_and_no_folder_another(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "sys.path" in line]
    assert lines in ([], [PATH_LINE])
    assert not lines or path.parent in FOLDERS


def test_no_two_folders_have_a_module_of_one_name():
    names = [p.stem for folder in FOLDERS for p in folder.glob("*.py") if p.stem not in ("run", "make_log")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_spec_parses(path):
    assert tt.LogSpec.from_toml(path).outcomes


@each_on_real_logs
def test_without_its_data_an_experiment_says_so_and_ends_well(folder, tmp_path):
    config = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    copies = tmp_path / "repository" / "experiments"
    shutil.copytree(EXPERIMENTS / "harness", copies / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    (copies / folder.name).mkdir()
    for name in ("run.py", "config.toml"):
        (copies / folder.name / name).write_bytes((folder / name).read_bytes())
    process = subprocess.run(
        [sys.executable, str(copies / folder.name / "run.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("\n") == 1
    assert config["log"] in process.stdout
