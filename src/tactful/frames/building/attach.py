"""Outcomes of a rollup: what came of the sends of a period, or happened in it, within the window."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from tactful.core.actions import DAY_US
from tactful.frames.building.cadences import PERIOD_KEYS, USER_KEYS
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import OutcomeSource, RollupSpec


class AttachedOutcome(NamedTuple):
    """One outcome of a rollup, at the periods that it belongs to."""

    name: str
    """The outcome."""
    values: pl.DataFrame
    """User, scope, period and the value ``y.<name>``, where something of it happened."""
    late: int
    """Events that came after the window."""
    stray: int
    """Events before which their user had no send."""
    first: pl.DataFrame
    """For each user and scope the earliest time (``gone``), and the period that it is ``charged`` to."""


def attach(events: pl.DataFrame, source: OutcomeSource, spec: LogSpec, rollup: RollupSpec) -> AttachedOutcome:
    """One outcome of every (user, scope, period) in which something of it happened.

    A window begins with the period, as the age of a decision does, and is no shorter than it: what comes later is
    counted as late and does not enter, because a log read earlier could not have known it.

    Parameters
    ----------
    events
        The table of :func:`tactful.frames.building.sends.read_sends`.
    source
        Where the outcome comes from.
    spec
        Its kind and window, and the length of periods.
    rollup
        When the sends of a period go out.
    """
    outcome = spec.measures[source.name].outcome
    events = _from_sends(events, source) if source.time else _from_events(events, source)
    stray = events["charged"].null_count()
    events = events.filter(pl.col("charged").is_not_null())
    length = spec.actions.period_us or 7 * DAY_US
    lag = round(rollup.lag_days * DAY_US)
    start = spec.actions.origin_us + pl.col("charged") * length
    limit = max(outcome.window_us, length + lag)
    # The clock of the user is less than half a day from UTC, where the period is cut.
    in_time = events.filter(pl.col("when") < start + limit + DAY_US // 2)
    value = pl.col("value").sum() if outcome.kind != "binary" else (pl.col("value") > 0).any().cast(pl.Float64)
    values = in_time.group_by(*USER_KEYS, pl.col("charged").alias("period")).agg(value.alias(f"y.{source.name}"))
    earliest = [pl.col("when").first().alias("gone"), pl.col("charged").first()]
    return AttachedOutcome(
        source.name,
        values.select(*PERIOD_KEYS, f"y.{source.name}"),
        late=events.height - in_time.height,
        stray=stray,
        first=in_time.sort("when").group_by(USER_KEYS, maintain_order=True).agg(earliest),
    )


def _from_sends(events: pl.DataFrame, source: OutcomeSource) -> pl.DataFrame:
    """Outcomes in a column of the sends, charged to the period of the send."""
    column = f"t.{source.name}"
    return events.filter(pl.col("send") & pl.col(column).is_not_null()).select(
        *USER_KEYS, pl.col(column).alias("when"), pl.col("period").alias("charged"), pl.lit(1.0).alias("value")
    )


def _from_events(events: pl.DataFrame, source: OutcomeSource) -> pl.DataFrame:
    """Events of the types, charged to their own period or to that of the last send before; null without one."""
    outcomes = events.filter(pl.col("type").is_in(list(source.types)))
    value = pl.col(f"v.{source.name}").alias("value")
    if source.attribution == "period":
        return outcomes.select(*USER_KEYS, pl.col("at").alias("when"), pl.col("period").alias("charged"), value)
    sends = events.filter("send").select(*USER_KEYS, "at", pl.col("period").alias("charged")).sort("at")
    return (
        outcomes.select(*USER_KEYS, "at", value)
        .sort("at")
        .join_asof(sends, on="at", by=list(USER_KEYS), strategy="backward", check_sortedness=False)
        .rename({"at": "when"})
    )
