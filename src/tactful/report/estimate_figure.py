"""Estimates with their intervals side by side: every estimator, both policies, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tactful.core.outcomes import OBJECTIVE
from tactful.evaluation.results import EstimateRow, Evaluation
from tactful.evaluation.target_policies import LOGGING
from tactful.report.canvas import BLUE, GREY, INK, LINE, MUTED, ORANGE, sheet, title

ROW, HEAD = 0.27, 1.0  # inches
SIDES = (("target", BLUE, -0.16), ("baseline", GREY, 0.16))


def estimates_figure(result: Evaluation, policy: str, baseline: str, outcomes: Sequence[str] = ()) -> Any:
    """One row of panels an outcome: what both earn per decision, and the paired difference with a line at 0.

    A refused estimate shows its verdict in place of a point; one that is not ``ok`` is hollow. What logging earned is
    the same by every estimator: a band.
    """
    shown = list(outcomes) or _in_order(result)
    names = list(dict.fromkeys(e.estimator for e in result.estimates))
    height = len(shown) * (HEAD + ROW * len(names)) + 0.6
    figure, axes = sheet(9.2, height, len(shown), 2, sharey="row")
    for (left, right), outcome in zip(axes, shown, strict=True):
        by = {(e.policy, e.estimator): e for e in result.estimates if e.outcome == outcome}
        _sides(left, by, names, band=result.baseline == LOGGING)
        for row, name in enumerate(names):
            _point(right, by["difference", name], row, ORANGE)
        right.axvline(0, color=INK, linewidth=0.8, zorder=1)
        _frame(left, outcome, names)
        _frame(right, "difference", names)
    _legend(figure, policy, baseline, result)
    return figure


def _in_order(result: Evaluation) -> list[str]:
    """The objective first."""
    names = list(dict.fromkeys(e.outcome for e in result.estimates))
    return sorted(names, key=lambda o: o != OBJECTIVE)


def _sides(axes: Any, by: dict[tuple[str, str], EstimateRow], names: Sequence[str], *, band: bool) -> None:
    for role, colour, shift in SIDES[: 1 if band else 2]:
        for row, name in enumerate(names):
            _point(axes, by[role, name], row + (0 if band else shift), colour)
    logged = by["baseline", names[0]]
    if band and logged.value is not None:
        if logged.low is not None and logged.high is not None:
            axes.axvspan(logged.low, logged.high, color=LINE, alpha=0.6, linewidth=0)
        axes.axvline(logged.value, color=GREY, linewidth=1)


def _point(axes: Any, e: EstimateRow, y: float, colour: str) -> None:
    if e.value is None:
        where = {"transform": axes.get_yaxis_transform(), "ha": "center", "va": "center"}
        axes.text(0.5, y, e.verdict, size=7.5, color=MUTED, **where)
        return
    if e.low is not None and e.high is not None:
        axes.plot([e.low, e.high], [y, y], color=colour, linewidth=1.8, solid_capstyle="round")
    face = colour if e.verdict == "ok" else "white"
    axes.plot([e.value], [y], "o", markersize=4.5, markerfacecolor=face, markeredgecolor=colour, zorder=3)


def _frame(axes: Any, words: str, names: Sequence[str]) -> None:
    title(axes, words)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.locator_params(axis="x", nbins=6)


def _legend(figure: Any, policy: str, baseline: str, result: Evaluation) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def dot(colour: str, label: str, **more: Any) -> Any:
        return Line2D([], [], color=colour, marker="o", markersize=4.5, label=label, **more)

    logged = Patch(color=LINE, label=baseline) if result.baseline == LOGGING else dot(GREY, baseline)
    hollow = dot(MUTED, "not ok", markerfacecolor="white", linestyle="")
    note = f"per decision{', ' + result.label if result.label else ''}; {100 * result.level:g} % intervals by user"
    figure.legend(
        handles=[dot(BLUE, policy), logged, dot(ORANGE, "difference"), hollow],
        loc="outside upper left",
        ncols=4,
        title=note,
        fontsize=8.5,
        title_fontsize=8.5,
        alignment="left",
        frameon=False,
    )
