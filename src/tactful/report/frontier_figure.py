"""What fewer opt-outs cost: one point a policy of the family, with its intervals both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tactful.planning.frontier import Frontier, FrontierPoint
from tactful.report.canvas import BLUE, GREY, INK, MUTED, sheet, title

NEAR = 28  # dots between points that both have room for their price
RARE = 0.1  # rates below are printed in ‰


def frontier_figure(found: Frontier, limit: float | None = None) -> Any:
    """Value per decision against the rate of the cost; prices beside the points, a line at the limit."""
    figure, axes = sheet(6.6, 4.4)
    one = axes[0, 0]
    shown = [p for p in found.points if p.value.value is not None and p.cost.value is not None]
    family = [p for p in shown if p.price is not None]
    one.plot([p.cost.value for p in family], [p.value.value for p in family], color=BLUE, linewidth=1, alpha=0.5)
    for p in shown:
        _cross(one, p)
    one.margins(0.06)
    if limit is not None:
        one.axvline(limit, color=INK, linewidth=0.8, linestyle="--")
        one.text(limit, 0.99, " limit", transform=one.get_xaxis_transform(), va="top", size=8, color=INK)
    refused = len(found.points) - len(shown)
    words = f"Value against {found.cost}, by the price of one {found.cost}"
    title(one, words + (f" ({refused} refused)" if refused else ""))
    one.set_xlabel(f"{found.cost} per decision")
    if max((p.cost.value or 0.0 for p in shown), default=0.0) < RARE:
        one.xaxis.set_major_formatter(_mille)
    one.locator_params(axis="x", nbins=7)
    one.grid()
    one.set_ylabel(_value(found))
    _prices(one, shown)
    return figure


def _cross(axes: Any, p: FrontierPoint) -> None:
    x, y, colour = p.cost, p.value, GREY if p.price is None else BLUE
    faint = {"color": colour, "linewidth": 0.9, "alpha": 0.45}
    if x.low is not None:
        axes.plot([x.low, x.high], [y.value, y.value], **faint)
    if y.low is not None:
        axes.plot([x.value, x.value], [y.low, y.high], **faint)
    face = colour if x.verdict == y.verdict == "ok" else "white"
    axes.plot([x.value], [y.value], "o", markersize=5.5, markerfacecolor=face, markeredgecolor=colour, zorder=3)


def _prices(axes: Any, points: Sequence[FrontierPoint]) -> None:
    """The price beside each point that is not beside one which has its own."""
    taken: list[tuple[float, float]] = []
    for p in sorted(points, key=lambda p: p.price is not None):
        at = p.cost.value, p.value.value
        x, y = axes.transData.transform(at)
        if any(abs(x - a) < NEAR and abs(y - b) < NEAR for a, b in taken):
            continue
        taken.append((x, y))
        label, ink = ("logging", INK) if p.price is None else (f"{p.price:g}", MUTED)
        axes.annotate(label, at, (5, 5), textcoords="offset points", size=8, color=ink)


def _value(found: Frontier) -> str:
    parts = [o if v == 1 else f"{v:g} × {o}" for o, v in found.values.values.items() if v]
    return f"{' + '.join(parts)} per decision"


def _mille(x: float, _: int) -> str:
    return f"{1000 * x:.3g} ‰"
