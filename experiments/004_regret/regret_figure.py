"""The figure: share of the oracle's utility by week, in three worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from harness.figures import MUTED, error_band, frame, legend_below, page, save
from regret_tables import Runs

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
    figure = page(12, 4.3)
    panels = figure.subplots(1, len(worlds), sharey=True, squeeze=False)[0]
    for axes, world in zip(panels, worlds, strict=True):
        _panel(axes, runs, world)
    panels[0].set_ylabel("share of the best policy's utility", color=MUTED, size=9.5)
    legend_below(figure, panels[0], 4, 9.5, reverse=True)
    figure.tight_layout(rect=(0, 0.13, 1, 1), w_pad=1.6)
    save(figure, path)


def _panel(axes: Any, runs: Runs, world: str) -> None:
    for method, (label, colour, width, dashes) in reversed(STYLES.items()):
        if not runs.has(world, method):
            continue
        share = runs.shares(world, method)
        mean, week = share.mean(0), np.arange(1, share.shape[1] + 1)
        error = error_band(share)
        axes.fill_between(week, mean - error, mean + error, color=colour, alpha=0.15, lw=0)
        axes.plot(week, mean, color=colour, lw=width, ls=dashes, label=label)
    axes.set_xticks([1, *range(5, share.shape[1] + 1, 5)])
    axes.axhline(0.9, color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.text(1.2, 0.905, "90 %", ha="left", va="bottom", size=8, color=MUTED)
    frame(axes, TITLES[world], f"week, {runs.users(world):,} decisions each", 10.5)
    axes.set_ylim(0, 1)
    axes.set_xlim(1, share.shape[1])
    axes.set_yticks(np.arange(0, 1.01, 0.2), [f"{100 * y:.0f} %" for y in np.arange(0, 1.01, 0.2)])
