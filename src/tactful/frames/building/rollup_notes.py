"""What a rollup found, lost and assumed, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from tactful.core.actions import NONE
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import OFF_GRID_ACTION, RollupSpec

LOSSES = {
    "sends_after_opt_out": "sends came after their user's opt-out and are left out",
    "sends_in_unfinished_periods": "sends fall into a period that was not over and are left out",
    "without_propensity": "decisions have no propensity, so the log has none at all",
}


def count_decisions(table: pl.DataFrame) -> dict[str, int]:
    """Decisions, users, and how many decisions are of each sort."""
    none, off_grid = table["action"] == NONE, table["action"] == OFF_GRID_ACTION
    return {
        "decisions": table.height,
        "users": table["user"].n_unique(),
        "none": int(none.sum()),
        "on_grid": int((~none & ~off_grid).sum()),
        "other": int(off_grid.sum()),
        "cut_short": int(table["cut"].sum()),
    }


def write_notes(
    spec: LogSpec, options: RollupSpec, clock: str, table: pl.DataFrame, counts: Mapping[str, int]
) -> Iterator[str]:
    """The sentences, in the order of the steps.

    Parameters
    ----------
    spec
        The outcomes of the log.
    options
        When users count as there, and which outcomes are gathered.
    clock
        How local times were known.
    table
        One row a decision, with ``action`` and ``because``.
    counts
        What was counted on the way.
    """
    yield (
        f"{counts['sends']:,} sends in {counts['rows']:,} rows became {counts['decisions']:,} decisions of "
        f"{counts['users']:,} users: {counts['none']:,} none, {counts['on_grid']:,} on the grid, "
        f"{counts['other']:,} other"
    )
    yield clock
    yield from _note_actions(table, options, counts)
    yield from (f"{counts[key]:,} {words}" for key, words in LOSSES.items() if counts.get(key))
    yield from _note_outcomes(spec, options, counts)
    if counts.get("without_propensity", 1):  # without the column nothing was counted
        yield "no propensities: such a log can be checked and learnt from, but no policy can be evaluated on it well"


def _note_actions(table: pl.DataFrame, options: RollupSpec, counts: Mapping[str, int]) -> Iterator[str]:
    """Why decisions are off the grid, when users count as there, and which frequencies are guesses."""
    if counts["other"]:
        off_grid = table.filter(pl.col("action") == OFF_GRID_ACTION)
        causes = off_grid.group_by("because").len().sort("len", descending=True)
        listing = ", ".join(f"{n:,} by their {why}" for why, n in causes.iter_rows())
        yield (
            f"other is no action of the grid ({listing}); these rows stay in the file and every reading leaves them out"
        )
    since = "the start of the file" if options.since == "start" else "their first event"
    until = "its end" if options.until == "end" else "their last event"
    yield (
        f"users count as there from {since} to {until}, or their opt-out: a period without sends in it is none; users "
        "who were never in the file are unknown"
    )
    if counts["cut_short"]:
        yield (
            f"{counts['cut_short']:,} periods were cut short by an opt-out: their frequency is the grid's nearest to "
            "the pace until the last send, which is a guess"
        )


def _note_outcomes(spec: LogSpec, options: RollupSpec, counts: Mapping[str, int]) -> Iterator[str]:
    """Which events of outcomes do not count, and which outcomes are not gathered."""
    gathered = [source.name for source in options.outcomes]
    for name in gathered:
        if counts[f"late_{name}"]:
            yield f"{counts[f'late_{name}']:,} of {name} came after the window and do not count"
        if counts[f"without_send_{name}"]:
            yield f"{counts[f'without_send_{name}']:,} of {name} came before any send of their user: lost"
    if absent := [name for name in spec.measures if name not in gathered]:
        yield f"not gathered: {', '.join(absent)}; add them to [rollup.outcomes], or to the file by hand"
