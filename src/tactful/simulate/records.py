"""Weekly decisions of a plan in the world, as a canonical log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.arrays import F64, I64, U64, Bool, Text
from tactful.core.draw import ONE
from tactful.core.log import Coded, Log, Measured
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.kernels import world as kernel
from tactful.policies.arms import POLICY
from tactful.simulate.delays import SlotClock
from tactful.simulate.engine import MEASURES, ORIGIN, Engine
from tactful.simulate.people import JITTER_US, People, context, remember
from tactful.simulate.plans import CadenceTable, Drawn, eligible, leaf_nodes
from tactful.simulate.simulated import Events, Simulated
from tactful.simulate.world_config import WEEK_US

CONTEXT = ("fatigue", "recent_dose")
# The last send of a week is made up to 8.5 days after the decision; opens count for 5 days, opt-outs show within 12.
OUTCOMES = (
    Outcome("engaged", "count", window_us=14 * DAY_US),
    Outcome("opens", "count", window_us=14 * DAY_US, has_trials=True),
    Outcome("opted_out", "binary", window_us=21 * DAY_US, absorbing=True),
)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept beside the log: the one-step truth, whole propensity vectors, sends one by one."""

    truth: bool = True
    vectors: bool = True
    events: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What all rows of a log share: action space, tree, users, version of the policy."""

    actions: ActionSpace
    segments: Segments
    ids: Text
    keys: U64
    version: str


def user_ids(people: People) -> Text:
    """(n,) identifiers: u-000001 is the first user of the population."""
    return np.array([f"u-{i + 1:06d}" for i in people.row.tolist()], object)


def weekly(
    engine: Engine, people: People, plan: Drawn, periods: int, keep: Keep, progress: Progress | None
) -> Simulated:
    """Decide and live through ``periods`` weeks; people are moved."""
    shape, k = (people.n, periods), plan.config.actions.k
    columns: dict[str, Any] = {c: np.zeros(shape) for c in ("propensity", "sends", "engaged", "opens", "opted_out")}
    columns |= {"action": np.zeros(shape, np.int64), "context": np.zeros((*shape, len(CONTEXT)))}
    if keep.vectors:
        columns["propensities"] = np.zeros((*shape, k))
    if keep.truth:
        columns |= {f"truth {o.name}": np.zeros((*shape, k)) for o in OUTCOMES}
    rows = np.zeros(shape, np.bool_)
    sent: list[I64] = []
    for week in range(periods):
        rows[:, week] = people.alive
        made = _week(engine, people, plan, week, keep)
        if keep.events:
            sent.append(made.pop("sent"))
        for name, values in made.items():
            columns[name][:, week] = values
        if progress:
            progress(week + 1, periods)
    return _simulated(engine, people, plan, rows, columns, sent)


def _week(engine: Engine, people: People, plan: Drawn, week: int, keep: Keep) -> dict[str, Any]:
    """Columns of one week for all users; those who had opted out before it are left out later."""
    space = CadenceTable.of(plan.config)
    action, propensity, shares = plan.decide(people, week, vectors=keep.vectors)
    made: dict[str, Any] = {"action": action, "propensity": propensity, "context": context(people)}
    if keep.vectors:
        made["propensities"] = shares / ONE
    if keep.truth:
        truth = engine.expected(people, 7 * week, 7, space.cadence, space.slot)
        made |= {"truth opens": truth[:, :, 1], "truth engaged": truth[:, :, 2], "truth opted_out": truth[:, :, 3]}
    out = np.zeros((people.n, 1, len(MEASURES)))
    sent = np.full((people.n, _most(space)), -1, np.int64) if keep.events else None
    engine.cadences(people, 7 * week, space.cadence[action][:, None], space.slot[action][:, None], out, sent=sent)
    remember(people, out[:, 0, kernel.SENDS], plan.config.fatigue_half_life)
    made |= {"sends": out[:, 0, kernel.SENDS], "opens": out[:, 0, kernel.OPENS]}
    made |= {"engaged": out[:, 0, kernel.SESSIONS], "opted_out": out[:, 0, kernel.OPT_OUTS]}
    return made if sent is None else made | {"sent": sent}


def _most(space: CadenceTable) -> int:
    return int(-(-space.cadence.max() // 1000)) + 1


def _simulated(
    engine: Engine, people: People, plan: Drawn, rows: Bool, columns: dict[str, Any], sent: list[I64]
) -> Simulated:
    config, periods = plan.config, rows.shape[1]
    user, week = np.nonzero(rows)
    flat = {name: values[rows] for name, values in columns.items()}
    start = time_us(config.start, "[world] start")
    decided = start + week * WEEK_US + people.decides_us[user]
    clock = SlotClock.of(config, engine.seed, 0, 7 * periods)
    may = eligible(config)
    table = flat | {
        "user": user,
        "period": plan.first_period + week,
        "segment": leaf_nodes(config, plan.segments)[people.leaf[user]],
        "decided_at": decided,
        "eligible": None if may.all() else np.tile(may, (user.size, 1)),
    }
    known = {o.name: decided + o.window_us for o in OUTCOMES}
    known["opted_out"] = np.where(flat["opted_out"] == 1, left_at(clock, people)[user], known["opted_out"])
    header = Header(config.actions, plan.segments, user_ids(people), plan.keys, plan.policy.version)
    settled = start + (periods - 1) * WEEK_US + JITTER_US + max(o.window_us for o in OUTCOMES)
    log = to_log(header, table, OUTCOMES, settled)
    truth = {o.name: flat[f"truth {o.name}"] for o in OUTCOMES if f"truth {o.name}" in flat}
    return Simulated(log, truth, known, _events(clock, people, np.concatenate(sent, 1)) if sent else None, config.slots)


def to_log(
    header: Header, rows: dict[str, Any], outcomes: tuple[Outcome, ...], as_of: int, names: tuple[str, ...] = CONTEXT
) -> Log:
    """Columns as a log whose outcomes are all known at ``as_of``; ``names`` are those of the context's columns."""
    n = rows["user"].size
    settled = np.ones(n, np.bool_)
    return Log(
        actions=header.actions,
        segments=header.segments,
        user=rows["user"],
        user_ids=header.ids,
        user_key=header.keys,
        period=rows["period"],
        segment=rows["segment"],
        action=rows["action"],
        arm=Coded.constant(POLICY, n),
        policy=Coded.constant(header.version, n),
        scope=Coded.constant("", n),
        outcomes={
            o.name: Measured(o, rows[o.name], settled, rows["sends"] if o.has_trials else None) for o in outcomes
        },
        decided_at=rows["decided_at"],
        propensity=rows["propensity"],
        propensities=rows.get("propensities"),
        eligible=rows.get("eligible"),
        context=rows["context"],
        context_names=names,
        as_of=as_of,
        provenance="logged",
    )


def left_at(clock: SlotClock, people: People) -> I64:
    """(n,) µs UTC at which each opt-out is known; meaningless where there was none."""
    out = np.zeros(people.n, np.int64)
    day = people.state[:, kernel.LEFT_DAY].astype(np.int64) - ORIGIN
    who = np.flatnonzero((people.state[:, kernel.LEFT_DAY] >= 0) & (day >= clock.first_day))
    slot = people.state[who, kernel.LEFT_SLOT].astype(np.int64)
    out[who] = clock.opted_out_at(people.row[who], people.zone[who], day[who], slot)
    return out


def _events(clock: SlotClock, people: People, sent: I64) -> Events:
    """Sends (n, m), week after week, as rows."""
    user, at = np.nonzero(sent >= 0)
    code = sent[user, at]
    bits, place = code % kernel.FLAGS, code // kernel.FLAGS
    day, slot = place // 64 - ORIGIN, place % 64
    row, zone = people.row[user], people.zone[user]
    opened = clock.opened_at(row, zone, people.channel[user], day, slot)
    left: F64 | I64 = clock.opted_out_at(row, zone, day, slot)
    return Events(
        user=user,
        sent_at=clock.sent_at(zone, day, slot),
        slot=slot,
        opened_at=np.where(bits & kernel.OPENED, opened, -1),
        opted_out_at=np.where(bits & kernel.QUIT, left, -1),
        added=(bits & kernel.ADDED) > 0,
    )
