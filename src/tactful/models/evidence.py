"""The evidence behind a posterior: sums that add over rows, shards and time, and which rows are in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, cast, final

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.arrays import F64, Bool
from tactful.core.lineage import Lineage
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.models.sufficient_statistics import CellSums, RowCounter, S
from tactful.models.training_lineage import trained_on, until_latest

NEVER_COUNTED_US: int = -(1 << 62)  # a time before any decision
CELL_COUNTER: RowCounter[CellSums] = cast(Any, CellSums)
ROUNDING = 1e-6  # decisions below 0 that a subtraction may leave by rounding


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Generic[S]):
    """Sums by outcome over the nodes of a tree; frozen: every method returns another."""

    actions: ActionSpace
    """The k actions."""
    segments: Segments
    """The tree of s nodes."""
    outcomes: Mapping[str, Outcome]
    """The outcomes by name."""
    sums: Mapping[str, S]
    """The sums by outcome."""
    watermarks: Mapping[str, int]
    """By outcome the newest decision time that has been counted: µs UTC."""
    lineage: Lineage
    """The logs and the model behind the sums."""
    half_life_days: float | None = None
    """A row counts 2^(−age / half-life), its age taken at ``reference_us``; None counts all rows alike."""
    reference_us: int | None = None
    """The time at which ages are taken: µs UTC. Shards with other references still merge."""
    counter: RowCounter[S] = cast(Any, CellSums)  # noqa: RUF009 - a class, not a call
    """Makes the sums of rows."""

    @classmethod
    def empty(cls, log: Log, counter: RowCounter[S], half_life_days: float | None = None) -> Evidence[S]:
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
        outcomes = {o: m.spec for o, m in log.outcomes.items()}
        return cls(
            actions=log.actions,
            segments=log.segments,
            outcomes=outcomes,
            sums={o: counter.empty(len(log.segments), log.actions.k) for o in outcomes},
            watermarks={},
            lineage=Lineage(),
            half_life_days=half_life_days,
            counter=counter,
        )

    def update(self, log: Log, model: str) -> Evidence[S]:
        """With the rows of ``log`` whose outcomes have matured since the last time.

        A row counts for an outcome once: when decided after the outcome's watermark and mature now. Rows older than
        the watermark are taken as counted; a log without times counts whole.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        evidence, log = self.align(log)
        uncounted = {o: evidence.uncounted(log, o) for o in log.outcomes}
        sums = {o: self.counter.from_rows(log, o, rows, evidence.weight(log, rows)) for o, rows in uncounted.items()}
        return evidence.add(log, sums, model)

    def align(self, log: Log) -> tuple[Evidence[S], Log]:
        """The evidence and a log over one tree, the evidence as old as it is at the time of the log.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        evidence = self.extend(self._checked(log).segments).decay(_newest(log))
        return evidence, _relocated(log, evidence.segments)

    def uncounted(self, log: Log, outcome: str) -> Bool:
        """(n,) rows whose outcome is known and has not been counted."""
        return log.outcomes[outcome].known & ~_until(log, self.watermarks.get(outcome), unmarked=False)

    def counted(self, log: Log, outcome: str) -> Bool:
        """(n,) rows whose outcome is known and, as far as its watermark says, has been counted."""
        return log.outcomes[outcome].known & _until(log, self.watermarks.get(outcome), unmarked=True)

    def add(self, log: Log, sums: Mapping[str, S], model: str) -> Evidence[S]:
        """With the sums of the uncounted rows of a log that is aligned with this evidence."""
        marks = dict(self.watermarks)
        for o, measured in log.outcomes.items():
            if log.as_of is not None and log.decided_at is not None:
                marks[o] = max(log.as_of - measured.spec.window_us, marks.get(o, NEVER_COUNTED_US))
        total = {o: x.plus(sums[o]) for o, x in self.sums.items()}
        return replace(self, sums=total, watermarks=marks, lineage=trained_on(log, model, self.lineage))

    def merge(self, shard: Evidence[S]) -> Evidence[S]:
        """Of two disjoint shards of users: with sums by user, exactly that of the whole.

        Raises
        ------
        LogError
            Other actions, outcomes or half-lives, or shards read as of different times.
        """
        mergeable = shard.actions.names == self.actions.names and dict(shard.outcomes) == dict(self.outcomes)
        if not mergeable or shard.half_life_days != self.half_life_days:
            raise LogError("shards with other actions or outcomes", "merge", "fit all shards with one spec")
        if dict(shard.watermarks) != dict(self.watermarks):
            raise LogError("shards read as of different times", "merge", "set [log] as_of to one date for all")
        segments = self.segments.union(shard.segments)
        a = self.extend(segments).decay(shard.reference_us)
        b = shard.extend(segments).decay(self.reference_us)
        lineage = until_latest(a.lineage, b.lineage)
        return replace(a, sums={o: a.sums[o].plus(b.sums[o]) for o in a.sums}, lineage=lineage)

    def forget(self, log: Log) -> Evidence[S]:
        """Without the rows of ``log``, which had been counted, as for a request to delete a user's data.

        Rows after the watermark are left alone: they were not counted. Exact, but for the sums of squares by user
        where a user's rows had been counted in several updates (these only enter the dispersion).

        Raises
        ------
        LogError
            Other actions or outcomes, or rows that cannot have been counted.
        """
        evidence = self.extend(self._checked(log).segments)
        log = _relocated(log, evidence.segments)
        counted = {o: evidence.counted(log, o) for o in log.outcomes}
        sums = {o: self.counter.from_rows(log, o, rows, evidence.weight(log, rows)) for o, rows in counted.items()}
        return evidence.subtract(sums)

    def subtract(self, sums: Mapping[str, S]) -> Evidence[S]:
        """Without the sums of some counted rows.

        Raises
        ------
        LogError
            There are more rows in the sums than had been counted.
        """
        remainder = {o: x.minus(sums[o]) for o, x in self.sums.items()}
        for o, difference in remainder.items():
            n = difference.n
            if n.min() < -ROUNDING:
                node, a = np.unravel_index(int(n.argmin()), n.shape)
                cell = f"{self.segments.paths[node] or 'the root'}, {self.actions.names[a]}"
                raise LogError(f"more rows to forget than were counted in {cell}", o, "forget counted rows once")
        return replace(self, sums={o: x.clipped() for o, x in remainder.items()})

    def extend(self, segments: Segments) -> Evidence[S]:
        """The same evidence over the union with another tree."""
        union = self.segments.union(segments)
        if union.paths == self.segments.paths:
            return self
        position, s = union.locate(self.segments), len(union)
        return replace(self, segments=union, sums={o: x.moved(position, s) for o, x in self.sums.items()})

    def decay(self, time_us: int | None) -> Evidence[S]:
        """The same evidence seen from a later time, when its rows are older by that much."""
        if self.half_life_days is None or time_us is None:
            return self
        since = time_us if self.reference_us is None else self.reference_us
        share = 0.5 ** (max(time_us - since, 0) / DAY_US / self.half_life_days)
        return replace(self, reference_us=max(since, time_us), sums={o: x.times(share) for o, x in self.sums.items()})

    def weight(self, log: Log, rows: Bool) -> F64 | None:
        """(r,) what each of the chosen rows counts at the reference; None where all count 1."""
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


def _until(log: Log, mark_us: int | None, *, unmarked: bool) -> Bool:
    """(n,) rows decided at or before the watermark; where there is none, ``unmarked`` for all."""
    if mark_us is None or log.decided_at is None:
        return np.full(log.n, unmarked)
    return log.decided_at <= mark_us


def _newest(log: Log) -> int | None:
    """The time as of which a log was read, or of its newest decision: µs UTC."""
    if log.as_of is not None or log.decided_at is None or log.n == 0:
        return log.as_of
    return int(log.decided_at.max())


def _relocated(log: Log, segments: Segments) -> Log:
    """The log on a larger tree."""
    return replace(log, segments=segments, segment=segments.locate(log.segments)[log.segment])
