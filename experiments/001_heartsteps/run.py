"""HeartSteps V1: does a suggestion make people walk more in the next half hour?"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import numpy as np
from harness.real_log import cell, interval, main, rows_of
from harness.tables import Table
from scipy.special import stdtrit

import tactful as tt

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("target", "baseline", "difference")
OUTCOMES = ("log_steps", "active")
ESTIMATORS = ("ips", "snips", "dm", "dr")
PART = ["part", "decisions", "ESS", *OUTCOMES, "verdict"]
POWER = 1.96 + 0.84  # two-sided 5 %, 80 %
Columns = Mapping[str, np.ndarray]


def tables(path: Path, config: Mapping[str, Any]) -> Iterator[Table]:
    """Every table of the README, in its order."""
    spec = tt.LogSpec.from_toml(ROOT / config["spec"])
    log = tt.read_log(path, spec)
    file = read_columns(path)
    result = tt.evaluate(log, config["policy"], config["baseline"])
    yield coin(file)
    yield overall(result)
    yield by_hand(file, result)
    yield Table("By segment: difference, SNIPS", PART, list(part_rows(result.by_segment)))
    yield slices(path, config)
    yield held_out(log, spec, config["split"])
    yield planning(result, config["effects"])


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of the file that the checks by hand need, without tactful."""
    names = ("user", "day", "available", "send", "p_send", "steps_pre30", "steps_post30")
    rows = [[float(row[name]) for name in names] for row in rows_of(path)]
    return dict(zip(names, np.array(rows).T, strict=True))


def coin(file: Columns) -> Table:
    """Was the coin what the protocol says? Variance of the mean of (A − p) by user."""
    free = file["available"] == 1
    excess = (file["send"] - file["p_send"])[free]
    users, se = clustered(excess - excess.mean(), file["user"][free])
    rows = [
        ["rows", f"{free.size:,}"],
        ["available", f"{free.sum():,} ({free.mean():.1%})"],
        ["sent while not available", f"{file['send'][~free].sum():.0f}"],
        ["users, all / with an available row", f"{np.unique(file['user']).size} / {users}"],
        ["p_send where available", ", ".join(f"{p:g}" for p in np.unique(file["p_send"][free]))],
        ["share sent where available", f"{file['send'][free].mean():.4f}"],
        ["share sent less p_send", f"{excess.mean():+.4f} ± {se:.4f} (SE by user)"],
    ]
    return Table("The log", ["", ""], rows, {"coin/share_less_p": float(excess.mean()), "coin/se": se})


def overall(result: Any) -> Table:
    """Every estimator, for the difference and for both sides."""
    rows, metrics = [], {}
    for outcome in OUTCOMES:
        for estimator in ESTIMATORS:
            sides = [result[role, outcome, estimator] for role in ROLES]
            rows.append([outcome, estimator, *map(cell, sides), f"{sides[2].ess:,.0f}", sides[2].verdict])
            metrics |= {f"difference/{outcome}/{estimator}/{f}": getattr(sides[2], f) for f in ("value", "se")}
    columns = ["outcome", "estimator", "always send", "always none", "difference", "ESS", "verdict"]
    return Table("Always send against always none, per decision (95 %, by user)", columns, rows, metrics)


def by_hand(file: Columns, result: Any) -> Table:
    """The same differences from the file with numpy, and two regressions that tactful has no part in."""
    free = {name: values[file["available"] == 1] for name, values in file.items()}
    rewards = {
        "log_steps": np.log(free["steps_post30"] + 0.5),
        "active": (free["steps_post30"] >= 100).astype(float),
    }
    rows: list[list[str]] = []
    for outcome, reward in rewards.items():
        rows += weighted_rows(outcome, reward, free, result)
        rows += regression_rows(outcome, reward, free)
    return Table("By hand", ["outcome", "how", "estimate [95 %]", "SE by user", "apart from tactful"], rows)


def weighted_rows(outcome: str, reward: np.ndarray, free: Columns, result: Any) -> Iterator[list[str]]:
    """Estimates that tactful makes too, and how far its own are from them."""
    user, sent = free["user"], free["send"]
    ips = np.where(sent == 1, sent / 0.6, -(1 - sent) / 0.4) * reward
    means = [reward[sent == a].mean() for a in (0, 1)]
    shares = [(sent == a).mean() for a in (0, 1)]
    influence = np.where(sent == 1, (reward - means[1]) / shares[1], -(reward - means[0]) / shares[0])
    for name, estimator, value, deviation in (
        ("Horvitz–Thompson (= ips)", "ips", ips.mean(), ips - ips.mean()),
        ("difference of means (= snips)", "snips", means[1] - means[0], influence),
    ):
        se, entry = clustered(deviation, user)[1], result["difference", outcome, estimator]
        gap = max(abs(value - entry.value), abs(se - entry.se))
        yield [outcome, name, *numbers(value, se, user), f"{gap:.0e}" if gap > 1e-12 else "< 1e-12"]


def regression_rows(outcome: str, reward: np.ndarray, free: Columns) -> Iterator[list[str]]:
    """Effects by least squares, with the steps before, and with a trend over the weeks in the study."""
    user, centred, week = free["user"], free["send"] - 0.6, free["day"] / 7
    steps = np.log(free["steps_pre30"] + 0.5)
    for name, columns in {
        "least squares on A − 0.6": [centred],
        "… given ln(steps before + 0.5)": [centred, steps],
        "… change of the effect per week in study": [centred, steps, week, centred * (week - 3)],
    }.items():
        coefficient = 4 if len(columns) == 4 else 1
        value, se = regression(reward, np.column_stack([np.ones(reward.size), *columns]), user, coefficient)
        yield [outcome, name, *numbers(value, se, user), "–"]


def clustered(influence: np.ndarray, user: np.ndarray) -> tuple[int, float]:
    """Users U, and √(U/(U − 1) Σ_u (Σ_{i∈u} φ_i)²) / n."""
    users = np.unique(user)
    total = np.array([influence[user == u].sum() for u in users])
    return users.size, float(np.sqrt(users.size / (users.size - 1) * np.sum(total**2)) / user.size)


def regression(y: np.ndarray, x: np.ndarray, user: np.ndarray, coefficient: int) -> tuple[float, float]:
    """One coefficient of least squares with the sandwich by user."""
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    score = x * (y - x @ beta)[:, None]
    users = np.unique(user)
    total = np.array([score[user == u].sum(0) for u in users])
    cov = users.size / (users.size - 1) * bread @ total.T @ total @ bread
    return float(beta[coefficient]), float(np.sqrt(cov[coefficient, coefficient]))


def numbers(value: float, se: float, user: np.ndarray) -> list[str]:
    reach = float(stdtrit(np.unique(user).size - 1, 0.975)) * se
    return [interval(value, value - reach, value + reach), f"{se:.4f}"]


def slices(path: Path, config: Mapping[str, Any]) -> Table:
    """Differences on parts of the log, each read with a narrower ``where``."""
    spec = tomllib.loads((ROOT / config["spec"]).read_text(encoding="utf-8"))
    results = {}
    for name, condition in config["slices"].items():
        narrow = {**spec, "log": {**spec["log"], "where": f"{spec['log']['where']} AND {condition}"}}
        log = tt.read_log(path, tt.LogSpec.from_dict(narrow))
        results[name] = tt.evaluate(log, config["policy"], config["baseline"]).estimates
    return Table("By time in the study and by recent sends: difference, SNIPS", PART, list(part_rows(results)))


def part_rows(results: Mapping[str, Iterable[Any]]) -> Iterator[list[str]]:
    """A row a part of the log."""
    for name, entries in results.items():
        snips = {e.outcome: e for e in entries if (e.policy, e.estimator) == ("difference", "snips")}
        active = snips["active"]
        yield [name, f"{active.n:,}", f"{active.ess:,.0f}", *(cell(snips[o]) for o in OUTCOMES), active.verdict]


def held_out(log: tt.Log, spec: tt.LogSpec, split: Mapping[str, Any]) -> Table:
    """Learn on some users, evaluate on the others; once for each salt."""
    rows, metrics = [], {}
    for salt in split["salts"]:
        train, test = log.split(split["users"], salt)
        policy = tt.publish(tt.Conjugate().fit(train), spec.objective, spec.limits)
        leaves = np.array([i for i, name in enumerate(policy.segments.paths) if "/" in name])
        send = policy.pmf(leaves)[:, policy.actions.index("send")]
        result = tt.evaluate(test, policy, "logging")
        sides = [result[role, "active", "dr"] for role in ROLES]
        users, sends = f"{train.users} / {test.users}", f"{send.min():.2f}–{send.max():.2f}"
        expected = f"{policy.expected['active']:.4f}"
        rows.append([salt, users, sends, expected, *map(cell, sides), sides[2].verdict])
        metrics[f"held_out/{salt}/active/dr/value"] = sides[2].value
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


if __name__ == "__main__":
    main(__file__, tables)
