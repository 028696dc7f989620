"""Look-ups together: every request gets its own user's answer, from a query that began after it asked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tactful.errors import JournalError
from tactful.service.coalescing import Together


class Slow:
    """A database that answers once it is let; it keeps what it was asked."""

    def __init__(self):
        self.rows, self.asked, self.gate = {}, [], threading.Event()

    def __call__(self, users):
        found = {u: self.rows[u] for u in users if u in self.rows}  # what is there when the query begins
        self.asked.append(users)
        assert self.gate.wait(10)
        return found


async def begun(database, count):
    """Wait until so many queries are running or done."""
    while len(database.asked) < count:
        await asyncio.sleep(0.001)


def test_those_who_wait_share_a_query_and_none_gets_an_older_answer():
    database = Slow()
    database.rows["a"] = 1

    async def ask():
        together = Together(database)
        first = asyncio.create_task(together.of("a"))
        await begun(database, 1)
        database.rows |= {"a": 2, "b": 3}  # written while the first query runs: whoever asks from now on must see it
        late = [asyncio.create_task(together.of(u)) for u in ("a", "b", "b", "unknown")]
        gone = asyncio.create_task(together.of("c"))
        await asyncio.sleep(0)
        gone.cancel()
        database.gate.set()
        return [await task for task in (first, *late)], await together.of("b")

    assert asyncio.run(ask()) == ([1, 2, 3, 3, None], 3)
    assert database.asked == [{"a"}, {"a", "b", "c", "unknown"}, {"b"}]


def test_an_error_reaches_all_who_wait_and_the_next_may_ask_again():
    calls = []

    def down_at_first(users):
        calls.append(users)
        if len(calls) == 1:
            raise JournalError("cannot be read (no server)")
        return dict.fromkeys(users, 7)

    async def ask():
        together = Together(down_at_first)
        tasks = [asyncio.create_task(together.of(u)) for u in "abc"]
        for task in tasks:
            with pytest.raises(JournalError, match="no server"):
                await task
        return await together.of("a")

    assert asyncio.run(ask()) == 7
