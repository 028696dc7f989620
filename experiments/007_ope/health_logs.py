"""Sound decision logs of several kinds of logging, for the study of ``check``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import tactful as tt

ACTIONS = tt.ActionSpace.grid(["08:00", "12:00", "18:00"], [1, 3, 7])
PATHS = ("ios/new", "ios/core", "web/new", "web/core")
KINDS = ("status quo", "table", "weekly", "context")
FIRST_PERIOD = 2900
SHARES = {"policy": 0.8, "uniform": 0.2}
OUTCOMES = (
    tt.Outcome("engaged", "count", window_us=7 * tt.DAY_US),
    tt.Outcome("opted_out", "binary", window_us=7 * tt.DAY_US, absorbing=True),
)
Array = Any


def pmf(kind: str, rng: np.random.Generator, segment: Array, period: Array, dose: Array) -> Array:
    """What logging does: a table by segment, one that is republished every week, or a policy that sees the dose."""
    k = ACTIONS.k
    if kind == "status quo":
        frequent = np.array([f == 3 for f in ACTIONS.frequencies])
        return np.tile(0.3 * frequent / frequent.sum() + 0.7 / k, (segment.size, 1))
    if kind == "context":
        score = rng.normal(0, 1, (len(PATHS), k))[segment] + np.outer(dose, rng.normal(0, 0.3, k))
        odds = np.exp(score - score.max(1, keepdims=True))
        return 0.9 * odds / odds.sum(1, keepdims=True) + 0.1 / k
    weeks = period.max() + 1 if kind == "weekly" else 1
    tables = 0.9 * rng.dirichlet(np.full(k, 0.7), (weeks, len(PATHS))) + 0.1 / k
    return tables[period % weeks, segment]


def simulate(kind: str, settings: Mapping[str, Any], rng: np.random.Generator, *, sticky: bool = False) -> tt.Log:
    """Weekly decisions of users who may opt out, then vanish; a fifth of them in a uniform arm, some actions masked.

    Parameters
    ----------
    kind
        One of ``KINDS``: what logging does.
    settings
        ``users`` and ``periods``, the size of the log.
    rng
        Draws everything.
    sticky
        Whether a user's draws are the same in all weeks: a fault.
    """
    users, periods, k = settings["users"], settings["periods"], ACTIONS.k
    user, week = (x.ravel() for x in np.mgrid[0:users, 0:periods])
    segment, arm = rng.integers(len(PATHS), size=users), (rng.random(users) < SHARES["uniform"]).astype(np.int64)
    dose = rng.gamma(2.0, 1.0, users)[user] + 0.2 * week
    eligible = np.ones((user.size, k), bool)
    eligible[:, 7:] = (rng.random(users) < 0.8)[user, None]  # evenings are quiet for some
    vector = np.where(arm[user, None] == 1, 1 / k, pmf(kind, rng, segment[user], week, dose)) * eligible
    vector /= vector.sum(1, keepdims=True)
    u = rng.random(users)[user] if sticky else rng.random(user.size)
    action = np.minimum((vector.cumsum(1) <= u[:, None] * (1 - 1e-12)).sum(1), k - 1)
    sends = np.array(ACTIONS.frequencies, float)[action]
    opt_out = rng.random(user.size) < 0.001 + 0.0012 * sends
    rows = np.flatnonzero(np.cumsum(opt_out.reshape(users, -1), 1).ravel() - opt_out == 0)
    engaged = rng.poisson(0.5 + 0.1 * sends[rows]).astype(float)
    columns = {"user": user, "period": FIRST_PERIOD + week, "action": action, "eligible": eligible}
    columns |= {"propensities": vector, "propensity": vector[np.arange(user.size), action]}
    if kind == "context":
        columns["context"] = dose[:, None]
    log = {name: values[rows] for name, values in columns.items()}
    version = tt.Coded.constant("v1", rows.size)
    if kind == "weekly":
        version = tt.Coded(week[rows], tuple(f"w{i}" for i in range(periods)))
    return _log(log, users, segment[log["user"]], arm[log["user"]], version, (engaged, opt_out[rows].astype(float)))


def _log(
    columns: dict[str, Array], users: int, segment: Array, arm: Array, version: tt.Coded, values: tuple[Array, Array]
) -> tt.Log:
    """A log of these columns, with the names of users, arms and segments."""
    tree, n = tt.Segments.of(PATHS), segment.size
    ids = np.array([f"u{i}" for i in range(users)], object)
    outcomes = zip(OUTCOMES, values, strict=True)
    return tt.Log(
        actions=ACTIONS, segments=tree, segment=np.array([tree.index(p) for p in PATHS])[segment],
        user_ids=ids, user_key=tt.user_keys(ids),
        arm=tt.Coded(arm, ("policy", "uniform")), policy=version, scope=tt.Coded.constant("", n),
        outcomes={o.name: tt.Measured(o, v, np.ones(n, bool)) for o, v in outcomes},
        decided_at=ACTIONS.origin_us + columns["period"] * 7 * tt.DAY_US,
        context_names=("dose",) if "context" in columns else (), provenance="logged",
        objective=tt.Objective({"engaged": 1.0, "opted_out": -15.0}), **columns,
    )  # fmt: skip
