"""Outcomes of a rollup: what came of the sends of a period, or happened in it, within the window."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from tactful.core.actions import DAY_US
from tactful.frames.building.cadences import KEYS, WHO
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.spec.rollup_spec import Gathered, RollupSpec


class Attached(NamedTuple):
    """``values`` by user, scope and period (``y.<name>``); how many events came ``late``, how many after no send.

    ``first`` has, for each user and scope, the earliest time (``gone``) and the period that it is ``charged`` to.
    """

    name: str
    values: pl.DataFrame
    late: int
    stray: int
    first: pl.DataFrame


def attach(events: pl.DataFrame, gathered: Gathered, spec: LogSpec, how: RollupSpec) -> Attached:
    """One outcome of every (user, scope, period) in which something of it happened.

    A window begins with the period, as the age of a decision does, and is no shorter than it: what comes later is
    counted as late and does not enter, because a log read earlier could not have known it.
    """
    outcome = spec.measures[gathered.name].outcome
    found = _of_sends(events, gathered) if gathered.time else _of_events(events, gathered)
    stray = found["charged"].null_count()
    found = found.filter(pl.col("charged").is_not_null())
    length = spec.actions.period_us or 7 * DAY_US
    lag = round(how.lag_days * DAY_US)
    start = spec.actions.origin_us + pl.col("charged") * length
    limit = max(outcome.window_us, length + lag)
    # The clock of the user is less than half a day from UTC, where the period is cut.
    intime = found.filter(pl.col("when") < start + limit + DAY_US // 2)
    value = pl.col("value").sum() if outcome.kind != "binary" else (pl.col("value") > 0).any().cast(pl.Float64)
    values = intime.group_by(*WHO, pl.col("charged").alias("period")).agg(value.alias(f"y.{gathered.name}"))
    first = intime.sort("when").group_by(WHO, maintain_order=True).agg(
        pl.col("when").first().alias("gone"), pl.col("charged").first()
    )  # fmt: skip
    return Attached(
        gathered.name, values.select(*KEYS, f"y.{gathered.name}"), found.height - intime.height, stray, first
    )


def _of_sends(events: pl.DataFrame, gathered: Gathered) -> pl.DataFrame:
    column = f"t.{gathered.name}"
    return events.filter(pl.col("send") & pl.col(column).is_not_null()).select(
        *WHO, pl.col(column).alias("when"), pl.col("period").alias("charged"), pl.lit(1.0).alias("value")
    )


def _of_events(events: pl.DataFrame, gathered: Gathered) -> pl.DataFrame:
    """Events of the types; ``charged`` to their own period or to that of the last send before, null without one."""
    mine = events.filter(pl.col("type").is_in(list(gathered.types)))
    value = pl.col(f"v.{gathered.name}").alias("value")
    if gathered.by == "period":
        return mine.select(*WHO, pl.col("at").alias("when"), pl.col("period").alias("charged"), value)
    sends = events.filter("send").select(*WHO, "at", pl.col("period").alias("charged")).sort("at")
    return (
        mine.select(*WHO, "at", value)
        .sort("at")
        .join_asof(sends, on="at", by=list(WHO), strategy="backward", check_sortedness=False)
        .rename({"at": "when"})
    )
