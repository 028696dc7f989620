"""``tactful evaluate``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli import estimate_table as estimates
from tactful.cli.beside import Beside, check_store
from tactful.cli.fit import MODELS
from tactful.cli.options import Json, Log, Spec, Tracking
from tactful.cli.record import record_evaluation
from tactful.core.files import check_folder, check_output
from tactful.core.lineage import Lineage
from tactful.errors import SpecError
from tactful.evaluation.action_groups import PARTS_OF_DAY, Banding
from tactful.evaluation.analysis_set import check_askable
from tactful.evaluation.estimator_registry import DEFAULT, ESTIMATORS, check_names
from tactful.evaluation.evaluate import evaluate as estimate
from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy, resolve
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.promotion.ledger import check_ledger, enter_look, ledger_path

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
    reward_model: Annotated[
        str, typer.Option(help=f"What dm and dr expect of actions: {', '.join(MODELS)}.")
    ] = "conjugate",
    slot_bands: Annotated[str, typer.Option(help="When the bands of mips begin, local time.")] = ",".join(PARTS_OF_DAY),
    frequency_bands: Annotated[
        str, typer.Option(help="The last frequency of each band of mips but the highest; default the median.")
    ] = "",
    horizon: Annotated[
        int | None, typer.Option(help="Also per user over so many periods, in which sends change users.", min=1)
    ] = None,
    state: Annotated[
        str, typer.Option(help="With --horizon: what is known of a user, as x_fatigue or segment:1,x_fatigue.")
    ] = "",
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Also bootstrap and finite-sample intervals, where they can be had.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every outcome by every estimator, by segment and by period.")
    ] = False,
    figures: Annotated[Path | None, typer.Option(help="Folder for pictures of the estimates and weights.")] = None,
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
    if reward_model not in MODELS:
        raise SpecError(f"unknown model {reward_model!r}", "--reward-model", f"choose one of {', '.join(MODELS)}")
    names = tuple(ESTIMATORS) if estimators == "all" else check_names(tuple(estimators.split(",")))
    parsed = LogSpec.from_toml(spec)
    target, base = resolve(policy, parsed.actions), resolve(baseline, parsed.actions)
    if figures is not None:
        check_folder("--figures", figures)
    for option, place in (("--ledger", ledger), ("--figures", figures)):
        if place is not None:
            check_output(option, place, log, spec, policy, baseline)
    book, holdouts = ledger or ledger_path(log), list(_holdouts(target, base))
    if holdouts:
        check_ledger(book)
    check_store(tracking_uri)
    with show.working("reading", json):
        rows = read_log(log, parsed)
    check_askable(rows)
    with show.working("evaluating", json):
        result = estimate(
            rows,
            target,
            base,
            level=level,
            estimators=names,
            intervals=intervals,
            reward_model=MODELS[reward_model](),
            banding=Banding(slot_bands.split(","), _frequencies(frequency_bands)),
            horizon=horizon,
            state=state.split(",") if state else None,
        )
    beside = Beside()
    if "in-sample" not in {e.verdict for e in result.estimates}:
        for lineage, version in holdouts:
            look = {"command": "evaluate", "policy": version}
            beside.keep("the look at a holdout", partial(enter_look, book, lineage, look))
    if not json:
        estimates.print_evaluation(result, policy, baseline, tuple(parsed.limits.outcomes), everything=everything)
    run, drawn = None, list[Path]()
    if tracking_uri:
        options = {"policy": policy, "baseline": baseline, "level": level}
        run = beside.record(tracking_uri, lambda: record_evaluation(tracking_uri, rows, result, options))
    if figures is not None:
        named = {policy: target, baseline: base}
        drawn = beside.keep("a figure", lambda: estimates.draw(figures, rows, result, named), needed=True) or []
    if json:
        more = {"run": run} if run else {}
        drawings = {"figures": [str(p) for p in drawn]} if figures else {}
        show.emit(result.to_json() | more | drawings | beside.to_json())
    for path in () if json else drawn:
        show.line(f"drawn: {path}")
    beside.close()


def _holdouts(*policies: TargetPolicy) -> Iterator[tuple[Lineage, str]]:
    """The lineage and version of every policy that was fitted on a part of the users."""
    for policy in policies:
        if not isinstance(policy, LoggingPolicy) and policy.lineage and policy.lineage.split_share:
            yield policy.lineage, policy.version


def _frequencies(text: str) -> list[int] | None:
    if not text:
        return None
    try:
        return [int(f) for f in text.split(",")]
    except ValueError:
        do = "give whole numbers of sends, such as 2,5"
        raise SpecError(f"not frequencies: {text!r}", "--frequency-bands", do) from None
