"""The service over HTTP: decide, plan, take outcomes; everything it acknowledges is in the journal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from tactful import __version__
from tactful.errors import JournalBusyError, JournalError, TactfulError
from tactful.journal.journal import Journal
from tactful.service import messages as m
from tactful.service.guard import Guard
from tactful.service.metrics import Metrics, Timed
from tactful.service.operations import Operations
from tactful.service.settings import Settings
from tactful.serving import Decider
from tactful.tracking.watcher import Watcher


def create_app(settings: Settings, decider: Decider, journal: Journal, watcher: Watcher | None = None) -> FastAPI:
    """The application: it starts and stops the watcher, and closes the journal after the last request.

    Parameters
    ----------
    settings
        The key, the bounds and the rules.
    decider, journal, watcher
        Opened by the caller.
    """
    metrics = Metrics(lambda: journal.waiting)
    service = Operations(settings, decider, journal, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        if watcher is not None:
            watcher.start()
        yield
        if watcher is not None:
            await run_in_threadpool(watcher.stop)
        await run_in_threadpool(journal.close)

    app = FastAPI(
        title="tactful", version=__version__, lifespan=lifespan, summary="When and how often to notify each user."
    )
    problems: dict[int | str, dict[str, Any]] = {status: {"model": m.Problem} for status in (401, 413, 422, 503)}
    routes: list[tuple[str, str, Callable[..., Any]]] = [
        ("POST", "/decide", service.decide),
        ("POST", "/decide/batch", service.decide_batch),
        ("POST", "/schedule", service.schedule),
        ("POST", "/outcomes", service.outcomes),
        ("GET", "/policy", service.policy),
        ("POST", "/policy", service.change_policy),
        ("DELETE", "/users/{user}", service.erase),
        ("GET", "/health", service.health),
        ("GET", "/ready", service.ready),
    ]
    for method, path, endpoint in routes:
        app.add_api_route(path, endpoint, methods=[method], responses=problems)
    app.add_api_route("/metrics", service.exposition, methods=["GET"], response_class=Response, responses=problems)
    app.add_exception_handler(TactfulError, _refusal(metrics))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Timed, metrics=metrics)  # pyright: ignore[reportArgumentType]
    app.add_middleware(Guard, key=settings.key, most=settings.max_body_bytes)  # pyright: ignore[reportArgumentType]
    return app


def _refusal(metrics: Metrics) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refuse(_: Request, error: Exception) -> Response:
        if isinstance(error, JournalError):
            metrics.refused.inc()
            headers = {"Retry-After": "1"} if isinstance(error, JournalBusyError) else None
            return JSONResponse({"error": str(error)}, 503, headers)
        return JSONResponse({"error": str(error)}, 422)

    return refuse


async def _invalid(_: Request, error: Exception) -> Response:
    """The first mistake of a message, in one line."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"])
    return JSONResponse({"error": f"{place}: {found['msg']}"}, 422)
