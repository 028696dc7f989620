"""How a replayed learner learnt: the objective per decision, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tactful.core.arrays import F64
from tactful.learners.results import Batch, Replay
from tactful.report.canvas import BLUE, GREY, INK, ORANGE, legend, png, sheet, title


def curves_figure(path: str | Path, found: Replay) -> None:
    """Write a PNG; the same replay gives the same bytes.

    Left, the doubly robust value of every batch and the mean of the accepted rewards so far, beside what logging earned
    and, where it is known, the truth and the best possible. Right, the accepted decisions, and how many were learnt
    from when the policy was made.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    figure, grid = sheet(9.6, 3.6, 1, 2, width_ratios=(2, 1))
    axes: Any = grid[0]
    at = np.array([b.start for b in found.curve])
    _rewards(axes[0], at, found.curve)
    axes[1].plot(at, np.cumsum([b.accepted for b in found.curve]), color=BLUE, label="accepted")
    axes[1].plot(at, [b.learnt_from for b in found.curve], color=ORANGE, label="learnt from")
    axes[1].set_xlabel("period")
    axes[1].locator_params(axis="x", nbins=4, integer=True)
    axes[1].set_ylim(0, None)
    title(axes[1], "Decisions of the learner")
    legend(axes[1], loc="upper left")
    png(figure, path)


def _rewards(axes: Any, at: F64, batches: Sequence[Batch]) -> None:
    accepted = np.array([b.accepted if b.rejection is not None else 0 for b in batches], np.float64)
    earned = np.cumsum(accepted * _column(batches, "rejection", 0.0))
    so_far = np.divide(earned, np.cumsum(accepted), out=np.full(earned.size, np.nan), where=np.cumsum(accepted) > 0)
    axes.plot(at, _column(batches, "logging"), color=GREY, label="logging")
    axes.plot(at, _column(batches, "dr"), color=BLUE, marker="o", markersize=3.5, label="learner, by batch (dr-ns)")
    axes.plot(at, so_far, color=ORANGE, label="learner so far (rejection)")
    if any(b.truth is not None for b in batches):
        axes.plot(at, _column(batches, "truth"), color=INK, linewidth=1, linestyle=":", label="truth, by batch")
        axes.plot(at, _column(batches, "best"), color=INK, linewidth=0.8, linestyle="--", label="best possible")
    axes.set_xlabel("period")
    axes.locator_params(axis="x", nbins=9, integer=True)
    axes.set_ylabel("objective per decision")
    title(axes, "What the learner earned while it learnt")
    legend(axes, loc="best")


def _column(batches: Sequence[Batch], name: str, missing: float = float("nan")) -> F64:
    found = [getattr(b, name) for b in batches]
    return np.array([missing if x is None else x for x in found], np.float64)
