"""The script in docs/audit.md replays what tactful decided, with the standard library alone."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from logs import GRID, PLAIN, table
from tactful.core.actions import ActionSpace
from tactful.frames.decisions import decide, write_decisions
from tactful.policies.arms import Arms
from tactful.policies.artifact import NAME, save
from tactful.policies.table import always, uniform

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
SCRIPT = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL).group(1)
LARGE = ActionSpace.grid(["06:00", "08:00", "12:00", "18:00", "21:30"], [1, 2, 3, 4, 5, 7])
TREE = [f"{a}/{b}/{c}" for a in ("ios", "web", "é") for b in ("new", "old%2F") for c in range(20)]
PATHS = ["", "ios", "ios/new", "ios/new/beta/x", "web/old", "android", *TREE]
POLICIES = {
    "large": table(1, actions=LARGE, paths=TREE, uniform=0.03),
    "arms": table(2, uniform=0.03, arms=Arms(0.3, 0.3), scope="push", salt="ü"),
    "no uniform share": table(3, actions=GRID, arms=Arms(0.2, 0.1)),
    "all uniform": table(4, uniform=1.0),
    "a share too small to round": table(5, actions=LARGE, uniform=1e-12, arms=Arms(0.1)),
    "uniform": uniform(LARGE),
    "always": always(PLAIN, "evening"),
}


def users(n, k, seed, *, masks):
    rng = np.random.default_rng(seed)
    ids = [f"u-{i}" if i % 3 else str(i) for i in range(n)]
    frame = pl.DataFrame({"user": ids, "segment": rng.choice(PATHS, n)})
    if not masks:
        return frame
    may = rng.random((n, k)) < 0.4
    may[np.arange(n), rng.integers(k, size=n)] = True
    return frame.with_columns(eligible=pl.Series(may.tolist()))


def replay(folder):
    script = folder / "audit.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(script), str(folder / NAME), str(folder / "x.ndjson")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def written(folder, policy, people, period=2960):
    save(policy, folder)
    write_decisions(decide(policy, people, period), folder / "x.ndjson")
    return [json.loads(line) for line in (folder / "x.ndjson").read_text(encoding="utf-8").splitlines()]


def rewritten(folder, rows):
    (folder / "x.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")


def test_the_script_is_short_and_needs_the_standard_library_alone():
    assert len(SCRIPT.splitlines()) <= 25
    imported = [n for node in ast.walk(ast.parse(SCRIPT)) if isinstance(node, ast.Import) for n in node.names]
    assert {n.name for n in imported} == {"hashlib", "json", "sys"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(SCRIPT)))


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("name", POLICIES)
def test_every_decision_is_replayed(tmp_path, name, masks):
    policy = POLICIES[name]
    rows = written(tmp_path, policy, users(1500, policy.actions.k, 7, masks=masks), period=-3 if masks else 2960)
    assert replay(tmp_path) == (0, "1500 decisions, 0 differ")
    assert any(r["fallback"] for r in rows)
    if name == "arms":
        assert {r["arm"] for r in rows} == {"policy", "control", "uniform"}


@pytest.mark.parametrize("as_number", [False, True])
def test_integer_ids_are_their_text(tmp_path, as_number):
    rows = written(tmp_path, POLICIES["large"], pl.DataFrame({"user": range(40, 340)}))
    rewritten(tmp_path, [r | {"user": int(r["user"])} for r in rows] if as_number else rows)
    assert replay(tmp_path) == (0, "300 decisions, 0 differ")


def test_what_was_tampered_with_is_found(tmp_path):
    policy = POLICIES["arms"]
    rows = written(tmp_path, policy, users(60, policy.actions.k, 8, masks=True))
    other = {"none": "morning", "morning": "evening", "evening": "none"}
    changes = {
        "propensity": lambda r: np.nextafter(r["propensity"], 0),
        "action": lambda r: other[r["action"]],
        "user": lambda r: r["user"] + "x",
        "period": lambda r: r["period"] + 1,
        "arm": lambda r: "uniform" if r["arm"] == "control" else "control",
    }
    found = {}
    for column, change in changes.items():
        rewritten(tmp_path, [r | {column: change(r)} for r in rows])
        code, said = replay(tmp_path)
        found[column] = int(re.fullmatch(r"60 decisions, (\d+) differ", said).group(1))
        assert code == 1
    assert found["propensity"] == found["action"] == 60
    for column in ("propensity", "action"):
        rewritten(tmp_path, [*rows[:30], rows[30] | {column: changes[column](rows[30])}, *rows[31:]])
        assert replay(tmp_path) == (1, "60 decisions, 1 differ")
