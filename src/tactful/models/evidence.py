"""What a posterior has counted: sums that add over rows, shards and time, and which rows are in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.arrays import F64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.models.sums import Sums
from tactful.policies.base import Lineage

EVER: int = -(1 << 62)  # a time before any decision


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sums by outcome over the nodes of a tree.

    ``watermarks`` holds, for each outcome, the newest decision time (µs UTC) that has been counted. With a half-life,
    a row counts 2^(−age / half-life), its age taken at ``reference_us``; shards with other references still merge.
    """

    actions: ActionSpace
    segments: Segments
    outcomes: Mapping[str, Outcome]
    sums: Mapping[str, Sums]
    watermarks: Mapping[str, int]
    lineage: Lineage
    half_life_days: float | None = None
    reference_us: int | None = None

    @classmethod
    def none(cls, log: Log, half_life_days: float | None = None) -> Evidence:
        """Nothing counted yet, over the tree, actions and outcomes of a log.

        Raises
        ------
        LogError
            The log has no outcome, or no times by which to forget.
        """
        if not log.outcomes:
            raise LogError("no outcome to learn from", "[outcomes]", "name at least one")
        if half_life_days is not None and (half_life_days <= 0 or log.decided_at is None):
            raise LogError("nothing to forget by", "half_life_days", "give a positive half-life and decided_at")
        s, k = len(log.segments), log.actions.k
        specs = {o: m.spec for o, m in log.outcomes.items()}
        empty = {o: Sums.empty(s, k) for o in specs}
        return cls(log.actions, log.segments, specs, empty, {}, Lineage(), half_life_days)

    def update(self, log: Log, model: str) -> Evidence:
        """With the rows of ``log`` whose outcomes have matured since the last time.

        A row counts for an outcome once: when decided after the outcome's watermark and mature now. Rows older than
        the watermark are taken as counted; a log without times counts whole.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        now = self.over(self._checked(log).segments).at(_newest(log))
        log = _onto(log, now.segments)
        sums, marks = dict(now.sums), dict(self.watermarks)
        for o, measured in log.outcomes.items():
            rows = measured.known & ~_counted(log, marks.get(o))
            sums[o] = sums[o].plus(Sums.of(log, o, rows, now.weight(log, rows)))
            if log.as_of is not None and log.decided_at is not None:
                marks[o] = max(log.as_of - measured.spec.window_us, marks.get(o, EVER))
        return replace(now, sums=sums, watermarks=marks, lineage=_lineage(self.lineage, log, model))

    def merge(self, other: Evidence) -> Evidence:
        """Of two disjoint shards of users: with sums by user, exactly that of the whole.

        Raises
        ------
        LogError
            Other actions, outcomes or half-lives, or shards read as of different times.
        """
        same = other.actions.names == self.actions.names and dict(other.outcomes) == dict(self.outcomes)
        if not same or other.half_life_days != self.half_life_days:
            raise LogError("shards with other actions or outcomes", "merge", "fit all shards with one spec")
        if dict(other.watermarks) != dict(self.watermarks):
            raise LogError("shards read as of different times", "merge", "set [log] as_of to one date for all")
        segments = self.segments.union(other.segments)
        a = self.over(segments).at(other.reference_us)
        b = other.over(segments).at(self.reference_us)
        return replace(a, sums={o: a.sums[o].plus(b.sums[o]) for o in a.sums})

    def forget(self, log: Log) -> Evidence:
        """Without the rows of ``log``, which had been counted, as for a request to delete a user's data.

        Rows after the watermark are left alone: they were not counted. Exact, but for the sums of squares by user
        where a user's rows had been counted in several updates (these only enter the dispersion).

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        grown = self.over(self._checked(log).segments)
        log = _onto(log, grown.segments)
        sums = dict(grown.sums)
        for o, measured in log.outcomes.items():
            rows = measured.known & _counted(log, self.watermarks.get(o), unmarked=True)
            sums[o] = sums[o].minus(Sums.of(log, o, rows, grown.weight(log, rows)))
            if sums[o].n.min() < -1e-6:
                node, a = np.unravel_index(int(sums[o].n.argmin()), sums[o].n.shape)
                cell = f"{grown.segments.paths[node] or 'the root'}, {self.actions.names[a]}"
                raise LogError(f"more rows to forget than were counted in {cell}", o, "forget counted rows once")
        return replace(grown, sums={o: x.clipped() for o, x in sums.items()})

    def over(self, segments: Segments) -> Evidence:
        """The same evidence over the union with another tree."""
        union = self.segments.union(segments)
        if union.paths == self.segments.paths:
            return self
        to, s = union.locate(self.segments), len(union)
        return replace(self, segments=union, sums={o: x.moved(to, s) for o, x in self.sums.items()})

    def at(self, time_us: int | None) -> Evidence:
        """The same evidence seen from a later time: older by that much."""
        if self.half_life_days is None or time_us is None:
            return self
        since = time_us if self.reference_us is None else self.reference_us
        share = 0.5 ** (max(time_us - since, 0) / DAY_US / self.half_life_days)
        return replace(self, reference_us=max(since, time_us), sums={o: x.times(share) for o, x in self.sums.items()})

    def weight(self, log: Log, rows: Bool) -> F64 | None:
        """(r,) what each of the chosen rows counts at the reference; None for 1."""
        if self.half_life_days is None or log.decided_at is None or self.reference_us is None:
            return None
        age_days = (self.reference_us - log.decided_at[rows]) / DAY_US
        return 0.5 ** (np.maximum(age_days, 0.0) / self.half_life_days)

    @property
    def decisions(self) -> F64:
        """(s,) decisions that were counted at each node itself."""
        return np.max([x.n.sum(1) for x in self.sums.values()], axis=0)

    def _checked(self, log: Log) -> Log:
        if log.actions.names != self.actions.names or dict(log.outcomes).keys() != dict(self.outcomes).keys():
            raise LogError("other actions or outcomes than the posterior was fitted on", do="use the same spec")
        if self.half_life_days is not None and log.decided_at is None:
            raise LogError("nothing to forget by", "decided_at", "give the times of decisions")
        return log


class Counting:
    """Abstract: what every posterior says of its evidence."""

    evidence: Evidence

    @property
    def actions(self) -> ActionSpace:
        """The actions."""
        return self.evidence.actions

    @property
    def segments(self) -> Segments:
        """The tree."""
        return self.evidence.segments

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The outcomes by name."""
        return self.evidence.outcomes

    @property
    def sums(self) -> Mapping[str, Sums]:
        """The sums by outcome."""
        return self.evidence.sums

    @property
    def watermarks(self) -> Mapping[str, int]:
        """The newest decision time counted, by outcome."""
        return self.evidence.watermarks

    @property
    def lineage(self) -> Lineage:
        """Where it comes from."""
        return self.evidence.lineage

    @property
    def decisions(self) -> F64:
        """(s,) decisions that were counted at each node itself."""
        return self.evidence.decisions

    def counted(self, outcome: str) -> F64:
        """(s, k) decisions whose outcome was counted, at each node itself."""
        return self.evidence.sums[outcome].n


def _counted(log: Log, mark: int | None, *, unmarked: bool = False) -> Bool:
    """(n,) rows at or before the watermark; where there is none, ``unmarked``."""
    if mark is None or log.decided_at is None:
        return np.full(log.n, unmarked)
    return log.decided_at <= mark


def _newest(log: Log) -> int | None:
    if log.as_of is not None or log.decided_at is None or log.n == 0:
        return log.as_of
    return int(log.decided_at.max())


def _onto(log: Log, segments: Segments) -> Log:
    return replace(log, segments=segments, segment=segments.locate(log.segments)[log.segment])


def _lineage(earlier: Lineage, log: Log, model: str) -> Lineage:
    until = None if log.decided_at is None or log.n == 0 else int(log.decided_at.max()) + 1
    if until is not None and earlier.trained_until is not None:
        until = max(until, earlier.trained_until)
    part = log.part
    return Lineage(
        log=log.fingerprint(),
        split_salt=part.salt if part else "",
        split_share=part.share if part else 0.0,
        trained_until=until,
        model=model,
        package=version("tactful"),
    )
