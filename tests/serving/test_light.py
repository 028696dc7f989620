"""A service that decides pays for numpy alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from logs import table
from tactful.policies.arms import Arms
from tactful.policies.artifact import save

HEAVY = {
    "numba",
    "llvmlite",
    "scipy",
    "polars",
    "mlflow",
    "matplotlib",
    "sqlalchemy",
    "typer",
    "rich",
    "pandas",
    "pyarrow",
}
SERVE = """
import json, sys
from tactful.serving import Decider
decider = Decider.open(sys.argv[1])
actions = [decider.decide(u, 12, "ios/new", eligible=[True, True, False]).action for u in range(9)]
print(json.dumps([sorted(sys.modules), actions]))
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    folder = save(table(1, arms=Arms(0.2, 0.2), uniform=0.03), tmp_path_factory.mktemp("policy"))
    done = subprocess.run([sys.executable, "-c", SERVE, str(folder)], capture_output=True, text=True, check=True)
    loaded, actions = json.loads(done.stdout)
    assert len(actions) == 9
    return set(loaded)


def test_serving_loads_no_heavy_module(modules):
    assert "numpy" in modules
    assert not {m.partition(".")[0] for m in modules} & HEAVY


def test_serving_loads_no_module_of_ours_that_it_may_not_see(modules):
    ours = {m.split(".")[1] for m in modules if m.startswith("tactful.")}
    assert ours <= {"_faces", "core", "errors", "policies", "serving"}
