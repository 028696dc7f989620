"""A saved policy, loaded in a fresh process, repeats a million decisions bit for bit."""

from __future__ import annotations

import subprocess
import sys

from logs import table
from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE
from tactful.policies.arms import Arms
from tactful.policies.artifact import save
from tactful.serving import Decider

N = 1_000_000
DECIDE = f"""
import hashlib, sys
import polars as pl
import tactful as tt
ids = pl.int_range({N}, eager=True)
users = pl.DataFrame({{"user": ids, "segment": pl.Series(["ios/new", "ios", "web", "mac/new", ""]).gather(ids % 5)}})
decisions = tt.decide(tt.load(sys.argv[1]), users, 2960, at="2026-11-02")
digest = hashlib.sha256()
for column in ("user", "segment", "arm", "action", "propensity", "policy", "fallback"):
    values = decisions[column]
    plain = values.to_numpy().tobytes() if values.dtype == pl.Float64 else "\\n".join(values.fill_null("–")).encode()
    digest.update(plain)
row = decisions.row(int(sys.argv[2]), named=True)
print(decisions.height, digest.hexdigest(), row["user"], row["segment"], row["action"], row["propensity"].hex())
"""


def test_a_million_decisions_are_repeated_bit_for_bit(tmp_path):
    actions = ActionSpace.grid(["08:00", "12:00", "18:00", "21:30"], [1, 2, 3, 5, 7])
    policy = table(11, actions=actions, uniform=0.03, arms=Arms(0.05, 0.05))
    folder = save(policy, tmp_path / "policy")
    command = [sys.executable, "-c", DECIDE, str(folder), "765432"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate()[0].split(" ") for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert first == second
    n, _, user, segment, action, propensity = first
    assert int(n) == N
    one = Decider.open(folder).decide(int(user), 2960, segment)
    assert (one.action, one.propensity) == (action, float.fromhex(propensity.strip()))
    assert float.fromhex(propensity.strip()) * ONE % 1 == 0
