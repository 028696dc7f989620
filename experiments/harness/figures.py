"""The look of all figures: colours, a page, and frames that stay in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, MUTED, LINE, BAND = "#1f2933", "#6b7785", "#d5dbe1", "#e8f1ec"
BLUE, RUST, PALE = "#33779c", "#c2562e", "#a9c9db"


def page(width: float, height: float) -> Any:
    """An empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG; the same figure gives the same bytes."""
    figure.savefig(path, format="png", metadata={"Software": None})


def legend_below(figure: Any, axes: Any, columns: int, size: float, *, reverse: bool = False) -> None:
    """One legend under all panels, with the lines of ``axes``."""
    handles, labels = axes.get_legend_handles_labels()
    if reverse:
        handles, labels = handles[::-1], labels[::-1]
    figure.legend(handles, labels, frameon=False, fontsize=size, ncols=columns, loc="lower center", labelcolor=INK)


def frame(axes: Any, title: str, below: str, size: float = 10) -> None:
    """Title and horizontal axis in points of about ``size``, with lines across and no frame but the axis."""
    axes.set_title(title, loc="left", size=size, color=INK, weight="bold")
    axes.set_xlabel(below, color=MUTED, size=size - 1)
    axes.tick_params(colors=MUTED, labelsize=size - 1.5, length=0)
    axes.grid(axis="y", color=LINE, lw=0.6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


def corner(axes: Any, size: float) -> None:
    """A frame of the left and the lower axis alone, with ticks in points of ``size``."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(colors=MUTED, labelsize=size, length=0)


def error_band(x: Any) -> Any:
    """(weeks,) standard error of the mean over seeds (seeds, weeks); 0 for one seed."""
    return x.std(0, ddof=1) / len(x) ** 0.5 if len(x) > 1 else 0 * x.mean(0)
