"""``tactful decide``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json
from tactful.core.files import check_output
from tactful.frames.decisions import decide as choose
from tactful.frames.decisions import write_decisions
from tactful.policies.artifact import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decide")(decide)


def decide(
    users: Annotated[
        Path, typer.Argument(help="Users: a file with the columns user, segment (a path), eligible, x_….")
    ],
    policy: Annotated[Path, typer.Option(help="Folder of the policy.")],
    period: Annotated[int, typer.Option(help="Index of the period to decide.", min=-(2**63), max=2**63 - 1)],
    out: Annotated[Path, typer.Option(help="Decisions: .parquet, .ndjson or .csv.")],
    at: Annotated[str | None, typer.Option(help="Time of the decisions (ISO 8601); now by default.")] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="Also write the whole pmf of every row.")] = False,
    json: Json = False,
) -> None:
    """Decide for every user of a file, with exact propensities; the same input gives the same decisions for ever.

    Example: tactful decide users.csv --policy policy --period 2959 --out decisions.parquet
    """
    check_output("--out", out, users, policy)
    loaded = load(policy)
    with show.working("deciding", json):
        decisions = choose(loaded, users, period, at=at, vectors=vectors)
        write_decisions(decisions, out)
    counts = Counter(decisions["action"].to_list())
    fallbacks = decisions["fallback"].count()
    if json:
        show.emit(
            {
                "decisions": str(out),
                "n": decisions.height,
                "policy": loaded.version,
                "fallbacks": fallbacks,
                "actions": {name: counts[name] for name in loaded.actions.names},
            }
        )
        return
    show.line(f"{decisions.height:,} decisions for period {period} by policy {loaded.version}: {out}")
    if fallbacks:
        show.line(
            f"{fallbacks:,} users are in segments that the policy does not know; their nearest ancestor was served"
        )
    rows = [(name, f"{counts[name]:,}", show.percent(counts[name] / decisions.height)) for name in loaded.actions.names]
    show.table("Actions", ["action", "users", "share"], rows)
