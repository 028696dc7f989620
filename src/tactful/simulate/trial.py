"""Send or none at every slot of the day, as in a micro-randomised trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tactful.core.actions import DAY_US, ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.draw import ONE, draw_key, to_shares, user_keys
from tactful.core.outcomes import Outcome
from tactful.core.parallel import each
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.kernels import world as kernel
from tactful.policies.protocol import Policy
from tactful.simulate.delays import SlotClock
from tactful.simulate.engine import CHUNK, MEASURES, Engine
from tactful.simulate.hours import allowed
from tactful.simulate.people import WEEKS_OF_DOSE, People
from tactful.simulate.plans import leaf_nodes
from tactful.simulate.records import CONTEXT, Header, left_at, to_log, user_ids
from tactful.simulate.simulated import Simulated
from tactful.simulate.status_quo import draw, serve

SEND = 1
ACTIONS = ActionSpace.named(["none", "send"])
# Sessions are those until the next slot, and of an open within 5 days; opt-outs show within 12 local days.
OUTCOMES = (
    Outcome("engaged", "count", window_us=6 * DAY_US),
    Outcome("opens", "count", window_us=6 * DAY_US, has_trials=True),
    Outcome("opted_out", "binary", window_us=14 * DAY_US, absorbing=True),
)


TRUTHS = tuple(f"truth {o.name}" for o in OUTCOMES)


@dataclass(frozen=True, slots=True)
class Coin:
    """Send with probability ``p``, whoever and whenever."""

    p: float
    segments: Segments = field(default_factory=lambda: Segments(("",)))
    uniform: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        if not 0 <= self.p <= 1:
            raise SpecError(f"a probability of {self.p}", "trial", "choose it between 0 and 1")

    @property
    def version(self) -> str:
        """What the log's column ``policy`` says."""
        return f"send {self.p:g}"

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:  # noqa: ARG002 - the same for everyone
        """(n, 2) none and send."""
        return np.tile([1 - self.p, self.p], (nodes.size, 1))


def run(
    engine: Engine,
    people: People,
    segments: Segments,
    policy: Policy | float,
    days: int,
    salt: str,
    *,
    truth: bool = True,
) -> Simulated:
    """Decide and live through every slot of ``days`` days; people are moved."""
    config, per_day = engine.config, len(engine.config.slots)
    policy = policy if not isinstance(policy, int | float) else Coin(float(policy))
    shape = (people.n, days * per_day)
    node = policy.segments.locate(segments)[leaf_nodes(config, segments)[people.leaf]]
    ids = user_ids(people)
    header = Header(ACTIONS, segments, ids, user_keys(ids), policy.version)
    may = allowed(config) > 0
    columns: dict[str, Any] = {c: np.zeros(shape) for c in ("propensity", "sends", "engaged", "opens", "opted_out")}
    columns |= {"action": np.zeros(shape, np.int64), "context": np.zeros((*shape, len(CONTEXT)))}
    columns |= {c: np.zeros((*shape, 2)) for c in ("propensities", *(TRUTHS if truth else ()))}
    rows = np.zeros(shape, np.bool_)
    dose = people.dose[:, 1:].sum(1)
    for t in range(shape[1]):
        rows[:, t] = people.alive
        seen = np.stack([people.state[:, kernel.FATIGUE], dose / WEEKS_OF_DOSE], 1)
        served = serve(policy, node, seen, np.array([True, bool(may[t % per_day])]))
        made = _truth(engine, people, t) if truth else {}
        made |= _slot(engine, people, t, *draw(served, header.keys, np.full(people.n, t), draw_key(salt)))
        for name, values in (made | {"propensities": served / ONE, "context": seen}).items():
            columns[name][:, t] = values
        gone = t - 7 * WEEKS_OF_DOSE * per_day
        dose = dose + columns["sends"][:, t] - (columns["sends"][:, gone] if gone >= 0 else 0)
    return _simulated(engine, people, header, rows, columns, may)


def _slot(engine: Engine, people: People, t: int, action: I64, propensity: F64) -> dict[str, Any]:
    """What one slot brings; people are moved."""
    out = np.zeros((people.n, 1, len(MEASURES)))
    engine.slots(people, t, (action == SEND)[:, None], out)
    return {
        "action": action,
        "propensity": propensity,
        "sends": out[:, 0, kernel.SENDS],
        "opens": out[:, 0, kernel.OPENS],
        "engaged": out[:, 0, kernel.SESSIONS],
        "opted_out": out[:, 0, kernel.OPT_OUTS],
    }


def _truth(engine: Engine, people: People, t: int) -> dict[str, F64]:
    """(n, 2) what one slot would bring in expectation under either action."""
    step, nothing = engine.one_step(people, t), np.zeros(people.n)
    return {
        "truth opens": np.stack([nothing, step[:, 1]], 1),
        "truth engaged": step[:, [0, 0]] + np.stack([nothing, step[:, 2]], 1),
        "truth opted_out": np.stack([nothing, step[:, 3]], 1),
    }


def totals(engine: Engine, people: People, coin: Coin, days: int, salt: str) -> F64:
    """(n, 1, measures) totals of each user over the days of a trial of a coin; people are moved."""
    slots = days * len(engine.config.slots)
    out = np.zeros((people.n, 1, len(MEASURES)))
    keys, key = user_keys(user_ids(people)), draw_key(salt)
    sends = np.empty((people.n, slots), np.bool_)
    none, send = to_shares([1 - coin.p, coin.p])

    def toss(part: slice) -> None:
        user = np.repeat(keys[part], slots)
        served = np.tile(np.array([none, send], np.uint64), (user.size, 1))
        action, _ = draw(served, user, np.tile(np.arange(slots), part.stop - part.start), key)
        sends[part] = (action == SEND).reshape(-1, slots)

    each(toss, people.n, CHUNK, engine.threads)
    engine.slots(people, 0, sends, out)
    return out


def _simulated(
    engine: Engine, people: People, header: Header, rows: Any, columns: dict[str, Any], may: Any
) -> Simulated:
    config, per_day = engine.config, len(engine.config.slots)
    user, t = np.nonzero(rows)
    flat = {name: values[rows] for name, values in columns.items()}
    clock = SlotClock.of(config, engine.seed, 0, rows.shape[1] // per_day)
    decided = clock.sent_at(people.zone[user], t // per_day, t % per_day)
    send = may[t % per_day]
    table = flat | {
        "user": user,
        "period": t,
        "segment": leaf_nodes(config, header.segments)[people.leaf[user]],
        "decided_at": decided,
        "eligible": None if may.all() else np.stack([np.ones(t.size, np.bool_), send], 1),
    }
    known = {o.name: decided + o.window_us for o in OUTCOMES}
    known["opted_out"] = np.where(flat["opted_out"] == 1, left_at(clock, people)[user], known["opted_out"])
    log = to_log(header, table, OUTCOMES, int(clock.table.max()) + max(o.window_us for o in OUTCOMES))
    truth: dict[str, F64] = {o.name: flat[f"truth {o.name}"] for o in OUTCOMES if f"truth {o.name}" in flat}
    return Simulated(log, truth, known)
