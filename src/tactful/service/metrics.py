"""What is counted, for Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tactful.service.guard import App, Message, Receive, Send

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tactful_{name}", text, labels, registry=registry)

        self.requests = counter("requests", "Requests by path and status.", "path", "status")
        self.seconds = Histogram("tactful_seconds", "Time to answer.", ["path"], buckets=SECONDS, registry=registry)
        self.decisions = counter("decisions", "Decisions by arm and action.", "arm", "action")
        self.fallbacks = counter("fallbacks", "Decisions of a fallback.")
        self.repeated = counter("repeated", "Decisions that had been made before.")
        self.events = counter("events", "Events by kind and what became of them.", "kind", "status")
        self.refused = counter("journal_refused", "Requests whose events could not be stored.")
        self.alarms = counter("bypass_alarms", "Transactional volume that looks like misuse.", "source")
        Gauge("tactful_journal_waiting", "Events not durable yet.", registry=registry).set_function(waiting)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)


class Timed:
    """Counts requests and their time by the route that answered, ``other`` where none did."""

    def __init__(self, app: App, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on; 499 stands for a client that went away, 500 for an error that nobody answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            status = 499
            raise
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)
