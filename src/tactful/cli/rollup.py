"""``tactful rollup``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json, Spec
from tactful.core.files import check_output
from tactful.errors import LogError
from tactful.frames.building.rollup import rollup as roll
from tactful.frames.reading.scan import FILE_SUFFIXES
from tactful.frames.spec.log_spec import LogSpec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollup")(rollup)


def rollup(
    events: Annotated[Path, typer.Argument(help="One row a send, or one row an event: .parquet, .csv or .ndjson.")],
    spec: Spec,
    out: Annotated[Path, typer.Option(help="The decision log: .parquet, .csv or .ndjson.")],
    json: Json = False,
) -> None:
    """From sends, or events, to one decision a user and period, as [rollup] of the spec describes them.

    Example: tactful rollup sends.parquet --spec spec.toml --out log.parquet
    """
    if not out.name.lower().endswith(FILE_SUFFIXES):
        raise LogError("unknown kind of file", str(out), f"use one of {', '.join(FILE_SUFFIXES)}")
    parsed = LogSpec.from_toml(spec)
    check_output("--out", out, spec, events)
    with show.working("rolling up", json):
        made = roll(events, parsed)
    made.write(out)
    if json:
        show.emit({"log": str(out)} | made.to_json())
        return
    actions = made.to_json()["actions"]
    total = made.frame.height
    show.table(
        f"Decisions in {out}",
        ["action", "decisions", "share"],
        [(name, f"{n:,}", show.percent(n / total, 1)) for name, n in actions.items()],
    )
    for text in made.notes:
        show.line(text)
