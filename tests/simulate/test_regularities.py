"""The experiment runs, and the regularities that a small population can show hold in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "003_world"


@pytest.mark.slow
def test_the_small_setting_writes_its_table_and_figure(tmp_path):
    run = subprocess.run(
        [sys.executable, EXPERIMENT / "run.py", "--small", "--out", tmp_path],
        check=True,
        capture_output=True,
        text=True,
    )
    results = json.loads((tmp_path / "results.json").read_text())
    assert [s["seed"] for s in results["seeds"]] == [1001, 1002]
    for name in ("drop_half", "double", "opens_per_send", "greedy", "one_step_misleads", "monthly_to_weekly"):
        assert all(s[name]["holds"] for s in results["seeds"]), name
    assert (tmp_path / "regularities.png").stat().st_size > 50_000
    assert "| 9 |" in (tmp_path / "README.md").read_text()
    assert "| 1 | half of the sends" in run.stdout


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="too many users for plain Python")
def test_the_published_table_is_of_unused_seeds_and_says_what_held():
    """The table in the README is that of ``results.json``: twenty seeds, each regularity counted."""
    results = json.loads((EXPERIMENT / "results.json").read_text())
    text = (EXPERIMENT / "README.md").read_text()
    assert [s["seed"] for s in results["seeds"]] == list(range(1001, 1021))
    sys.path.insert(0, str(EXPERIMENT))
    try:
        from run import table
    finally:
        sys.path.remove(str(EXPERIMENT))
    assert table(results) in text
