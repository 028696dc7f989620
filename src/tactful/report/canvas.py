"""The look that figures share, and how they become files: equal input gives equal bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from tactful.errors import missing_extra

INK, MUTED, LINE = "#1f2933", "#6b7785", "#d5dbe1"
BLUE, ORANGE, GREY = "#33779c", "#c8663b", "#8894a0"
FONT = "DejaVu Sans"  # it comes with matplotlib
STYLE: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 9,
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "svg.hashsalt": "tactful",
    "text.parse_math": False,  # names may hold a dollar sign
    "xtick.color": MUTED,
    "xtick.labelsize": 8,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.color": MUTED,
    "ytick.labelsize": 8,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


def sheet(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure of so many inches with its grid of axes (rows, columns); ``options`` are those of ``subplots``.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("report", "a figure") from error
    settings: Any = mpl
    with settings.rc_context(STYLE):
        figure: Any = Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def title(axes: Any, text: str) -> None:
    """What a chart shows, above it."""
    axes.set_title(text, loc="left", color=INK, size=10, weight="bold")


def legend(axes: Any, **more: Any) -> None:
    """What the marks mean, without a frame."""
    axes.legend(frameon=False, fontsize=8, **more)


def png(figure: Any, path: str | Path) -> None:
    """Write a PNG, without date and version."""
    _save(figure, path, "png", {"Software": None})


def svg(figure: Any) -> str:
    """The figure as an element of a page."""
    raw = BytesIO()
    _save(figure, raw, "svg", {"Date": None, "Creator": None})
    text = raw.getvalue().decode("utf-8")
    return text[text.index("<svg") :]


def _save(figure: Any, to: Any, kind: str, metadata: dict[str, Any]) -> None:
    import matplotlib as mpl

    settings: Any = mpl
    with settings.rc_context(STYLE):
        figure.savefig(to, format=kind, metadata=metadata)


def logarithmic(axis: Any) -> None:
    """A logarithmic scale with plain numbers at 1, 2 and 5 of every decade, or at 1 alone where decades are many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes: Any = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1000 * low else (1.0,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_plain))


def _plain(x: float, _: int) -> str:
    return f"{x:,.0f}" if x >= 1 and x == round(x) else f"{x:g}"
