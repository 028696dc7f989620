"""From sends, or events of several kinds, to decisions of (user, period), with what was lost and assumed in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import polars as pl

from tactful.core.actions import DAY_US
from tactful.errors import LogError, SpecError
from tactful.frames.building.attach import AttachedOutcome, attach
from tactful.frames.building.cadences import PERIOD_KEYS, USER_KEYS, name_actions, summarise_periods
from tactful.frames.building.rollup_notes import count_decisions, write_notes
from tactful.frames.building.sends import list_slots, read_sends
from tactful.frames.forks import refuse_forked
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import RollupSpec
from tactful.frames.write import write_frame


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """Decisions from sends or events, and what became of them.

    Rows whose action is ``other`` are off the grid: the spec's ``[rollup]`` leaves them out of every reading, counted.

    Examples
    --------
    >>> result = Rollup(pl.DataFrame({"user": ["ada"], "action": ["none"]}), {"decisions": 1}, ["1 decision"])
    >>> result.to_json()["actions"]
    {'none': 1}
    """

    frame: pl.DataFrame
    """The decisions in the canonical columns."""
    counts: Mapping[str, int]
    """How many rows, sends, decisions and losses there were, by name."""
    notes: Sequence[str]
    """What was found, lost and assumed, in sentences."""

    def write(self, path: str | PathLike[str]) -> None:
        """The decisions as a file, by its extension; see :func:`tactful.write_log`."""
        refuse_forked()
        write_frame(self.frame, path)

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful rollup --json`` prints."""
        actions = self.frame["action"].value_counts(sort=True)
        return {
            "counts": dict(self.counts),
            "actions": dict(zip(actions["action"].to_list(), actions["count"].to_list(), strict=True)),
            "said": list(self.notes),
        }


def rollup(events: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, spec: LogSpec) -> Rollup:
    """Decisions of (user, period) from one row a send, or one row an event, as ``[rollup]`` of the spec describes them.

    The action is what the sends of a period amount to on the grid: their number at the slot that most of them are near.
    A period without sends is ``none`` while the user is there, and what is no action of the grid is ``other``.

    Parameters
    ----------
    events
        A path, a folder of Parquet partitions, or a polars frame; the columns are those that the spec names.
    spec
        The grid of cadences, the outcomes, and ``[rollup]``.

    Returns
    -------
    Rollup
        The decisions, with counts and sentences of what was lost and assumed.

    Raises
    ------
    SpecError
        The spec has no ``[rollup]``, or its actions are no grid.
    LogError
        A column is missing, or holds what it should not; no send, or no whole period.

    Examples
    --------
    >>> spec = LogSpec.from_dict(
    ...     {
    ...         "actions": {"slots": ["08:00", "19:30"], "frequencies": [1, 2]},
    ...         "outcomes": {"opened": {"kind": "count"}},
    ...         "log": {"timezone": "UTC"},
    ...         "rollup": {"outcomes": {"opened": {"time": "opened_at"}}},
    ...     }
    ... )
    >>> sends = pl.DataFrame(
    ...     {
    ...         "user": ["ada", "ada", "bob"],
    ...         "time": ["2026-11-02T08:05", "2026-11-04T07:50", "2026-11-18T19:30"],
    ...         "opened_at": ["2026-11-02T09:00", None, None],
    ...     }
    ... )
    >>> rollup(sends, spec).frame.select("user", "period", "action", "opened").rows()
    [('ada', 2965, '2x@08:00', 1.0), ('ada', 2966, 'none', 0.0)]
    """
    refuse_forked()
    options = spec.rollup
    if options is None:
        raise SpecError("the spec does not say what the events are", "[rollup]", "add the table: docs/spec.md")
    list_slots(spec.actions)
    sends = read_sends(events, spec, options)
    counts = {"rows": sends.frame.height, "sends": int(sends.frame["send"].sum())}
    table = _build_table(sends.frame, spec, options, counts)
    frame = _select_canonical(table, spec, options, counts)
    counts |= count_decisions(table)
    return Rollup(frame, counts, [*write_notes(spec, options, sends.clock, table, counts)])


def _build_table(events: pl.DataFrame, spec: LogSpec, options: RollupSpec, counts: dict[str, int]) -> pl.DataFrame:
    """One row a decision, with its sends, its action and its outcomes.

    Parameters
    ----------
    events
        The table of :func:`tactful.frames.building.sends.read_sends`.
    spec
        The grid, and the outcomes.
    options
        How events become decisions.
    counts
        Gets what is lost on the way.
    """
    last = _last_whole_period(events, spec, options)
    departures = _departures([attach(events, source, spec, options) for source in options.outcomes], spec)
    events = events.join(departures, on=USER_KEYS, how="left")
    after_departure = pl.col("send") & (pl.col("at") > pl.col("gone")).fill_null(False)
    counts["sends_after_opt_out"] = events.filter(after_departure).height
    events = events.filter(~after_departure)
    sends = events.filter(pl.col("send") & (pl.col("period") <= last))
    counts["sends_in_unfinished_periods"] = int(events["send"].sum()) - sends.height
    if not sends.height:
        raise LogError("no send falls into a period that is over", "rollup", "give events of a longer time")
    table = _presence(events, last, options).join(summarise_periods(sends, options), on=PERIOD_KEYS, how="left")
    table = table.join(_first_segments(events), on=PERIOD_KEYS, how="left").sort(PERIOD_KEYS)
    table = table.with_columns(pl.col("segment").forward_fill().backward_fill().over(USER_KEYS).fill_null(""))
    for outcome in (attach(events, source, spec, options) for source in options.outcomes):
        counts[f"late_{outcome.name}"], counts[f"without_send_{outcome.name}"] = outcome.late, outcome.stray
        table = table.join(outcome.values, on=PERIOD_KEYS, how="left", maintain_order="left")
    absorbing = [source.name for source in options.outcomes if spec.measures[source.name].outcome.absorbing]
    ended = [pl.col(f"y.{name}").fill_null(0) > 0 for name in absorbing]
    table = table.with_columns(ended=pl.any_horizontal(ended) if ended else pl.lit(False))
    return name_actions(table, spec.actions, options)


def _last_whole_period(events: pl.DataFrame, spec: LogSpec, options: RollupSpec) -> int:
    """The last period that was over when the newest thing in the file happened, or at ``as_of``."""
    length = spec.actions.period_us or 7 * DAY_US
    times = [pl.col(c).max() for c in events.columns if c in ("at", "local") or c.startswith("t.")]
    newest = max(events.select(pl.max_horizontal(times)).item(), spec.as_of or 0)
    last = (newest - round(options.lag_days * DAY_US) - spec.actions.origin_us) // length - 1
    return min(last, events.select(pl.col("period").max()).item())


def _departures(outcomes: Sequence[AttachedOutcome], spec: LogSpec) -> pl.DataFrame:
    """When each user left (``gone``), and the period that it is ``charged`` to."""
    absorbing = [outcome.first for outcome in outcomes if spec.measures[outcome.name].outcome.absorbing]
    schema = {"user": pl.String, "scope": pl.String, "gone": pl.Int64, "charged": pl.Int64}
    departures = pl.concat([pl.DataFrame(schema=schema), *absorbing])
    return departures.sort("gone").group_by(USER_KEYS, maintain_order=True).first()


def _presence(events: pl.DataFrame, last: int, options: RollupSpec) -> pl.DataFrame:
    """The periods in which each user was there: from the first event to the end, or to the opt-out."""
    first = pl.lit(events.select(pl.col("period").min()).item()) if options.since == "start" else pl.col("period").min()
    last_send = pl.col("period").filter("send").max().fill_null(pl.col("period").min())
    end = pl.lit(last) if options.until == "end" else pl.col("period").max()
    spans = events.group_by(USER_KEYS).agg(
        first.alias("from").min(),
        end.alias("to").max(),
        pl.max_horizontal(last_send, pl.col("charged").first()).alias("sent_to"),
        pl.col("gone").first().is_not_null().alias("left"),
    )
    to = pl.when("left").then(pl.min_horizontal("sent_to", pl.lit(last)))
    to = to.otherwise(pl.min_horizontal("to", pl.lit(last)))
    return (
        spans.with_columns(to=to)
        .filter(pl.col("from") <= pl.col("to"))
        .select(*USER_KEYS, period=pl.int_ranges("from", pl.col("to") + 1))
        .explode("period")
    )


def _first_segments(events: pl.DataFrame) -> pl.DataFrame:
    """The first segment that the events of a period name."""
    groups = events.sort("at").group_by(PERIOD_KEYS, maintain_order=True)
    return groups.agg(pl.col("segment").drop_nulls().first())


def _select_canonical(table: pl.DataFrame, spec: LogSpec, options: RollupSpec, counts: dict[str, int]) -> pl.DataFrame:
    """The columns that the spec reads.

    Parameters
    ----------
    table
        One row a decision.
    spec
        The names of the columns of outcomes.
    options
        The outcomes that are gathered.
    counts
        Gets the decisions without propensity.
    """
    actions = spec.actions
    length = actions.period_us or 7 * DAY_US
    columns = {
        "user": table["user"],
        "period": table["period"],
        "decided_at": (actions.origin_us + table["period"] * length).cast(pl.Datetime("us", "UTC")),
        "segment": table["segment"],
        "action": table["action"],
        "scope": table["scope"],
        "sends_made": table["sends"].fill_null(0).cast(pl.Int64),
    }
    if "propensity" in table.columns:
        counts["without_propensity"] = table["propensity"].null_count()
        if not counts["without_propensity"]:
            columns["propensity"] = table["propensity"]
    for source in options.outcomes:
        measure = spec.measures[source.name]
        if not measure.value.column:
            do = "gather what expr computes it from"
            raise SpecError("is computed by expr", f"[rollup.outcomes] {source.name}", do)
        columns[measure.value.column] = table[f"y.{source.name}"].fill_null(0.0)
        if measure.trials is not None and measure.trials.column:
            columns[measure.trials.column] = columns["sends_made"].cast(pl.Float64)
    return pl.DataFrame(columns)
