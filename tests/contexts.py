"""A contextual posterior made by hand, and contextual policies from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from logs import ABSORBING, GRID, REAL
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.segments import Segments
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import Rule
from tactful.policies.linear_score import LinearScore
from tactful.policies.table import Table
from tactful.policies.terms import Terms

TREE = Segments.of(["a/x", "a/y", "b"])
FEATURES = Features(("dose", "age"), (1.0, 40.0), (2.0, 10.0))
LINKS = {"spend": "identity", "opted_out": "identity"}


@dataclass
class Made:
    """Independent Gaussian coefficients of two outcomes, by node and action, and a sample of contexts."""

    seed: int = 1
    links: dict = field(default_factory=lambda: dict(LINKS))
    independent: bool = True
    sign: float = 1.0
    rows: int = 300
    actions = GRID
    segments = TREE
    features = FEATURES
    outcomes = {"spend": REAL, "opted_out": ABSORBING}  # noqa: RUF012
    lineage = Lineage(log="abc")

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        s, k, d = len(TREE), GRID.k, FEATURES.d
        sends = np.array(GRID.frequencies, float)
        mean = {"spend": rng.normal(0, 0.3, (s, k, d)), "opted_out": rng.normal(0, 0.2, (s, k, d))}
        mean["spend"][..., 0] += 1.0 + 0.3 * sends
        mean["opted_out"][..., 0] += 0.5 + 0.3 * sends if self.links == LINKS else -4.0 + 0.3 * sends
        tilt = np.tril(rng.normal(0, 0.05, (2, s, k, d, d)))
        self.mean_ = mean | {"opted_out": self.sign * mean["opted_out"]}
        self.root_ = {o: tilt[i] + 0.15 * np.eye(d) for i, o in enumerate(mean)}
        leaves = [TREE.index(p) for p in ("a/x", "a/y", "b")]
        nodes = rng.choice(leaves, self.rows, p=[0.5, 0.2, 0.3])
        self.sample = nodes, np.column_stack([rng.normal(1, 2, self.rows), rng.normal(40, 10, self.rows)])

    @property
    def decisions(self):
        return np.bincount(self.sample[0], minlength=len(TREE)).astype(float)

    def counted(self, outcome):
        return np.outer(self.decisions, np.ones(GRID.k))

    def strength(self, outcome):
        return self.counted(outcome) + 1

    def link(self, outcome):
        return self.links[outcome]

    def scale(self, outcome):
        return np.ones((len(TREE), GRID.k))

    def coefficients(self, outcome):
        return self.mean_[outcome]

    def roots(self, outcome):
        return self.root_[outcome]

    def bank(self, outcome, m, seed):
        rng = np.random.default_rng((seed, list(self.outcomes).index(outcome)))
        e = rng.normal(size=(m, *self.mean_[outcome].shape))
        return self.mean_[outcome] + np.einsum("skde,mske->mskd", self.root_[outcome], e)

    def draws(self, outcome, m, seed):
        z = FEATURES.design(self.sample[1]).mean(0)
        response = self.bank(outcome, m, seed) @ z
        return response if self.links[outcome] == "identity" else 1 / (1 + np.exp(-response))

    def mean(self, outcome):
        return self.draws(outcome, 2000, 0).mean(0)

    def sd(self, outcome):
        return self.draws(outcome, 2000, 0).std(0)


def people(n, seed=1):
    """Nodes (n,) and raw contexts (n, 2)."""
    rng = np.random.default_rng(seed)
    return rng.integers(len(TREE), size=n), np.column_stack([rng.normal(1, 3, n), rng.normal(40, 15, n)])


def contextual(score, base=None, share=0.0, safe=None, **options):
    even = Table.of(GRID, TREE, np.ones((len(TREE), GRID.k))).shares
    return Contextual(
        actions=GRID,
        segments=TREE,
        features=FEATURES,
        score=score,
        typical=even,
        base=base,
        share=share,
        safe=safe,
        terms=Terms(**options),
    )


def linear(rule=None, seed=1, **options):
    made = Made(seed)
    rule = rule or Rule("thompson", 2.0)
    return contextual(LinearScore.from_coefficients(rule, made.mean_["spend"], made.root_["spend"]), **options)


def bank(rule=None, seed=1, m=64, **options):
    made = Made(seed)
    theta = [made.bank(o, m, seed) for o in made.outcomes]
    gain = np.stack([np.ones((len(TREE), GRID.k)), np.full((len(TREE), GRID.k), -2.0)])
    rule, offset = rule or Rule("thompson", 2.0), np.arange(GRID.k) * 0.1
    return contextual(BankScore.from_draws(rule, ("identity", "logistic"), theta, gain, offset), **options)
