"""A durable, append-only journal: what it has acknowledged survives the process, and a decision is made once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from tactful.errors import JournalError
from tactful.journal.event import Event, erased_name
from tactful.journal.tables import connect, events, fetch
from tactful.journal.writer import STORED, Ack, Writer

PAGE = 5000


class Stored(NamedTuple):
    """An event as it was stored, in order of ``seq``; ``received_us`` is when the journal took it."""

    seq: int
    event: Event
    received_us: int


class Journal:
    """Events in SQLite (a path) or PostgreSQL (a URL).

    One thread writes, in groups: a call returns once its event is on the disk. Safe to share between threads, and a
    database between processes.

    Parameters
    ----------
    url
        A path, or a URL such as ``postgresql+psycopg://…``.
    group, linger_ms
        At most so many events a commit, and how long a commit waits for more of them.
    waiting
        How many events may wait; more are refused after ``patience_s`` seconds.

    Raises
    ------
    JournalError
        The database cannot be opened.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> journal = Journal(mkdtemp() + "/journal.db")
    >>> first = Event("e1", "decision", "u1", 10, period=2900, body={"action": "none"})
    >>> journal.decide(first).id, journal.decide(Event("e2", "decision", "u1", 20, period=2900)).id
    ('e1', 'e1')
    >>> journal.close()
    """

    def __init__(
        self,
        url: str | Path,
        *,
        group: int = 512,
        linger_ms: float = 1.0,
        waiting: int = 10_000,
        patience_s: float = 5.0,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._engine = connect(url)
        self._writer = Writer(
            self._engine, group=group, linger_ms=linger_ms, waiting=waiting, patience_s=patience_s, clock=clock
        )

    def submit(self, event: Event) -> Future[Ack]:
        """Hand an event over; the future is done once it is durable.

        Raises
        ------
        JournalBusyError
            Too many events are waiting.
        JournalError
            The journal is closed; the future holds this error where the database refuses to write.
        LogError
            The event is not plain JSON.
        """
        return self._writer.submit(event)

    def record(self, *batch: Event) -> list[Ack]:
        """Store events; returns when all of them are durable.

        Returns
        -------
        list[Ack]
            One for each: ``stored``, ``duplicate`` (its id is there already), ``decided`` (its user, period and scope
            have a decision, which comes with it) or ``erased`` (its user was erased after it happened).

        Raises
        ------
        JournalError, LogError
            As :meth:`submit`; events before the one that failed may have been stored, and storing again does no harm.
        """
        return [future.result() for future in [self.submit(event) for event in batch]]

    def decide(self, event: Event) -> Event:
        """Store a decision, or get the one that was made first for its user, period and scope.

        Raises
        ------
        JournalError, LogError
            As :meth:`record`, and where the user was erased.
        """
        (ack,) = self.record(event)
        if ack.status == STORED:
            return event
        if ack.first is None:
            raise JournalError(f"event {event.id} was not stored: {ack.status}", "journal", "give it an id of its own")
        return ack.first

    def decided(self, user: str, period: int, scope: str = "") -> Event | None:
        """The decision of a user in a period, if there is one."""
        c = events.c
        found = self._rows(
            sa.select(events).where(
                c.kind == sa.literal_column("'decision'"), c.user == user, c.period == period, c.scope == scope
            )
        )
        return found[0].event if found else None

    def of_user(self, user: str, *kinds: str, since_us: int | None = None) -> list[Event]:
        """The events of a user, in the order in which they happened."""
        return self.of_users([user], *kinds, since_us=since_us).get(user, [])

    def of_users(self, users: Iterable[str], *kinds: str, since_us: int | None = None) -> dict[str, list[Event]]:
        """The events of each of these users that has any, in the order in which they happened."""
        query = sa.select(events).order_by(events.c.at_us, events.c.seq)
        if kinds:
            query = query.where(events.c.kind.in_(kinds))
        if since_us is not None:
            query = query.where(events.c.at_us >= since_us)
        found: dict[str, list[Event]] = {}
        asked = list(users)
        for start in range(0, len(asked), PAGE):
            for row in self._rows(query.where(events.c.user.in_(asked[start : start + PAGE]))):
                found.setdefault(row.event.user, []).append(row.event)
        return found

    def read(self, after: int = 0) -> Iterator[Stored]:
        """All events with a ``seq`` above ``after``, in that order, in pages: it holds no lock between them.

        With PostgreSQL and several writers a smaller ``seq`` may be committed late: read again from the start where
        nothing may be missed.
        """
        while True:
            page = self._rows(sa.select(events).where(events.c.seq > after).order_by(events.c.seq).limit(PAGE))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].seq

    def count(self) -> dict[str, int]:
        """The number of events of each kind."""
        query = sa.select(events.c.kind, sa.func.count()).group_by(events.c.kind)
        return dict(self._fetch(query))

    def erase(self, user: str, at_us: int | None = None) -> int:
        """Delete the events of a user up to a time (now by default), for good; returns how many there were.

        An ``erase`` event with a hash in place of the user stays, and events of theirs that happened before and arrive
        later are not stored.

        Raises
        ------
        JournalError
            The database refuses to write.
        """
        return self._writer.erase(user, at_us)

    def is_erased(self, user: str) -> bool:
        """Whether an ``erase`` event stands for this user."""
        query = sa.select(sa.func.count()).where(events.c.kind == "erase", events.c.user == erased_name(user))
        return self._fetch(query)[0][0] > 0

    def check(self) -> None:
        """Return if the journal can be written to at this moment.

        Raises
        ------
        JournalError
            It is closed, or the database does not answer.
        """
        self._writer.check()
        self._fetch(sa.select(1))

    @property
    def waiting(self) -> int:
        """Events that are not durable yet."""
        return self._writer.waiting

    def close(self) -> None:
        """Store what is waiting, then close; no event is taken after that."""
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, query: Any) -> list[Stored]:
        return [stored(row) for row in self._fetch(query)]

    def _fetch(self, query: Any) -> Sequence[Any]:
        return fetch(self._engine, query)


def stored(row: Any) -> Stored:
    """An event from its row."""
    body = json.loads(row.body)
    event = Event(row.id, row.kind, row.user, row.at_us, period=row.period, scope=row.scope, body=body)
    return Stored(row.seq, event, row.received_us)
