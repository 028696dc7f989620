"""``tactful evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.options import Json, Log, Spec, Tracking
from tactful.cli.record import record_evaluation
from tactful.errors import SpecError
from tactful.frames.read import read_log
from tactful.frames.spec import LogSpec
from tactful.learn.estimates import DEFAULT, ESTIMATORS, check_names
from tactful.learn.evaluate import check_askable
from tactful.learn.evaluate import evaluate as estimate
from tactful.learn.evaluation import Entry, Evaluation
from tactful.learn.ledger import enter, ledger_path
from tactful.learn.targets import LOGGING, resolve
from tactful.policies.table import Table

MODEL_LED = ("dm", "clipped-ips", "switch-dr", "dros")  # why these are weak stands in their description
POLICY = "A policy's folder, uniform, logging (weights 1) or always:ACTION."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    log: Log,
    spec: Spec,
    policy: Annotated[str, typer.Option(help=POLICY)],
    baseline: Annotated[str, typer.Option(help=POLICY)] = "logging",
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    estimators: Annotated[str, typer.Option(help=f"Separated by commas, or all: {', '.join(ESTIMATORS)}.")] = ",".join(
        DEFAULT
    ),
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Also bootstrap and finite-sample intervals, where they can be had.")
    ] = False,
    ledger: Annotated[
        Path | None, typer.Option(help="Where looks at held-out users are entered; default beside LOG.")
    ] = None,
    tracking_uri: Tracking = None,
    json: Json = False,
) -> None:
    """What would another policy have earned on this log? With intervals by user, and a verdict.

    Example: tactful evaluate log.parquet --spec spec.toml --policy policy --baseline logging
    """
    if not 0 < level < 1:
        raise SpecError(f"a level of {level}", "--level", "choose it between 0 and 1")
    names = tuple(ESTIMATORS) if estimators == "all" else check_names(tuple(estimators.split(",")))
    parsed = LogSpec.from_toml(spec)
    target, base = resolve(policy, parsed.actions), resolve(baseline, parsed.actions)
    with show.working("reading", json):
        rows = read_log(log, parsed)
    check_askable(rows)
    with show.working("evaluating", json):
        result = estimate(rows, target, base, level=level, estimators=names, intervals=intervals)
    if "in-sample" not in {e.verdict for e in result.estimates}:
        for side in (target, base):
            if isinstance(side, Table) and side.lineage and side.lineage.split_share:
                enter(ledger or ledger_path(log), side.lineage, {"command": "evaluate", "policy": side.version})
    run = None
    if tracking_uri:
        run = record_evaluation(tracking_uri, rows, result, {"policy": policy, "baseline": baseline, "level": level})
    if json:
        show.emit(result.to_json() | ({"run": run} if run else {}))
        return
    print_evaluation(result, policy, baseline)


def print_evaluation(result: Evaluation, policy: str, baseline: str) -> None:
    """The tables that people read: one a role, the difference first."""
    show.line(
        f"{result.n:,} decisions of {result.users:,} users; {100 * result.level:g} % intervals by user (cluster-t)"
    )
    for reason, count in result.left_out.items():
        show.line(f"left out: {count:,} rows ({reason})")
    titles = {
        "difference": f"Difference, {policy} less {baseline}, per decision",
        "target": f"{policy}, per decision",
        "baseline": f"{baseline}, per decision",
    }
    for role, title in titles.items():
        # What logging earned is a mean: every estimator gives the same.
        same = role == "baseline" and result.baseline == LOGGING
        mine = [e for e in result.estimates if e.policy == role]
        rows = [e for e in mine if e.estimator == mine[0].estimator] if same else mine
        show.table(
            title, ["outcome", "estimator", "value", "ESS", "max weight", "mean weight", "verdict"], map(_row, rows), 2
        )
    if result.intervals:
        print_intervals(result)
    for why, where in reasons(result).items():
        show.line(f"{why} ({where})")
    for note in result.notes:
        show.line(f"note: {note}")


def print_intervals(result: Evaluation) -> None:
    """Every further interval with what its level rests on, or why there is none."""
    show.table(
        f"Other {100 * result.level:g} % intervals",
        ["policy", "outcome", "estimator", "interval", "low", "high", "valid"],
        [
            (
                x.policy,
                x.outcome,
                x.estimator,
                x.interval,
                show.number(x.low),
                show.number(x.high),
                x.why or x.valid_for,
            )
            for x in result.intervals
        ],
        4,
    )


def reasons(result: Evaluation) -> dict[str, str]:
    """Why entries are not ``ok``, each reason once, with where it holds."""
    found: dict[str, dict[str, None]] = {}
    for e in result.estimates:
        if e.why and e.estimator not in MODEL_LED and e.policy != "difference":
            found.setdefault(f"{e.verdict}: {e.why}", {})[f"{e.policy} {e.outcome}"] = None
    everywhere = 2 * len({e.outcome for e in result.estimates})
    return {why: "all" if len(at) == everywhere else ", ".join(at) for why, at in found.items()}


def _row(e: Entry) -> tuple[str, ...]:
    value = with_value(e)
    return e.outcome, e.estimator, value, f"{e.ess:,.0f}", f"{e.max_weight:.2f}", f"{e.mean_weight:.3f}", e.verdict


def with_value(e: Entry) -> str:
    """The value with its interval, in as many digits as its size wants."""
    small = e.value is not None and abs(e.value) < 0.1
    return show.with_interval(e.value, e.low, e.high, 5 if small else 4)
