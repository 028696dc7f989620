"""What evaluations say: estimates with intervals, diagnostics and their reliability, as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tactful.ope.intervals import Interval
from tactful.ope.reliability import Assessment, Reliability, WeightDiagnostics

Role = Literal["target", "baseline", "difference", "learner", "logging"]
"""Whose value a row gives; replays have the learner and the logging policy."""
ONE_STEP_KEYS = (
    "policy", "outcome", "estimator", "value", "se", "low", "high", "interval", "ess", "max_weight", "mean_weight",
    "verdict", "why", "n", "users", "parameter",
)  # fmt: skip
SEQUENTIAL_KEYS = (
    "policy", "outcome", "estimator", "value", "se", "low", "high", "interval", "valid_for", "ess", "max_weight",
    "mean_weight", "verdict", "why", "users",
)  # fmt: skip
REPLAY_KEYS = ("outcome", "estimator", "value", "se", "low", "high", "n", "users", "verdict", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRow:
    """One estimate of one policy, for one outcome, by one estimator.

    >>> row = EstimateRow(policy="target", outcome="engaged", estimator="snips", value=0.21, low=0.19, high=0.23)
    >>> row.verdict, row.to_json(("policy", "value"))
    ('ok', {'policy': 'target', 'value': 0.21})
    """

    policy: Role
    """Whose value it is: of the ``target``, the ``baseline``, their paired ``difference``, or in a replay of the
    ``learner`` or ``logging``."""
    outcome: str
    """The outcome, or ``objective``."""
    estimator: str
    """Its name, as in ``ESTIMATORS``."""
    value: float | None
    """Mean of the outcome per decision, or per user over the horizon where it is sequential. None where refused."""
    se: float | None = None
    """Standard error with the rows of a user as one observation; None where there is no interval."""
    low: float | None = None
    """Lower end of the two-sided interval."""
    high: float | None = None
    """Upper end of the two-sided interval."""
    interval: str | None = None
    """The method of the interval, such as ``cluster-t``; the direct method has none."""
    valid_for: str | None = None
    """When the interval has its stated level."""
    ess: float = 0.0
    """Kish's effective sample size of the importance weights; of a difference the smaller one of its two sides."""
    max_weight: float = 0.0
    """The largest importance weight."""
    mean_weight: float = 0.0
    """The mean importance weight, which is near 1 where the propensities are right."""
    verdict: Reliability = "ok"
    """How far the estimate may be relied on: ``ok``, ``weak``, ``in-sample`` or ``refused``."""
    why: str = ""
    """The reason, where it is not ``ok``."""
    n: int = 0
    """Decisions that the estimate rests on: those that know the outcome, or all within the horizon."""
    users: int = 0
    """Users who made these decisions."""
    parameter: float | None = None
    """The parameter that was chosen by SLOPE++, for estimators that have one; infinite where weights are left as they
    are, which JSON cannot say and shows as null."""

    @classmethod
    def from_interval(
        cls,
        interval: Interval | None,
        diagnostics: WeightDiagnostics,
        assessment: Assessment,
        *,
        policy: Role,
        outcome: str,
        estimator: str,
        value: float | None,
        n: int,
        parameter: float | None = None,
    ) -> EstimateRow:
        """A row from the pieces that every evaluation computes.

        Parameters
        ----------
        interval
            Of the value; None where there is none.
        diagnostics
            Of the importance weights.
        assessment
            The reliability, with its reason.
        policy, outcome, estimator, value, n, parameter
            As the fields of the same names.
        """
        reliability, why = assessment
        return cls(
            policy=policy,
            outcome=outcome,
            estimator=estimator,
            value=value,
            se=interval and interval.se,
            low=interval and interval.low,
            high=interval and interval.high,
            interval=interval and interval.method,
            valid_for=interval and interval.valid_for,
            ess=diagnostics.ess,
            max_weight=diagnostics.max_weight,
            mean_weight=diagnostics.mean_weight,
            verdict=reliability,
            why=why,
            n=n,
            users=diagnostics.users,
            parameter=parameter,
        )

    def to_json(self, keys: Sequence[str] = ONE_STEP_KEYS) -> dict[str, Any]:
        """The fields that are printed for one kind of evaluation."""
        return {key: None if value == math.inf else value for key in keys for value in (getattr(self, key),)}


def find_estimate(rows: Iterable[EstimateRow], policy: str, outcome: str, estimator: str) -> EstimateRow:
    """The row of one policy, outcome and estimator.

    Raises
    ------
    KeyError
        There is none; the line names those that there are.
    """
    rows = list(rows)
    for row in rows:
        if (row.policy, row.outcome, row.estimator) == (policy, outcome, estimator):
            return row
    policies, outcomes, estimators = (
        ", ".join(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("policy", "outcome", "estimator")
    )
    raise KeyError(
        f"no estimate of {policy!r}, {outcome!r} by {estimator!r}: policies are {policies}; outcomes are {outcomes}; "
        f"estimators are {estimators}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """Another interval of an estimate, beside the one in its row.

    >>> why = "no declared range: set range in [outcomes]"
    >>> words = "finite sample, independent users, read once"
    >>> row = IntervalRow(
    ...     policy="target", outcome="spend", estimator="ips", interval="betting", valid_for=words, why=why
    ... )
    >>> row.low is None
    True
    """

    policy: Role
    """``target`` or ``baseline``."""
    outcome: str
    """The outcome, or ``objective``."""
    estimator: str
    """The estimator that the interval is around."""
    interval: str
    """The method: a bootstrap, ``betting`` or ``empirical-bernstein``."""
    low: float | None = None
    """Lower end; None where there is no such interval."""
    high: float | None = None
    """Upper end."""
    valid_for: str
    """When the interval has its stated level."""
    why: str = ""
    """Why there is no such interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialEvaluation:
    """Estimates per user over several periods, in which the sends of one period change the user of the next.

    Indexing gives one row, and an unknown key names the rows that there are.

    >>> import tactful as tt
    >>> log = tt.World().simulate(2000, 3, seed=1).log
    >>> longer = tt.evaluate(log, "uniform", horizon=2, state="segment:1").sequential
    >>> longer.horizon, longer.state, longer["difference", "engaged", "wpdis"].valid_for
    (2, 'segment:1', 'asymptotic in users')
    """

    horizon: int
    """The number of periods, from each user's first decision on."""
    state: str
    """In words, what the marginalised estimate knows of a user before a decision."""
    states: int
    """How many states there are."""
    users: int
    """Users who were followed over the whole horizon."""
    estimates: Sequence[EstimateRow]
    """Three rows an outcome and estimator: target, baseline and difference."""
    markov: Mapping[str, float]
    """For each outcome the p-value of "the state is Markov"; below .05 the marginalised estimates are weak."""
    left_out: Mapping[str, int]
    """How many users were left out, by reason."""
    notes: Sequence[str]
    """What was assumed, in sentences."""

    def __getitem__(self, key: tuple[Role, str, str]) -> EstimateRow:
        return find_estimate(self.estimates, *key)

    def to_json(self) -> dict[str, Any]:
        """The plain form, as a part of that of an ``Evaluation``."""
        return asdict(self) | {"estimates": [row.to_json(SEQUENTIAL_KEYS) for row in self.estimates]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a log says of a policy beside a baseline: estimates, what they rest on, and what was left out.

    Indexing gives one row of the whole log, and an unknown key names the rows that there are.

    >>> import tactful as tt
    >>> log = tt.World().simulate(2000, 3, seed=1).log
    >>> result = tt.evaluate(log, "uniform", estimators=("snips", "dr"))
    >>> result.baseline, result["baseline", "engaged", "snips"].mean_weight
    ('logging', 1.0)
    >>> result["target", "clicked", "snips"]  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    KeyError: "no estimate of 'target', 'clicked' by 'snips': policies are …; outcomes are …; estimators are …"
    """

    n: int
    """Decisions that were used."""
    users: int
    """Users who made them."""
    target: str
    """Version of the policy that was asked about."""
    baseline: str
    """Version of the policy that it is compared with."""
    level: float
    """Of the two-sided intervals."""
    estimates: Sequence[EstimateRow]
    """For each outcome and estimator three rows: target, baseline and difference."""
    by_segment: Mapping[str, Sequence[EstimateRow]] = field(default_factory=dict[str, Sequence[EstimateRow]])
    """The same rows for each segment, estimated anew within it; empty where there is one segment."""
    by_period: Mapping[int, Sequence[EstimateRow]] = field(default_factory=dict[int, Sequence[EstimateRow]])
    """The same rows for each period that has enough decisions; empty where there is one period."""
    intervals: Sequence[IntervalRow] = ()
    """Bootstrap and finite-sample intervals, where they were asked for."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many rows of the log were not used, by reason."""
    notes: Sequence[str] = ()
    """What a reader must know of the estimates, in sentences."""
    sequential: SequentialEvaluation | None = None
    """Estimates over a horizon, where one was given."""
    label: str = ""
    """``one-step`` where sends can tire users, which these estimates leave out."""

    def __getitem__(self, key: tuple[Role, str, str]) -> EstimateRow:
        return find_estimate(self.estimates, *key)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful evaluate --json`` prints."""
        return {
            "n": self.n,
            "users": self.users,
            "target": self.target,
            "baseline": self.baseline,
            "level": self.level,
            "label": self.label,
            "estimates": [row.to_json() for row in self.estimates],
            "by_segment": {name: [row.to_json() for row in rows] for name, rows in self.by_segment.items()},
            "by_period": {str(name): [row.to_json() for row in rows] for name, rows in self.by_period.items()},
            "intervals": [asdict(interval) for interval in self.intervals],
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "sequential": None if self.sequential is None else self.sequential.to_json(),
        }
