"""Bank Marketing: does calling more often sell more? What a log without propensities can and cannot say."""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tactful as tt
from tactful.tracking.mlflow_run import default_uri, record

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Table(NamedTuple):
    """One table of the README, and the numbers in it that a run records."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    metrics: Mapping[str, float | None] = {}

    def markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def main() -> None:
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))
    path = ROOT / config["log"]
    if not path.exists():
        print(f"{HERE.name}: no {config['log']} beside this repository; nothing was run")
        return
    made = list(tables(path, config))
    for table in made:
        print(table.markdown())
    run = record(
        default_uri(HERE / "out"),
        experiment=HERE.name,
        run_name="tables",
        params={"log": config["log"], "policy": config["policy"], "baseline": config["baseline"]},
        metrics={name: value for table in made for name, value in table.metrics.items()},
        tags={"tactful_version": tt.__version__},
        artifacts={"spec": ROOT / config["spec"], "config": HERE / "config.toml"},
    )
    print(f"recorded as run {run} in {(HERE / 'out').relative_to(ROOT)}/mlflow.db")


def tables(path: Path, config: Mapping[str, Any]) -> Iterator[Table]:
    """Every table of the README, in its order."""
    log = tt.read_log(path, tt.LogSpec.from_toml(ROOT / config["spec"]))
    yield asked(log, config)
    yield estimated(path, config)
    yield by_call(path, config["calls"])


def asked(log: tt.Log, config: Mapping[str, Any]) -> Table:
    """What check and evaluate answer."""
    found = tt.check(log)
    rows = [["propensities", found.propensities_are]]
    rows += [["can", text] for text in found.can] + [["cannot", text] for text in found.cannot]
    try:
        tt.evaluate(log, config["policy"], config["baseline"])
    except tt.TactfulError as refusal:
        rows.append([f"evaluate, exit {refusal.exit_code}", str(refusal)])
    return Table(f"spec.toml: {found.n:,} clients", ["asked", "answer"], rows)


def estimated(path: Path, config: Mapping[str, Any]) -> Table:
    """The same question with propensities estimated within segments."""
    log = tt.read_log(path, tt.LogSpec.from_toml(ROOT / config["spec_estimated"]))
    result = tt.evaluate(log, config["policy"], config["baseline"])
    rows, metrics = [], {}
    for estimator in ("ips", "snips", "dm", "dr"):
        entries = [result[role, "subscribed", estimator] for role in ("target", "baseline", "difference")]
        rows.append([estimator, *map(cell, entries), entries[2].verdict, entries[2].why])
        metrics[f"estimated/difference/{estimator}"] = entries[2].value
    columns = ["estimator", config["policy"], config["baseline"], "difference", "verdict", "why"]
    return Table("spec_estimated.toml: not to be believed", columns, rows, metrics)


def by_call(path: Path, calls: int) -> Table:
    """Two readings of one column: success among those *stopped at* call k, and among those *who got* call k."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        pairs = [(int(row["campaign"]), row["y"] == "yes") for row in csv.DictReader(file)]
    last, yes = np.array([k for k, _ in pairs]), np.array([y for _, y in pairs])
    rows = []
    for k in range(1, calls + 1):
        stopped, got = last == k, last >= k
        sold = int(yes[stopped].sum())
        rows.append(
            [f"{k}", f"{stopped.sum():,}", f"{yes[stopped].mean():.4f}", f"{got.sum():,}", f"{sold / got.sum():.4f}"]
        )
    columns = ["k", "whose last call was k", "subscribed, of those", "who got call k", "subscribed at call k, of those"]
    return Table("Two readings of `campaign`", columns, rows)


def cell(entry: Any) -> str:
    if entry.low is None:
        return f"{entry.value:.4f}"
    return f"{entry.value:.4f} [{entry.low:.4f}, {entry.high:.4f}]"


if __name__ == "__main__":
    main()
