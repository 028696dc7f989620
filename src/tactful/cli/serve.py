"""``tactful serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.cli import show
from tactful.errors import SpecError, TactfulError, missing_extra
from tactful.serving import Decider


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    config: Annotated[Path | None, typer.Option(help="TOML with [service], [serving] and [rules].")] = None,
    policy: Annotated[str | None, typer.Option(help="Folder of the policy, or models:/NAME@ALIAS.")] = None,
    journal: Annotated[str | None, typer.Option(help="journal.db, or postgresql+psycopg://…")] = None,
    host: Annotated[str | None, typer.Option(help="Address; 127.0.0.1 by default.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 8321 by default.", min=1, max=65535)] = None,
    insecure_loopback: Annotated[
        bool, typer.Option("--insecure-loopback", help="Ask for no API key; on 127.0.0.1 or ::1 alone.")
    ] = False,
) -> None:
    """Decide, plan sends and take outcomes over HTTP; the API key stands in TACTFUL_API_KEY.

    Example: tactful serve --policy policy --journal journal.db
    """
    try:
        import uvicorn

        from tactful.journal.journal import Journal
        from tactful.service.app import create_app
        from tactful.service.settings import Settings
    except ImportError:
        raise missing_extra("serve", "the HTTP service") from None
    given = {"policy": policy, "journal": journal, "host": host, "port": port}
    settings = Settings.load(config, insecure_loopback=insecure_loopback, **given)
    decider, watcher = _decider(settings)
    store = Journal(settings.journal)
    app = create_app(settings, decider, store, watcher)
    show.line(f"serving policy {decider.live().version or 'none: the fallback'} on {settings.host}:{settings.port}")
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning", access_log=False, server_header=False)


def _decider(settings: Any) -> tuple[Decider, Any]:
    """The decider, and the watcher that keeps it current."""
    from tactful.tracking.watcher import RegistrySource, Watcher

    source: Any = settings.policy
    folder = settings.policy
    if settings.policy.startswith("models:/"):
        if not settings.registry:
            raise SpecError("a registry alias without a registry", "[service]", "set registry to its MLflow URI")
        source = RegistrySource(settings.policy, settings.registry, settings.cache)
        try:
            folder = source.folder(source.newest())
        except TactfulError:
            kept = source.kept()
            if kept is None:
                raise
            folder = kept
    decider = Decider(folder, settings.serving)
    return decider, Watcher(decider, source, every_s=settings.watch_s) if settings.watch_s else None
