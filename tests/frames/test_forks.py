"""A child that was forked after polars was used says so, and does not wait for ever; other children work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="of systems that fork")

SETTING = """
import multiprocessing, sys, warnings
import polars as pl
import tactful as tt
from tactful.frames.building.event_frames import read_events
from tactful.frames.building.join import join
from tactful.frames.building.rollup import rollup
from tactful.frames.decisions import decide, users_of, write_decisions
from tactful.frames.write import write_log

warnings.simplefilter("ignore")
actions = tt.ActionSpace.named(["none", "send"])
spec = tt.LogSpec(actions=actions, measures={})
frame = pl.DataFrame({"user": ["a", "b"], "period": [1, 1], "action": ["none", "send"]})
policy = tt.uniform_policy(actions)

def log():
    return tt.read_log(frame, spec)

WORK = {
    "read_log": log,
    "decide": lambda: decide(policy, frame.select("user"), 1),
    "join": lambda: join(frame, spec),
    "rollup": lambda: rollup(frame, spec),
    "write_log": lambda: write_log(LOG, sys.argv[1]),
    "users_of": lambda: users_of(LOG),
    "read_events": lambda: read_events(frame),
    "write_decisions": lambda: write_decisions(frame, sys.argv[1]),
}

def child(name):
    try:
        WORK[name]()
    except tt.TactfulError as error:
        return str(error)
    return "done"
"""
FORKED = """
LOG = log()
with multiprocessing.get_context("fork").Pool(1) as pool:
    for name in WORK:
        text = pool.apply_async(child, (name,)).get(timeout=60)
        assert "use the spawn start method" in text, (name, text)
print(tt.evaluate is not None)
"""
FRESH = """
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(child, ("read_log",)).get(timeout=60) == "done"
log()
print(True)
"""


@pytest.mark.parametrize("script", [FORKED, FRESH], ids=["after", "before"])
def test_children_do_not_wait_for_ever(tmp_path, script):
    command = [sys.executable, "-c", SETTING + script, str(tmp_path / "log.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout == "True\n"
