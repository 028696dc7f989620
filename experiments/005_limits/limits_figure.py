"""One figure: expected opt-outs, sends and gain by week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness.figures import INK, MUTED, frame, legend_below, page, save
from limits_tables import METHODS

BANDS = (METHODS[0], "Conjugate")
COLOURS = dict(zip(METHODS, ("#c2562e", "#33779c", "#8a5a83", "#7a9e87", "#d9b36c", "#1f2933", "#a0a7af"), strict=True))


def draw(runs: Sequence[Mapping[str, Any]], config: Mapping[str, Any], path: Path) -> None:
    """Write the figure; the same runs give the same bytes."""
    figure = page(13, 4.6)
    limits = config["limits"]
    panels = (
        ("expected", 100.0, "expected opt-outs, % of decisions", 100 * limits["opted_out"], "ceiling", 0.69),
        ("sends", 1.0, "sends a week", limits["sends_per_period"], "limit", 4.6),
        ("gain", 1.0, "gain per decision (sessions − 15 · opt-outs)", None, "", None),
    )
    for axes, (name, scale, title, bound, label, top) in zip(figure.subplots(1, 3), panels, strict=True):
        for method in METHODS:
            x = scale * np.array([r[name] for r in runs if r["method"] == method])
            mean, sd = x.mean(0), x.std(0, ddof=1) if len(x) > 1 else 0.0
            week = np.arange(1, x.shape[1] + 1)
            if name == "expected" and method in BANDS:
                axes.fill_between(week, mean - sd, mean + sd, color=COLOURS[method], alpha=0.15, lw=0)
            style = (0, (4, 2)) if method == "constrained oracle" else "-"
            axes.plot(week, mean, color=COLOURS[method], lw=1.7, ls=style, label=method)
        if bound is not None:
            axes.axhline(bound, color=INK, lw=1)
            axes.text(52, bound, label, va="bottom", ha="right", size=8.5, color=INK)
            axes.text(52, top, "no limits: beyond the scale", va="top", ha="right", size=8.5, color=MUTED)
            axes.set_ylim(0, top)
        frame(axes, title, "week")
    legend_below(figure, figure.axes[0], 4, 9)
    figure.tight_layout(rect=(0, 0.12, 1, 1), w_pad=1.5)
    save(figure, path)
