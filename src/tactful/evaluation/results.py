"""What an evaluation says: estimates with intervals, diagnostics and verdicts, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Role = Literal["target", "baseline", "difference"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One estimate: of a policy's value per decision, for one outcome, by one estimator.

    ``value`` and its interval are None where the verdict is ``refused``; the interval alone is None for the direct
    method. ``n`` decisions of ``users`` users knew the outcome; ``parameter`` is the one that was chosen for estimators
    that have one.
    """

    policy: Role
    outcome: str
    estimator: str
    value: float | None
    se: float | None
    low: float | None
    high: float | None
    interval: str | None
    ess: float
    max_weight: float
    mean_weight: float
    verdict: str
    why: str
    n: int
    users: int
    parameter: float | None = None


@dataclass(frozen=True, slots=True)
class MoreInterval:
    """Another interval of one estimate; ``valid_for`` says when its level holds, ``why`` why there is none."""

    policy: Role
    outcome: str
    estimator: str
    interval: str
    low: float | None
    high: float | None
    valid_for: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class SequentialEntry:
    """One estimate of what a policy earns per user over the horizon; ``valid_for`` says when its interval holds."""

    policy: Role
    outcome: str
    estimator: str
    value: float | None
    se: float | None
    low: float | None
    high: float | None
    interval: str | None
    valid_for: str | None
    ess: float
    max_weight: float
    mean_weight: float
    verdict: str
    why: str
    users: int


@dataclass(frozen=True, slots=True)
class Sequential:
    """Estimates per user over ``horizon`` periods, in which the sends of one period change the user of the next.

    ``markov`` has, for each outcome, the p-value of "the state is Markov"; ``states`` is how many there are.
    """

    horizon: int
    state: str
    states: int
    users: int
    estimates: Sequence[SequentialEntry]
    markov: Mapping[str, float]
    left_out: Mapping[str, int]
    notes: Sequence[str]

    def __getitem__(self, key: tuple[Role, str, str]) -> SequentialEntry:
        for entry in self.estimates:
            if (entry.policy, entry.outcome, entry.estimator) == key:
                return entry
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Estimates for the whole log, by segment and by period, with what was left out and why.

    ``label`` is ``one-step`` where sends can tire users. Indexing gives one entry:
    ``result["difference", "engaged", "snips"]``.
    """

    n: int
    users: int
    target: str
    baseline: str
    level: float
    estimates: Sequence[Entry]
    by_segment: Mapping[str, Sequence[Entry]] = field(default_factory=dict[str, Sequence[Entry]])
    by_period: Mapping[int, Sequence[Entry]] = field(default_factory=dict[int, Sequence[Entry]])
    intervals: Sequence[MoreInterval] = ()
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: Sequence[str] = ()
    sequential: Sequential | None = None
    label: str = ""

    def __getitem__(self, key: tuple[Role, str, str]) -> Entry:
        for entry in self.estimates:
            if (entry.policy, entry.outcome, entry.estimator) == key:
                return entry
        raise KeyError(key)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful evaluate --json`` prints."""
        return {
            "n": self.n,
            "users": self.users,
            "target": self.target,
            "baseline": self.baseline,
            "level": self.level,
            "label": self.label,
            "estimates": [asdict(e) for e in self.estimates],
            "by_segment": {name: [asdict(e) for e in entries] for name, entries in self.by_segment.items()},
            "by_period": {str(name): [asdict(e) for e in entries] for name, entries in self.by_period.items()},
            "intervals": [asdict(x) for x in self.intervals],
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "sequential": None if self.sequential is None else asdict(self.sequential),
        }
