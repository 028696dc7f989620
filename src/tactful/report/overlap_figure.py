"""Where a log can be compared: the propensities of every action, the weights of a uniform policy, the calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.errors import NothingToSayError
from tactful.report.canvas import BLUE, INK, LINE, logarithmic, png, sheet, title

MOST = 40
ROW = 0.22  # inches
QUANTILES = (0.05, 0.5, 0.95)


def overlap_figure(path: str | Path, log: Log) -> None:
    """Write a PNG of three panels; the same log gives the same bytes.

    Left, for every action (the 40 most frequent ones), the logged propensity: least to most, 5 to 95 %, median. Middle,
    the weights that a uniform policy would have. Right, where vectors were logged, how often entries of a size were
    taken: on the diagonal if the propensities are right, with two standard errors.

    Raises
    ------
    NothingToSayError
        The log has no propensities.
    MissingExtraError
        matplotlib is not installed.
    """
    if log.propensity is None:
        raise NothingToSayError("the log has no propensities, so there is no overlap to draw", "propensity")
    order = np.argsort(-np.bincount(log.action, minlength=log.actions.k), kind="stable")
    shown = np.sort(order[:MOST])
    panels = 2 + (log.propensities is not None)
    figure, grid = sheet(4.4 * panels, 1.1 + max(ROW * shown.size, 2.6), 1, panels)
    axes: Any = grid[0]
    _propensities(axes[0], log, log.propensity, shown)
    _weights(axes[1], log, log.propensity)
    if log.propensities is not None:
        _calibration(axes[2], log, log.propensities)
    png(figure, path)


def _propensities(axes: Any, log: Log, p: F64, shown: Any) -> None:
    for y, a in enumerate(shown.tolist()):
        mine = p[log.action == a]
        if not mine.size:
            continue
        low, middle, high = np.quantile(mine, QUANTILES)
        axes.plot([mine.min(), mine.max()], [y, y], color=LINE, linewidth=2, solid_capstyle="round")
        axes.plot([low, high], [y, y], color=BLUE, linewidth=4, solid_capstyle="round")
        axes.plot([middle], [y], marker="o", markersize=4, color=INK)
    axes.set_xlim(max(float(p.min()) / 1.5, 1e-6), 1.15)
    logarithmic(axes.xaxis)
    axes.set_yticks(range(shown.size), [log.actions.names[a][:24] for a in shown.tolist()])
    axes.set_ylim(shown.size - 0.5, -0.5)
    left = f" ({shown.size} most frequent of {log.actions.k})" if shown.size < log.actions.k else ""
    title(axes, f"Propensity of the logged action{left}")
    axes.set_xlabel("propensity: range, 5 to 95 %, median")


def _weights(axes: Any, log: Log, p: F64) -> None:
    m = np.full(log.n, log.actions.k) if log.eligible is None else log.eligible.sum(1)
    weight = 1 / (m * p)
    bins = np.geomspace(max(float(weight.min()) / 1.2, 1e-4), float(weight.max()) * 1.2, 41)
    axes.hist(weight, bins, weights=np.full(log.n, 100 / log.n), color=BLUE)
    axes.axvline(1, color=INK, linewidth=1)
    logarithmic(axes.xaxis)
    axes.set_ylabel("% of decisions")
    title(axes, "Weights of the uniform policy")
    axes.set_xlabel("weight; a long right tail means few effective rows")


def _calibration(axes: Any, log: Log, vectors: F64) -> None:
    p = vectors.ravel()
    taken = np.zeros(p.size, np.bool_)
    taken[np.arange(log.n) * log.actions.k + log.action] = True
    size = np.ceil(4 * -np.log2(np.maximum(p, 1e-12))).astype(np.int64)
    count, expected, hits = np.bincount(size), np.bincount(size, p), np.bincount(size, taken)
    used = (expected > 0) & (count >= 30)
    x, y = (s[used] / count[used] for s in (expected, hits))
    error = 2 * np.sqrt(np.maximum(x * (1 - x), 1e-12) / count[used])
    axes.plot([p[p > 0].min(), 1], [p[p > 0].min(), 1], color=LINE, linewidth=1, zorder=0)
    axes.errorbar(x, y, np.minimum(error, 0.999 * np.maximum(y, 1e-9)), fmt="o", color=BLUE, markersize=4, linewidth=1)
    logarithmic(axes.xaxis)
    logarithmic(axes.yaxis)
    axes.set_ylabel("share taken")
    title(axes, "Calibration of the vectors")
    axes.set_xlabel("probability of an action")
