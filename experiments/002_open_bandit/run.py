"""Open Bandit: what does a `bts` log say of the uniform policy?"""

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
ESTIMATORS = ("ips", "snips", "dm", "dr")
PER = 1000  # clicks are shown per thousand decisions


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
        params={"log": config["log"], "policy": config["policy"]},
        metrics={name: value for table in made for name, value in table.metrics.items()},
        tags={"tactful_version": tt.__version__},
        artifacts={"config": HERE / "config.toml"},
    )
    print(f"recorded as run {run} in {(HERE / 'out').relative_to(ROOT)}/mlflow.db")


def tables(path: Path, config: Mapping[str, Any]) -> Iterator[Table]:
    """Every table of the README, in its order."""
    campaigns, policy = config["campaigns"], config["policy"]
    bts = {c: evaluate(path, c, policy) for c in campaigns}
    random = {c: evaluate(path, c, policy, logging="random") for c in campaigns}
    yield values(bts, random)
    yield weights(bts | {f"{c} (random log)": r for c, r in random.items()})
    yield against_truth(bts, random)
    yield without_the_smallest(path, config, random["women"])
    yield impressions(path)


def evaluate(path: Path, campaign: str, policy: str, logging: str = "bts", also: str = "") -> Any:
    """One campaign under one logging policy; ``also`` narrows ``where``."""
    plain = tomllib.loads((HERE / f"{campaign}.toml").read_text(encoding="utf-8"))
    where = plain["log"]["where"].replace("'bts'", f"'{logging}'") + also
    spec = tt.LogSpec.from_dict({**plain, "log": {**plain["log"], "where": where}})
    return tt.evaluate(tt.read_log(path, spec), policy)


def values(bts: Mapping[str, Any], random: Mapping[str, Any]) -> Table:
    """Estimates from bts beside what the random log measured: its mean, since there every weight is 1."""
    rows, metrics = [], {}
    for campaign, result in bts.items():
        for estimator in ESTIMATORS:
            entry = result["target", "click", estimator]
            rows.append([campaign, estimator, cell(entry), entry.verdict, entry.why])
            metrics |= {f"bts/{campaign}/{estimator}/{f}": getattr(entry, f) for f in ("value", "low", "high")}
        truth, logged = random[campaign]["target", "click", "ips"], result["baseline", "click", "ips"]
        rows.append([campaign, "mean of the random log", cell(truth), truth.verdict, truth.why])
        rows.append([campaign, "mean of the bts log", cell(logged), logged.verdict, logged.why])
        metrics[f"random/{campaign}/mean"] = truth.value
    columns = ["campaign", "estimator", "uniform, clicks per 1,000 [95 %]", "verdict", "why"]
    return Table("The uniform policy, from 10,000 rows of bts", columns, rows, metrics)


def weights(results: Mapping[str, Any]) -> Table:
    """The diagnostics of each evaluation."""
    rows = []
    for name, result in results.items():
        e = result["target", "click", "ips"]
        clicks = round(PER * 10 * result["baseline", "click", "ips"].value)
        rows.append([name, f"{e.n:,}", f"{clicks}", f"{e.ess:,.1f}", f"{e.max_weight:,.2f}", f"{e.mean_weight:.4f}"])
    return Table("Weights", ["log", "rows", "clicks", "ESS", "largest weight", "mean weight"], rows)


def against_truth(bts: Mapping[str, Any], random: Mapping[str, Any]) -> Table:
    """Two independent logs: the difference of the estimates, by adding variances (normal)."""
    rows = []
    for campaign, result in bts.items():
        truth = random[campaign]["target", "click", "ips"]
        for name, e in [
            *((f"{n} of uniform less random log", result["target", "click", n]) for n in ("ips", "snips", "dr")),
            ("bts log less random log", result["baseline", "click", "ips"]),
            ("bts less uniform, both from the bts log (ips)", None),
        ]:
            if e is None:
                value = result["difference", "click", "ips"]
                rows.append([campaign, name, cell(value, negate=True), value.verdict])
            elif e.value is None:
                rows.append([campaign, name, "–", e.verdict])
            else:
                gap, se = e.value - truth.value, float(np.hypot(e.se, truth.se))
                rows.append([campaign, name, interval(gap, gap - 1.96 * se, gap + 1.96 * se), e.verdict])
    return Table("Against the truth", ["campaign", "what", "clicks per 1,000 [95 %]", "verdict of the estimate"], rows)


def without_the_smallest(path: Path, config: Mapping[str, Any], truth: Any) -> Table:
    """Women again without its smallest propensity: a diagnostic, not an answer."""
    result = evaluate(path, "women", config["policy"], also=f" AND propensity > {config['floor']}")
    rows = []
    for estimator in ESTIMATORS:
        e = result["target", "click", estimator]
        rows.append([estimator, cell(e), f"{e.ess:,.1f}", f"{e.max_weight:,.2f}", f"{e.mean_weight:.4f}", e.verdict])
    measured = truth["target", "click", "ips"]
    rows.append(["mean of the random log", cell(measured), f"{measured.ess:,.1f}", "1.00", "1.0000", measured.verdict])
    columns = ["estimator", "uniform, clicks per 1,000 [95 %]", "ESS", "largest weight", "mean weight", "verdict"]
    return Table(f"Diagnostic: women, {result.n:,} rows with propensity > {config['floor']:g}", columns, rows)


def impressions(path: Path) -> Table:
    """Rows that look like one page view: same time and same user features, within a log."""
    seen: dict[tuple[str, str], dict[tuple[str, ...], int]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            views = seen.setdefault((row["campaign"], row["policy"]), {})
            view = tuple(row[c] for c in ("timestamp", *(f"user_feature_{i}" for i in range(4))))
            views[view] = views.get(view, 0) + 1
    rows = []
    for (campaign, policy), views in sorted(seen.items()):
        shared = sum(n for n in views.values() if n > 1)
        rows.append([campaign, policy, f"{sum(views.values()):,}", f"{len(views):,}", f"{shared:,}"])
    columns = ["campaign", "log", "rows", "distinct (time, features)", "rows that share theirs"]
    return Table("Are rows independent?", columns, rows)


def cell(entry: Any, negate: bool = False) -> str:
    if entry.value is None:
        return "–"
    if entry.low is None:
        return f"{PER * entry.value:.2f}"
    bounds = (-entry.value, -entry.high, -entry.low) if negate else (entry.value, entry.low, entry.high)
    return interval(*bounds)


def interval(value: float, low: float, high: float) -> str:
    return f"{PER * value:.2f} [{PER * low:.2f}, {PER * high:.2f}]"


if __name__ == "__main__":
    main()
