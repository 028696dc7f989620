"""The policies that the studies decide by: 28 actions, 24 segments, 16 features."""

from __future__ import annotations

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.core.features import Features
from tactful.core.segments import Segments
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import THOMPSON, Rule
from tactful.policies.linear_score import LinearScore
from tactful.policies.table import Table
from tactful.policies.terms import Terms

ACTIONS = ActionSpace.grid(["07:30", "08:00", "12:00", "13:00", "17:00", "18:00", "19:30", "20:00", "21:30"], [1, 2, 3])
PATHS = [f"{p}/{s}/{c}" for p in ("ios", "android") for s in ("new", "old", "core") for c in "1234"]
TREE = Segments.of(PATHS)
FEATURES = Features(tuple(f"f{i:02d}" for i in range(16)), (0.0,) * 16, (1.0,) * 16)
K, D, S = ACTIONS.k, FEATURES.d, len(TREE)


def table(seed: int = 7, *, salt: str = "study", **options) -> Table:
    """Random rows, some actions of which are rare."""
    pmf = np.random.default_rng(seed).dirichlet(np.full(K, 0.3), S)
    return Table.of(ACTIONS, TREE, pmf, Terms(uniform=0.03, salt=salt, **options))


def linear(seed: int = 7, **options) -> Contextual:
    """Exact Thompson sampling from Gaussian utilities, coefficients of their own for each segment."""
    mean, spread, rng = coefficients(seed)
    root = np.einsum("skd,de->skde", spread, np.eye(D)) + 0.005 * rng.normal(size=(S, K, D, D))
    return contextual(LinearScore.of(Rule(THOMPSON, 2.0), mean, root), **options)


def bank(seed: int = 7, *, draws: int = 256, **options) -> Contextual:
    """A bank of draws with one logistic head."""
    mean, spread, rng = coefficients(seed)
    theta = mean + spread * rng.normal(size=(draws, S, K, D))
    score = BankScore.of(Rule(THOMPSON, 2.0), ["logistic"], [theta], np.ones((1, S, K)), np.zeros(K))
    return contextual(score, **options)


def coefficients(seed: int) -> tuple[F64, F64, np.random.Generator]:
    """Means and standard deviations (s, k, d) as after some weeks of learning, and the generator that made them."""
    rng = np.random.default_rng(seed)
    return 0.1 * rng.normal(size=(S, K, D)), np.full((S, K, D), 0.05), rng


def contextual(score: LinearScore | BankScore, **options) -> Contextual:
    """A policy that mixes 3 % of the uniform pmf in."""
    typical = np.zeros((S, K), np.uint64)
    typical[:, 0] = 1 << 32
    return Contextual(ACTIONS, TREE, FEATURES, score, typical, terms=Terms(uniform=0.03, **options))
