"""The policies that benchmarks and studies decide by: 28 actions, 24 segments, 16 features."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np

import tactful as tt

ACTIONS = tt.ActionSpace.grid(
    ["07:30", "08:00", "12:00", "13:00", "17:00", "18:00", "19:30", "20:00", "21:30"], [1, 2, 3]
)
PATHS = [f"{p}/{s}/{c}" for p in ("ios", "android") for s in ("new", "old", "core") for c in "1234"]
TREE = tt.Segments.of(PATHS)
FEATURES = [f"f{i:02d}" for i in range(16)]
DECISIONS = 20_000  # of the log that contextual policies learn from
UNIFORM = 0.03


def table(seed: int = 7, *, salt: str = "study", **terms: Any) -> tt.Table:
    """Random rows, some actions of which are rare; ``terms`` are those of ``tt.Terms``."""
    pmf = np.random.default_rng(seed).dirichlet(np.full(ACTIONS.k, 0.3), len(TREE))
    return tt.Table.of(ACTIONS, TREE, pmf, tt.Terms(uniform=UNIFORM, salt=salt, **terms))


@cache
def linear(arms: tt.Arms | None = None) -> tt.Contextual:
    """Exact Thompson sampling from Gaussian utilities, coefficients of their own for each segment."""
    return _published(tt.Linear().fit(_log()), "spend", arms, draws=1)


@cache
def bank(arms: tt.Arms | None = None) -> tt.Contextual:
    """A bank of 256 draws with one logistic head."""
    return _published(tt.Logistic().fit(_log()), "engaged", arms, draws=256)


def _published(posterior: Any, outcome: str, arms: tt.Arms | None, *, draws: int) -> tt.Contextual:
    explorer, objective = tt.Thompson(draws=draws, sharpen=2.0), tt.Objective({outcome: 1.0})
    policy = tt.publish(posterior, objective, explorer=explorer, uniform=UNIFORM, arms=arms)
    assert isinstance(policy, tt.Contextual)  # noqa: S101 - for readers and type checkers
    return policy


@cache
def _log() -> tt.Log:
    """Uniform decisions whose outcomes are linear in the context, with coefficients of their own for each action."""
    rng, n = np.random.default_rng(7), DECISIONS
    context, action = rng.normal(size=(n, len(FEATURES))), rng.integers(ACTIONS.k, size=n)
    slopes = 0.1 * rng.normal(size=(ACTIONS.k, len(FEATURES)))
    utility = np.vecdot(context, slopes[action])
    user, period = np.arange(n), np.full(n, 2960)
    outcomes = {
        "spend": (tt.Outcome("spend", "real"), utility + rng.normal(size=n)),
        "engaged": (tt.Outcome("engaged", "binary"), (rng.random(n) < 1 / (1 + np.exp(1 - utility))) * 1.0),
    }
    return tt.Log(
        actions=ACTIONS,
        segments=TREE,
        user=user,
        user_ids=user.astype(object),
        user_key=tt.user_keys(user),
        period=period,
        segment=np.array([TREE.index(p) for p in PATHS])[rng.integers(len(PATHS), size=n)],
        action=action,
        arm=tt.Coded.constant("policy", n),
        policy=tt.Coded.constant("uniform", n),
        scope=tt.Coded.constant("", n),
        outcomes={name: tt.Measured(spec, value, np.ones(n, bool)) for name, (spec, value) in outcomes.items()},
        decided_at=ACTIONS.origin_us + period * 7 * tt.DAY_US,
        context=context,
        context_names=tuple(FEATURES),
        propensity=np.full(n, 1 / ACTIONS.k),
        provenance="logged",
    )


def bare_decision(users: list[str], period: int, k: int) -> Callable[[int], tuple[int, float]]:
    """What no decision can do without: two hashes, a bisection among k equal shares, and a propensity."""
    cumulative, key = [(i + 1) * 2**32 // k for i in range(k)], bytes(32)

    def decide(i: int) -> tuple[int, float]:
        digest = blake2b(users[i].encode(), digest_size=8).digest() + period.to_bytes(8, "little")
        u = int.from_bytes(blake2b(digest, key=key, digest_size=8).digest(), "little") >> 32
        return bisect_right(cumulative, u), 1 / k

    return decide
