"""The figure: share of the oracle's utility by week, in three worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from regret_tables import Runs

INK, MUTED, LINE = "#1f2933", "#6b7785", "#d5dbe1"
STYLES: dict[str, tuple[str, str, float, Any]] = {  # label, colour, width, dashes
    "Hierarchical": ("tactful, hierarchical", "#c2562e", 2.6, "-"),
    "VW bagging": ("Vowpal Wabbit, bagging", "#33779c", 1.5, "-"),
    "VW SquareCB": ("Vowpal Wabbit, SquareCB", "#33779c", 1.5, (0, (4, 2))),
    "MABWiser LinTS": ("MABWiser, LinTS", "#5f8f5f", 1.5, "-"),
    "MABWiser LinUCB": ("MABWiser, LinUCB", "#5f8f5f", 1.5, (0, (4, 2))),
    "bayesianbandits": ("bayesianbandits, Thompson", "#8a6fae", 1.5, "-"),
    "separate arms": ("separate Beta arms, Thompson", "#b08a3e", 1.5, "-"),
    "uniform": ("uniform", "#a0a7af", 1.2, (0, (1, 1.5))),
}
TITLES = {
    "plain": "Smooth surface, independent decisions",
    "notifications": "Users who tire, form habits and leave",
    "rough": "No structure to learn from",
}


def draw(runs: Runs, path: Path) -> None:
    """Write the figure; the same runs give the same bytes."""
    worlds = [w for w in TITLES if runs.has(w, "Hierarchical")]
    figure: Any = Figure(figsize=(12, 4.3), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(worlds), sharey=True, squeeze=False)[0]
    for axes, world in zip(panels, worlds, strict=True):
        _panel(axes, runs, world)
    panels[0].set_ylabel("share of the best policy's utility", color=MUTED, size=9.5)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], frameon=False, fontsize=9.5, ncols=4, loc="lower center", labelcolor=INK)
    figure.tight_layout(rect=(0, 0.13, 1, 1), w_pad=1.6)
    figure.savefig(path, format="png", metadata={"Software": None})


def _panel(axes: Any, runs: Runs, world: str) -> None:
    for method, (label, colour, width, dashes) in reversed(STYLES.items()):
        if not runs.has(world, method):
            continue
        share = runs.shares(world, method)
        mean, week = share.mean(0), np.arange(1, share.shape[1] + 1)
        se = share.std(0, ddof=1) / np.sqrt(len(share)) if len(share) > 1 else 0 * mean
        axes.fill_between(week, mean - se, mean + se, color=colour, alpha=0.15, lw=0)
        axes.plot(week, mean, color=colour, lw=width, ls=dashes, label=label)
    axes.set_xticks([1, *range(5, share.shape[1] + 1, 5)])
    axes.axhline(0.9, color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.text(1.2, 0.905, "90 %", ha="left", va="bottom", size=8, color=MUTED)
    framed(axes, TITLES[world], f"week, {runs.users(world):,} decisions each", 10.5)
    axes.set_ylim(0, 1)
    axes.set_xlim(1, share.shape[1])
    axes.set_yticks(np.arange(0, 1.01, 0.2), [f"{100 * y:.0f} %" for y in np.arange(0, 1.01, 0.2)])


def framed(axes: Any, title: str, below: str, size: float = 10) -> None:
    """Title and horizontal axis in points of about ``size``, and a frame that stays in the background."""
    axes.set_title(title, loc="left", size=size, color=INK, weight="bold")
    axes.set_xlabel(below, color=MUTED, size=size - 1)
    axes.tick_params(colors=MUTED, labelsize=size - 1.5, length=0)
    axes.grid(axis="y", color=LINE, lw=0.6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
