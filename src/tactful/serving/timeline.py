"""Which policy decides which period: an immutable table of starts, replaced whole by every swap."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Generic[S]):
    """Snapshot ``entries[i]`` decides from period ``starts[i]`` up to the next start.

    Periods before the first start are nobody's.

    Examples
    --------
    >>> line = Timeline.of("a", 0, keep=2).insert("b", 10)
    >>> line.at(9), line.at(10), line.back("a", 12).at(12)
    ('a', 'b', 'a')
    """

    starts: tuple[int, ...]
    """First period of each snapshot, in order."""
    entries: tuple[S, ...]
    """The snapshots, one for each start."""
    accepted: tuple[S, ...]
    """The snapshots that a rollback may name, newest last."""
    keep: int
    """How many earlier snapshots and starts are held."""
    since: int
    """The last start: almost every decision asks for a later period, and needs no search."""
    newest: S
    """The snapshot that decides from ``since`` on."""

    @classmethod
    def of(cls, entry: S, start: int, *, keep: int) -> Timeline[S]:
        """One snapshot from a period on."""
        return cls(starts=(start,), entries=(entry,), accepted=(entry,), keep=keep, since=start, newest=entry)

    def at(self, period: int) -> S | None:
        """The snapshot that decides a period, or None."""
        i = bisect_right(self.starts, period)
        return self.entries[i - 1] if i else None

    def insert(self, entry: S, start: int) -> Timeline[S]:
        """``entry`` decides from ``start`` on; what was to begin there or later no longer does."""
        accepted = self.accepted if entry is self.accepted[-1] else (*self.accepted, entry)
        return self._from(entry, start, accepted)

    def back(self, entry: S, start: int) -> Timeline[S]:
        """An earlier accepted snapshot decides again from ``start`` on; those accepted after it are forgotten."""
        last = max(i for i, e in enumerate(self.accepted) if e is entry)
        return self._from(entry, start, self.accepted[: last + 1])

    def _from(self, entry: S, start: int, accepted: tuple[S, ...]) -> Timeline[S]:
        before = bisect_right(self.starts, start - 1)
        starts, entries = self.starts[:before], self.entries[:before]
        if not entries or entries[-1] is not entry:
            starts, entries = (*starts, start), (*entries, entry)
        kept = self.keep + 1
        starts, entries = starts[-kept:], entries[-kept:]
        return Timeline(
            starts=starts,
            entries=entries,
            accepted=accepted[-kept:],
            keep=self.keep,
            since=starts[-1],
            newest=entries[-1],
        )
