"""Look-ups in the journal, made together for all requests that wait."""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

T = TypeVar("T")


class Together(Generic[T]):
    """One query at a time answers all who asked while the one before was running.

    ``look`` runs in a thread, with the users that are asked for. Nothing is remembered between queries: what is in the
    journal when somebody asks is in the answer. A query and a thread for each request takes three times as long.
    """

    def __init__(self, look: Callable[[set[str]], Mapping[str, T]]) -> None:
        self._look = look
        self._asked: list[tuple[str, Future[T | None]]] = []
        self._running: Task[None] | None = None

    async def of(self, user: str) -> T | None:
        """What ``look`` finds for a user, or its error."""
        answer: Future[T | None] = asyncio.get_running_loop().create_future()
        self._asked.append((user, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                await self._answer(asked)
        finally:
            self._running = None

    async def _answer(self, asked: list[tuple[str, Future[T | None]]]) -> None:
        """Whoever went away meanwhile needs no answer."""
        try:
            found = await run_in_threadpool(self._look, {user for user, _ in asked})
        except Exception as error:
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for user, answer in asked:
            if not answer.done():
                answer.set_result(found.get(user))
