"""Consents: every request gets its own user's answer, from a query that began after it asked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tactful.errors import JournalError
from tactful.journal.event import Event
from tactful.service.consents import Consents


class Slow:
    """A journal that answers once it is let; it keeps what it was asked."""

    def __init__(self):
        self.withdrawn, self.asked, self.gate = set(), [], threading.Event()

    def newest(self, users, kind):
        assert kind == "consent"
        known = set(self.withdrawn)  # what is in the database when the query begins
        self.asked.append(set(users))
        assert self.gate.wait(10)
        consents = {u: Event(f"c{u}", "consent", u, 1, body={"granted": u not in known}) for u in users}
        return {u: event for u, event in consents.items() if u != "unknown"}


async def begun(journal, count):
    """Wait until so many queries are running or done."""
    while len(journal.asked) < count:
        await asyncio.sleep(0.001)


def test_those_who_wait_share_a_query_and_none_gets_an_older_answer():
    journal = Slow()
    journal.withdrawn.add("a")

    async def ask():
        consents = Consents(journal)
        first = asyncio.create_task(consents.withdrawn("a"))
        await begun(journal, 1)
        journal.withdrawn.add("b")  # withdrawn while the first query runs: whoever asks from now on must hear of it
        late = [asyncio.create_task(consents.withdrawn(u)) for u in ("a", "b", "b", "c", "unknown")]
        gone = asyncio.create_task(consents.withdrawn("c"))
        await asyncio.sleep(0)
        gone.cancel()
        journal.gate.set()
        answers = [await task for task in (first, *late)]
        again = await consents.withdrawn("b")
        return answers, again

    answers, again = asyncio.run(ask())
    assert answers == [True, True, True, True, False, False]
    assert again
    assert journal.asked == [{"a"}, {"a", "b", "c", "unknown"}, {"b"}]


def test_an_error_reaches_all_who_wait_and_the_next_may_ask_again():
    class Down:
        calls = 0

        def newest(self, users, _kind):
            self.calls += 1
            if self.calls == 1:
                raise JournalError("cannot be read (no server)")
            return dict.fromkeys(users, Event("c", "consent", "u", 1, body={"granted": False}))

    async def ask():
        consents = Consents(Down())
        tasks = [asyncio.create_task(consents.withdrawn(u)) for u in "abc"]
        for task in tasks:
            with pytest.raises(JournalError, match="no server"):
                await task
        return await consents.withdrawn("a")

    assert asyncio.run(ask())
