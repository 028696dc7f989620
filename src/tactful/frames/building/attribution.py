"""Which decision an event belongs to: the one that it names, or the latest of its user before it, within a window."""

from __future__ import annotations

import polars as pl

# Why events are left out.
UNKNOWN_DECISION = "names a decision that is not there"
BEFORE_DECISION = "before the decision that it names"
NO_DECISION = "no decision before it"
AFTER_WINDOW = "after the window"


def attribute(
    events: pl.DataFrame, decisions: pl.DataFrame, window: pl.Expr, *, skew_s: float, dropped: dict[str, int]
) -> pl.DataFrame:
    """The events with the ``row`` of their decision; an event without scope may belong to one decision of each.

    Parameters
    ----------
    events
        Columns id, user, scope, at_us (µs UTC) and ``decision``, the id of the decision that an event names, or null.
    decisions
        Columns id, row, user, scope, period and at_us.
    window
        The attribution window of each event, in µs.
    skew_s
        By how much an event may lie before the decision that it names: clocks differ.
    dropped
        Gets the numbers of events that are left out, by reason.

    Returns
    -------
    polars.DataFrame
        The columns of ``events`` and ``row``; events without a decision are not there.
    """
    named = events.filter(pl.col("decision").is_not_null())
    targets = decisions.select(decision="id", row="row", decided_us="at_us")
    matched = named.join(targets, on="decision", how="inner")
    count_dropped(dropped, UNKNOWN_DECISION, named.height - matched.height)
    age = pl.col("at_us") - pl.col("decided_us")
    early = age < -round(skew_s * 1e6)
    count_dropped(dropped, BEFORE_DECISION, matched.filter(early).height)
    matched = matched.filter(~early)
    unnamed = _attribute_to_latest(events.filter(pl.col("decision").is_null()), decisions, window, dropped)
    in_time = matched.filter(age < window)
    count_dropped(dropped, AFTER_WINDOW, matched.height - in_time.height)
    columns = [*events.columns, "row"]
    return pl.concat([in_time.select(columns), unnamed.select(columns)])


def _attribute_to_latest(
    events: pl.DataFrame, decisions: pl.DataFrame, window: pl.Expr, dropped: dict[str, int]
) -> pl.DataFrame:
    """Events that name no decision, at the latest one of their user, in each scope where they have none.

    Parameters
    ----------
    events, decisions, window
        As in :func:`attribute`.
    dropped
        Gets the numbers of events that are left out, by reason.
    """
    scopes = decisions.select(pl.col("scope").unique().sort()).with_columns(every=pl.lit("")).rename({"scope": "of"})
    scopeless = events.filter(pl.col("scope") == "").join(scopes, left_on="scope", right_on="every", how="left")
    scoped = events.filter(pl.col("scope") != "").with_columns(of=pl.col("scope"))
    candidates = pl.concat([scopeless, scoped.select(scopeless.columns)]).sort("at_us")
    targets = decisions.select("user", "row", pl.col("scope").alias("of"), decided_us="at_us", period_="period")
    matched = candidates.join_asof(
        targets.sort(["decided_us", "period_"]),
        left_on="at_us",
        right_on="decided_us",
        by=["user", "of"],
        strategy="backward",
        check_sortedness=False,
    )
    late = (pl.col("at_us") - pl.col("decided_us")) >= window
    in_time = matched.filter(pl.col("row").is_not_null() & ~late)
    # An event counts once: it is used if any scope uses it, and late if any decision stands before it.
    unused = matched.filter(~pl.col("id").is_in(in_time["id"].implode()))
    follows_decision = unused.group_by("id").agg(any=pl.col("row").is_not_null().any())["any"]
    n_late = int(follows_decision.sum() or 0)
    count_dropped(dropped, AFTER_WINDOW, n_late)
    count_dropped(dropped, NO_DECISION, follows_decision.len() - n_late)
    return in_time


def count_dropped(dropped: dict[str, int], reason: str, n: int) -> None:
    """Add ``n`` events that are left out for a reason; reasons that never occur are not listed."""
    if n:
        dropped[reason] = dropped.get(reason, 0) + n
