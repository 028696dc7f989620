"""Logs that tactful's own Thompson learner wrote: what an interval of one of two equal arms is worth there."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from results import Results

import tactful as tt
from tactful.batch.decide import decide
from tactful.core.actions import DAY_US
from tactful.core.draw import user_keys
from tactful.core.log import Coded, Measured
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.ope.betting import betting
from tactful.ope.estimators import dr, ips
from tactful.ope.intervals import cluster_t
from tactful.ope.wealth import stakes
from tactful.policies.table import Table

Array = Any
ACTIONS = tt.ActionSpace.named(["a", "b"], period_days=1)
ROOT = Segments(("",))
ENGAGED = Outcome("engaged", "binary")
OBJECTIVE = tt.Objective({"engaged": 1.0})


def batch(action: Array, reward: Array, first: int) -> tt.Log:
    """Decisions of as many new users, one a day from day ``first``; outcomes are known at once."""
    n = action.size
    ids = np.array([f"u{first + i}" for i in range(n)], object)
    time = DAY_US * (first + np.arange(1, n + 1))
    return tt.Log(
        ACTIONS, ROOT, np.arange(n), ids, user_keys(ids), first + np.arange(n), np.zeros(n, np.int64), action,
        Coded.constant("policy", n), Coded.constant("", n), Coded.constant("", n),
        {"engaged": Measured(ENGAGED, reward, np.ones(n, bool))}, decided_at=time, as_of=int(time[-1]),
    )  # fmt: skip


def learned(settings: dict[str, Any], rng: np.random.Generator, decisions: int, every: int) -> tuple[Array, ...]:
    """Action, reward and the served probabilities (n, 2) of one log; republished after every so many decisions."""
    action, reward = np.empty(decisions, np.int64), (rng.random(decisions) < settings["rate"]).astype(float)
    pmf = np.empty((decisions, 2))
    seed = int(rng.integers(2**62))
    uniform = settings["uniform"]
    policy, posterior = Table.of(ACTIONS, ROOT, np.full((1, 2), 0.5), uniform=uniform, salt=str(seed)), None
    for first in range(0, decisions, every):
        rows = slice(first, min(first + every, decisions))
        n = rows.stop - first
        keys = user_keys(np.array([f"u{first + i}" for i in range(n)], object))
        made = decide(policy, keys, np.arange(first, rows.stop), np.zeros(n, np.int64), vectors=True)
        action[rows], pmf[rows] = made.action, np.asarray(made.shares) / 2**32
        log = batch(action[rows], reward[rows], first)
        posterior = tt.Conjugate(dispersion=False).fit(log) if posterior is None else posterior.update(log)
        explorer = tt.Thompson(sharpen=1)
        policy = tt.publish(posterior, OBJECTIVE, explorer=explorer, uniform=uniform, seed=seed + first, salt=str(seed))
    return action, reward, pmf


def intervals(settings: dict[str, Any], action: Array, reward: Array, pmf: Array) -> dict[str, tuple[float, ...]]:
    """(value, low, high) of "always arm a" by betting, by DR with an online reward model, and of the arm's mean."""
    n, first = action.size, action == 0
    weight = first / pmf[:, 0]
    seen, sums = np.cumsum(first) - first, np.cumsum(first * reward) - first * reward
    model = (sums + 0.5) / (seen + 1)  # of arm a, from the decisions before
    made = {"dr": dr(reward, weight, model, model), "ips": ips(reward, weight)}
    bet = betting(stakes(reward, weight, np.arange(n), most=1, cap=2 / settings["uniform"]))
    found: dict[str, tuple[float, ...]] = {"betting": (made["ips"].value, bet.low, bet.high)}
    for name, estimate in made.items():
        _, low, high, _ = cluster_t(estimate, np.arange(n))
        found[name] = (estimate.value, low, high)
    mean = float(reward[first].mean()) if first.any() else float("nan")
    error = 1.959964 * np.sqrt(mean * (1 - mean) / max(first.sum(), 1))
    return found | {"sample mean": (mean, mean - error, mean + error)}


def run(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Bias and coverage with either way to republish."""
    for i, (every, decisions) in enumerate(((1, settings["decisions_each"]), (500, settings["decisions"]))):
        logs = settings["logs_each" if every == 1 else "logs"]

        def measure(seed: int = i, every: int = every, decisions: int = decisions, logs: int = logs) -> dict[str, Any]:
            rng = np.random.default_rng((settings["seed"], seed))
            found = [intervals(settings, *learned(settings, rng, decisions, every)) for _ in range(logs)]
            print(f"adaptive, every {every}: done", file=sys.stderr, flush=True)
            return {"decisions": decisions, "logs": logs} | {
                k: summary([f[k] for f in found], settings["rate"]) for k in found[0]
            }

        results.once(f"republished after every {every}", measure)
    return results.cells()


def summary(found: list[tuple[float, ...]], truth: float) -> dict[str, float]:
    """Bias with its standard error, coverage and mean width over the logs where the arm was taken."""
    value, low, high = np.array(found).T
    known = np.isfinite(value)
    held = (low <= truth) & (truth <= high)
    return {
        "bias": value[known].mean() - truth, "error": value[known].std(ddof=1) / np.sqrt(known.sum()),
        "covered": held[known].mean(), "width": (high - low)[known].mean(), "known": known.mean(),
    }  # fmt: skip
