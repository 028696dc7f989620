"""``tactful simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.options import Json, Seed
from tactful.core.files import replacing
from tactful.frames.write import write_log
from tactful.simulate.spec import spec_toml
from tactful.simulate.weekly import WeeklyWorld


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    users: Annotated[int, typer.Option(help="How many users.", min=1)],
    periods: Annotated[int, typer.Option(help="How many weekly periods.", min=1)],
    out: Annotated[Path, typer.Option(help="The log to write: .parquet or .ndjson, which can hold vectors.")],
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a simulated decision log, and the spec to read it with beside it.

    Example: tactful simulate --users 2000 --periods 8 --seed 1 --out log.parquet
    """
    with show.progress("simulating", json) as step:
        simulated = WeeklyWorld().simulate(users, periods, seed=seed, progress=step)
    write_log(simulated.log, out)
    spec = out.with_name(f"{out.name.split('.')[0]}.spec.toml")
    with replacing(spec) as part:
        part.write_text(spec_toml(simulated.log.actions, simulated.log.as_of), encoding="utf-8")
    log = simulated.log
    if json:
        show.emit({"log": str(out), "spec": str(spec), "n": log.n, "users": log.users, "periods": periods})
        return
    show.line(f"{log.n:,} decisions of {log.users:,} users over {periods} weeks: {out}")
    show.line(f"read it with --spec {spec}")
