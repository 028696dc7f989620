"""Logs with a context, for the contextual models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from logs import GRID, random_log

PATHS = ("ios", "ios/new", "ios/old", "web", "web/a/b")
OUTCOMES = ("engaged", "sessions", "opens", "spend")


def context_log(seed, *, features=2, users=60, periods=4, actions=GRID, outcomes=OUTCOMES, paths=PATHS, **more):
    """A random log with features of different centres and scales, on which the outcomes do not depend."""
    rng = np.random.default_rng(seed + 1)
    context = 3.0 + rng.normal(size=(users * periods, features)) * 10.0 ** np.arange(features)
    more = {"context": context, "context_names": tuple(f"x{j}" for j in range(features))} | more
    return random_log(seed, users=users, periods=periods, actions=actions, outcomes=outcomes, paths=paths, **more)


def effects_log(seed, *, users=400, periods=4, icc=0.0, noise=1.0, slope=0.5, actions=GRID, paths=PATHS, kind="real"):
    """A log in which effects of actions, segments and features are normal, and the coefficients (s, k, d) behind it.

    Users' own effects have the share ``icc`` of the variance that the features leave.
    """
    rng = np.random.default_rng(seed)
    log = context_log(seed, users=users, periods=periods, actions=actions, outcomes=("engaged", "spend"), paths=paths)
    s, k, d = len(log.segments), actions.k, 1 + log.context.shape[1]
    theta = np.empty((s, k, d))
    for v, above in enumerate(log.segments.parents):
        sd = np.array([1.0] + [slope] * (d - 1)) * (0.7 if above < 0 else 0.2)
        theta[v] = (0.0 if above < 0 else theta[above]) + sd * rng.normal(size=(k, d))
    z = np.concatenate((np.ones((log.n, 1)), (log.context - 3.0) / 10.0 ** np.arange(d - 1)), 1)
    eta = np.einsum("nd,nd->n", z, theta[log.segment, log.action])
    own = rng.normal(size=users)[log.user] * np.sqrt(icc)
    if kind == "real":
        value = eta + noise * (own + np.sqrt(1 - icc) * rng.normal(size=log.n))
    else:
        value = (rng.random(log.n) < 1 / (1 + np.exp(-eta))) * 1.0
    name = "spend" if kind == "real" else "engaged"
    return replace(log, outcomes={name: replace(log.outcomes[name], value=value)}), theta
