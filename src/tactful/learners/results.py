"""What a replay says: values with intervals, the learning curve, regret where the truth is known, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tactful.evaluation.results import REPLAY_KEYS, EstimateRow, Role, find_estimate

REJECTION, DOUBLY_ROBUST, LOGGED = "rejection", "dr-ns", "logging"
"""Estimators: the mean of the accepted rows; the doubly robust value of all rows, with the histories of the accepted
ones; and the mean of the log, which is that of the logging policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of the log under one policy; means are of the objective per decision, None where nothing is known.

    Examples
    --------
    >>> first = Batch(start=2922, n=1000, accepted=34, learnt_from=0, rejection=1.65, dr=2.16, logging=2.07)
    >>> first.accepted / first.n
    0.034
    """

    start: int
    """The first period in it."""
    n: int
    """Logged decisions."""
    accepted: int
    """Those that the learner would have made."""
    learnt_from: int
    """Accepted decisions whose outcomes had matured when the policy was made."""
    rejection: float | None
    """Mean of the accepted rows."""
    dr: float | None
    """Doubly robust value of the policy, from all rows of the batch."""
    logging: float | None
    """Mean of all rows."""
    truth: float | None = None
    """What the policy earns in expectation, where the truth was given."""
    best: float | None = None
    """What the best action in every row earns in expectation."""


@dataclass(frozen=True, slots=True)
class Regret:
    """What the accepted decisions cost against the best possible, in units of the objective.

    Examples
    --------
    >>> Regret(total=12.0, per_decision=0.06, share=0.97).share
    0.97
    """

    total: float
    """Over all accepted decisions."""
    per_decision: float
    """Their mean."""
    share: float | None
    """What was earned over the best possible; None where that is not positive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A learner's life on a log. Indexing gives one estimate: ``result["learner", "engaged", "rejection"]``.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(1000, 4, seed=1).log
    >>> result = tt.replay(log, tt.Conjugate(), objective=tt.Objective({"engaged": 1.0}), uniform=0.3)
    >>> result.says
    'this simulates a company of 154 accepted decisions: 3.9 % of the 3,963 that were logged; each is accepted with
    probability 0.0378'
    >>> len(result.curve), result.curve[0].accepted
    (4, 34)
    """

    n: int
    """Logged decisions, those of the arm ``control`` left out."""
    users: int
    """Users who made them."""
    accepted: int
    """Decisions that the learner would have made."""
    rate: float
    """c: the probability with which any row is accepted."""
    min_propensity: float
    """p_min: what logging gave any eligible action at least."""
    learner: str
    """Name of the model."""
    says: str
    """How large a company this simulates, in words."""
    values: Sequence[EstimateRow]
    """Per decision while the learner learnt: of the ``learner`` by ``rejection`` and ``dr-ns``, and of ``logging``."""
    curve: Sequence[Batch]
    """The objective, batch by batch."""
    regret: Regret | None
    """Where the truth was given."""
    left_out: Mapping[str, int]
    """Rows that were not replayed, by reason."""

    def __getitem__(self, key: tuple[str, str] | tuple[Role, str, str]) -> EstimateRow:
        """The estimate of (policy, outcome, estimator); the policy may be left out, since the estimator tells it.

        Raises
        ------
        KeyError
            There is none; the line names those that there are.
        """
        outcome, estimator = key[-2:]
        policy = key[0] if len(key) == 3 else policy_of(estimator)
        return find_estimate(self.values, policy, outcome, estimator)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful replay --json`` prints."""
        return asdict(self) | {"values": [row.to_json(REPLAY_KEYS) for row in self.values]}


def policy_of(estimator: str) -> Role:
    """Whose value an estimator of a replay gives."""
    return "logging" if estimator == LOGGED else "learner"
