"""``tactful monitor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.beside import Beside
from tactful.cli.options import Json, Log, Spec
from tactful.core.files import check_output
from tactful.errors import SpecError
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.policies.artifact import load
from tactful.promotion.limit_monitor import LimitMonitor
from tactful.promotion.monitor import PolicyMonitor, load_monitor, save_monitor
from tactful.promotion.wording import number, percent

ROLL_BACK = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("monitor")(monitor)


def monitor(
    log: Log,
    spec: Spec,
    policy: Annotated[str, typer.Option(help="The running policy: its folder, or its version as the log names it.")],
    file: Annotated[
        Path | None, typer.Option(help="What was seen so far, kept from log to log; default beside LOG.")
    ] = None,
    merge: Annotated[
        list[Path] | None,
        typer.Option(help="Files of other shards of users, whose evidence is added to what is shown."),
    ] = None,
    delta: Annotated[float, typer.Option(help="Chance of a wrong word, for each question; of a new file.")] = 0.05,
    json: Json = False,
) -> None:
    """Is a running policy keeping its limits? Roll back (exit 3), widen or go on (0); look as often as you like.

    Example: tactful monitor log.parquet --spec spec.toml --policy policy --file policy.monitor.json
    """
    place = file or log.with_name(log.name + ".monitor.json")
    parsed = LogSpec.from_toml(spec)
    check_output("--file", place, log, spec, policy)
    version = load(policy).version if Path(policy).is_dir() else policy
    watch = (
        load_monitor(place) if place.exists() else PolicyMonitor.start(version, parsed.outcomes, parsed.limits, delta)
    )
    _check(watch, version, parsed, place)
    others = [load_monitor(path) for path in merge or []]
    with show.working("reading", json):
        watch = watch.update(read_log(log, parsed))
    beside = Beside()
    beside.keep(f"the evidence of this log for {place}", lambda: save_monitor(watch, place), needed=True)
    whole = watch
    for other in others:
        whole = whole.merge(other)
    if json:
        show.emit(_plain(whole, watch, place) | beside.to_json())
    else:
        _print(whole, watch, place)
    beside.close(ROLL_BACK if whole.advice == "roll back" else 0)


def _check(watch: PolicyMonitor, version: str, spec: LogSpec, place: Path) -> None:
    """Refuse a file that watches something else than what is asked about."""
    if watch.policy != version:
        raise SpecError(f"it watches policy {watch.policy}, not {version}", str(place), "name another --file")
    if {o: w.limit for o, w in watch.outcomes.items()} != dict(spec.limits.outcomes):
        raise SpecError("its limits are not those of the spec", str(place), "name another --file to start anew")


def _plain(whole: PolicyMonitor, watch: PolicyMonitor, place: Path) -> dict[str, object]:
    outcomes = {
        name: {
            "limit": w.limit,
            "n": w.monitor.n,
            "rate": w.rate,
            "e_roll_back": w.monitor.e_back,
            "e_widen": w.monitor.e_widen,
            "threshold": 1 / w.monitor.delta,
            "advice": w.monitor.advice,
            "needed": _needed(w),
            "periods": sorted(w.periods),
        }
        for name, w in whole.outcomes.items()
    }
    left_out = dict(watch.left_out)
    return {
        "policy": whole.policy,
        "advice": whole.advice,
        "outcomes": outcomes,
        "left_out": left_out,
        "file": str(place),
    }


def _needed(w: LimitMonitor) -> int | None:
    """Decisions in all until a verdict, if events go on as they came."""
    if w.monitor.n == 0 or w.monitor.advice != "go on":
        return None
    return w.monitor.needed(w.monitor.total / w.monitor.n)


def _print(whole: PolicyMonitor, watch: PolicyMonitor, place: Path) -> None:
    words = {
        "roll back": "Roll back: a limit is passed",
        "widen": "Widen: every limit is kept",
        "go on": "Go on: nothing is proven yet",
    }
    show.line(f"{words[whole.advice]}. Policy {whole.policy}; evidence is kept in {place}")
    show.line()
    columns = ["outcome", "decisions", "periods", "rate", "limit", "for roll back", "for widening", "advice", "needed"]
    show.table("Evidence", columns, [_row(name, w) for name, w in whole.outcomes.items()])
    some = next(iter(whole.outcomes.values())).monitor
    show.line(
        f"a word is said at an evidence of {1 / some.delta:g}; each is wrong with a chance of at most "
        f"{percent(some.delta)}, however often you look"
    )
    for reason, count in watch.left_out.items():
        show.line(f"left out: {count:,} rows ({reason})")


def _row(name: str, w: LimitMonitor) -> tuple[str, ...]:
    needed = _needed(w)
    return (
        name,
        f"{w.monitor.n:,}",
        str(len(w.periods)),
        "–" if w.rate is None else number(w.rate),
        number(w.limit),
        number(w.monitor.e_back),
        number(w.monitor.e_widen),
        w.monitor.advice,
        "–" if needed is None else f"{needed:,}",
    )
