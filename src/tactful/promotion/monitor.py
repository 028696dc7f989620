"""The monitor of a policy in use: its limits are watched period by period, and no row of it is ever counted twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tactful.core.files import replacing
from tactful.core.log import Log
from tactful.core.outcomes import Limits, Outcome
from tactful.errors import NothingToSayError, SpecError
from tactful.ope.e_process import Advice, Monitor
from tactful.policies.arms import POLICY
from tactful.promotion.limit_monitor import LimitMonitor, count_periods


@dataclass(frozen=True, slots=True)
class PolicyMonitor:
    """What is known of a running policy against its limits.

    A period is counted once, when every decision of the policy in it is mature: then rows that come later are left
    out, and a log that is read again adds nothing. Shards of users are watched apart and merged.

    Examples
    --------
    >>> from tactful.core.outcomes import Limits, Outcome
    >>> limits = Limits({"opted_out": 0.004})
    >>> monitor = PolicyMonitor.start("3f2a", {"opted_out": Outcome("opted_out", "binary")}, limits)
    >>> monitor.advice
    'go on'
    """

    policy: str
    """Version of the policy."""
    outcomes: Mapping[str, LimitMonitor]
    """The evidence, by limited outcome."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """What the last log could not add: rows by reason."""

    @classmethod
    def start(cls, policy: str, outcomes: Mapping[str, Outcome], limits: Limits, delta: float = 0.05) -> PolicyMonitor:
        """A monitor that has seen nothing.

        Parameters
        ----------
        policy
            Version of the policy that runs.
        outcomes
            What is measured, by name.
        limits
            Of which those on outcomes are watched.
        delta
            δ, spent on each of the two questions of each limited outcome.

        Raises
        ------
        SpecError
            No outcome is limited, or one that has no declared range or is not measured.
        """
        if not limits.outcomes:
            raise SpecError("no outcome is limited, so nothing can be watched", "[limits]", "set opted_out = 0.004")
        monitors: dict[str, LimitMonitor] = {}
        for name, limit in limits.outcomes.items():
            if name not in outcomes:
                raise SpecError(f"unknown outcome {name!r}", "[limits]", f"the outcomes are {', '.join(outcomes)}")
            bounds = outcomes[name].bounds
            if bounds is None:
                raise SpecError("no declared range", f"[outcomes] {name}", "set range = [low, high]")
            ceiling = (limit - bounds[0]) / (bounds[1] - bounds[0])
            monitors[name] = LimitMonitor(Monitor.start(ceiling, delta), limit, bounds)
        return cls(policy, monitors)

    @property
    def advice(self) -> Advice:
        """Roll back if any limit is passed, widen if every one is kept, and else go on."""
        advices = {m.monitor.advice for m in self.outcomes.values()}
        if "roll back" in advices:
            return "roll back"
        return "widen" if advices == {"widen"} else "go on"

    def update(self, log: Log) -> PolicyMonitor:
        """With the periods of a log that are wholly mature and were not counted before.

        Only rows that the policy decided itself count: those of its version, in the arm ``policy``.

        Raises
        ------
        NothingToSayError
            The log has no decision of this policy.
        LogError
            Outcomes are unknown although their window has passed.
        """
        rows = np.flatnonzero(log.policy.equals(self.policy) & log.arm.equals(POLICY))
        if rows.size == 0:
            do = f"its policies are {', '.join(log.policy.names[:3]) or 'not named'}"
            raise NothingToSayError(f"the log has no decision of policy {self.policy}", "policy", do)
        log = log.take(rows)
        counts = count_periods(log)
        left_out: dict[str, int] = {}
        monitors = {name: m.update(name, log, counts, left_out) for name, m in self.outcomes.items()}
        return replace(self, outcomes=monitors, left_out=left_out)

    def merge(self, monitor: PolicyMonitor) -> PolicyMonitor:
        """With what another monitor of the same policy saw of other users.

        Raises
        ------
        SpecError
            They watch different policies or limits, or have counted the same rows.
        """
        if self.policy != monitor.policy or set(self.outcomes) != set(monitor.outcomes):
            raise SpecError("watches of different questions", "monitor", "merge those of one policy and its limits")
        return PolicyMonitor(self.policy, {o: m.merge(monitor.outcomes[o]) for o, m in self.outcomes.items()})

    def to_dict(self) -> dict[str, Any]:
        """The plain form, for JSON; ``from_dict`` gives the same monitor back."""
        return {
            "format": 1,
            "policy": self.policy,
            "outcomes": {name: monitor.to_dict() for name, monitor in self.outcomes.items()},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> PolicyMonitor:
        """The monitor that ``to_dict`` wrote.

        Raises
        ------
        SpecError
            It is damaged, or of another format.
        """
        try:
            monitors = {str(name): LimitMonitor.from_dict(m) for name, m in record["outcomes"].items()}
            sound = record["format"] == 1 and isinstance(record["policy"], str) and bool(monitors)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise _UNREADABLE from None
        if not sound:
            raise _UNREADABLE
        return cls(record["policy"], monitors)


_UNREADABLE = SpecError("no watch can be read", "monitor", "restore the file, or move it away to start a new one")


def save_monitor(monitor: PolicyMonitor, path: Path) -> None:
    """Write a monitor to a JSON file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(monitor.to_dict(), indent=1) + "\n", encoding="utf-8")


def load_monitor(path: Path) -> PolicyMonitor:
    """Read the monitor of a file.

    Raises
    ------
    SpecError
        There is none, or it is damaged.
    """
    try:
        return PolicyMonitor.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise SpecError("no watch can be read", str(path), "restore it, or move it away to start a new one") from None
    except SpecError as error:
        raise SpecError(error.what, str(path), error.do) from None
