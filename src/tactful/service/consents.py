"""Who has withdrawn consent: looked up in the journal for every decision, together for all that wait."""

from __future__ import annotations

import asyncio
from asyncio import Future, Task

from fastapi.concurrency import run_in_threadpool

from tactful.journal.journal import Journal


class Consents:
    """One query at a time answers all requests that came while the one before was running.

    Nothing is remembered between queries: a consent that is in the journal counts from then on.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._asked: list[tuple[str, Future[bool]]] = []
        self._looking: Task[None] | None = None

    async def withdrawn(self, user: str) -> bool:
        """Whether the newest consent of a user is one that was not granted.

        Raises
        ------
        JournalError
            The database does not answer.
        """
        answer: Future[bool] = asyncio.get_running_loop().create_future()
        self._asked.append((user, answer))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await answer

    async def _look(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                await self._answer(asked)
        finally:
            self._looking = None

    async def _answer(self, asked: list[tuple[str, Future[bool]]]) -> None:
        """Whoever went away meanwhile needs no answer."""
        try:
            newest = await run_in_threadpool(self._journal.newest, {user for user, _ in asked}, "consent")
        except Exception as error:
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for user, answer in asked:
            if not answer.done():
                answer.set_result(user in newest and newest[user].body.get("granted") is False)
