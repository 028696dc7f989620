"""Coverage by cell: where intervals may be believed, and where the verdict says that they may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from cover import band
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, MUTED, LINE, BAND = "#1f2933", "#6b7785", "#d5dbe1", "#e8f1ec"
BLUE, RUST, PALE = "#33779c", "#c2562e", "#a9c9db"
SHOWN = (
    ("snips t", "SNIPS, cluster-t", "o", BLUE),
    ("dr t", "DR, cluster-t", "s", PALE),
    ("betting", "betting", "D", RUST),
)


def draw(cells: dict[str, Any], path: Path) -> None:
    """Write the page; the same results give the same bytes."""
    made = [c for c in cells.values() if "logs" in c]
    means = list(dict.fromkeys(c["mean"] for c in made))
    figure: Any = Figure(figsize=(13, 3.4 + 2.6 * len(means)), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.05, 0.955, "How often 95 % intervals hold the truth", size=17, color=INK, weight="bold")
    figure.text(
        0.05, 0.925,
        f"{made[0]['logs']:,} logs a dot. Green: where all intervals of trusted cells should fall. "
        "Shaded: the verdict is `ok` in at least 95 % of the logs; elsewhere it says weak or refused.",
        size=10, color=MUTED,
    )  # fmt: skip
    grid = figure.add_gridspec(len(means), 1, left=0.06, right=0.985, top=0.865, bottom=0.13, hspace=0.28)
    for i, mean in enumerate(means):
        axes = figure.add_subplot(grid[i])
        _panel(axes, [c for c in made if c["mean"] == mean], band(cells), last=i == len(means) - 1)
        axes.set_title(f"outcome of mean {mean:g}", loc="left", size=11, color=INK, weight="bold", pad=8)
        if i == 0:
            axes.legend(
                loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=9, labelcolor=INK
            )
    figure.savefig(path, format="png", metadata={"Software": None})


def _panel(axes: Any, made: list[dict[str, Any]], within: tuple[float, float], *, last: bool) -> None:
    """Cells from left to right: decisions, then weights, then likeness of a user's decisions."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    at = np.arange(len(made), dtype=float)
    for x, c in zip(at, made, strict=True):
        if c["share ok"] >= 0.95:
            axes.axvspan(x - 0.5, x + 0.5, color="#f3f5f7", lw=0, zorder=0)
    axes.axhspan(*within, color=BAND, zorder=0.5)
    axes.axhline(0.95, color=LINE, lw=1, zorder=1)
    for name, label, marker, colour in SHOWN:
        axes.scatter(at, [c[name] for c in made], s=30, marker=marker, color=colour, label=label, zorder=3, lw=0)
    likes = len(dict.fromkeys(c["alike"] for c in made))
    axes.set_xticks(at, [f"{c['alike']:g}" for c in made])
    axes.set_xlim(-0.6, len(made) - 0.4)
    axes.set_ylim(min(0.28, min(c["snips t"] for c in made) - 0.04), 1.03)
    axes.set_ylabel("covered", color=MUTED, size=9)
    for g in range(0, len(made), likes):
        if g:
            axes.axvline(g - 0.5, color=LINE, lw=1 if made[g]["n"] == made[g - 1]["n"] else 2.5, zorder=1)
        if last:
            middle = g + (likes - 1) / 2
            text = f"weights to {made[g]['largest']:g}\n{made[g]['n']:,} decisions"
            axes.annotate(text, (middle, 0), (0, -22), xycoords=("data", "axes fraction"), textcoords="offset points",
                          ha="center", va="top", size=9, color=INK)  # fmt: skip
    if last:
        axes.annotate("ICC", (0, 0), (-22, -4), xycoords="axes fraction", textcoords="offset points",
                      ha="right", va="top", size=9, color=MUTED)  # fmt: skip
