"""Events to decisions: each outcome goes to the latest decision before it, inside its attribution window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from tactful.core.actions import DAY_US
from tactful.core.outcomes import Outcome
from tactful.errors import NothingToSayError, SpecError
from tactful.frames.building.event_frames import KEYS, flatten
from tactful.frames.spec.log_spec import LogSpec

DUPLICATE = "duplicate id"
SECOND = "second decision of a user, period and scope"
UNKNOWN = "outcome that the spec does not name"
NO_DECISION = "no decision before it"
NO_SUCH = "names a decision that is not there"
BEFORE = "before the decision that it names"
LATE = "after the window"
FUTURE = "after the time of the log"
ERASED = "of a user who was erased"
OTHER = "consent and erasure"
SKEW_S = 300.0
# What is read of the bodies.
OUTCOME = {"name": pl.String, "value": pl.Float64, "trials": pl.Float64, "decision": pl.String}
SEND = {"decision": pl.String}
DECISION = {
    "segment": pl.String,
    "arm": pl.String,
    "action": pl.String,
    "propensity": pl.Float64,
    "propensities": pl.List(pl.Float64),
    "eligible": pl.List(pl.Boolean),
    "policy": pl.String,
    "fallback": pl.String,
}


class Joined(NamedTuple):
    """The canonical table of a log, and what became of every event: ``used`` by kind, ``dropped`` by reason."""

    table: pl.DataFrame
    used: dict[str, int]
    dropped: dict[str, int]
    as_of_us: int


def join(events: pl.DataFrame, spec: LogSpec, *, as_of_us: int | None = None, skew_s: float = SKEW_S) -> Joined:
    """Decisions with their outcomes, from events in any order, some of them twice.

    Parameters
    ----------
    events
        Columns id, kind, user, at_us (µs UTC), period, scope and ``body`` (JSON text), as ``events.read`` gives them.
        Of events with one id the first counts: by ``seq`` where there is one, otherwise by time and then by text.
    spec
        Names the outcomes, their kinds and windows, and the context columns.
    as_of_us
        "Now": events after it are left out, and outcomes whose window has not passed by then are null. By default the
        time of the newest event.
    skew_s
        By how much an outcome may lie before the decision that it names: clocks differ.

    Returns
    -------
    Joined
        One row a decision, in order of (decided_at, user, period, scope). An outcome that names no decision goes to the
        latest one of its user (and scope, where it has one) that is not after it. Binary outcomes are 1 where there is
        an event with a positive value, the others are sums; trials are those of the events, or else the sends made.

    Raises
    ------
    NothingToSayError
        No decision is among the events.
    SpecError
        An outcome has no window to be attributed in.
    """
    for outcome in spec.outcomes.values():
        if not outcome.window_us:
            raise SpecError("no window to attribute events in", f"[outcomes] {outcome.name}", "set window_days")
    dropped: dict[str, int] = {}
    now = _now(events, as_of_us)
    kept = _sift(events, now, dropped)
    decisions = _decisions(kept, spec, dropped)
    if not decisions.height:
        raise NothingToSayError("no decision among the events", "events", "journal what was decided")
    used = {"decision": decisions.height}
    outcomes = flatten(kept.filter(pl.col("kind") == "outcome"), OUTCOME)
    sends = flatten(kept.filter(pl.col("kind") == "send"), SEND)
    known = pl.col("name").is_in(list(spec.outcomes))
    _count(dropped, UNKNOWN, outcomes.filter(~known).height)
    widest = max(o.window_us for o in spec.outcomes.values())
    windows = {o.name: o.window_us for o in spec.outcomes.values()}
    placed = _attributed(outcomes.filter(known), decisions, pl.col("name").replace_strict(windows), skew_s, dropped)
    made = _attributed(sends, decisions, pl.lit(widest), skew_s, dropped)
    used |= {"outcome": placed["id"].n_unique(), "send": made["id"].n_unique()}
    return Joined(_table(decisions, placed, made, spec, now), used, dropped, now)


def _now(events: pl.DataFrame, as_of_us: int | None) -> int:
    if as_of_us is not None:
        return as_of_us
    newest = events["at_us"].max()
    if not isinstance(newest, int):
        raise NothingToSayError("no event", "events", "give a journal or files that hold some")
    return newest


def _sift(events: pl.DataFrame, now: int, dropped: dict[str, int]) -> pl.DataFrame:
    """The first event of each id, as of now, of users who were not erased after it; decisions, outcomes and sends."""
    order = ["seq"] if "seq" in events.columns else ["at_us", *(c for c in KEYS if c != "at_us"), "body"]
    once = events.sort(order).unique("id", keep="first", maintain_order=True)
    _count(dropped, DUPLICATE, events.height - once.height)
    past = once.filter(pl.col("at_us") <= now)
    _count(dropped, FUTURE, once.height - past.height)
    erased = past.filter(pl.col("kind") == "erase").group_by("user").agg(erased_us=pl.col("at_us").max())
    told = past.filter(pl.col("kind").is_in(["decision", "outcome", "send"]))
    _count(dropped, OTHER, past.height - told.height)
    gone = pl.col("at_us") <= pl.col("erased_us")
    left = told.join(erased, on="user", how="left", maintain_order="left").filter(~gone.fill_null(value=False))
    _count(dropped, ERASED, told.height - left.height)
    return left.drop("erased_us")


def _decisions(events: pl.DataFrame, spec: LogSpec, dropped: dict[str, int]) -> pl.DataFrame:
    """One row a decision: the first of each user, period and scope; ``row`` numbers them."""
    context = {f"x_{name}": pl.Float64 for name, _ in spec.columns.context or ()}
    made = events.filter(pl.col("kind") == "decision")
    if "seq" not in made.columns:
        made = made.sort(["at_us", "id"])
    first = made.unique(["user", "period", "scope"], keep="first", maintain_order=True)
    _count(dropped, SECOND, made.height - first.height)
    ordered = flatten(first, DECISION | context).sort(["at_us", "user", "period", "scope"])
    return ordered.with_row_index("row").drop("kind", *({"seq", "received_us"} & set(ordered.columns)))


def _attributed(
    events: pl.DataFrame, decisions: pl.DataFrame, window: pl.Expr, skew_s: float, dropped: dict[str, int]
) -> pl.DataFrame:
    """The events with the ``row`` of their decision; an event without scope may belong to one decision of each."""
    named = events.filter(pl.col("decision").is_not_null())
    of = decisions.select(decision="id", row="row", decided_us="at_us")
    found = named.join(of, on="decision", how="inner")
    _count(dropped, NO_SUCH, named.height - found.height)
    age = pl.col("at_us") - pl.col("decided_us")
    early = age < -round(skew_s * 1e6)
    _count(dropped, BEFORE, found.filter(early).height)
    found = found.filter(~early)
    free = _latest(events.filter(pl.col("decision").is_null()), decisions, window, dropped)
    inside = found.filter(age < window)
    _count(dropped, LATE, found.height - inside.height)
    columns = [*events.columns, "row"]
    return pl.concat([inside.select(columns), free.select(columns)])


def _latest(events: pl.DataFrame, decisions: pl.DataFrame, window: pl.Expr, dropped: dict[str, int]) -> pl.DataFrame:
    """Events that name no decision, at the latest one of their user, in each scope where they have none."""
    scopes = decisions.select(pl.col("scope").unique().sort()).with_columns(every=pl.lit("")).rename({"scope": "of"})
    somewhere = events.filter(pl.col("scope") == "").join(scopes, left_on="scope", right_on="every", how="left")
    scoped = events.filter(pl.col("scope") != "").with_columns(of=pl.col("scope"))
    asked = pl.concat([somewhere, scoped.select(somewhere.columns)]).sort("at_us")
    on = decisions.select("user", "row", pl.col("scope").alias("of"), decided_us="at_us", period_="period")
    on = on.sort(["decided_us", "period_"])
    found = asked.join_asof(
        on, left_on="at_us", right_on="decided_us", by=["user", "of"], strategy="backward", check_sortedness=False
    )
    late = (pl.col("at_us") - pl.col("decided_us")) >= window
    inside = found.filter(pl.col("row").is_not_null() & ~late)
    # An event counts once: it is used if any scope uses it, and late if any decision stands before it.
    rest = found.filter(~pl.col("id").is_in(inside["id"].implode()))
    had = rest.group_by("id").agg(any=pl.col("row").is_not_null().any())["any"]
    _count(dropped, LATE, int(had.sum() or 0))
    _count(dropped, NO_DECISION, had.len() - int(had.sum() or 0))
    return inside


def _table(
    decisions: pl.DataFrame, outcomes: pl.DataFrame, sends: pl.DataFrame, spec: LogSpec, now: int
) -> pl.DataFrame:
    """The canonical columns; outcomes whose window has not passed are null. ``joined_at`` tells readers the time."""
    made = sends.group_by("row").agg(sends_made=pl.len().cast(pl.Int64))
    table = decisions.join(made, on="row", how="left", maintain_order="left")
    table = table.with_columns(pl.col("sends_made").fill_null(0))
    for outcome in spec.outcomes.values():
        table = _with(table, outcomes.filter(pl.col("name") == outcome.name), outcome, now)
    given = [c for c in ("propensities", "eligible") if table[c].null_count() < table.height]
    extra = [c for c in table.columns if c.startswith("x_")]
    measured = [c for o in spec.outcomes.values() for c in (o.name, *([f"{o.name}_trials"] if o.has_trials else []))]
    policy = ["policy"] if table["policy"].null_count() < table.height else []
    return table.select(
        "user",
        "period",
        pl.col("at_us").cast(pl.Datetime("us", "UTC")).alias("decided_at"),
        pl.col("segment").fill_null(""),
        pl.col("arm").fill_null("policy"),
        "action",
        *(["propensity"] if table["propensity"].null_count() < table.height else []),
        *given,
        *extra,
        *measured,
        "sends_made",
        *policy,
        "fallback",
        "scope",
        pl.lit(now).cast(pl.Datetime("us", "UTC")).alias("joined_at"),
    )


def _with(table: pl.DataFrame, events: pl.DataFrame, outcome: Outcome, now: int) -> pl.DataFrame:
    value = pl.col("value").fill_null(1.0)
    total = (value > 0).any().cast(pl.Float64) if outcome.kind == "binary" else value.sum()
    of = events.group_by("row").agg(
        total.alias(outcome.name), pl.col("trials").sum().alias("_trials"), pl.col("trials").count().alias("_told")
    )
    mature = now - pl.col("at_us") >= outcome.window_us
    joined = table.join(of, on="row", how="left", maintain_order="left")
    trials = pl.when(pl.col("_told") > 0).then(pl.col("_trials")).otherwise(pl.col("sends_made").cast(pl.Float64))
    columns = {outcome.name: pl.when(mature).then(pl.col(outcome.name).fill_null(0.0))}
    if outcome.has_trials:
        columns[f"{outcome.name}_trials"] = pl.when(mature).then(trials)
    return joined.with_columns(**columns).drop("_trials", "_told")


def _count(dropped: dict[str, int], reason: str, n: int) -> None:
    if n:
        dropped[reason] = dropped.get(reason, 0) + n


def told(joined: Joined, spec: LogSpec) -> list[str]:
    """What became of the events, in words."""
    days = ", ".join(f"{o.name} {o.window_us / DAY_US:g} d" for o in spec.outcomes.values())
    used = " and ".join(f"{n:,} {kind}s" for kind, n in joined.used.items() if n)
    lines = [f"{used} were used; an outcome goes to the latest decision before it, inside its window ({days})"]
    return lines + [f"{n:,} events were left out: {reason}" for reason, n in joined.dropped.items()]


def plain(joined: Joined) -> Mapping[str, Any]:
    """The counts, for machines."""
    return {"used": joined.used, "dropped": joined.dropped, "as_of_us": joined.as_of_us}
