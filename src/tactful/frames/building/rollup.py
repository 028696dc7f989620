"""From sends, or events of several kinds, to decisions of (user, period), with what was lost and assumed in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import polars as pl

from tactful.core.actions import DAY_US, NONE
from tactful.errors import LogError, SpecError
from tactful.frames.building.attach import Attached, attach
from tactful.frames.building.cadences import KEYS, WHO, actions_of, cadences
from tactful.frames.building.sends import Sends, read_sends, slots_of
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import OTHER, RollupSpec
from tactful.frames.write import write_frame


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """Decisions in the canonical columns; ``counts`` of what was found and lost, and all of it ``said`` in words.

    Rows whose action is ``other`` are off the grid: the spec's ``[rollup]`` leaves them out of every reading, counted.
    """

    frame: pl.DataFrame
    counts: Mapping[str, int]
    said: Sequence[str]

    def write(self, path: str | PathLike[str]) -> None:
        """The decisions as a file, by its extension; see :func:`tactful.write_log`."""
        write_frame(self.frame, path)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful rollup --json`` prints."""
        actions = self.frame["action"].value_counts(sort=True)
        return {
            "counts": dict(self.counts),
            "actions": dict(zip(actions["action"].to_list(), actions["count"].to_list(), strict=True)),
            "said": list(self.said),
        }


def rollup(events: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, spec: LogSpec) -> Rollup:
    """Decisions of (user, period) from one row a send, or one row an event, as ``[rollup]`` of the spec describes them.

    The action is what the sends of a period amount to on the grid: their number at the slot that most of them are near.
    A period without sends is ``none`` while the user is there, and what is no action of the grid is ``other``.

    Raises
    ------
    SpecError
        The spec has no ``[rollup]``, or its actions are no grid.
    LogError
        A column is missing, or holds what it should not; no send, or no whole period.
    """
    how = spec.rollup
    if how is None:
        raise SpecError("the spec does not say what the events are", "[rollup]", "add the table: docs/spec.md")
    slots_of(spec.actions)
    read = read_sends(events, spec, how)
    counts = {"rows": read.frame.height, "sends": int(read.frame["send"].sum())}
    table = _table(read, spec, how, counts)
    frame = _canonical(table, spec, how, counts)
    return Rollup(frame, counts, _said(spec, how, read, table, counts))


def _table(read: Sends, spec: LogSpec, how: RollupSpec, counts: dict[str, int]) -> pl.DataFrame:
    """One row a decision, with its sends, its action and its outcomes."""
    last = _last_whole(read.frame, spec, how)
    gone = _gone([attach(read.frame, g, spec, how) for g in how.outcomes], spec)
    events = read.frame.join(gone, on=WHO, how="left")
    after = pl.col("send") & (pl.col("at") > pl.col("gone")).fill_null(False)
    counts["sends_after_opt_out"] = events.filter(after).height
    events = events.filter(~after)
    sends = events.filter(pl.col("send") & (pl.col("period") <= last))
    counts["sends_in_unfinished_periods"] = int(events["send"].sum()) - sends.height
    if not sends.height:
        raise LogError("no send falls into a period that is over", "rollup", "give events of a longer time")
    table = _there(events, last, how).join(cadences(sends, how), on=KEYS, how="left")
    table = table.join(_segments(events), on=KEYS, how="left").sort(KEYS)
    table = table.with_columns(pl.col("segment").forward_fill().backward_fill().over(WHO).fill_null(""))
    for found in (attach(events, g, spec, how) for g in how.outcomes):
        counts[f"late_{found.name}"], counts[f"without_send_{found.name}"] = found.late, found.stray
        table = table.join(found.values, on=KEYS, how="left", maintain_order="left")
    left = [pl.col(f"y.{g.name}").fill_null(0) > 0 for g in how.outcomes if spec.measures[g.name].outcome.absorbing]
    return actions_of(table.with_columns(ended=pl.any_horizontal(left) if left else pl.lit(False)), spec.actions, how)


def _last_whole(events: pl.DataFrame, spec: LogSpec, how: RollupSpec) -> int:
    """The last period that was over when the newest thing in the file happened, or at ``as_of``."""
    length = spec.actions.period_us or 7 * DAY_US
    times = [pl.col(c).max() for c in events.columns if c in ("at", "local") or c.startswith("t.")]
    now = max(events.select(pl.max_horizontal(times)).item(), spec.as_of or 0)
    over = (now - round(how.lag_days * DAY_US) - spec.actions.origin_us) // length - 1
    return min(over, events.select(pl.col("period").max()).item())


def _gone(found: Sequence[Attached], spec: LogSpec) -> pl.DataFrame:
    """When each user left, and the period that it is charged to."""
    absorbing = [a.first for a in found if spec.measures[a.name].outcome.absorbing]
    schema = {"user": pl.String, "scope": pl.String, "gone": pl.Int64, "charged": pl.Int64}
    every = pl.concat([pl.DataFrame(schema=schema), *absorbing])
    return every.sort("gone").group_by(WHO, maintain_order=True).first()


def _there(events: pl.DataFrame, last: int, how: RollupSpec) -> pl.DataFrame:
    """The periods in which each user was there: from the first event to the end, or to the opt-out."""
    first = pl.lit(events.select(pl.col("period").min()).item()) if how.since == "start" else pl.col("period").min()
    of_sends = pl.col("period").filter("send").max().fill_null(pl.col("period").min())
    end = pl.lit(last) if how.until == "end" else pl.col("period").max()
    spans = events.group_by(WHO).agg(
        first.alias("from").min(),
        end.alias("to").max(),
        pl.max_horizontal(of_sends, pl.col("charged").first()).alias("sent_to"),
        pl.col("gone").first().is_not_null().alias("left"),
    )
    to = (
        pl.when("left")
        .then(pl.min_horizontal("sent_to", pl.lit(last)))
        .otherwise(pl.min_horizontal("to", pl.lit(last)))
    )
    return (
        spans.with_columns(to=to)
        .filter(pl.col("from") <= pl.col("to"))
        .select(*WHO, period=pl.int_ranges("from", pl.col("to") + 1))
        .explode("period")
    )


def _segments(events: pl.DataFrame) -> pl.DataFrame:
    """The first segment that the events of a period name."""
    return events.sort("at").group_by(KEYS, maintain_order=True).agg(pl.col("segment").drop_nulls().first())


def _canonical(table: pl.DataFrame, spec: LogSpec, how: RollupSpec, counts: dict[str, int]) -> pl.DataFrame:
    """The columns that the spec reads."""
    space = spec.actions
    length = space.period_us or 7 * DAY_US
    columns = {
        "user": table["user"],
        "period": table["period"],
        "decided_at": (space.origin_us + table["period"] * length).cast(pl.Datetime("us", "UTC")),
        "segment": table["segment"],
        "action": table["action"],
        "scope": table["scope"],
        "sends_made": table["sends"].fill_null(0).cast(pl.Int64),
    }
    if "propensity" in table.columns:
        counts["without_propensity"] = table["propensity"].null_count()
        if not counts["without_propensity"]:
            columns["propensity"] = table["propensity"]
    for g in how.outcomes:
        measure = spec.measures[g.name]
        if not measure.value.column:
            raise SpecError("is computed by expr", f"[rollup.outcomes] {g.name}", "gather what expr computes it from")
        columns[measure.value.column] = table[f"y.{g.name}"].fill_null(0.0)
        if measure.trials is not None and measure.trials.column:
            columns[measure.trials.column] = columns["sends_made"].cast(pl.Float64)
    return pl.DataFrame(columns)


def _said(spec: LogSpec, how: RollupSpec, read: Sends, table: pl.DataFrame, counts: dict[str, int]) -> list[str]:
    """What was found, lost and assumed; ``counts`` gets what is counted here."""
    none, off, cut = table["action"] == NONE, table["action"] == OTHER, table["cut"]
    counts |= {"decisions": table.height, "users": table["user"].n_unique(), "none": int(none.sum())}
    counts |= {"on_grid": int((~none & ~off).sum()), "other": int(off.sum()), "cut_short": int(cut.sum())}
    said = [
        f"{counts['sends']:,} sends in {counts['rows']:,} rows became {table.height:,} decisions of "
        f"{counts['users']:,} users: {counts['none']:,} none, {counts['on_grid']:,} on the grid, "
        f"{counts['other']:,} other",
        read.clock,
    ]
    if counts["other"]:
        causes = table.filter(off).group_by("because").len().sort("len", descending=True)
        parts = ", ".join(f"{n:,} by their {why}" for why, n in causes.iter_rows())
        said.append(
            f"other is no action of the grid ({parts}); these rows stay in the file and every reading leaves them out"
        )
    said.append(_presence(how))
    if counts["cut_short"]:
        said.append(
            f"{counts['cut_short']:,} periods were cut short by an opt-out: their frequency is the grid's nearest to "
            "the pace until the last send, which is a guess"
        )
    losses = {
        "sends_after_opt_out": "sends came after their user's opt-out and are left out",
        "sends_in_unfinished_periods": "sends fall into a period that was not over and are left out",
        "without_propensity": "decisions have no propensity, so the log has none at all",
    }
    said += [f"{counts[key]:,} {words}" for key, words in losses.items() if counts.get(key)]
    for g in how.outcomes:
        if counts[f"late_{g.name}"]:
            said.append(f"{counts[f'late_{g.name}']:,} of {g.name} came after the window and do not count")
        if counts[f"without_send_{g.name}"]:
            said.append(f"{counts[f'without_send_{g.name}']:,} of {g.name} came before any send of their user: lost")
    if absent := [o for o in spec.measures if o not in {g.name for g in how.outcomes}]:
        said.append(f"not gathered: {', '.join(absent)}; add them to [rollup.outcomes], or to the file by hand")
    if "propensity" not in table.columns or counts["without_propensity"]:
        said.append(
            "no propensities: such a log can be checked and learnt from, but no policy can be evaluated on it well"
        )
    return said


def _presence(how: RollupSpec) -> str:
    since = "the start of the file" if how.since == "start" else "their first event"
    until = "its end" if how.until == "end" else "their last event"
    return (
        f"users count as there from {since} to {until}, or their opt-out: a period without sends in it is none; users "
        "who were never in the file are unknown"
    )
