"""The heat map of a policy: which cadence each segment gets, and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.errors import missing_extra

ROWS = 40
INK, MUTED, LINE = "#1f2933", "#6b7785", "#d5dbe1"
SHADES = ("#f7f9fb", "#dbe7ef", "#a9c9db", "#6aa3c0", "#33779c", "#134b6b")  # light to dark, one hue
CELL_W, CELL_H, GAP = 0.46, 0.3, 0.3  # inches, inches, cells
FONT = "DejaVu Sans"  # it comes with matplotlib


class Column(NamedTuple):
    """One action: where it stands, its label, and the group (slot) that it belongs to."""

    action: int
    at: float
    label: str
    group: str


def columns(actions: ActionSpace) -> list[Column]:
    """Actions from left to right: those without a slot first, then slot by slot with a gap between groups."""
    order: list[int] = sorted(range(actions.k), key=lambda a: (actions.slots[a] or "", a))
    placed: list[Column] = []
    at = 0.0
    for slot, group in groupby(order, key=lambda a: actions.slots[a] or ""):
        for a in group:
            label = f"{actions.frequencies[a]}×" if slot else _short(actions.names[a], 24)
            placed.append(Column(a, at, label, slot))
            at += 1
        at += GAP
    return placed


def most_likely(actions: ActionSpace, pmf: F64) -> list[str]:
    """(s,) the name of each row's likeliest action."""
    return [_short(actions.names[int(a)], 24) for a in np.argmax(pmf, axis=1)]


def sends(actions: ActionSpace, pmf: F64) -> F64 | None:
    """(s,) expected sends a period; None where an action has no frequency."""
    f = [np.nan if x is None else x for x in actions.frequencies]
    mean: F64 = pmf @ np.array(f, np.float64)
    return None if np.isnan(mean).any() else mean


def cadence_figure(
    path: str | Path,
    *,
    actions: ActionSpace,
    segments: Sequence[str],
    pmf: F64,
    expected: Mapping[str, F64] | None = None,
    title: str = "",
) -> None:
    """Write a PNG: segments by actions, shaded by probability, a frame around the likeliest action of each segment.

    Parameters
    ----------
    path
        The file to write; the same input gives the same bytes.
    actions, segments, pmf
        The K actions, the paths of s segments, and a pmf (s, k). Beyond 40 segments the first 40 are shown, and the
        title says so.
    expected
        Columns of numbers beside the map, each (s,): ``opted_out`` is printed in ‰, others as they are. Expected
        sends a period come first where every action has a frequency.
    title
        Above the map; empty for a plain one.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("report", "a figure") from error
    pmf = np.asarray(pmf, np.float64)
    shown = min(len(segments), ROWS)
    names = [_short(s, 48) or "everyone" for s in segments[:shown]]
    heading = title or "Cadence by segment"
    if shown < len(segments):
        heading += f" (first {shown} of {len(segments)} segments)"
    sheet = _Sheet.of(actions, names, _notes(actions, pmf[:shown], expected or {}), heading)
    figure: Any = Figure(figsize=(sheet.width, sheet.height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, sheet.width)
    axes.set_ylim(sheet.height, 0)
    _map(axes, sheet, pmf[:shown])
    _labels(axes, sheet)
    _key(axes, sheet)
    # No date and no version: equal input, equal bytes.
    figure.savefig(path, format="png", metadata={"Software": None})


def _notes(actions: ActionSpace, pmf: F64, expected: Mapping[str, F64]) -> list[tuple[str, list[str]]]:
    """Head and cells of each column of text."""
    notes = [("most likely", most_likely(actions, pmf))]
    mean = sends(actions, pmf)
    if mean is not None and "sends" not in expected:
        notes.append(("sends", [f"{x:.1f}" for x in mean]))
    for name, value in expected.items():
        scale, head = (1000, f"{name} ‰") if name == "opted_out" else (1, name)
        notes.append((head, [_number(scale * x) for x in np.asarray(value, np.float64)[: len(pmf)]]))
    return notes


def _number(x: float) -> str:
    return "–" if np.isnan(x) else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


class _Sheet(NamedTuple):
    """Sizes in inches, from the top left."""

    columns: list[Column]
    rows: list[str]
    notes: list[tuple[str, list[str]]]
    title: str
    left: float
    top: float
    cell: float
    tilted: bool
    note_at: list[float]
    width: float
    height: float

    @classmethod
    def of(cls, actions: ActionSpace, rows: list[str], notes: list[tuple[str, list[str]]], title: str) -> _Sheet:
        """Make room for the longest of every text."""
        placed = columns(actions)
        left = 0.3 + _wide(["segment", *rows]) + 0.15
        longest = _wide([c.label for c in placed if not c.group])
        cell = max(CELL_W, min(longest + 0.12, 1.2)) if len(placed) < 8 else CELL_W
        tilted = longest > cell
        labels = 0.72 * longest + 0.2 if tilted else 0.15
        top = 0.75 + max(labels, 0.5 if any(c.group for c in placed) else 0.0)
        at, note_at = left + cell * (placed[-1].at + 1) + 0.05, list[float]()
        for head, cells in notes:
            at += 0.25 + _wide([head, *cells])
            note_at.append(at)
        tail = 0.72 * longest if tilted and not notes else 0.0
        width = max(at + tail + 0.3, 0.6 + 1.15 * _wide([title], 13), left + 4.2)
        return cls(placed, rows, notes, title, left, top, cell, tilted, note_at, width, top + CELL_H * len(rows) + 0.75)

    def x(self, column: Column) -> float:
        """The left edge of a column."""
        return self.left + self.cell * column.at

    def y(self, row: int) -> float:
        """The upper edge of a row."""
        return self.top + CELL_H * row


def _text(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Text as it is: names may hold a dollar sign."""
    axes.text(x, y, text, family=FONT, parse_math=False, **style)


def _wide(texts: Sequence[str], size: float = 9) -> float:
    """The width of the longest text in inches."""
    from matplotlib import font_manager

    fonts: Any = font_manager
    font = fonts.get_font(fonts.findfont(FONT))
    font.set_size(size, 72)
    widths = [0.0]
    for text in texts:
        font.set_text(text)
        widths.append(font.get_width_height()[0] / 64 / 72)
    return max(widths)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("tactful", list(SHADES))


def _map(axes: Any, sheet: _Sheet, pmf: F64) -> None:
    """The cells, with the likeliest of each row framed and its probability written in."""
    from matplotlib.patches import Rectangle

    shade = _colours()
    inner_w, inner_h = sheet.cell - 0.03, CELL_H - 0.03
    for r in range(len(sheet.rows)):
        best = int(np.argmax(pmf[r]))
        for c in sheet.columns:
            p = float(pmf[r, c.action])
            x, y = sheet.x(c), sheet.y(r)
            # The square root keeps small shares apart from none.
            axes.add_patch(Rectangle((x, y), inner_w, inner_h, facecolor=shade(np.sqrt(p)), edgecolor="none"))
            if c.action == best:
                axes.add_patch(Rectangle((x, y), inner_w, inner_h, facecolor="none", edgecolor=INK, linewidth=1.1))
                ink = "white" if p > 0.35 else INK
                at = x + inner_w / 2, y + inner_h / 2
                _text(axes, *at, f"{100 * p:.0f}", color=ink, size=8, ha="center", va="center_baseline")


def _labels(axes: Any, sheet: _Sheet) -> None:
    """Title, segments, actions, slots and the columns of text."""
    _text(axes, 0.3, 0.38, sheet.title, color=INK, size=13, weight="bold", va="center")
    head = sheet.top - 0.1
    _text(axes, sheet.left - 0.15, head, "segment", color=MUTED, size=9, ha="right", va="bottom")
    for r, name in enumerate(sheet.rows):
        middle = sheet.y(r) + CELL_H / 2
        _text(axes, sheet.left - 0.15, middle, name, color=INK, size=9, ha="right", va="center")
        for at, (_, cells) in zip(sheet.note_at, sheet.notes, strict=True):
            _text(axes, at, middle, cells[r], color=INK, size=9, ha="right", va="center")
    for at, (name, _) in zip(sheet.note_at, sheet.notes, strict=True):
        _text(axes, at, head, name, color=MUTED, size=9, ha="right", va="bottom")
    for c in sheet.columns:
        tilt = (
            {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
            if sheet.tilted and not c.group
            else {"ha": "center"}
        )
        _text(axes, sheet.x(c) + sheet.cell / 2, head, c.label, color=MUTED, size=9, va="bottom", **tilt)
    for slot, group in groupby(sheet.columns, key=lambda c: c.group):
        members = list(group)
        if not slot:
            continue
        x0, x1 = sheet.x(members[0]), sheet.x(members[-1]) + sheet.cell - 0.03
        axes.plot([x0, x1], [head - 0.22] * 2, color=LINE, linewidth=1)
        _text(axes, (x0 + x1) / 2, head - 0.26, slot, color=INK, size=10, ha="center", va="bottom")


def _key(axes: Any, sheet: _Sheet) -> None:
    """What the shades mean."""
    from matplotlib.patches import Rectangle

    shade, y = _colours(), sheet.y(len(sheet.rows)) + 0.3
    _text(axes, sheet.left, y + 0.08, "probability", color=MUTED, size=8, va="center")
    x = sheet.left + 0.75
    for p in (0.01, 0.05, 0.2, 0.5, 1.0):
        axes.add_patch(Rectangle((x, y), 0.16, 0.16, facecolor=shade(np.sqrt(p)), edgecolor=LINE, linewidth=0.5))
        _text(axes, x + 0.2, y + 0.08, f"{100 * p:.0f} %", color=MUTED, size=8, va="center")
        x += 0.62
