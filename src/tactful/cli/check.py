"""``tactful check``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.beside import Beside
from tactful.cli.options import Json, Log, Spec
from tactful.core.files import check_folder, check_output
from tactful.core.log import Log as Decisions
from tactful.diagnostics.check import Check
from tactful.diagnostics.check import check as examine
from tactful.diagnostics.support import Support
from tactful.errors import SpecError
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.models.files import load
from tactful.report.overlap_figure import overlap_figure

MOST = 30
FIGURE = "overlap.png"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    log: Log,
    spec: Spec,
    posterior: Annotated[
        Path | None, typer.Option(help="Folder of a saved posterior, to say where newer rows disagree with it.")
    ] = None,
    arms: Annotated[
        str | None, typer.Option(help="Shares of users that arms should have, such as control=0.1,uniform=0.05.")
    ] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder to draw the overlap into, as overlap.png.")] = None,
    json: Json = False,
) -> None:
    """Is this log sound, and what can be asked of it?

    Example: tactful check log.parquet --spec spec.toml --figures figures
    """
    shares = None if arms is None else _shares(arms)
    fitted = None if posterior is None else load(posterior)
    if figures is not None:
        check_folder("--figures", figures)
        check_output("--figures", figures / FIGURE, log, spec, *([] if posterior is None else [posterior]))
    with show.working("reading", json):
        rows = read_log(log, LogSpec.from_toml(spec))
    with show.working("checking", json):
        found = examine(rows, posterior=fitted, arms=shares)
    beside = Beside()
    if not json:
        _print(found)
    if figures is not None:
        beside.keep(f"the figure {FIGURE}", lambda: _draw(figures, rows), needed=True)
    if json:
        show.emit(found.to_json() | beside.to_json())
    beside.close()


def _draw(folder: Path, rows: Decisions) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    overlap_figure(folder / FIGURE, rows)


def _print(found: Check) -> None:
    show.line(
        f"{found.n:,} decisions of {found.users:,} users, {found.periods:,} period{'s' * (found.periods != 1)}, "
        f"{found.segments:,} segment{'s' * (found.segments != 1)}, {found.actions} actions; "
        f"propensities {found.propensities_are}"
    )
    for reason, count in found.left_out.items():
        show.line(f"left out: {count:,} rows ({reason})")
    show.line()
    show.table(
        "Outcomes, per decision",
        ["outcome", "kind", "known", "immature", "missing", "mean"],
        [
            (o.name, o.kind, f"{o.known:,}", f"{o.immature:,}", f"{o.missing:,}", show.number(o.mean))
            for o in found.outcomes
        ],
        left=2,
    )
    shown = _shown(found.support)
    show.table(
        "Support",
        ["action", "logged", "share", "least propensity", "effective rows for always:ACTION"],
        [(s.action, f"{s.n:,}", show.percent(s.share), _small(s.min_propensity), _whole(s.ess)) for s in shown],
    )
    if hidden := len(found.support) - len(shown):
        show.line(f"and {hidden} more actions between these, by effective rows: --json has them all")
    if found.uniform:
        u = found.uniform
        show.line(
            f"Uniform policy: mean weight {u['mean_weight']:.4f} ± {u['mean_se']:.4f} (1 if the propensities are right)"
            f", largest {u['max_weight']:.4g}, {u['ess']:,.0f} effective rows"
        )
    for mark, lines in (("can", found.can), ("cannot", found.cannot)):
        for text in lines:
            show.line(f"{mark:>6}  {text}")
    _print_more(found)
    for finding in found.findings:
        show.line(f"{finding.level}: {finding.what}")
    if not any(f.p is not None for f in found.findings):
        show.line(f"no test raised an alarm; of sound logs {1000 * found.false_alarm:g} in 1,000 would")


def _print_more(found: Check) -> None:
    if found.drift:
        show.table(
            f"Newer rows against the posterior (adjusted p; an alarm below {found.false_alarm:g})",
            ["outcome", "segment", "decisions", "observed", "expected", "p"],
            [
                (
                    d.outcome,
                    d.segment or "the root",
                    f"{d.n:,}",
                    f"{d.observed:.4g}",
                    f"{d.expected:.4g} ± {d.se:.2g}",
                    f"{d.p:.2g}",
                )
                for d in found.drift[:MOST]
            ],
            2,
        )
    if (price := found.price) is not None:
        value = show.with_interval(price.value, price.low, price.high, 3)
        after = f"if opted-out users bring {price.after:g} a period; " * price.assumed
        show.line(
            f"An opt-out costs {'at most ' * price.assumed}{value} of the objective over {price.horizon} periods "
            f"({after}{price.opt_outs:,} opt-outs): tt.opt_out_price"
        )


def _shares(text: str) -> dict[str, float]:
    """The shares that ``--arms`` gives."""
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(share) for name, share in pairs}
    except ValueError:
        raise SpecError(f"{text!r} are no shares", "--arms", "write them as control=0.1,uniform=0.05") from None


def _shown(support: Sequence[Support]) -> Sequence[Support]:
    """All actions, or of many those with the most and the fewest effective rows."""
    if len(support) <= MOST:
        return support
    ranked = sorted(support, key=lambda s: -(s.ess or s.n))
    return [*ranked[: MOST // 2], *ranked[-MOST // 2 :]]


def _whole(x: float | None) -> str:
    return "–" if x is None else f"{x:,.0f}"


def _small(x: float | None) -> str:
    return "–" if x is None else f"{x:.3g}"
