"""How the weights of a policy are spread, and what a log is worth for policies near and far from what was logged."""

from __future__ import annotations

from typing import Any

import numpy as np

from tactful.core.arrays import F64
from tactful.evaluation.overlap import Overlap
from tactful.ope.reliability import REFUSE_ESS, WEAK_ESS
from tactful.report.canvas import BLUE, GREY, INK, LINE, MUTED, ORANGE, legend, logarithmic, sheet, title

BINS = 40


def weights_figure(overlap: Overlap, policy: str) -> Any:
    """The share of decisions and the share of all weight by size of weight; those of weight 0 stand in the title."""
    figure, axes = sheet(6.6, 3.2)
    one = axes[0, 0]
    weight = overlap.weight
    positive = weight[weight > 0]
    if positive.size:
        edges = _edges(positive)
        rows = np.histogram(positive, edges)[0] / weight.size
        mass = np.histogram(positive, edges, weights=positive)[0] / positive.sum()
        one.stairs(rows, edges, fill=True, color=BLUE, alpha=0.4, linewidth=0, label="share of decisions")
        one.stairs(mass, edges, color=ORANGE, linewidth=1.6, label="share of all weight")
        logarithmic(one.xaxis)
    zero = 1 - positive.size / max(weight.size, 1)
    absent = f"; weight 0 in {100 * zero:.1f} %" if zero else ""
    title(one, f"Weights of {policy}: {overlap.n:,} decisions are worth {overlap.policy.ess:,.0f}{absent}")
    one.set_xlabel(f"what {policy} gives the logged action, over its propensity")
    one.axvline(1, color=INK, linewidth=0.8)
    one.yaxis.set_major_formatter(_percent)
    one.set_ylim(bottom=0)
    one.grid(axis="y")
    legend(one, loc="upper right")
    return figure


def reach_figure(overlap: Overlap, policy: str) -> Any:
    """Effective decisions against the distance from logging: on the way to the policy, and for simple policies."""
    figure, axes = sheet(6.6, 3.8)
    one = axes[0, 0]
    at = [(r.distance, r.ess) for r in overlap.path]
    one.plot(*zip(*at, strict=True), color=BLUE, linewidth=1.6, label=f"from logging to {policy}")
    one.plot([overlap.policy.distance], [overlap.policy.ess], "o", color=BLUE, markersize=6)
    one.plot([overlap.uniform.distance], [overlap.uniform.ess], "D", color=ORANGE, markersize=5, label="uniform")
    taken = [r for r in overlap.always.values() if r.ess > 0]
    one.plot(
        [r.distance for r in taken],
        [r.ess for r in taken],
        "o",
        color=GREY,
        markersize=3.5,
        label="one action for everybody",
    )
    low = min([REFUSE_ESS / 2, *(0.8 * r.ess for r in (*taken, overlap.policy))])
    one.set_ylim(max(low, 0.5), 1.6 * overlap.n)
    logarithmic(one.yaxis)
    title(one, f"What {overlap.n:,} decisions are worth")
    one.set_xlabel("distance from logging: share of decisions that would differ")
    one.set_ylabel("effective decisions")
    one.set_xlim(-0.02, 1.02)
    for most, words in ((REFUSE_ESS, "refused"), (WEAK_ESS, "weak")):
        one.axhspan(max(low, 0.5), most, color=LINE, alpha=0.4, linewidth=0, zorder=0)
        one.text(0.0, most, f"{words} below {most:g}", va="top", size=7.5, color=MUTED)
    legend(one, loc="upper right")
    return figure


def _edges(positive: F64) -> F64:
    low, high = float(positive.min()), float(positive.max())
    reach = 1.05 if high > 1.1 * low else 2.0  # all weights alike: one bar in the middle
    return np.geomspace(low / reach, high * reach, BINS + 1)


def _percent(y: float, _: int) -> str:
    return f"{100 * y:.3g} %"
