"""From settings to a running process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from tactful.errors import SpecError, TactfulError
from tactful.journal.journal import Journal
from tactful.service.app import create_app
from tactful.service.settings import Settings
from tactful.serving import Decider
from tactful.tracking.watcher import RegistrySource, Watcher


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until a signal comes; requests in flight are answered and the journal is flushed.

    Raises
    ------
    TactfulError
        The policy or the journal cannot be opened.
    """
    source = _source(settings)
    decider = Decider(_folder(source), settings.serving)
    watcher = Watcher(decider, source, every_s=settings.watch_s) if settings.watch_s else None
    with Journal(settings.journal) as journal:
        app = create_app(settings, decider, journal, watcher)
        announce(f"serving policy {decider.live().version or 'none: the fallback'} on {settings.host}:{settings.port}")
        options: dict[str, Any] = {"log_level": "warning", "access_log": False, "server_header": False}
        uvicorn.run(app, host=settings.host, port=settings.port, **options)


def _source(settings: Settings) -> str | RegistrySource:
    if not settings.policy.startswith("models:/"):
        return settings.policy
    if not settings.registry:
        raise SpecError("a registry alias without a registry", "[service]", "set registry to its MLflow URI")
    return RegistrySource(settings.policy, settings.registry, settings.cache)


def _folder(source: str | RegistrySource) -> str | Path:
    """Where the policy is now; with the registry down, what was fetched last."""
    if isinstance(source, str):
        return source
    try:
        return source.folder(source.newest())
    except TactfulError:
        kept = source.kept()
        if kept is None:
            raise
        return kept
