"""Coverage by cell: where intervals may be believed, and where the verdict says that they may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from cover import band
from harness.figures import BAND, BLUE, INK, LINE, MUTED, PALE, RUST, corner, page, save

SHOWN = (
    ("snips t", "SNIPS, cluster-t", "o", BLUE),
    ("dr t", "DR, cluster-t", "s", PALE),
    ("betting", "betting", "D", RUST),
)


def draw(cells: dict[str, Any], path: Path) -> None:
    """Write the page; the same results give the same bytes."""
    points = [c for c in cells.values() if "logs" in c]
    means = list(dict.fromkeys(c["mean"] for c in points))
    figure = page(13, 3.4 + 2.6 * len(means))
    figure.text(0.05, 0.955, "How often 95 % intervals hold the truth", size=17, color=INK, weight="bold")
    figure.text(
        0.05, 0.925,
        f"{points[0]['logs']:,} logs a dot. Green: where all intervals of trusted cells should fall. "
        "Shaded: the verdict is `ok` in at least 95 % of the logs; elsewhere it says weak or refused.",
        size=10, color=MUTED,
    )  # fmt: skip
    grid = figure.add_gridspec(len(means), 1, left=0.06, right=0.985, top=0.865, bottom=0.13, hspace=0.28)
    for i, mean in enumerate(means):
        axes = figure.add_subplot(grid[i])
        _panel(axes, [c for c in points if c["mean"] == mean], band(cells), last=i == len(means) - 1)
        axes.set_title(f"outcome of mean {mean:g}", loc="left", size=11, color=INK, weight="bold", pad=8)
        if i == 0:
            axes.legend(
                loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=9, labelcolor=INK
            )
    save(figure, path)


def _panel(axes: Any, points: list[dict[str, Any]], limits: tuple[float, float], *, last: bool) -> None:
    """Cells from left to right: decisions, then weights, then likeness of a user's decisions."""
    corner(axes, 9)
    position = np.arange(len(points), dtype=float)
    for x, c in zip(position, points, strict=True):
        if c["share ok"] >= 0.95:
            axes.axvspan(x - 0.5, x + 0.5, color="#f3f5f7", lw=0, zorder=0)
    axes.axhspan(*limits, color=BAND, zorder=0.5)
    axes.axhline(0.95, color=LINE, lw=1, zorder=1)
    for name, label, marker, colour in SHOWN:
        axes.scatter(
            position, [c[name] for c in points], s=30, marker=marker, color=colour, label=label, zorder=3, lw=0
        )
    likes = len(dict.fromkeys(c["alike"] for c in points))
    axes.set_xticks(position, [f"{c['alike']:g}" for c in points])
    axes.set_xlim(-0.6, len(points) - 0.4)
    axes.set_ylim(min(0.28, min(c["snips t"] for c in points) - 0.04), 1.03)
    axes.set_ylabel("covered", color=MUTED, size=9)
    for g in range(0, len(points), likes):
        if g:
            axes.axvline(g - 0.5, color=LINE, lw=1 if points[g]["n"] == points[g - 1]["n"] else 2.5, zorder=1)
        if last:
            middle = g + (likes - 1) / 2
            text = f"weights to {points[g]['largest']:g}\n{points[g]['n']:,} decisions"
            axes.annotate(text, (middle, 0), (0, -22), xycoords=("data", "axes fraction"), textcoords="offset points",
                          ha="center", va="top", size=9, color=INK)  # fmt: skip
    if last:
        axes.annotate("ICC", (0, 0), (-22, -4), xycoords="axes fraction", textcoords="offset points",
                      ha="right", va="top", size=9, color=MUTED)  # fmt: skip
