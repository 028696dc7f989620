"""``tactful replay``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.beside import Beside
from tactful.cli.models import announce_size
from tactful.cli.options import Json, Log, Seed, Spec
from tactful.core.files import check_folder, check_output
from tactful.errors import SpecError
from tactful.evaluation.results import EstimateRow
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.learners.replay import replay as live
from tactful.learners.results import Batch, Replay
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.contextual.linear import Linear
from tactful.models.contextual.logistic import Logistic
from tactful.models.hierarchical.posterior import Hierarchical
from tactful.optimisation.explorers import UCB, EpsilonGreedy, Explorer, Greedy, InverseGap, Softmax, Thompson
from tactful.report.learning_curve_figure import curves_figure

LEARNERS = {"hierarchical": Hierarchical, "conjugate": Conjugate, "linear": Linear, "logistic": Logistic}
EXPLORERS: tuple[str, ...] = ("thompson", "greedy", "epsilon-greedy", "softmax", "ucb", "inverse-gap")
MOST = 30
FIGURE = "replay.png"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    log: Log,
    spec: Spec,
    learner: Annotated[str, typer.Option(help=f"A model: {', '.join(LEARNERS)}.")] = "hierarchical",
    explorer: Annotated[str, typer.Option(help=f"How it explores: {', '.join(EXPLORERS)}.")] = "thompson",
    sharpen: Annotated[float, typer.Option(help="Thompson: exponent; 1 is plain, larger is greedier.", min=0)] = 2.0,
    epsilon: Annotated[float, typer.Option(help="Epsilon-greedy: share of uniform draws.", min=0, max=1)] = 0.1,
    temperature: Annotated[float, typer.Option(help="Softmax: in units of the objective.")] = 0.1,
    uniform: Annotated[float, typer.Option(help="The learner's total share of uniform traffic.", min=0, max=1)] = 0.03,
    batch_days: Annotated[
        float | None, typer.Option(help="Days between publications; a period of the log by default.")
    ] = None,
    half_life: Annotated[
        float | None, typer.Option(help="Days after which a decision counts half; without it all count alike.")
    ] = None,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    figures: Annotated[Path | None, typer.Option(help="Folder to draw the learning curve into, as replay.png.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """What would a learner have earned while it learnt, had it decided in place of the logging policy?

    Example: tactful replay log.parquet --spec spec.toml --learner hierarchical
    """
    for name, value, known in (("--learner", learner, LEARNERS), ("--explorer", explorer, EXPLORERS)):
        if value not in known:
            raise SpecError(f"unknown {name[2:]} {value!r}", name, f"choose one of {', '.join(known)}")
    if half_life is not None and not 0 < half_life < math.inf:
        raise SpecError(f"a half-life of {half_life} days", "--half-life", "choose a positive number of days")
    parsed = LogSpec.from_toml(spec)
    announce_size(learner, "--learner", parsed.actions.k)
    if figures is not None:
        check_folder("--figures", figures)
        check_output("--figures", figures / FIGURE, log, spec)
    with show.working("reading", json):
        rows = read_log(log, parsed)
    with show.working("replaying", json):
        found = live(
            rows,
            LEARNERS[learner](half_life_days=half_life),
            explorer=_explorer(explorer, sharpen, epsilon, temperature),
            uniform=uniform,
            batch_days=batch_days,
            min_propensity=parsed.min_propensity,
            seed=seed,
            level=level,
        )
    beside = Beside()
    if not json:
        _print(found, level)
    if figures is not None:
        beside.keep(f"the figure {FIGURE}", lambda: _draw(figures, found), needed=True)
    if json:
        show.emit(found.to_json() | beside.to_json())
    beside.close()


def _draw(folder: Path, found: Replay) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    curves_figure(folder / FIGURE, found)


def _explorer(name: str, sharpen: float, epsilon: float, temperature: float) -> Explorer:
    if not temperature > 0:  # NaN is refused too
        raise SpecError(f"a temperature of {temperature}", "--temperature", "choose a positive one")
    made: tuple[Explorer, ...] = (
        *(Thompson(sharpen=sharpen), Greedy(), EpsilonGreedy(epsilon), Softmax(temperature)),
        *(UCB(), InverseGap()),
    )
    return dict(zip(EXPLORERS, made, strict=True))[name]


def _print(found: Replay, level: float) -> None:
    show.line(found.says)
    for reason, count in found.left_out.items():
        show.line(f"left out: {count:,} rows ({reason})")
    show.line()
    show.table(
        f"Per decision, while it learnt; {100 * level:g} % intervals by user",
        ["outcome", "estimator", "value", "decisions", "verdict"],
        map(_value, found.values),
        2,
    )
    for why in dict.fromkeys(f"{v.verdict}: {v.why}" for v in found.values if v.why):
        show.line(why)
    shown = _shown(found.curve)
    show.table(
        "Objective per decision, by batch",
        ["from period", "logged", "accepted", "learnt from", "accepted rows", "dr-ns", "logging"],
        [
            (
                *(str(b.start), f"{b.n:,}", f"{b.accepted:,}", f"{b.learnt_from:,}"),
                *(show.number(b.rejection), show.number(b.dr), show.number(b.logging)),
            )
            for b in shown
        ],
    )
    if hidden := len(found.curve) - len(shown):
        show.line(f"and {hidden} batches between these: --json has them all")
    show.line("rejection: the mean of the accepted rows; dr-ns: every row, with the same histories (Dudík et al. 2012)")
    show.line("note: before an accepted row the log did other things than the learner would have: carry-over stays out")


def _value(v: EstimateRow) -> tuple[str, ...]:
    digits = 5 if v.value is not None and abs(v.value) < 0.1 else 4
    return v.outcome, v.estimator, show.with_interval(v.value, v.low, v.high, digits), f"{v.n:,}", v.verdict


def _shown(curve: Sequence[Batch]) -> Sequence[Batch]:
    """All batches, or of many the first and the last."""
    return curve if len(curve) <= MOST else [*curve[: MOST // 2], *curve[-MOST // 2 :]]
