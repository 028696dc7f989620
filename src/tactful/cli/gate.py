"""``tactful gate``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.beside import Beside
from tactful.cli.options import Json, Log, Spec
from tactful.core.files import check_output
from tactful.evaluation.target_policies import resolve
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.promotion.gate import gate as hold_gate
from tactful.promotion.ledger import ledger_path
from tactful.promotion.results import GAIN, CandidateVerdict, Claim, Verdict
from tactful.promotion.wording import percent

POLICY = "A policy's folder, uniform, logging (weights 1) or always:ACTION."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gate")(gate)


def gate(
    log: Log,
    spec: Spec,
    candidate: Annotated[list[str], typer.Option(help=f"{POLICY} Several: the best that passes is promoted.")],
    baseline: Annotated[str, typer.Option(help=POLICY)] = "logging",
    delta: Annotated[
        float, typer.Option(help="Chance that all gates on this holdout together promote wrongly.")
    ] = 0.05,
    spend: Annotated[
        float, typer.Option(help="Share of what is left of delta that this gate spends; 1: all of it.")
    ] = 0.5,
    horizon: Annotated[
        int | None, typer.Option(help="Periods of a sequential bound: needed where frequency changes.", min=1)
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Column of a user's state before each decision; may be repeated.")
    ] = None,
    estimator: Annotated[str, typer.Option(help="Of the gain: dr, snips, ips or sndr.")] = "dr",
    ledger: Annotated[
        Path | None, typer.Option(help="Where gates on held-out users are entered; default beside LOG.")
    ] = None,
    json: Json = False,
) -> None:
    """May this policy be shipped? Promote (exit 0), hold (3) or refuse (4), with the sentence that says why.

    Example: tactful gate log.parquet --spec spec.toml --candidate policy --baseline logging
    """
    parsed = LogSpec.from_toml(spec)
    for name in (*candidate, baseline):
        resolve(name, parsed.actions)
    if ledger is not None:
        check_output("--ledger", ledger, log, spec, *candidate, baseline)
    with show.working("reading", json):
        rows = read_log(log, parsed)
    with show.working("weighing", json):
        verdict = hold_gate(
            rows,
            candidate,
            baseline,
            delta=delta,
            spend=spend,
            horizon=horizon,
            state=tuple(state) if state else None,
            estimator=estimator,
            ledger=ledger or ledger_path(log),
            min_propensity=parsed.min_propensity,
        )
    beside = Beside()
    if verdict.unentered:
        beside.warn(f"this gate is not entered, and promotes nothing: {verdict.unentered}")
    if json:
        show.emit(verdict.to_json() | beside.to_json())
    else:
        _print(verdict)
    beside.close(verdict.exit_code)


def _print(verdict: Verdict) -> None:
    show.line(verdict.sentence)
    for reason, count in verdict.left_out.items():
        show.line(f"left out: {count:,} rows ({reason})")
    columns = ["claim", "estimate", "bound", "must be", "wrong at most", "by", "", "decisions needed"]
    for judged in verdict.candidates:
        if judged.claims:
            show.line()
            title = f"Claims of {judged.name}, on {verdict.n:,} decisions of {verdict.users:,} users: {judged.verdict}"
            show.table(title, columns, _rows(judged))
    if verdict.candidates:
        show.line(
            f"δ: {percent(verdict.delta)} for holdout {verdict.holdout}; spent here {percent(verdict.spent)}, "
            f"left {percent(verdict.left)}"
        )
    for note in verdict.notes:
        show.line(f"note: {note}")


def _rows(judged: CandidateVerdict) -> Iterator[tuple[str, ...]]:
    for c in judged.claims:
        side, limit = ("above", 0.0) if c.name == GAIN else ("at most", c.limit)
        wrong = percent(c.delta) if c.delta else "–"
        numbers = _digits(c.value, c), _digits(c.bound, c), f"{side} {limit:g}"
        yield c.name, *numbers, wrong, c.method, c.status, "–" if c.needed is None else f"{c.needed:,}"


def _digits(x: float | None, claim: Claim) -> str:
    return show.number(x, 5 if 0 < claim.limit < 0.1 else 4)
