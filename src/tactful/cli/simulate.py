"""``tactful simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json, Seed
from tactful.core.files import replacing
from tactful.errors import LogError, SpecError
from tactful.frames.partitions import events_frame, write_partitions
from tactful.frames.reading.scan import CSV_SUFFIXES, FILE_SUFFIXES, NDJSON_SUFFIXES, PARQUET_SUFFIXES
from tactful.frames.write import write_frame, write_log
from tactful.simulate.world import World
from tactful.simulate.world_config import WorldConfig, lively
from tactful.simulate.world_spec import sends_spec, world_spec

WORLDS = {"default": WorldConfig, "lively": lively}
MOST_IN_ONE_FILE = 200_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    users: Annotated[int, typer.Option(help="How many users.", min=1)],
    periods: Annotated[int, typer.Option(help="How many weekly periods.", min=1)],
    out: Annotated[Path, typer.Option(help="A file (.parquet, .ndjson), or a folder of parts by range of users.")],
    seed: Seed = 0,
    world: Annotated[
        str, typer.Option(help="default (nine published regularities hold), or lively (the demo's).")
    ] = "lively",
    events: Annotated[bool, typer.Option("--events", help="Also write every send, and a spec for rollup.")] = False,
    json: Json = False,
) -> None:
    """Write a simulated decision log, and the spec to read it with beside it.

    Example: tactful simulate --users 2000 --periods 8 --seed 1 --out log.parquet
    """
    if world not in WORLDS:
        raise SpecError(f"unknown world {world!r}", "--world", f"choose one of {', '.join(WORLDS)}")
    made = World(WORLDS[world]())
    name = out.name.lower()
    if out.suffix and not name.endswith(FILE_SUFFIXES):
        raise LogError("unknown kind of file", str(out), "write .parquet or .ndjson, or a folder without extension")
    if name.endswith(CSV_SUFFIXES):
        raise LogError("CSV cannot hold lists, and a simulated log has propensities", str(out), "write .parquet")
    with show.progress("simulating", json) as step:
        if name.endswith((*PARQUET_SUFFIXES, *NDJSON_SUFFIXES)):
            n, found, as_of = _file(made, users, periods, out, seed, events, step)
        else:
            written = write_partitions(made, users, periods, out, seed=seed, events=events, progress=step)
            n, found, as_of = written.n, written.users, written.as_of
    stem = out.name.split(".")[0]
    specs = {"spec": (out.with_name(f"{stem}.spec.toml"), world_spec(made.config, as_of))}
    if events:
        specs["events_spec"] = (out.with_name(f"{stem}.events.spec.toml"), sends_spec(made.config, as_of))
    for path, text in specs.values():
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8")
    paths = {name: str(path) for name, (path, _) in specs.items()}
    if json:
        show.emit({"log": str(out), **paths, "n": n, "users": found, "periods": periods})
        return
    show.line(f"{n:,} decisions of {found:,} users over {periods} weeks: {out}")
    show.line(f"read it with --spec {paths['spec']}")
    if events:
        show.line(f"its sends are beside it; roll them up with --spec {paths['events_spec']}")


def _file(
    world: World, users: int, periods: int, out: Path, seed: int, events: bool, step: show.Step
) -> tuple[int, int, int]:
    if users > MOST_IN_ONE_FILE:
        do = "name a folder as --out: it gets one part per range of users"
        raise SpecError(f"{users:,} users are too many for one file in memory", "--out", do)
    made = world.simulate(users, periods, seed=seed, truth=False, events=events, progress=step)
    write_log(made.log, out)
    if events:
        write_frame(events_frame(made), out.with_name(f"{out.name.split('.')[0]}.events.parquet"))
    return made.log.n, made.log.users, made.log.as_of or 0
