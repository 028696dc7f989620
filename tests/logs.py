"""Small logs, built column by column."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.draw import user_keys
from tactful.core.log import Coded, Log, Measured
from tactful.core.outcomes import Objective, Outcome
from tactful.core.segments import Segments
from tactful.policies.table import Table
from tactful.policies.terms import Terms

JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"  # without it kernels are 100 times slower: fewer draws
WEEK = 7 * DAY_US
START = 4 * DAY_US + 2900 * WEEK
GRID = ActionSpace.grid(["08:00", "19:30"], [1, 3])
PLAIN = ActionSpace.named(["none", "morning", "evening"], period_days=7)

BINARY = Outcome("engaged", "binary")
ABSORBING = Outcome("opted_out", "binary", window_us=7 * DAY_US, absorbing=True)
COUNT = Outcome("sessions", "count")
OPENS = Outcome("opens", "count", has_trials=True)
REAL = Outcome("spend", "real")


def measured(spec, value, *, mature=None, trials=None):
    """An outcome column; NaN values are unknown, and immature unless told otherwise."""
    value = np.asarray(value, float)
    mature = ~np.isnan(value) if mature is None else np.asarray(mature)
    return Measured(spec, value, mature, None if trials is None else np.asarray(trials, float))


def log_of(
    *,
    users,
    period,
    action,
    outcomes,
    actions=PLAIN,
    segment=None,
    arm=None,
    objective=None,
    **more,
):
    """A log from plain columns: ``users`` ids, ``segment`` paths, ``arm`` names, ``outcomes`` a list of Measured."""
    n = len(users)
    ids, code = np.unique(np.asarray(users, object), return_inverse=True)
    paths = [""] * n if segment is None else list(segment)
    segments = more.pop("segments", None) or Segments.of(paths)
    period = np.asarray(period, np.int64)
    names = ["policy"] * n if arm is None else list(arm)
    arm_names = tuple(dict.fromkeys(names)) or ("policy",)
    more.setdefault("decided_at", START + period * WEEK)
    more.setdefault("provenance", "logged" if "propensity" in more else "absent")
    return Log(
        actions=actions,
        segments=segments,
        user=code.astype(np.int64),
        user_ids=ids,
        user_key=user_keys(ids),
        period=period,
        segment=np.array([segments.index(p) for p in paths], np.int64),
        action=np.asarray(action, np.int64),
        arm=Coded(np.array([arm_names.index(a) for a in names], np.int64), arm_names),
        policy=Coded.constant("p0", n),
        scope=Coded.constant("", n),
        outcomes={m.spec.name: m for m in outcomes},
        objective=objective or Objective({}),
        **more,
    )


def random_log(
    seed,
    *,
    users=60,
    periods=4,
    actions=PLAIN,
    outcomes=("engaged",),
    paths=("ios", "ios/new", "web"),
    masks=False,
    **more,
):
    """A randomised log with rates by action, one segment a user, and outcomes of every kind asked for.

    Actions are drawn uniformly, or, with ``masks``, from a pmf of their own in every row over what is eligible there.
    """
    rng = np.random.default_rng(seed)
    n, k = users * periods, actions.k
    who = np.repeat(np.arange(users), periods)
    if masks:
        eligible = rng.random((n, k)) < 0.7
        eligible[np.arange(n), rng.integers(k, size=n)] = True
        vectors = rng.dirichlet(np.full(k, 5.0), n) * eligible
        vectors /= vectors.sum(1, keepdims=True)
        action = (vectors.cumsum(1) > rng.random((n, 1)) * (1 - 1e-12)).argmax(1)
        more |= {"eligible": eligible, "propensities": vectors, "propensity": vectors[np.arange(n), action]}
    else:
        action = rng.integers(k, size=n)
    segment = [paths[u % len(paths)] for u in who]
    trials = rng.integers(0, 4, n) * (action > 0)
    made = {
        "engaged": lambda: measured(BINARY, rng.random(n) < 0.2 + 0.1 * action),
        "opted_out": lambda: measured(ABSORBING, rng.random(n) < 0.02 + 0.02 * action),
        "sessions": lambda: measured(COUNT, rng.poisson(1.0 + 0.5 * action)),
        "opens": lambda: measured(OPENS, rng.binomial(trials, 0.4), trials=trials),
        "spend": lambda: measured(REAL, rng.normal(1.0 + action, 2.0)),
    }
    columns = [made[o]() for o in outcomes]
    more.setdefault("propensity", np.full(n, 1 / k))
    return log_of(
        users=[f"u{w}" for w in who],
        period=2900 + np.tile(np.arange(periods), users),
        action=action,
        outcomes=columns,
        actions=actions,
        segment=segment,
        **more,
    )


def table(seed, *, actions=PLAIN, paths=("ios", "ios/new", "web"), zeros=True, **options):
    """A random table policy, some of whose probabilities are 0."""
    rng = np.random.default_rng(seed)
    segments = Segments.of(paths)
    pmf = rng.dirichlet(np.ones(actions.k), len(segments))
    if zeros:
        pmf[rng.random(pmf.shape) < 0.2] = 0.0
        pmf[:, 0] += 1e-3
    return Table.of(actions, segments, pmf, Terms(**options))


def on_terms(policy, **changes):
    """The same policy with some of its terms changed."""
    return replace(policy, terms=replace(policy.terms, **changes))
