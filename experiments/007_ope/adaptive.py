"""Logs that tactful's own Thompson learner wrote: what an interval of one of two equal arms is worth there."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from results import Results

import tactful as tt
from tactful.ope import betting, cluster_t, dr, ips, stakes

Array = Any
ACTIONS = tt.ActionSpace.named(["a", "b"], period_days=1)
ROOT = tt.Segments(("",))
ENGAGED = tt.Outcome("engaged", "binary")
OBJECTIVE = tt.Objective({"engaged": 1.0})


def batch(action: Array, reward: Array, first: int) -> tt.Log:
    """Decisions of as many new users, one a day from day ``first``; outcomes are known at once."""
    n = action.size
    ids = np.array([f"u{first + i}" for i in range(n)], object)
    time = tt.DAY_US * (first + np.arange(1, n + 1))
    return tt.Log(
        actions=ACTIONS, segments=ROOT, user=np.arange(n), user_ids=ids, user_key=tt.user_keys(ids),
        period=first + np.arange(n), segment=np.zeros(n, np.int64), action=action,
        arm=tt.Coded.constant("policy", n), policy=tt.Coded.constant("", n), scope=tt.Coded.constant("", n),
        outcomes={"engaged": tt.Measured(ENGAGED, reward, np.ones(n, bool))}, decided_at=time, as_of=int(time[-1]),
    )  # fmt: skip


def adaptive_log(settings: dict[str, Any], rng: np.random.Generator, decisions: int, every: int) -> tuple[Array, ...]:
    """Action, reward and the served probabilities (n, 2) of one log; republished after every so many decisions."""
    action, reward = np.empty(decisions, np.int64), (rng.random(decisions) < settings["rate"]).astype(float)
    pmf = np.empty((decisions, 2))
    seed = int(rng.integers(2**62))
    uniform = settings["uniform"]
    terms = tt.Terms(uniform=uniform, salt=str(seed))
    policy, posterior = tt.Table.of(ACTIONS, ROOT, np.full((1, 2), 0.5), terms), None
    for first in range(0, decisions, every):
        rows = slice(first, min(first + every, decisions))
        n = rows.stop - first
        keys = tt.user_keys(np.array([f"u{first + i}" for i in range(n)], object))
        drawn = tt.decide_rows(policy, keys, np.arange(first, rows.stop), np.zeros(n, np.int64), vectors=True)
        action[rows], pmf[rows] = drawn.action, np.asarray(drawn.shares) / 2**32
        log = batch(action[rows], reward[rows], first)
        posterior = tt.Conjugate(dispersion=False).fit(log) if posterior is None else posterior.update(log)
        explorer = tt.Thompson(sharpen=1)
        policy = tt.publish(posterior, OBJECTIVE, explorer=explorer, uniform=uniform, seed=seed + first, salt=str(seed))
    return action, reward, pmf


def intervals(settings: dict[str, Any], action: Array, reward: Array, pmf: Array) -> dict[str, tuple[float, ...]]:
    """(value, low, high) of "always arm a" by betting, by DR with an online reward model, and of the arm's mean."""
    n, first = action.size, action == 0
    weight = first / pmf[:, 0]
    count, sums = np.cumsum(first) - first, np.cumsum(first * reward) - first * reward
    model = (sums + 0.5) / (count + 1)  # of arm a, from the decisions before
    estimates = {"dr": dr(reward, weight, model, model), "ips": ips(reward, weight)}
    bet = betting(stakes(reward, weight, np.arange(n), max_rows=1, cap=2 / settings["uniform"]))
    results: dict[str, tuple[float, ...]] = {"betting": (estimates["ips"].value, bet.low, bet.high)}
    for name, estimate in estimates.items():
        _, low, high, _ = cluster_t(estimate, np.arange(n))
        results[name] = (estimate.value, low, high)
    mean = float(reward[first].mean()) if first.any() else float("nan")
    error = 1.959964 * np.sqrt(mean * (1 - mean) / max(first.sum(), 1))
    return results | {"sample mean": (mean, mean - error, mean + error)}


def run(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Bias and coverage with either way to republish."""
    for i, (every, decisions) in enumerate(((1, settings["decisions_each"]), (500, settings["decisions"]))):
        logs = settings["logs_each" if every == 1 else "logs"]

        def measure(seed: int = i, every: int = every, decisions: int = decisions, logs: int = logs) -> dict[str, Any]:
            rng = np.random.default_rng((settings["seed"], seed))
            logs_intervals = [intervals(settings, *adaptive_log(settings, rng, decisions, every)) for _ in range(logs)]
            print(f"adaptive, every {every}: done", file=sys.stderr, flush=True)
            return {"decisions": decisions, "logs": logs} | {
                k: summary([x[k] for x in logs_intervals], settings["rate"]) for k in logs_intervals[0]
            }

        results.once(f"republished after every {every}", measure)
    return results.cells()


def summary(intervals: list[tuple[float, ...]], truth: float) -> dict[str, float]:
    """Bias with its standard error, coverage and mean width over the logs where the arm was taken."""
    value, low, high = np.array(intervals).T
    finite = np.isfinite(value)
    covered = (low <= truth) & (truth <= high)
    return {
        "bias": value[finite].mean() - truth, "error": value[finite].std(ddof=1) / np.sqrt(finite.sum()),
        "covered": covered[finite].mean(), "width": (high - low)[finite].mean(), "known": finite.mean(),
    }  # fmt: skip
