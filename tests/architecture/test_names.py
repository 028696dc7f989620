"""One name, one thing: file names and the names of public classes in the source."""

from __future__ import annotations

import ast
from collections import defaultdict

from faces import SOURCE

ROLES = {"__init__.py", "base.py", "files.py", "posterior.py", "results.py"}  # the part that a module plays in its room
# Names that may stand twice, each with the two files that share it: kernels, and commands, are named after their users.
KERNELS = {
    "betting.py": "ope/betting.py",
    "bootstrap.py": "ope/bootstrap.py",
    "estimators.py": "ope/estimators.py",
    "gauss.py": "policies/gauss.py",
    "message_passing.py": "models/tree/message_passing.py",
    "moments.py": "models/contextual/moments.py",
    "weights.py": "ope/weights.py",
    "world.py": "simulate/world.py",
}
COMMANDS = {
    "check.py": "diagnostics/check.py",
    "decide.py": "batch/decide.py",
    "evaluate.py": "evaluation/evaluate.py",
    "gate.py": "promotion/gate.py",
    "join.py": "frames/building/join.py",
    "monitor.py": "promotion/monitor.py",
    "power.py": "planning/power.py",
    "replay.py": "learners/replay.py",
    "rollup.py": "frames/building/rollup.py",
}


def test_a_file_name_stands_once_beside_mirrors_and_roles():
    places = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        places[path.name].add(path.relative_to(SOURCE).as_posix())
    twice = {name: where for name, where in places.items() if len(where) > 1 and name not in ROLES}
    mirrors = {name: {f"kernels/{name}", user} for name, user in KERNELS.items()}
    mirrors |= {name: {f"cli/{name}", capability} for name, capability in COMMANDS.items()}
    assert twice == mirrors


def test_a_public_class_name_stands_once():
    places = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(SOURCE).as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
