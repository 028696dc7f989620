"""One figure: learning by size of leaf, and in leaves that appear late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cold_tables import METHODS, select
from harness.figures import MUTED, error_band, frame, legend_below, page, save
from matplotlib.ticker import MaxNLocator

COLOURS = {"separate arms": "#a0793d", "Conjugate": "#7a9e87", "Hierarchical": "#c2562e"}


def draw(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], path: Path) -> None:
    """Write the figure; the same runs give the same bytes."""
    sizes = settings["sizes"]["users"]
    figure = page(13, 4.0)
    panels = figure.subplots(1, len(sizes) + 1, sharey=True)
    for i, users in enumerate(sizes):
        lines = {m: np.array([r["share"] for r in select(runs, "sizes", m)])[:, :, i] for m in METHODS}
        fixed = np.mean([r["fixed"][i] for r in select(runs, "sizes", METHODS[0])])
        _panel(panels[i], f"{users:,} users in a leaf", lines, fixed)
    lines = {m: np.array([r["share"] for r in select(runs, "late", m)]) for m in METHODS}
    fixed = np.mean([r["fixed"] for r in select(runs, "late", METHODS[0])])
    _panel(panels[-1], f"leaves that appear in week {settings['late']['after'] + 1}", lines, fixed)
    panels[0].set_ylabel("share of the oracle's utility", color=MUTED, size=9)
    legend_below(figure, panels[0], 3, 9.5, reverse=True)
    figure.tight_layout(rect=(0, 0.08, 1, 1), w_pad=1.2)
    save(figure, path)


def _panel(axes: Any, title: str, lines: Mapping[str, np.ndarray], fixed: float) -> None:
    axes.axhline(fixed, color=MUTED, lw=1, ls=(0, (4, 3)))
    if min(share[:, -1].mean() for share in lines.values()) > fixed + 0.1:  # where no line runs through it
        place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "top"}
        axes.text(0.98, fixed - 0.012, "best fixed cadence", size=7.5, color=MUTED, **place)
    for method, share in lines.items():
        week, mean = np.arange(share.shape[1]), share.mean(0)
        error = error_band(share)
        axes.fill_between(week, mean - error, mean + error, color=COLOURS[method], alpha=0.18, lw=0)
        axes.plot(week, mean, color=COLOURS[method], lw=1.8, label=method)
    frame(axes, title, "weeks of data")
    axes.set_ylim(0, 1)
    axes.set_xlim(0, None)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
