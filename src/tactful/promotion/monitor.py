"""Monitors in use: a policy that runs is watched period by period, and no row of it is ever counted twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tactful.core.arrays import I64, U64
from tactful.core.files import replacing
from tactful.core.log import Log, Measured
from tactful.core.outcomes import Limits, Outcome
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.ope.e_process import Advice, Monitor
from tactful.policies.arms import POLICY

_MIX = np.uint64(0x9E3779B97F4A7C15)
_MARKS = 2**53  # integers that any reader of JSON keeps


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows of one period that were counted: how many, and a sum of their keys that tells them from others."""

    rows: int
    mark: int


@dataclass(frozen=True, slots=True)
class Watched:
    """One limited outcome: its monitor, in units of ``bounds`` mapped to [0, 1], and the periods that it has seen."""

    monitor: Monitor
    limit: float
    bounds: tuple[float, float] = (0.0, 1.0)
    periods: Mapping[int, Counted] = field(default_factory=dict[int, Counted])

    @property
    def rate(self) -> float | None:
        """The mean so far, in units of the outcome; None before anything was counted."""
        if self.monitor.n == 0:
            return None
        return self.bounds[0] + (self.bounds[1] - self.bounds[0]) * self.monitor.total / self.monitor.n

    def merge(self, other: Watched) -> Watched:
        """With what another watch saw of other users or periods."""
        shared = set(self.periods) & set(other.periods)
        if any(self.periods[p] == other.periods[p] for p in shared):
            raise SpecError("two watches have counted the same rows", "monitor", "merge watches of different users")
        periods = dict(self.periods)
        for p, seen in other.periods.items():
            mine = periods.get(p, Counted(0, 0))
            periods[p] = Counted(mine.rows + seen.rows, (mine.mark + seen.mark) % _MARKS)
        return replace(self, monitor=self.monitor.merge(other.monitor), periods=periods)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a running policy against its limits; ``left_out`` says what the last log could not add.

    A period is counted once, when every decision of the policy in it is mature: then rows that come later are left
    out, and a log that is read again adds nothing. Shards of users are watched apart and merged.
    """

    policy: str
    outcomes: Mapping[str, Watched]
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def start(cls, policy: str, outcomes: Mapping[str, Outcome], limits: Limits, delta: float = 0.05) -> Watch:
        """A watch that has seen nothing; δ is spent on each of the two questions of each limited outcome.

        Raises
        ------
        SpecError
            No outcome is limited, or one that has no declared range or is not measured.
        """
        if not limits.outcomes:
            raise SpecError("no outcome is limited, so nothing can be watched", "[limits]", "set opted_out = 0.004")
        found: dict[str, Watched] = {}
        for name, limit in limits.outcomes.items():
            if name not in outcomes:
                raise SpecError(f"unknown outcome {name!r}", "[limits]", f"the outcomes are {', '.join(outcomes)}")
            bounds = (0.0, 1.0) if outcomes[name].kind == "binary" else outcomes[name].range
            if bounds is None:
                raise SpecError("no declared range", f"[outcomes] {name}", "set range = [low, high]")
            ceiling = (limit - bounds[0]) / (bounds[1] - bounds[0])
            found[name] = Watched(Monitor.start(ceiling, delta), limit, bounds)
        return cls(policy, found)

    @property
    def advice(self) -> Advice:
        """Roll back if any limit is passed, widen if every one is kept, and else go on."""
        said = {w.monitor.advice for w in self.outcomes.values()}
        if "roll back" in said:
            return "roll back"
        return "widen" if said == {"widen"} else "go on"

    def update(self, log: Log) -> Watch:
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
        left_out: dict[str, int] = {}
        found = {o: self._with(w, o, log.take(rows), left_out) for o, w in self.outcomes.items()}
        return replace(self, outcomes=found, left_out=left_out)

    def _with(self, watched: Watched, name: str, log: Log, left_out: dict[str, int]) -> Watched:
        if name not in log.outcomes:
            raise LogError(f"no outcome {name!r}", "monitor", f"the outcomes are {', '.join(log.outcomes)}")
        if missing := int(log.missing((name,)).sum()):
            what = f"{missing:,} outcomes are unknown although their window has passed"
            raise LogError(what, name, 'complete the log, or set null = "zero" if nothing arrived means 0')
        measured, key = log.outcomes[name], _keys(log)
        for period, here in _by_period(log.period):
            now = Counted(here.size, int(key[here].sum(dtype=np.uint64)) % _MARKS)
            before = watched.periods.get(period)
            if before is not None:
                if before != now:
                    late = f"{name}: period {period} was counted with {before.rows:,} rows; this log's are not added"
                    left_out[late] = here.size
            elif measured.known[here].all():
                watched = _count(watched, measured, here, period, now)
            else:
                left_out[f"{name}: period {period} is not wholly mature yet"] = here.size
        return watched

    def merge(self, other: Watch) -> Watch:
        """With what another watch of the same policy saw of other users.

        Raises
        ------
        SpecError
            They watch different policies or limits, or have counted the same rows.
        """
        if self.policy != other.policy or set(self.outcomes) != set(other.outcomes):
            raise SpecError("watches of different questions", "monitor", "merge those of one policy and its limits")
        return Watch(self.policy, {o: w.merge(other.outcomes[o]) for o, w in self.outcomes.items()})

    def to_dict(self) -> dict[str, Any]:
        """The plain form, for JSON; ``from_dict`` gives the same watch back."""
        return {
            "format": 1,
            "policy": self.policy,
            "outcomes": {
                name: {
                    "limit": w.limit,
                    "bounds": list(w.bounds),
                    "monitor": w.monitor.to_dict(),
                    "periods": {str(p): [c.rows, c.mark] for p, c in sorted(w.periods.items())},
                }
                for name, w in self.outcomes.items()
            },
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Watch:
        """The watch that ``to_dict`` wrote.

        Raises
        ------
        SpecError
            It is damaged, or of another format.
        """
        try:
            found = {str(name): _watched(w) for name, w in plain["outcomes"].items()}
            sound = plain["format"] == 1 and isinstance(plain["policy"], str) and bool(found)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise _UNREADABLE from None
        if not sound:
            raise _UNREADABLE
        return cls(plain["policy"], found)


_UNREADABLE = SpecError("no watch can be read", "monitor", "restore the file, or move it away to start a new one")


def save_watch(watch: Watch, path: Path) -> None:
    """Write a watch to a JSON file, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(watch.to_dict(), indent=1) + "\n", encoding="utf-8")


def load_watch(path: Path) -> Watch:
    """Read the watch of a file.

    Raises
    ------
    SpecError
        There is none, or it is damaged.
    """
    try:
        return Watch.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise SpecError("no watch can be read", str(path), "restore it, or move it away to start a new one") from None
    except SpecError as error:
        raise SpecError(error.what, str(path), error.do) from None


def _count(watched: Watched, measured: Measured, rows: I64, period: int, now: Counted) -> Watched:
    low, high = watched.bounds
    share = (measured.value[rows] - low) / (high - low)
    return replace(watched, monitor=watched.monitor.update(share), periods={**watched.periods, period: now})


def _watched(plain: Mapping[str, Any]) -> Watched:
    low, high = plain["bounds"]
    periods = {int(p): Counted(int(c[0]), int(c[1])) for p, c in plain["periods"].items()}
    return Watched(Monitor.from_dict(plain["monitor"]), float(plain["limit"]), (float(low), float(high)), periods)


def _keys(log: Log) -> U64:
    """(n,) keys of (user, scope, period), whose sum over a set of rows is the same in any order."""
    key = log.user_key[log.user] ^ (log.period.astype(np.uint64) * _MIX)
    key = (key ^ (key >> np.uint64(31))) * _MIX
    return key ^ (key >> np.uint64(29))


def _by_period(period: I64) -> list[tuple[int, I64]]:
    order = np.argsort(period, kind="stable")
    found, starts = np.unique(period[order], return_index=True)
    return list(zip(found.tolist(), np.split(order, starts[1:]), strict=True))
