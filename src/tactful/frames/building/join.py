"""Events to decisions: each outcome goes to the latest decision before it, inside its attribution window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from tactful.core.actions import DAY_US
from tactful.core.instants import EARLIEST_US, LATEST_US, YEARS
from tactful.core.outcomes import Outcome
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.frames.building.attribution import attribute, count_dropped
from tactful.frames.building.event_frames import EVENT_KEYS, flatten
from tactful.frames.forks import refuse_forked
from tactful.frames.reading.epochs import explain_implausible
from tactful.frames.spec.log_spec import LogSpec

# Why events are left out.
DUPLICATE = "duplicate id"
SECOND_DECISION = "second decision of a user, period and scope"
UNKNOWN_OUTCOME = "outcome that the spec does not name"
AFTER_AS_OF = "after the time of the log"
IMPLAUSIBLE_TIME = f"at a time outside {YEARS}"
ERASED_USER = "of a user who was erased"
OTHER_KIND = "consent and erasure"

CLOCK_SKEW_S = 300.0
# What is read of the bodies.
OUTCOME_MEMBERS = {"name": pl.String, "value": pl.Float64, "trials": pl.Float64, "decision": pl.String}
SEND_MEMBERS = {"decision": pl.String}
DECISION_MEMBERS = {
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
    """The canonical table of a log, and what became of every event.

    Examples
    --------
    >>> Joined(pl.DataFrame(), {"decision": 2}, {"duplicate id": 1}, as_of_us=0).to_json()
    {'used': {'decision': 2}, 'dropped': {'duplicate id': 1}, 'as_of_us': 0}
    """

    table: pl.DataFrame
    """One row a decision, in order of (decided_at, user, period, scope)."""
    used: dict[str, int]
    """The number of events that were used, by kind."""
    dropped: dict[str, int]
    """The number of events that were left out, by reason."""
    as_of_us: int
    """The time that is now for maturity, in µs UTC."""

    def describe(self, spec: LogSpec) -> list[str]:
        """What became of the events, in sentences."""
        days = ", ".join(f"{o.name} {o.window_us / DAY_US:g} d" for o in spec.outcomes.values())
        used = " and ".join(f"{n:,} {kind}s" for kind, n in self.used.items() if n)
        lines = [f"{used} were used; an outcome goes to the latest decision before it, inside its window ({days})"]
        return lines + [f"{n:,} events were left out: {reason}" for reason, n in self.dropped.items()]

    def to_json(self) -> Mapping[str, Any]:
        """The counts that ``tactful join --json`` prints."""
        return {"used": self.used, "dropped": self.dropped, "as_of_us": self.as_of_us}


def join(events: pl.DataFrame, spec: LogSpec, *, as_of_us: int | None = None, skew_s: float = CLOCK_SKEW_S) -> Joined:
    """Decisions with their outcomes, from events in any order, some of them twice.

    Parameters
    ----------
    events
        Columns id, kind, user, at_us (µs UTC), period, scope and ``body`` (JSON text), as
        :func:`tactful.frames.building.event_frames.read_events` gives them. Of events with one id the first counts: by
        ``seq`` where there is one, otherwise by time and then by text.
    spec
        Names the outcomes, their kinds and windows, and the context columns.
    as_of_us
        The time that is now, in µs UTC: events after it are left out, and outcomes whose window has not passed by then
        are null. By default the time of the newest event.
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
    LogError
        No decision has a time between 1990 and 2100. Single events outside of these years are left out, and counted.
    SpecError
        An outcome has no window to be attributed in.

    Examples
    --------
    >>> from tactful.frames.building.event_frames import read_events
    >>> outcomes = {"opened": {"kind": "binary", "window_days": 1, "null": "immature"}}
    >>> spec = LogSpec.from_dict({"actions": {"names": ["none", "send"], "period_days": 7}, "outcomes": outcomes})
    >>> events = pl.DataFrame(
    ...     {
    ...         "id": ["d1", "o1", "s2"],
    ...         "kind": ["decision", "outcome", "send"],
    ...         "user": ["ada", "ada", "bob"],
    ...         "at": ["2026-11-02T08:00:00Z", "2026-11-02T09:00:00Z", "2026-11-03T08:00:00Z"],
    ...         "period": [2965, None, None],
    ...         "body": ['{"action": "send"}', '{"name": "opened"}', "{}"],
    ...     }
    ... )
    >>> joined = join(read_events(events), spec)
    >>> joined.table.select("user", "period", "action", "opened").row(0), joined.dropped
    (('ada', 2965, 'send', 1.0), {'no decision before it': 1})
    """
    refuse_forked()
    for outcome in spec.outcomes.values():
        if not outcome.window_us:
            raise SpecError("no window to attribute events in", f"[outcomes] {outcome.name}", "set window_days")
    dropped: dict[str, int] = {}
    events = _keep_plausible(events, dropped)
    as_of_us = _newest_us(events) if as_of_us is None else as_of_us
    events = _sift(events, as_of_us, dropped)
    decisions = _select_decisions(events, spec, dropped)
    if not decisions.height:
        raise NothingToSayError("no decision among the events", "events", "journal what was decided")
    outcomes = flatten(events.filter(pl.col("kind") == "outcome"), OUTCOME_MEMBERS)
    sends = flatten(events.filter(pl.col("kind") == "send"), SEND_MEMBERS)
    is_known = pl.col("name").is_in(list(spec.outcomes))
    count_dropped(dropped, UNKNOWN_OUTCOME, outcomes.filter(~is_known).height)
    windows = {outcome.name: outcome.window_us for outcome in spec.outcomes.values()}
    window = pl.col("name").replace_strict(windows)
    outcomes = attribute(outcomes.filter(is_known), decisions, window, skew_s=skew_s, dropped=dropped)
    sends = attribute(sends, decisions, pl.lit(max(windows.values())), skew_s=skew_s, dropped=dropped)
    used = {"decision": decisions.height, "outcome": outcomes["id"].n_unique(), "send": sends["id"].n_unique()}
    return Joined(_build_table(decisions, outcomes, sends, spec, as_of_us), used, dropped, as_of_us)


def _keep_plausible(events: pl.DataFrame, dropped: dict[str, int]) -> pl.DataFrame:
    """The events between 1990 and 2100: one far in the future would make every window pass."""
    is_plausible = (pl.col("at_us") >= EARLIEST_US) & (pl.col("at_us") < LATEST_US)
    plausible = events.filter(is_plausible)
    count_dropped(dropped, IMPLAUSIBLE_TIME, events.height - plausible.height)
    is_decision = pl.col("kind") == "decision"
    strange = events.filter(is_decision & ~is_plausible)
    if strange.height and not plausible.filter(is_decision).height:
        what, do = explain_implausible(strange["at_us"][0])
        raise LogError(f"{what} in all {strange.height:,} decisions", "events at_us", do)
    return plausible


def _newest_us(events: pl.DataFrame) -> int:
    newest = events["at_us"].max()
    if not isinstance(newest, int):
        raise NothingToSayError("no event", "events", "give a journal or files that hold some")
    return newest


def _sift(events: pl.DataFrame, as_of_us: int, dropped: dict[str, int]) -> pl.DataFrame:
    """The first event of each id, as of now, of users who were not erased after it; decisions, outcomes and sends."""
    order = ["seq"] if "seq" in events.columns else ["at_us", *(c for c in EVENT_KEYS if c != "at_us"), "body"]
    distinct = events.sort(order).unique("id", keep="first", maintain_order=True)
    count_dropped(dropped, DUPLICATE, events.height - distinct.height)
    past = distinct.filter(pl.col("at_us") <= as_of_us)
    count_dropped(dropped, AFTER_AS_OF, distinct.height - past.height)
    erasures = past.filter(pl.col("kind") == "erase").group_by("user").agg(erased_us=pl.col("at_us").max())
    relevant = past.filter(pl.col("kind").is_in(["decision", "outcome", "send"]))
    count_dropped(dropped, OTHER_KIND, past.height - relevant.height)
    is_erased = (pl.col("at_us") <= pl.col("erased_us")).fill_null(value=False)
    remaining = relevant.join(erasures, on="user", how="left", maintain_order="left").filter(~is_erased)
    count_dropped(dropped, ERASED_USER, relevant.height - remaining.height)
    return remaining.drop("erased_us")


def _select_decisions(events: pl.DataFrame, spec: LogSpec, dropped: dict[str, int]) -> pl.DataFrame:
    """One row a decision: the first of each user, period and scope; ``row`` numbers them."""
    context = {f"x_{name}": pl.Float64 for name, _ in spec.columns.context or ()}
    decisions = events.filter(pl.col("kind") == "decision")
    if "seq" not in decisions.columns:
        decisions = decisions.sort(["at_us", "id"])
    first = decisions.unique(["user", "period", "scope"], keep="first", maintain_order=True)
    count_dropped(dropped, SECOND_DECISION, decisions.height - first.height)
    ordered = flatten(first, DECISION_MEMBERS | context).sort(["at_us", "user", "period", "scope"])
    return ordered.with_row_index("row").drop("kind", *({"seq", "received_us"} & set(ordered.columns)))


def _build_table(
    decisions: pl.DataFrame, outcomes: pl.DataFrame, sends: pl.DataFrame, spec: LogSpec, as_of_us: int
) -> pl.DataFrame:
    """The canonical columns; outcomes whose window has not passed are null. ``joined_at`` tells readers the time.

    Parameters
    ----------
    decisions
        One row a decision.
    outcomes, sends
        Events with the ``row`` of their decision.
    spec
        The outcomes.
    as_of_us
        The time that is now, in µs UTC.
    """
    send_counts = sends.group_by("row").agg(sends_made=pl.len().cast(pl.Int64))
    table = decisions.join(send_counts, on="row", how="left", maintain_order="left")
    table = table.with_columns(pl.col("sends_made").fill_null(0))
    for outcome in spec.outcomes.values():
        table = _add_outcome(table, outcomes.filter(pl.col("name") == outcome.name), outcome, as_of_us)
    measured = [c for o in spec.outcomes.values() for c in (o.name, *([f"{o.name}_trials"] if o.has_trials else []))]

    def filled(*columns: str) -> list[str]:
        return [c for c in columns if table[c].null_count() < table.height]

    return table.select(
        "user",
        "period",
        pl.col("at_us").cast(pl.Datetime("us", "UTC")).alias("decided_at"),
        pl.col("segment").fill_null(""),
        pl.col("arm").fill_null("policy"),
        "action",
        *filled("propensity", "propensities", "eligible"),
        *(c for c in table.columns if c.startswith("x_")),
        *measured,
        "sends_made",
        *filled("policy"),
        "fallback",
        "scope",
        pl.lit(as_of_us).cast(pl.Datetime("us", "UTC")).alias("joined_at"),
    )


def _add_outcome(table: pl.DataFrame, events: pl.DataFrame, outcome: Outcome, as_of_us: int) -> pl.DataFrame:
    """The table with an outcome, and its trials where it has any; null before its window has passed.

    Parameters
    ----------
    table
        One row a decision, with ``sends_made``.
    events
        The events of this outcome, with the ``row`` of their decision.
    outcome
        Its kind and window.
    as_of_us
        The time that is now, in µs UTC.
    """
    value = pl.col("value").fill_null(1.0)
    total = (value > 0).any().cast(pl.Float64) if outcome.kind == "binary" else value.sum()
    trials = pl.col("trials")
    totals = events.group_by("row").agg(total.alias(outcome.name), _trials=trials.sum(), _n_trials=trials.count())
    table = table.join(totals, on="row", how="left", maintain_order="left")
    mature = as_of_us - pl.col("at_us") >= outcome.window_us
    columns = {outcome.name: pl.when(mature).then(pl.col(outcome.name).fill_null(0.0))}
    if outcome.has_trials:
        reported = pl.when(pl.col("_n_trials") > 0).then(pl.col("_trials"))
        columns[f"{outcome.name}_trials"] = pl.when(mature).then(
            reported.otherwise(pl.col("sends_made").cast(pl.Float64))
        )
    return table.with_columns(**columns).drop("_trials", "_n_trials")
