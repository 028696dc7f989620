"""What a replay says: values with intervals, the learning curve, regret where the truth is known, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

REJECTION, DOUBLY_ROBUST, LOGGED = "rejection", "dr-ns", "logging"


@dataclass(frozen=True, slots=True)
class Value:
    """The mean per decision of one outcome while the learner learnt.

    By ``rejection``, over the ``n`` accepted rows; by ``dr-ns``, over all rows, with the history of the accepted ones;
    ``logging`` is what the log earned. Intervals are by user and asymptotic: ``weak`` where few users, rows or events
    carry them, and None without an event or a second user.
    """

    outcome: str
    estimator: str
    value: float | None
    se: float | None
    low: float | None
    high: float | None
    n: int
    users: int
    verdict: str = "ok"
    why: str = ""


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
    values: Sequence[Value]
    curve: Sequence[Batch]
    regret: Regret | None
    left_out: dict[str, int]

    def __getitem__(self, key: tuple[str, str]) -> Value:
        for value in self.values:
            if (value.outcome, value.estimator) == key:
                return value
        raise KeyError(key)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful replay --json`` prints."""
        return asdict(self)
