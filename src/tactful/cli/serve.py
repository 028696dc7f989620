"""``tactful serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.errors import missing_extra


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    config: Annotated[Path | None, typer.Option(help="TOML with [service], [serving] and [rules].")] = None,
    policy: Annotated[str | None, typer.Option(help="Folder of the policy, or models:/NAME@ALIAS.")] = None,
    journal: Annotated[str | None, typer.Option(help="A path, or a URL: postgresql+psycopg://user@host/db.")] = None,
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
        from tactful.service.run import run
        from tactful.service.settings import Settings
    except ImportError:
        raise missing_extra("serve", "the HTTP service") from None
    given = {"policy": policy, "journal": journal, "host": host, "port": port}
    run(Settings.load(config, insecure_loopback=insecure_loopback, **given), show.line)
