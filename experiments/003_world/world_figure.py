"""One page of nine small figures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from harness.figures import BAND, BLUE, INK, MUTED, PALE, RUST, corner, page, save
from seed_study import CHANCES, CUTS

Seeds = list[dict[str, Any]]
MIDDLE = [(a + b) / 2 for a, b in pairwise(CUTS)]


def draw(seeds: Seeds, path: Path) -> None:
    """Write the page; the same results give the same bytes."""
    figure = page(13, 11.4)
    figure.text(
        0.045, 0.972, "Nine regularities of notifications, in one simulated world", size=17, color=INK, weight="bold"
    )
    figure.text(
        0.045, 0.951,
        f"{len(seeds)} seeds; five sends a week is the status quo. Green bands: where published studies say a figure "
        "falls. Dots, and the thin lines: single seeds.",
        size=10, color=MUTED,
    )  # fmt: skip
    grid = figure.add_gridspec(3, 3, left=0.055, right=0.975, top=0.895, bottom=0.05, hspace=0.5, wspace=0.27)
    for i, (title, panel) in enumerate(PANELS):
        axes = figure.add_subplot(grid[i // 3, i % 3])
        corner(axes, 8.5)
        axes.set_title(f"{i + 1}  {title}", loc="left", size=10, color=INK, pad=12, weight="bold")
        panel(axes, seeds)
    save(figure, path)


def _get(seeds: Seeds, name: str, key: str) -> Any:
    return np.array([s[name][key] for s in seeds], dtype=float)


def _bands(axes: Any, rows: list[tuple[str, Any, tuple[float, float]]]) -> None:
    """Rows of dots in %, each with the band where it should fall."""
    rng = np.random.default_rng(1)
    low = min(min(100 * x.min(), lo) for _, x, (lo, _) in rows)
    high = max(max(100 * x.max(), hi) for _, x, (_, hi) in rows)
    for y, (label, x, (lo, hi)) in enumerate(rows):
        axes.fill_betweenx([y - 0.28, y + 0.28], lo, hi, color=BAND, lw=0)
        axes.scatter(100 * x, y + rng.uniform(-0.13, 0.13, x.size), s=16, color=BLUE, alpha=0.6, lw=0)
        side = "right" if high - low > 20 and 100 * x.mean() > -5 else "center"  # beside the zero line, not across it
        axes.text(100 * x.mean(), y - 0.33, f"{label}  {_signed(x)}", size=9, color=INK, ha=side, va="bottom")
    pad = (high - low) * 0.12
    axes.set_xlim(low - pad, max(high, 0) + pad)
    axes.set_ylim(len(rows) - 0.45, -0.75)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("change, %", size=8.5, color=MUTED)


def _signed(x: Any) -> str:
    return f"{100 * x.mean():+.1f} %".replace("-", "−")


def _half(axes: Any, seeds: Seeds) -> None:
    _bands(axes, [("sessions", _get(seeds, "drop_half", "sessions"), (-5, -1))])
    opt_outs = _signed(_get(seeds, "drop_half", "opt_outs"))
    axes.text(0.5, 0.06, f"and opt-outs {opt_outs}", size=9, color=MUTED, ha="center", transform=axes.transAxes)


def _zero(axes: Any) -> None:
    axes.axhline(0, color=MUTED, lw=0.8)


def _double(axes: Any, seeds: Seeds) -> None:
    curves = 100 * np.array([s["double"]["curve"] for s in seeds])
    for curve in curves:
        axes.plot(MIDDLE, curve, color=PALE, lw=0.6)
    mean = curves.mean(0)
    axes.plot(MIDDLE, mean, color=BLUE, lw=2)
    axes.fill_between(MIDDLE, mean, 0, where=mean >= 0, color=BAND, lw=0, interpolate=True)
    _zero(axes)
    axes.annotate("wins at first", (MIDDLE[0], mean[0]), (45, mean[0] - 0.2), size=9, color=INK, va="center")
    axes.annotate("and loses for good", (300, mean[-3]), (130, mean[-3] - 0.6), size=9, color=INK, va="center")
    axes.set_xlabel("day", size=8.5, color=MUTED)
    axes.set_ylabel("sessions, % of the status quo's", size=8.5, color=MUTED)
    axes.set_xticks([0, 91, 182, 273, 364])


def _limited(axes: Any, seeds: Seeds) -> None:
    bands = (("sends", (-35, -20)), ("opt_outs", (-55, -30)), ("sessions", (-2, 0)))
    _bands(axes, [(name.replace("_", "-"), _get(seeds, "limited", name), band) for name, band in bands])


def _hour(axes: Any, seeds: Seeds) -> None:
    _bands(axes, [(f"by {by}", _get(seeds, "best_hour", by), (1, 5)) for by in ("leaf", "user")])
    axes.set_xlim(0, 5.4)


def _uplift(axes: Any, seeds: Seeds) -> None:
    share = 100 * np.array([s["uplift"]["share"] for s in seeds]).mean(0)
    learned = 100 * np.array([s["uplift"]["learned"] for s in seeds]).mean(0)
    tenth = np.arange(1, 11)
    axes.bar(tenth, share, color=[PALE] * 9 + [RUST], width=0.75)
    axes.set_ylim(0, 92)
    axes.set_ylabel("% of the tenth that is sent to", size=8.5, color=MUTED)
    axes.set_xticks([1, 10], ["least active", "most active"])
    twin = axes.twinx()
    twin.plot(tenth, learned, color=INK, lw=1.4, marker="o", ms=3)
    twin.set_ylim(0, learned.max() * 1.75)
    twin.axis("off")
    twin.plot([0.7, 1.7], [learned.max() * 1.62] * 2, color=INK, lw=1.4)
    twin.text(2, learned.max() * 1.62, "uplift by tenth, learned from a trial", size=8.5, color=INK, va="center")


def _opens(axes: Any, seeds: Seeds) -> None:
    rate = 100 * _get(seeds, "opens_per_send", "rate")
    rates = [rate * (1 + _get(seeds, "opens_per_send", key)) for key in ("half", "double")]
    bars = [rates[0], rate, rates[1]]
    axes.bar(range(3), [b.mean() for b in bars], color=[PALE, BLUE, PALE], width=0.6)
    for i, b in enumerate(bars):
        axes.text(i, b.mean() + 0.06, f"{b.mean():.2f} %", ha="center", size=9, color=INK)
    axes.set_ylim(0, bars[0].mean() * 1.15)
    axes.set_xticks(range(3), ["half dropped", "5 a week", "10 a week"])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _greedy(axes: Any, seeds: Seeds) -> None:
    for key, color in (("curve of the status quo", BLUE), ("curve", RUST)):
        curves = 100 * np.array([s["greedy"][key] for s in seeds])
        axes.plot([0, *MIDDLE], [100, *curves.mean(0)], color=color, lw=2)
        for curve in curves:
            axes.plot([0, *MIDDLE], [100, *curve], color=color, lw=0.3, alpha=0.4)
    axes.text(235, 84, "status quo", size=9, color=BLUE)
    end = 100 * _get(seeds, "greedy", "reachable").mean()
    axes.text(175, 27, f"greedy for clicks: {end:.0f} %\nleft after a year", size=9, color=RUST)
    axes.axhspan(0, 10, color=BAND, lw=0, zorder=0)
    axes.set_ylim(0, 108)
    axes.set_xticks([0, 91, 182, 273, 364])
    axes.set_xlabel("day", size=8.5, color=MUTED)
    axes.set_ylabel("reachable, %", size=8.5, color=MUTED)


def _one_step(axes: Any, seeds: Seeds) -> None:
    sends = 35 * np.array(CHANCES)
    for key, color in (("said", RUST), ("true", BLUE)):
        curves = np.array([s["one_step_misleads"][key] for s in seeds])
        for curve in curves:
            axes.plot(sends, curve, color=color, lw=0.3, alpha=0.4)
        axes.plot(sends, curves.mean(0), color=color, lw=2, marker="o", ms=3.5)
    predicted = np.array([s["one_step_misleads"]["said"] for s in seeds]).mean(0)
    true = np.array([s["one_step_misleads"]["true"] for s in seeds]).mean(0)
    axes.text(sends[4] - 1, predicted[4] + 0.03, "one-step\nestimate", size=9, color=RUST, ha="right")
    axes.text(sends[5], true[5] - 0.06, "what happens in 28 days", size=9, color=BLUE, ha="center", va="top")
    axes.set_ylim(true.min() - 0.1, None)
    axes.set_xlabel("sends a week", size=8.5, color=MUTED)
    axes.set_ylabel("sessions a week", size=8.5, color=MUTED)


def _slope(axes: Any, seeds: Seeds) -> None:
    for key, color, label in (("per send", RUST, "per send"), ("per 28 days", BLUE, "per user and month")):
        pair = [100 * _get(seeds, "monthly_to_weekly", f"{when}, {key}") for when in ("monthly", "weekly")]
        for a, b in zip(*pair, strict=True):
            axes.plot([0, 1], [a, b], color=color, lw=0.4, alpha=0.4)
        axes.plot([0, 1], [p.mean() for p in pair], color=color, lw=2, marker="o", ms=5)
        axes.text(1.05, pair[1].mean(), f"{label}\n{pair[1].mean():.2f} %", size=9, color=color, va="center")
    axes.text(-0.05, pair[0].mean(), f"{pair[0].mean():.2f} %", size=9, color=MUTED, va="center", ha="right")
    axes.set_xlim(-0.3, 1.75)
    axes.set_ylim(0, pair[1].mean() * 1.15)
    axes.set_xticks([0, 1], ["one in four weeks", "one a week"])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


PANELS = (
    ("Half of the sends can go", _half),
    ("Twice as many: a sprint, not a year", _double),
    ("Fewer sends, far fewer opt-outs", _limited),
    ("What the right hour is worth", _hour),
    ("The most active need it least", _uplift),
    ("Fewer sends, more opens per send", _opens),
    ("Chasing clicks uses up the audience", _greedy),
    ("One-step estimates flatter sending more", _one_step),
    ("Opt-outs per send, and per month", _slope),
)  # fmt: skip
