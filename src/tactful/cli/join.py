"""``tactful join``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.cli import console as show
from tactful.cli.options import Json, Spec
from tactful.core.actions import time_us
from tactful.core.files import check_output
from tactful.errors import LogError, missing_extra
from tactful.frames.building.event_frames import events_of, read_events
from tactful.frames.building.join import join as attribute
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.write import write_frame

DATABASES = (".db", ".sqlite", ".sqlite3")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("join")(join)


def join(
    events: Annotated[
        list[str],
        typer.Argument(help="A journal (journal.db, postgresql+psycopg://…), or event files: .parquet, .ndjson, .csv."),
    ],
    spec: Spec,
    out: Annotated[Path, typer.Option(help="Decision log: .parquet, .ndjson or .csv.")],
    as_of: Annotated[str | None, typer.Option(help="Now (ISO 8601); the newest event by default.")] = None,
    json: Json = False,
) -> None:
    """Join outcomes to the decisions before them, from a journal or from event files, into a decision log.

    Example: tactful join journal.db --spec spec.toml --out log.parquet
    """
    parsed = LogSpec.from_toml(spec)
    check_output("--out", out, spec, *events)
    now = None if as_of is None else time_us(as_of, "--as-of")
    with show.working("joining", json):
        joined = attribute(_read(events), parsed, as_of_us=now)
        write_frame(joined.table, out)
    if json:
        show.emit({"log": str(out), "n": joined.table.height, **joined.to_json()})
        return
    show.line(f"{joined.table.height:,} decisions: {out}")
    for line in joined.describe(parsed):
        show.line(line)


def _read(sources: list[str]) -> Any:
    """The frame of events of a journal, or of files."""
    if len(sources) > 1 or not ("://" in sources[0] or sources[0].lower().endswith(DATABASES)):
        return read_events(*sources)
    if "://" not in sources[0] and not Path(sources[0]).exists():
        raise LogError("no such file", sources[0], "give the path of a journal")
    try:
        from tactful.journal.journal import Journal
    except ImportError:
        raise missing_extra("journal", "reading a journal") from None
    with Journal(sources[0]) as journal:
        return events_of(journal.read())
