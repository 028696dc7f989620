"""What a posterior has counted: sums that add over rows, shards and time, and which rows are in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any, Generic, cast

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.arrays import F64, Bool
from tactful.core.lineage import Lineage
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.models.counter import Counter, S
from tactful.models.sufficient_statistics import Sums

EVER: int = -(1 << 62)  # a time before any decision
SUMS: Counter[Sums] = cast(Any, Sums)


@dataclass(frozen=True, slots=True)
class Evidence(Generic[S]):
    """Sums by outcome over the nodes of a tree.

    ``watermarks`` holds, for each outcome, the newest decision time (µs UTC) that has been counted. With a half-life,
    a row counts 2^(−age / half-life), its age taken at ``reference_us``; shards with other references still merge.
    ``counter`` makes the sums of rows.
    """

    actions: ActionSpace
    segments: Segments
    outcomes: Mapping[str, Outcome]
    sums: Mapping[str, S]
    watermarks: Mapping[str, int]
    lineage: Lineage
    half_life_days: float | None = None
    reference_us: int | None = None
    counter: Counter[S] = cast(Any, Sums)  # noqa: RUF009 - a class, not a call

    @classmethod
    def none(cls, log: Log, half_life_days: float | None = None) -> Evidence[Sums]:
        """Nothing counted yet by plain sums, over the tree, actions and outcomes of a log.

        Raises
        ------
        LogError
            The log has no outcome, or no times by which to forget.
        """
        return Evidence[Sums].counting(log, SUMS, half_life_days)

    @classmethod
    def counting(cls, log: Log, counter: Counter[S], half_life_days: float | None = None) -> Evidence[S]:
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
        empty = {o: counter.empty(s, k) for o in specs}
        return cls(log.actions, log.segments, specs, empty, {}, Lineage(), half_life_days, counter=counter)

    def update(self, log: Log, model: str) -> Evidence[S]:
        """With the rows of ``log`` whose outcomes have matured since the last time.

        A row counts for an outcome once: when decided after the outcome's watermark and mature now. Rows older than
        the watermark are taken as counted; a log without times counts whole.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        now, log = self.facing(log)
        fresh = {o: now.fresh(log, o) for o in log.outcomes}
        parts = {o: self.counter.of(log, o, rows, now.weight(log, rows)) for o, rows in fresh.items()}
        return now.added(log, parts, model)

    def facing(self, log: Log) -> tuple[Evidence[S], Log]:
        """The same evidence over the tree, and at the time, of a log too, and the log on that tree.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        now = self.over(self._checked(log).segments).at(_newest(log))
        return now, _onto(log, now.segments)

    def fresh(self, log: Log, outcome: str) -> Bool:
        """(n,) rows whose outcome is known and has not been counted."""
        return log.outcomes[outcome].known & ~_counted(log, self.watermarks.get(outcome))

    def gone(self, log: Log, outcome: str) -> Bool:
        """(n,) rows whose outcome is known and, as far as its watermark says, has been counted."""
        return log.outcomes[outcome].known & _counted(log, self.watermarks.get(outcome), unmarked=True)

    def added(self, log: Log, parts: Mapping[str, S], model: str) -> Evidence[S]:
        """With the sums of the fresh rows of ``log``, which is facing this evidence."""
        marks = dict(self.watermarks)
        for o, measured in log.outcomes.items():
            if log.as_of is not None and log.decided_at is not None:
                marks[o] = max(log.as_of - measured.spec.window_us, marks.get(o, EVER))
        sums = {o: x.plus(parts[o]) for o, x in self.sums.items()}
        return replace(self, sums=sums, watermarks=marks, lineage=_lineage(self.lineage, log, model))

    def merge(self, other: Evidence[S]) -> Evidence[S]:
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
        return replace(a, sums={o: a.sums[o].plus(b.sums[o]) for o in a.sums}, lineage=_later(a.lineage, b.lineage))

    def forget(self, log: Log) -> Evidence[S]:
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
        gone = {o: grown.gone(log, o) for o in log.outcomes}
        return grown.without({o: self.counter.of(log, o, rows, grown.weight(log, rows)) for o, rows in gone.items()})

    def without(self, parts: Mapping[str, S]) -> Evidence[S]:
        """Without the sums of some counted rows.

        Raises
        ------
        LogError
            There are more rows in the sums than had been counted.
        """
        sums = {o: x.minus(parts[o]) for o, x in self.sums.items()}
        for o, left in sums.items():
            if left.n.min() < -1e-6:
                node, a = np.unravel_index(int(left.n.argmin()), left.n.shape)
                cell = f"{self.segments.paths[node] or 'the root'}, {self.actions.names[a]}"
                raise LogError(f"more rows to forget than were counted in {cell}", o, "forget counted rows once")
        return replace(self, sums={o: x.clipped() for o, x in sums.items()})

    def over(self, segments: Segments) -> Evidence[S]:
        """The same evidence over the union with another tree."""
        union = self.segments.union(segments)
        if union.paths == self.segments.paths:
            return self
        to, s = union.locate(self.segments), len(union)
        return replace(self, segments=union, sums={o: x.moved(to, s) for o, x in self.sums.items()})

    def at(self, time_us: int | None) -> Evidence[S]:
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


@cache
def _package() -> str:
    """The version of tactful: looked up once, since that reads a file."""
    return version("tactful")


def _later(a: Lineage, b: Lineage) -> Lineage:
    """The first, with the later end of training: rows of either part are in-sample."""
    ends = [x.trained_until for x in (a, b) if x.trained_until is not None]
    return replace(a, trained_until=max(ends, default=None))


def _lineage(earlier: Lineage, log: Log, model: str) -> Lineage:
    until = None if log.decided_at is None or log.n == 0 else int(log.decided_at.max()) + 1
    part = log.part
    lineage = Lineage(
        log=log.fingerprint(),
        split_salt=part.salt if part else "",
        split_share=part.share if part else 0.0,
        trained_until=until,
        model=model,
        package=_package(),
    )
    return _later(lineage, earlier)
