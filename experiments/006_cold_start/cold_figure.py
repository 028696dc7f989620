"""One figure: learning by size of leaf, and in leaves that appear late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cold_tables import METHODS, of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from regret_figure import INK, MUTED, framed

COLOURS = {"separate arms": "#a0793d", "Conjugate": "#7a9e87", "Hierarchical": "#c2562e"}


def draw(runs: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], path: Path) -> None:
    """Write the figure; the same runs give the same bytes."""
    sizes = settings["sizes"]["users"]
    figure: Any = Figure(figsize=(13, 4.0), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(sizes) + 1, sharey=True)
    for i, users in enumerate(sizes):
        lines = {m: np.array([r["share"] for r in of(runs, "sizes", m)])[:, :, i] for m in METHODS}
        fixed = np.mean([r["fixed"][i] for r in of(runs, "sizes", METHODS[0])])
        _panel(panels[i], f"{users:,} users in a leaf", lines, fixed)
    lines = {m: np.array([r["share"] for r in of(runs, "late", m)]) for m in METHODS}
    fixed = np.mean([r["fixed"] for r in of(runs, "late", METHODS[0])])
    _panel(panels[-1], f"leaves that appear in week {settings['late']['after'] + 1}", lines, fixed)
    panels[0].set_ylabel("share of the oracle's utility", color=MUTED, size=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], frameon=False, fontsize=9.5, ncols=3, loc="lower center", labelcolor=INK)
    figure.tight_layout(rect=(0, 0.08, 1, 1), w_pad=1.2)
    figure.savefig(path, format="png", metadata={"Software": None})


def _panel(axes: Any, title: str, lines: Mapping[str, np.ndarray], fixed: float) -> None:
    axes.axhline(fixed, color=MUTED, lw=1, ls=(0, (4, 3)))
    if min(share[:, -1].mean() for share in lines.values()) > fixed + 0.1:  # where no line runs through it
        place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "top"}
        axes.text(0.98, fixed - 0.012, "best fixed cadence", size=7.5, color=MUTED, **place)
    for method, share in lines.items():
        week, mean = np.arange(share.shape[1]), share.mean(0)
        se = share.std(0, ddof=1) / np.sqrt(len(share)) if len(share) > 1 else 0 * mean
        axes.fill_between(week, mean - se, mean + se, color=COLOURS[method], alpha=0.18, lw=0)
        axes.plot(week, mean, color=COLOURS[method], lw=1.8, label=method)
    framed(axes, title, "weeks of data")
    axes.set_ylim(0, 1)
    axes.set_xlim(0, None)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
