"""The one thread that writes: events wait in a bounded queue and are committed in groups."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from tactful.errors import JournalBusyError, JournalError
from tactful.journal.event import Event, erased_name
from tactful.journal.tables import erased, events, reason, upsert

STORED, DUPLICATE, DECIDED, ERASED = "stored", "duplicate", "decided", "erased"


class Ack(NamedTuple):
    """What became of an event that is now durable; ``first`` is the decision that was made before it."""

    id: str
    status: str
    first: Event | None = None


class _Waiting(NamedTuple):
    event: Event
    text: str
    future: Future[Ack]


class _Key(NamedTuple):
    """What tells the events of one group apart, even where a careless caller uses an id twice."""

    id: str
    kind: str
    user: str
    period: int | None
    scope: str


class Writer:
    """Group commit: see ``Journal`` for the parameters."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        group: int,
        linger_ms: float,
        waiting: int,
        patience_s: float,
        clock: Callable[[], int],
    ) -> None:
        self._engine, self._clock = engine, clock
        self._group, self._linger, self._patience = group, linger_ms / 1000, patience_s
        self._queue: Queue[_Waiting | None] = Queue(waiting)
        self._closed, self._closing = False, Lock()
        self._thread = Thread(target=self._run, name="tactful-journal", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events in the queue."""
        return self._queue.qsize()

    def submit(self, event: Event) -> Future[Ack]:
        item = _Waiting(event, event.text, Future())
        if self._closed:
            raise JournalError("it is closed", "journal", "open it again")
        try:
            self._queue.put(item, timeout=self._patience)
        except Full:
            raise JournalBusyError(
                f"{self._queue.maxsize:,} events are waiting", "journal", "slow down, or try again"
            ) from None
        if self._closed and not self._thread.is_alive():
            self._refuse_rest()  # it was closed while this event came in
        return item.future

    def check(self) -> None:
        """Refuse if nothing writes any more."""
        if self._closed or not self._thread.is_alive():
            raise JournalError("it is closed", "journal", "open it again")

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._closing:
            already, self._closed = self._closed, True
        if not already:
            self._queue.put(None)
        self._thread.join()
        self._refuse_rest()

    def erase(self, user: str, at_us: int | None) -> int:
        """As ``Journal.erase``: on the caller's thread, in one transaction."""
        at = self._clock() if at_us is None else at_us
        name = erased_name(user)
        mine = sa.and_(events.c.user == user, events.c.at_us <= at)
        mark = upsert(self._engine, erased)
        mark = mark.on_conflict_do_update(index_elements=["name"], set_={"at_us": mark.excluded.at_us})
        note = self._row(Event(f"erase-{name}-{at}", "erase", name, at), "{}", self._clock())
        try:
            with self._engine.begin() as connection:
                connection.execute(mark, [{"name": name, "at_us": at}])
                gone = connection.execute(sa.delete(events).where(mine)).rowcount
                connection.execute(upsert(self._engine, events).on_conflict_do_nothing(), [note])
            self._overwrite()
        except SQLAlchemyError as error:
            raise _failed(error) from None
        return int(gone)

    def _overwrite(self) -> None:
        """Bring the deletion from the write-ahead log into the file itself."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.rollback()  # a checkpoint cannot run inside a transaction
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            batch, last = self._gather(item)
            try:
                acks = self._commit(batch)
            except Exception as error:
                failure = _failed(error)
                for waiting in batch:
                    waiting.future.set_exception(failure)
            else:
                for waiting, ack in zip(batch, acks, strict=True):
                    waiting.future.set_result(ack)
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """A group: what waits, and what comes while it lingers; and whether the queue has ended."""
        batch, until = [first], time.monotonic() + self._linger
        while len(batch) < self._group:
            try:
                item = (
                    self._queue.get(timeout=max(until - time.monotonic(), 0))
                    if self._linger
                    else self._queue.get_nowait()
                )
            except Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _commit(self, batch: Sequence[_Waiting]) -> list[Ack]:
        """One transaction; the acknowledgements may be given once it has returned."""
        now = self._clock()
        with self._engine.begin() as connection:
            gone = self._gone(connection, batch)
            late = [item.event.at_us <= gone.get(item.event.user, item.event.at_us - 1) for item in batch]
            rows = [self._row(i.event, i.text, now) for i, is_late in zip(batch, late, strict=True) if not is_late]
            new = self._insert(connection, rows)
            return [
                Ack(item.event.id, ERASED) if is_late else self._ack(connection, item.event, new)
                for item, is_late in zip(batch, late, strict=True)
            ]

    def _gone(self, connection: sa.Connection, batch: Sequence[_Waiting]) -> dict[str, int]:
        """Until when the events of erased users are not stored."""
        names = {erased_name(item.event.user): item.event.user for item in batch}
        query = sa.select(erased.c.name, erased.c.at_us).where(erased.c.name.in_(list(names)))
        return {names[name]: at for name, at in connection.execute(query)}

    def _insert(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> set[_Key]:
        """Those rows that were not there."""
        if not rows:
            return set()
        c = events.c
        query = upsert(self._engine, events).on_conflict_do_nothing().returning(c.id, c.kind, c.user, c.period, c.scope)
        return {_Key(*row) for row in connection.execute(query, rows)}

    def _ack(self, connection: sa.Connection, event: Event, new: set[_Key]) -> Ack:
        key = _Key(event.id, event.kind, event.user, event.period, event.scope)
        if key in new:
            new.discard(key)  # a second event of this id in the same group is a duplicate
            return Ack(event.id, STORED)
        if event.kind != "decision":
            return Ack(event.id, DUPLICATE)
        c = events.c
        same = sa.and_(c.user == event.user, c.period == event.period, c.scope == event.scope)
        query = sa.select(events).where(same, c.kind == sa.literal_column("'decision'"))
        row = connection.execute(query).first()
        # The id is that of another event; what decides comes later in this group, if it is there at all.
        if row is None or _Key(row.id, row.kind, row.user, row.period, row.scope) in new:
            return Ack(event.id, DUPLICATE)
        first = Event(
            row.id, row.kind, row.user, row.at_us, period=row.period, scope=row.scope, body=json.loads(row.body)
        )
        return Ack(event.id, DUPLICATE if row.id == event.id else DECIDED, first)

    def _row(self, event: Event, text: str, now: int) -> dict[str, Any]:
        return {
            "id": event.id,
            "kind": event.kind,
            "user": event.user,
            "period": event.period,
            "scope": event.scope,
            "at_us": event.at_us,
            "received_us": now,
            "body": text,
        }

    def _refuse_rest(self) -> None:
        """Events that slipped in behind the end of the queue."""
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                return
            if item is not None:
                item.future.set_exception(JournalError("it is closed", "journal", "open it again"))


def _failed(error: Exception) -> JournalError:
    return JournalError(f"not stored ({reason(error)})", "journal", "nothing was acknowledged: try again")
