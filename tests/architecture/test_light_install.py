"""What works with the base installation alone, and what is said where an extra is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from logs import table
from tactful.errors import EXTRAS
from tactful.policies.artifact import save

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# A process in which only the base installation is there: every library of an extra is not found.
BLOCKED = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
DECIDE = """
from tactful.serving import Decider
print(Decider.open(sys.argv[1]).decide("u-1", 12, "ios/new").policy)
"""
SHOW = """
import tactful as tt
print(tt.Log.__name__, tt.Table.__name__)
try:
    tt.publish
except tt.MissingExtraError as error:
    print(error)
try:
    from tactful import read_log
except ImportError as error:
    print(error)
"""
COMMAND = "import runpy; sys.argv[0] = 'tactful'; runpy.run_module('tactful', run_name='__main__')"


def libraries(extra: str) -> set[str]:
    """The packages that an extra names itself, by the names that are imported."""
    return {re.split(r"[\[><=!;~ ]", need)[0].replace("-", "_") for need in PROJECT["optional-dependencies"][extra]}


def run(code: str, *arguments: object, missing: set[str] | None = None) -> subprocess.CompletedProcess[str]:
    blocked = BLOCKED.format(missing=set(EXTRAS) if missing is None else missing)
    command = [sys.executable, "-c", blocked + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_base_is_numpy_safetensors_and_zones():
    assert {need.partition(">")[0] for need in PROJECT["dependencies"]} == {"numpy", "safetensors", "tzdata"}


def test_every_library_of_an_extra_is_named_when_it_is_missing():
    """``httptools`` and ``uvloop`` are optional even where the service runs."""
    for extra in ("learn", "mlflow", "report", "journal", "postgres", "serve"):
        named = libraries(extra) - {"tactful", "httptools", "uvloop"}
        assert all(name in EXTRAS for name in named), extra
        assert all(EXTRAS[name] == extra or name in libraries(EXTRAS[name]) for name in named), extra
    assert set(EXTRAS.values()) <= set(PROJECT["optional-dependencies"])


def test_a_saved_policy_decides_with_the_base_alone(tmp_path):
    policy = table(1)
    done = run(DECIDE, save(policy, tmp_path / "policy"))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, policy.version, "")


def test_a_name_that_needs_an_extra_says_so():
    done = run(SHOW)
    assert done.stdout.splitlines() == [
        "Log Table",
        "tactful.publish needs an optional dependency; pip install 'tactful[learn]'",
        "tactful.read_log needs an optional dependency; pip install 'tactful[learn]'",
    ]


@pytest.mark.parametrize("arguments", [["--help"], [], ["check", "log.parquet"], ["serve"]])
def test_the_command_without_its_extra_is_one_line(arguments):
    done = run(COMMAND, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tactful: this command needs an optional dependency; pip install 'tactful[learn]'\n"


def test_a_command_whose_library_is_missing_is_one_line():
    done = run(COMMAND, "check", "log.parquet", missing={"polars"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tactful: this command needs an optional dependency; pip install 'tactful[learn]'\n"


def test_the_service_runs_without_what_learns(tmp_path):
    """With the extra ``serve`` and no ``learn`` the command gets as far as the policy that is not there."""
    done = run(COMMAND, "serve", "--policy", tmp_path / "none", missing=libraries("learn") - libraries("serve"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install" not in done.stderr


def test_an_error_of_ours_is_not_taken_for_a_missing_extra():
    done = run(COMMAND, "--help", missing={"difflib"})
    assert done.returncode == 1
    assert "No module named 'difflib'" in done.stderr


def test_python_m_and_the_command_are_one():
    assert PROJECT["scripts"] == {"tactful": "tactful.__main__:main"}
    done = subprocess.run([sys.executable, "-m", "tactful", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"tactful \d+\.\d+\.\d+\n", done.stdout)
