"""What a replay says: values with intervals, the learning curve, regret where the truth is known, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tactful.evaluation.results import REPLAY_KEYS, EstimateRow, Role, find_estimate

REJECTION, DOUBLY_ROBUST, LOGGED = "rejection", "dr-ns", "logging"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of the log under one policy: objective per decision, None where nothing is known.

    ``start`` is the first period in it; ``learnt_from`` the accepted decisions whose outcomes had matured when the
    policy was made. ``truth`` is what the policy earns in expectation, ``best`` the best possible.
    """

    start: int
    n: int
    accepted: int
    learnt_from: int
    rejection: float | None
    dr: float | None
    logging: float | None
    truth: float | None = None
    best: float | None = None


@dataclass(frozen=True, slots=True)
class Regret:
    """In units of the objective: ``total`` over the accepted decisions, and per decision; ``share`` of the best."""

    total: float
    per_decision: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Replay:
    """A learner's life on a log. ``rate`` c is the probability with which any row is accepted."""

    n: int
    users: int
    accepted: int
    rate: float
    min_propensity: float
    learner: str
    says: str
    values: Sequence[EstimateRow]
    curve: Sequence[Batch]
    regret: Regret | None
    left_out: dict[str, int]

    def __getitem__(self, key: tuple[str, str] | tuple[Role, str, str]) -> EstimateRow:
        """The estimate of (policy, outcome, estimator); the estimator tells the policy, which may be left out."""
        outcome, estimator = key[-2:]
        policy = key[0] if len(key) == 3 else "logging" if estimator == LOGGED else "learner"
        return find_estimate(self.values, policy, outcome, estimator)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful replay --json`` prints."""
        return asdict(self) | {"values": [row.to_json(REPLAY_KEYS) for row in self.values]}
