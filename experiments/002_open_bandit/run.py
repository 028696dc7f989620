"""Open Bandit: what does a `bts` log say of the uniform policy?"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import numpy as np
from harness.real_log import cell, interval, main, rows_of
from harness.tables import Table

import tactful as tt

HERE = Path(__file__).resolve().parent
ESTIMATORS = ("ips", "snips", "dm", "dr")
PER = 1000  # clicks are shown per thousand decisions
VIEW = ("timestamp", *(f"user_feature_{i}" for i in range(4)))


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


def evaluate(path: Path, campaign: str, policy: str, logging: str = "bts", condition: str = "") -> Any:
    """One campaign under one logging policy; ``condition`` narrows ``where``."""
    spec = tomllib.loads((HERE / f"{campaign}.toml").read_text(encoding="utf-8"))
    where = spec["log"]["where"].replace("'bts'", f"'{logging}'") + condition
    narrow = tt.LogSpec.from_dict({**spec, "log": {**spec["log"], "where": where}})
    return tt.evaluate(tt.read_log(path, narrow), policy)


def values(bts: Mapping[str, Any], random: Mapping[str, Any]) -> Table:
    """Estimates from bts beside what the random log measured: its mean, since there every weight is 1."""
    rows, metrics = [], {}
    for campaign, result in bts.items():
        for estimator in ESTIMATORS:
            entry = result["target", "click", estimator]
            rows.append([campaign, estimator, clicks(entry), entry.verdict, entry.why])
            metrics |= {f"bts/{campaign}/{estimator}/{f}": getattr(entry, f) for f in ("value", "low", "high")}
        truth, logged = random[campaign]["target", "click", "ips"], result["baseline", "click", "ips"]
        rows.append([campaign, "mean of the random log", clicks(truth), truth.verdict, truth.why])
        rows.append([campaign, "mean of the bts log", clicks(logged), logged.verdict, logged.why])
        metrics[f"random/{campaign}/mean"] = truth.value
    columns = ["campaign", "estimator", "uniform, clicks per 1,000 [95 %]", "verdict", "why"]
    return Table("The uniform policy, from 10,000 rows of bts", columns, rows, metrics)


def weights(results: Mapping[str, Any]) -> Table:
    """The diagnostics of each evaluation."""
    rows = []
    for name, result in results.items():
        e = result["target", "click", "ips"]
        count = round(PER * 10 * result["baseline", "click", "ips"].value)
        rows.append([name, f"{e.n:,}", f"{count}", f"{e.ess:,.1f}", f"{e.max_weight:,.2f}", f"{e.mean_weight:.4f}"])
    return Table("Weights", ["log", "rows", "clicks", "ESS", "largest weight", "mean weight"], rows)


def against_truth(bts: Mapping[str, Any], random: Mapping[str, Any]) -> Table:
    """Two independent logs: the difference of the estimates, by adding variances (normal)."""
    rows = []
    for campaign, result in bts.items():
        truth = random[campaign]["target", "click", "ips"]
        estimates = {f"{n} of uniform less random log": result["target", "click", n] for n in ("ips", "snips", "dr")}
        estimates["bts log less random log"] = result["baseline", "click", "ips"]
        rows += [[campaign, name, gap(e, truth), e.verdict] for name, e in estimates.items()]
        paired = result["difference", "click", "ips"]
        reverse = interval(-paired.value, -paired.high, -paired.low, PER, 2) if paired.value is not None else "–"
        rows.append([campaign, "bts less uniform, both from the bts log (ips)", reverse, paired.verdict])
    return Table("Against the truth", ["campaign", "what", "clicks per 1,000 [95 %]", "verdict of the estimate"], rows)


def gap(entry: Any, truth: Any) -> str:
    """An estimate less the mean of the random log, with an interval."""
    if entry.value is None:
        return "–"
    difference, se = entry.value - truth.value, float(np.hypot(entry.se, truth.se))
    return interval(difference, difference - 1.96 * se, difference + 1.96 * se, PER, 2)


def without_the_smallest(path: Path, config: Mapping[str, Any], truth: Any) -> Table:
    """Women again without its smallest propensity: a diagnostic, not an answer."""
    result = evaluate(path, "women", config["policy"], condition=f" AND propensity > {config['floor']}")
    rows = []
    for estimator in ESTIMATORS:
        e = result["target", "click", estimator]
        rows.append([estimator, clicks(e), f"{e.ess:,.1f}", f"{e.max_weight:,.2f}", f"{e.mean_weight:.4f}", e.verdict])
    mean = truth["target", "click", "ips"]
    rows.append(["mean of the random log", clicks(mean), f"{mean.ess:,.1f}", "1.00", "1.0000", mean.verdict])
    columns = ["estimator", "uniform, clicks per 1,000 [95 %]", "ESS", "largest weight", "mean weight", "verdict"]
    return Table(f"Diagnostic: women, {result.n:,} rows with propensity > {config['floor']:g}", columns, rows)


def impressions(path: Path) -> Table:
    """Rows that look like one page view: same time and same user features, within a log."""
    logs: dict[tuple[str, str], Counter[tuple[str, ...]]] = {}
    for row in rows_of(path):
        views = logs.setdefault((row["campaign"], row["policy"]), Counter())
        views[tuple(row[column] for column in VIEW)] += 1
    rows = []
    for (campaign, policy), views in sorted(logs.items()):
        shared = sum(n for n in views.values() if n > 1)
        rows.append([campaign, policy, f"{sum(views.values()):,}", f"{len(views):,}", f"{shared:,}"])
    columns = ["campaign", "log", "rows", "distinct (time, features)", "rows that share theirs"]
    return Table("Are rows independent?", columns, rows)


def clicks(entry: Any) -> str:
    """An estimate in clicks per thousand decisions."""
    return cell(entry, PER, 2)


if __name__ == "__main__":
    main(__file__, tables)
