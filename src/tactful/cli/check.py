"""``tactful check``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from tactful.cli import show
from tactful.cli.options import Json, Log, Spec
from tactful.frames.read import read_log
from tactful.frames.spec import LogSpec
from tactful.learn.check import Check, Support
from tactful.learn.check import check as examine

MOST = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(log: Log, spec: Spec, json: Json = False) -> None:
    """Is this log sound, and what can be asked of it?

    Example: tactful check log.parquet --spec spec.toml
    """
    with show.working("reading", json):
        found = examine(read_log(log, LogSpec.from_toml(spec)))
    if json:
        show.emit(found.to_json())
        return
    _print(found)


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
    for finding in found.findings:
        show.line(f"{finding.level}: {finding.what}")


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
