"""Bank Marketing: does calling more often sell more? What a log without propensities can and cannot say."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import numpy as np
from harness.real_log import cell, main, rows_of
from harness.tables import Table

import tactful as tt

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("target", "baseline", "difference")


def tables(path: Path, config: Mapping[str, Any]) -> Iterator[Table]:
    """Every table of the README, in its order."""
    log = tt.read_log(path, tt.LogSpec.from_toml(ROOT / config["spec"]))
    yield answers(log, config)
    yield estimates(path, config)
    yield by_call(path, config["calls"])


def answers(log: tt.Log, config: Mapping[str, Any]) -> Table:
    """What check and evaluate answer."""
    check = tt.check(log)
    rows = [["propensities", check.propensities_are]]
    rows += [["can", text] for text in check.can] + [["cannot", text] for text in check.cannot]
    try:
        tt.evaluate(log, config["policy"], config["baseline"])
    except tt.TactfulError as refusal:
        rows.append([f"evaluate, exit {refusal.exit_code}", str(refusal)])
    return Table(f"spec.toml: {check.n:,} clients", ["asked", "answer"], rows)


def estimates(path: Path, config: Mapping[str, Any]) -> Table:
    """The same question with propensities estimated within segments."""
    log = tt.read_log(path, tt.LogSpec.from_toml(ROOT / config["spec_estimated"]))
    result = tt.evaluate(log, config["policy"], config["baseline"])
    rows, metrics = [], {}
    for estimator in ("ips", "snips", "dm", "dr"):
        entries = [result[role, "subscribed", estimator] for role in ROLES]
        rows.append([estimator, *map(cell, entries), entries[2].verdict, entries[2].why])
        metrics[f"estimated/difference/{estimator}"] = entries[2].value
    columns = ["estimator", config["policy"], config["baseline"], "difference", "verdict", "why"]
    return Table("spec_estimated.toml: not to be believed", columns, rows, metrics)


def by_call(path: Path, calls: int) -> Table:
    """Two readings of one column: success among those *stopped at* call k, and among those *who got* call k."""
    pairs = [(int(row["campaign"]), row["y"] == "yes") for row in rows_of(path)]
    last, yes = np.array([k for k, _ in pairs]), np.array([y for _, y in pairs])
    rows = []
    for k in range(1, calls + 1):
        leavers, reached = last == k, last >= k
        sales = int(yes[leavers].sum())
        shares = f"{yes[leavers].mean():.4f}", f"{sales / reached.sum():.4f}"
        rows.append([f"{k}", f"{leavers.sum():,}", shares[0], f"{reached.sum():,}", shares[1]])
    columns = ["k", "whose last call was k", "subscribed, of those", "who got call k", "subscribed at call k, of those"]
    return Table("Two readings of `campaign`", columns, rows)


if __name__ == "__main__":
    main(__file__, tables)
