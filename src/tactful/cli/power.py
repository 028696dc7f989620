"""``tactful power``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json, Spec
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.planning.from_guess import WEIGHTS, Guess
from tactful.planning.power import LIFTS, RATIOS
from tactful.planning.power import power as foretell
from tactful.planning.verdict_chance import Prospect, Prospects
from tactful.promotion.wording import number, percent

Numbers = list[float] | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("power")(power)


def power(
    spec: Spec,
    log: Annotated[
        Path | None, typer.Option(help="A log, for its weights, users and spread; with --candidate.")
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="With --log: the policy that shall pass.")] = None,
    users: Annotated[int | None, typer.Option(help="Also the chance of each verdict with so many users.")] = None,
    weight: Annotated[Numbers, typer.Option(help="Without a log: largest weights; 2, 5, 10 and 20 by default.")] = None,
    ratio: Annotated[Numbers, typer.Option(help="True rates over their limit; .25, .5 and .75 by default.")] = None,
    lift: Annotated[Numbers, typer.Option(help="Relative gains; .02, .05 and .1 by default.")] = None,
    periods: Annotated[int, typer.Option(help="Without a log: decisions for each user.", min=1, max=10_000)] = 8,
    rate: Annotated[float, typer.Option(help="Without a log: mean of a binary outcome without a limit.")] = 0.1,
    count: Annotated[float, typer.Option(help="Without a log: mean of a count.")] = 1.0,
    delta: Annotated[float, typer.Option(help="As of gate: of all gates on the holdout.")] = 0.05,
    spend: Annotated[float, typer.Option(help="As of gate: share of delta that it spends.")] = 0.5,
    candidates: Annotated[int, typer.Option(help="How many candidates share the gate.", min=1)] = 1,
    chance: Annotated[float, typer.Option(help="The probability of the verdict that is wanted.")] = 0.8,
    json: Json = False,
) -> None:
    """How many users and decisions does a gate need for its verdict, and how likely is it with those there are?

    Example: tactful power --spec spec.toml --users 20000
    """
    parsed = LogSpec.from_toml(spec)
    source = parsed
    if log is not None:
        with show.working("reading", json):
            source = read_log(log, parsed)
    guess = Guess(rate, count, periods, weights=tuple(weight or WEIGHTS))
    with show.working("rehearsing", json):
        found = foretell(
            source,
            candidate,
            users=users,
            delta=delta,
            spend=spend,
            candidates=candidates,
            chance=chance,
            ratios=tuple(ratio or RATIOS),
            lifts=tuple(lift or LIFTS),
            guess=guess,
            min_propensity=parsed.min_propensity,
        )
    if json:
        show.emit(found.to_json())
        return
    _print(found)


def _print(found: Prospects) -> None:
    show.line(
        f"Each claim is wrong with a chance of at most {percent(found.delta)}; {found.rows:.3g} decisions a user; "
        f"a verdict with a chance of {percent(found.power)}"
    )
    show.line()
    given = "" if found.users is None else f"; and the chance with {found.users:,} users"
    for verdict, title in (("limit", "To prove that a limit is kept"), ("gain", "To see a gain")):
        rows = [_row(p) for p in found.prospects if p.verdict == verdict]
        if rows:
            columns = ["outcome", f"true {'rate' if verdict == 'limit' else 'gain'}"]
            columns += ["largest weight", "mean squared weight", "users", "decisions", *["chance"] * bool(given)]
            show.table(title + given, columns, rows, 2)
    for note in found.notes:
        show.line(f"note: {note}")


def _row(p: Prospect) -> tuple[str, ...]:
    assumed = f"{p.assumed:g} × the limit" if p.verdict == "limit" else f"{100 * p.assumed:+g} %"
    needed = tuple("never" if x is None else f"{x:,}" for x in (p.users, p.decisions))
    chance = () if p.chance is None else (show.number(p.chance, 3),)
    return p.outcome, f"{assumed}: {number(p.mean)}", f"{p.largest:.3g}", f"{p.square:.3g}", *needed, *chance
