"""``tactful report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli import estimate_table as estimates
from tactful.cli.beside import Beside
from tactful.cli.evaluate import POLICY
from tactful.cli.fit import MODELS
from tactful.cli.models import announce_size
from tactful.cli.options import Json, Log, Seed, Spec
from tactful.core.files import check_output, replacing
from tactful.core.log import Log as Decisions
from tactful.diagnostics.check import check
from tactful.errors import SpecError
from tactful.evaluation.analysis_set import check_askable
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.overlap import overlap
from tactful.evaluation.target_policies import resolve
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.models.base import Posterior
from tactful.optimisation.publish import publish
from tactful.planning.frontier import Frontier, frontier
from tactful.policies.protocol import Published
from tactful.report.html_report import ReportParts
from tactful.report.html_report import report as written

LEARNT = "learnt"
SALT = "report"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    log: Log,
    spec: Spec,
    out: Annotated[Path, typer.Option(help="The page, .html.")],
    policy: Annotated[str, typer.Option(help=f"{POLICY} Without it one is learnt on half of the users.")] = "",
    baseline: Annotated[str, typer.Option(help=POLICY)] = "logging",
    cost: Annotated[
        str, typer.Option(help="The outcome whose price rises along the frontier; default the first limited one.")
    ] = "",
    model: Annotated[str, typer.Option(help=f"One of: {', '.join(MODELS)}.")] = "hierarchical",
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Estimates, weights and the price of opt-outs, on one page of HTML that stands alone.

    Example: tactful report log.parquet --spec spec.toml --out report.html
    """
    if not 0 < level < 1:
        raise SpecError(f"a level of {level}", "--level", "choose it between 0 and 1")
    if model not in MODELS:
        raise SpecError(f"unknown model {model!r}", "--model", f"choose one of {', '.join(MODELS)}")
    parsed = LogSpec.from_toml(spec)
    announce_size(model, "--model", parsed.actions.k)
    check_output("--out", out, log, spec, policy, baseline)
    if not out.parent.is_dir():
        raise SpecError("no such folder", str(out.parent), "make it, or name another --out")
    base, given = resolve(baseline, parsed.actions), resolve(policy, parsed.actions) if policy else None
    with show.working("reading", json):
        rows = read_log(log, parsed)
    check_askable(rows)
    train, test = rows.split(0.5, SALT)
    with show.working("fitting", json):
        posterior = MODELS[model]().fit(train)
        target, said = (given, []) if given is not None else _learnt(posterior, parsed, seed)
    with show.working("evaluating", json):
        tested = rows if given is not None else test
        result = evaluate(tested, target, base, level=level)
        reach = overlap(tested, target)
    name = cost or _cost(parsed)
    with show.progress("frontier", json) as step:
        found = _frontier(test, posterior, parsed, name, level, seed, step) if name else None
    limit = parsed.limits.outcomes.get(name)
    whole = ReportParts(
        name=log.name,
        policy=policy or LEARNT,
        baseline=baseline,
        check=check(rows),
        result=result,
        overlap=reach,
        frontier=found,
        limit=limit,
        remarks=said,
    )
    beside = Beside()
    kept = beside.keep("the page", lambda: _write(whole, out), needed=True)
    if json:
        points = [] if found is None else [(p.price, p.version, p.value.value, p.cost.value) for p in found.points]
        show.emit(
            {
                "report": None if kept is None else str(out),
                "policy": result.target,
                "frontier": [dict(zip(("price", "policy", "value", "cost"), p, strict=True)) for p in points],
            }
            | result.to_json()
            | beside.to_json()
        )
    else:
        place = "No page" if kept is None else out
        show.line(f"{place}: {whole.policy} against {baseline} on {result.n:,} decisions of {result.users:,} users")
        if kept is None:
            estimates.print_evaluation(result, policy or LEARNT, baseline, tuple(parsed.limits.outcomes))
    beside.close()


def _write(parts: ReportParts, out: Path) -> Path:
    with replacing(out) as part:
        part.write_text(written(parts), encoding="utf-8")
    return out


def _learnt(posterior: Posterior, spec: LogSpec, seed: int) -> tuple[Published, list[str]]:
    """A policy of half of the users, within the limits if they can be kept."""
    half = "The policy was learnt on half of the users and is evaluated on the other half"
    try:
        return publish(posterior, spec.objective, spec.limits, seed=seed), [
            f"{half}; it keeps the limits by its model."
        ]
    except SpecError as error:
        if not spec.limits.to_json():
            raise
        return publish(posterior, spec.objective, seed=seed), [f"{half}, without limits: {error.what}."]


def _cost(spec: LogSpec) -> str:
    """The outcome that the frontier is about: the first limited one, or the first that ends it all; none without."""
    absorbing = [name for name, o in spec.outcomes.items() if o.absorbing]
    names = [name for name in [*spec.limits.outcomes, *absorbing] if set(spec.objective.outcomes) - {name}]
    return names[0] if names else ""


def _frontier(
    test: Decisions, posterior: Posterior, spec: LogSpec, cost: str, level: float, seed: int, step: show.Step
) -> Frontier:
    return frontier(test, posterior, spec.objective, cost, level=level, seed=seed, progress=step)
