"""HeartSteps V1: does a suggestion make people walk more in the next half hour?"""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

import tactful as tt
from tactful.tracking.mlflow_run import default_uri, record

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTCOMES = ("log_steps", "active")
ESTIMATORS = ("ips", "snips", "dm", "dr")
POWER = 1.96 + 0.84  # two-sided 5 %, 80 %


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
    spec = tt.LogSpec.from_toml(ROOT / config["spec"])
    log = tt.read_log(path, spec)
    raw = rows_of(path)
    result = tt.evaluate(log, config["policy"], config["baseline"])
    yield coin(raw)
    yield whole(result)
    yield by_hand(raw, result)
    yield segments(result)
    yield slices(path, config)
    yield held_out(log, spec, config["split"])
    yield planning(result, config["effects"])


def rows_of(path: Path) -> dict[str, np.ndarray]:
    """The columns of the file that the checks by hand need, without tactful."""
    names = ("user", "day", "available", "send", "p_send", "steps_pre30", "steps_post30")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [[float(row[name]) for name in names] for row in csv.DictReader(file)]
    return dict(zip(names, np.array(rows).T, strict=True))


def coin(raw: Mapping[str, np.ndarray]) -> Table:
    """Was the coin what the protocol says? Variance of the mean of (A − p) by user."""
    free = raw["available"] == 1
    off = (raw["send"] - raw["p_send"])[free]
    _, se = clustered(off - off.mean(), raw["user"][free])
    rows = [
        ["rows", f"{free.size:,}"],
        ["available", f"{free.sum():,} ({free.mean():.1%})"],
        ["sent while not available", f"{raw['send'][~free].sum():.0f}"],
        ["users, all / with an available row", f"{np.unique(raw['user']).size} / {np.unique(raw['user'][free]).size}"],
        ["p_send where available", ", ".join(f"{p:g}" for p in np.unique(raw["p_send"][free]))],
        ["share sent where available", f"{raw['send'][free].mean():.4f}"],
        ["share sent less p_send", f"{off.mean():+.4f} ± {se:.4f} (SE by user)"],
    ]
    return Table("The log", ["", ""], rows, {"coin/share_less_p": float(off.mean()), "coin/se": se})


def whole(result: Any) -> Table:
    """Every estimator, for the difference and for both sides."""
    rows, metrics = [], {}
    for outcome in OUTCOMES:
        for estimator in ESTIMATORS:
            sides = [result[role, outcome, estimator] for role in ("target", "baseline", "difference")]
            rows.append([outcome, estimator, *map(cell, sides), f"{sides[2].ess:,.0f}", sides[2].verdict])
            metrics |= {f"difference/{outcome}/{estimator}/{f}": getattr(sides[2], f) for f in ("value", "se")}
    columns = ["outcome", "estimator", "always send", "always none", "difference", "ESS", "verdict"]
    return Table("Always send against always none, per decision (95 %, by user)", columns, rows, metrics)


def by_hand(raw: Mapping[str, np.ndarray], result: Any) -> Table:
    """The same differences from the file with numpy, and two regressions that tactful has no part in."""
    free = raw["available"] == 1
    user, sent, day = (raw[c][free] for c in ("user", "send", "day"))
    pre = np.log(raw["steps_pre30"][free] + 0.5)
    rewards = {
        "log_steps": np.log(raw["steps_post30"][free] + 0.5),
        "active": (raw["steps_post30"][free] >= 100).astype(float),
    }
    rows = []
    for outcome, r in rewards.items():
        w = np.where(sent == 1, sent / 0.6, -(1 - sent) / 0.4)
        ips = w * r
        found = [("Horvitz–Thompson (= ips)", ips.mean(), ips - ips.mean(), result["difference", outcome, "ips"])]
        means = [r[sent == a].mean() for a in (0, 1)]
        shares = [(sent == a).mean() for a in (0, 1)]
        own = np.where(sent == 1, (r - means[1]) / shares[1], -(r - means[0]) / shares[0])
        found.append(
            ("difference of means (= snips)", means[1] - means[0], own, result["difference", outcome, "snips"])
        )
        for name, value, influence, entry in found:
            se = clustered(influence, user)[1]
            apart = max(abs(value - entry.value), abs(se - entry.se))
            rows.append([outcome, name, *numbers(value, se, user), f"{apart:.0e}" if apart > 1e-12 else "< 1e-12"])
        centred = sent - 0.6
        for name, columns in {
            "least squares on A − 0.6": [centred],
            "… given ln(steps before + 0.5)": [centred, pre],
            "… change of the effect per week in study": [centred, pre, day / 7, centred * (day / 7 - 3)],
        }.items():
            at = 4 if len(columns) == 4 else 1
            value, se = regression(r, np.column_stack([np.ones(r.size), *columns]), user, at)
            rows.append([outcome, name, *numbers(value, se, user), "–"])
    return Table("By hand", ["outcome", "how", "estimate [95 %]", "SE by user", "apart from tactful"], rows)


def clustered(influence: np.ndarray, user: np.ndarray) -> tuple[int, float]:
    """√(U/(U − 1) Σ_u (Σ_{i∈u} φ_i)²) / n."""
    users = np.unique(user)
    total = np.array([influence[user == u].sum() for u in users])
    return users.size, float(np.sqrt(users.size / (users.size - 1) * np.sum(total**2)) / user.size)


def regression(y: np.ndarray, x: np.ndarray, user: np.ndarray, at: int) -> tuple[float, float]:
    """One coefficient of least squares with the sandwich by user."""
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    score = x * (y - x @ beta)[:, None]
    users = np.unique(user)
    total = np.array([score[user == u].sum(0) for u in users])
    cov = users.size / (users.size - 1) * bread @ total.T @ total @ bread
    return float(beta[at]), float(np.sqrt(cov[at, at]))


def numbers(value: float, se: float, user: np.ndarray) -> list[str]:
    reach = float(stdtrit(np.unique(user).size - 1, 0.975)) * se
    return [f"{value:.4f} [{value - reach:.4f}, {value + reach:.4f}]", f"{se:.4f}"]


def segments(result: Any) -> Table:
    """Differences within each segment."""
    return Table("By segment: difference, SNIPS", PART, list(parts(result.by_segment)))


def slices(path: Path, config: Mapping[str, Any]) -> Table:
    """Differences on parts of the log, each read with a narrower ``where``."""
    plain = tomllib.loads((ROOT / config["spec"]).read_text(encoding="utf-8"))
    found = {}
    for name, where in config["slices"].items():
        narrow = {**plain, "log": {**plain["log"], "where": f"{plain['log']['where']} AND {where}"}}
        log = tt.read_log(path, tt.LogSpec.from_dict(narrow))
        found[name] = tt.evaluate(log, config["policy"], config["baseline"]).estimates
    return Table("By time in the study and by recent sends: difference, SNIPS", PART, list(parts(found)))


PART = ["part", "decisions", "ESS", *OUTCOMES, "verdict"]


def parts(found: Mapping[str, Iterable[Any]]) -> Iterator[list[str]]:
    for name, entries in found.items():
        snips = {e.outcome: e for e in entries if (e.policy, e.estimator) == ("difference", "snips")}
        one = snips["active"]
        yield [name, f"{one.n:,}", f"{one.ess:,.0f}", *(cell(snips[o]) for o in OUTCOMES), one.verdict]


def held_out(log: tt.Log, spec: tt.LogSpec, split: Mapping[str, Any]) -> Table:
    """Learn on some users, evaluate on the others; once for each salt."""
    rows, metrics = [], {}
    for salt in split["salts"]:
        train, test = log.split(split["users"], salt)
        policy = tt.publish(tt.Conjugate().fit(train), spec.objective, spec.limits)
        leaves = np.array([i for i, name in enumerate(policy.segments.paths) if "/" in name])
        send = policy.pmf(leaves)[:, policy.actions.index("send")]
        result = tt.evaluate(test, policy, "logging")
        entry = result["difference", "active", "dr"]
        rows.append(
            [
                salt,
                f"{train.users} / {test.users}",
                f"{send.min():.2f}–{send.max():.2f}",
                f"{policy.expected['active']:.4f}",
            ]
            + [cell(result[role, "active", "dr"]) for role in ("target", "baseline", "difference")]
            + [entry.verdict]
        )
        metrics[f"held_out/{salt}/active/dr/value"] = entry.value
    columns = ["salt", "users", "P(send) of its segments", "expected by the model"]
    columns += ["held out: policy", "held out: logging", "difference", "verdict"]
    return Table("A learned policy on held-out users: active, DR", columns, rows, metrics)


def planning(result: Any, effects: Mapping[str, float]) -> Table:
    """Users of such a trial that a given effect needs: the SE here scaled by √users."""
    rows = []
    for outcome, effect in effects.items():
        se = result["difference", outcome, "snips"].se
        rows.append([outcome, f"{effect:g}", f"{se:.4f}", f"{result.users * (POWER * se / effect) ** 2:.0f}"])
    return Table("Users for 80 % power", ["outcome", "effect to see", "SE with 37 users", "users needed"], rows)


def cell(entry: Any) -> str:
    if entry.value is None:
        return "–"
    if entry.low is None:
        return f"{entry.value:.4f}"
    return f"{entry.value:.4f} [{entry.low:.4f}, {entry.high:.4f}]"


if __name__ == "__main__":
    main()
