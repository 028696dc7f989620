"""The tables of gates and monitors, from gate.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gate_design import GAINS, LOOKS, NULL_FACTOR, RATIOS, WORLDS

Cells = Sequence[Mapping[str, Any]]


def fragment(result: Mapping[str, Any]) -> str:
    """The tables, as Markdown."""
    lines = [
        f"{result['runs']:,} runs a cell, seed {result['seed']}, δ = {result['delta']}, ceiling {result['limit']}.",
        "In brackets what `power` foretells. Weights: " + "; ".join(w.name for w in WORLDS) + ".",
        "",
        *limit_lines(result["limits"]),
        "",
        "Share of runs in which a gain of so many standard errors is seen "
        f"(0: a false promotion, in {NULL_FACTOR * result['runs']:,} runs a cell):",
        "",
        *gain_lines(result["gains"]),
        "",
        *candidate_lines(result["best_of_20"]),
        "",
        *monitor_lines(result["monitors"]),
    ]
    return "\n".join(lines) + "\n"


def limit_lines(cells: Cells) -> Iterator[str]:
    yield "Share of runs in which the limited outcome is called kept, by its true rate over the ceiling:"
    yield ""
    yield "| weights | ESS | users | " + " | ".join(f"{r:g} ×" for r in RATIOS) + " |"
    yield "|---|---|---|" + "---|" * len(RATIOS)
    for i in range(0, len(cells), len(RATIOS)):
        row = cells[i : i + len(RATIOS)]
        shares = " | ".join(f"{c['kept']:.3f} ({c['power']:.3f})" for c in row)
        yield f"| {row[0]['weights']} | {row[0]['ess']:,} | {row[0]['users']:,} | {shares} |"


def gain_lines(cells: Cells) -> Iterator[str]:
    yield "| ESS | users | " + " | ".join(f"{g:g} SE" for g in GAINS) + " |"
    yield "|---|---|" + "---|" * len(GAINS)
    for i in range(0, len(cells), len(GAINS)):
        row = cells[i : i + len(GAINS)]
        shares = " | ".join(f"{c['promoted']:.3f} ({c['power']:.3f})" for c in row)
        yield f"| {row[0]['ess']:,} | {row[0]['users']:,} | {shares} |"


def candidate_lines(cells: Cells) -> Iterator[str]:
    yield "The best of 20 candidates that are all worth what logging earns:"
    yield ""
    yield "| ESS | users | one is promoted | interval of the best covers 0 | promoted, were δ not divided by 20 |"
    yield "|---|---|---|---|---|"
    for c in cells:
        shares = " | ".join(f"{c[k]:.3f}" for k in ("promoted", "covered", "promoted_at_delta_each"))
        yield f"| {c['ess']:,} | {c['users']:,} | {shares} |"


def monitor_lines(cells: Cells) -> Iterator[str]:
    yield f"Monitors, looked at {LOOKS} times:"
    yield ""
    yield (
        '| true rate | decisions a look | ever "widen" | ever "roll back" | median looks until then | ever safe by z |'
    )
    yield "|---|---|---|---|---|---|"
    for c in cells:
        median = c["median_looks_to_roll_back"]
        looks = f"{median:g}" if median is not None else f"more than {LOOKS}"
        shares = f"{c['safe']:.3f} | {c['roll_back']:.3f} | {looks} | {c['safe_by_z']:.3f}"
        yield f"| {c['ratio']:g} × | {c['decisions_a_look']:,} | {shares} |"
