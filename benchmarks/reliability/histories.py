"""Random histories of events, against a plain walk: does the join ever differ, and is every event counted?

Run: python benchmarks/reliability/histories.py            (100,000 histories; some minutes)
     python benchmarks/reliability/histories.py --small    (2,000)
Histories are joined many at once, each with users of its own. The walk is tests/reference/join.py.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import Any

import find_harness  # noqa: F401
import polars as pl
from harness.command import parser, show_progress
from harness.reference import load_reference

import tactful as tt

DAY = tt.DAY_US
OUTCOMES = {"opened": ("binary", 2), "visits": ("count", 7), "spend": ("real", 5)}
SPEC = tt.LogSpec.from_dict(
    {
        "actions": {"names": ["none", "send"], "period_days": 7},
        "outcomes": {n: {"kind": k, "window_days": w, "null": "immature"} for n, (k, w) in OUTCOMES.items()},
    }
)
WINDOWS = {n: w * DAY for n, (_, w) in OUTCOMES.items()}
KINDS = {n: k for n, (k, _) in OUTCOMES.items()}
START = tt.time_us("2026-06-01", "histories")
AS_OF = START + 40 * DAY
BATCH = 200
FAILURES = ("rows that differ", "counts that differ", "events not counted")

Event = dict[str, Any]


class History:
    """Decisions of a few users, sends and outcomes at any time, unknown ids, skewed clocks, erasures; shuffled."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.chance, self.number = chance, number
        self.events: list[Event] = []

    def draw(self) -> list[Event]:
        """All events, some of them twice."""
        chance = self.chance
        users = [f"h{self.number}u{u}" for u in range(chance.randrange(1, 4))]
        scopes = ["", "push"][: chance.randrange(1, 3)]
        for user in users:
            for period in range(chance.randrange(4)):
                for scope in scopes:
                    self._decide(user, period, scope)
            if chance.random() < 0.1:
                self._add(chance.choice(["erase", "consent"]), user, chance.uniform(0, 20))
        events = self.events + chance.sample(self.events, chance.randrange(len(self.events) + 1))
        chance.shuffle(events)
        return events

    def _decide(self, user: str, period: int, scope: str) -> None:
        """A decision with its sends and outcomes."""
        chance = self.chance
        day = 7 * period + chance.uniform(0, 1)
        decision = self._add("decision", user, day, period, scope, action="send", propensity=0.5)
        for _ in range(chance.randrange(3)):
            self._add("send", user, day + chance.uniform(-0.1, 7), None, chance.choice(["", scope]))
        for _ in range(chance.randrange(5)):
            stranger = f"h{self.number}e{chance.randrange(99)}"
            named = chance.choice([{}, {}, {"decision": decision}, {"decision": stranger}])
            delay = chance.choice([chance.uniform(-0.01, 9), chance.uniform(-3, 30), -0.003])
            outcome = chance.choice([*OUTCOMES, "bought"])
            value = round(chance.uniform(-1, 3)) if outcome != "spend" else chance.randrange(8) / 4
            channel = chance.choice(["", scope, "mail"])
            self._add("outcome", user, day + delay, None, channel, name=outcome, value=value, **named)

    def _add(self, kind: str, user: str, day: float, period: int | None = None, scope: str = "", **body: Any) -> str:
        """Add an event and return its id, which may be that of an event before it."""
        is_new = self.chance.random() < 0.95 or not self.events
        event = f"h{self.number}e{len(self.events)}" if is_new else self.chance.choice(self.events)["id"]
        self.events.append(
            {
                "id": event,
                "kind": kind,
                "user": user,
                "at_us": START + round(day * DAY),
                "period": period,
                "scope": scope,
                "body": body,
            }
        )
        return event


def compare(histories: list[list[Event]], walk: Any, counted: Counter[str]) -> None:
    """Join some histories both ways, and count what differs."""
    expected: dict[Any, Any] = {}
    used, dropped = Counter[str](), Counter[str]()
    events = [event for history in histories for event in history]
    scopes = {e["scope"] for e in events if e["kind"] == "decision"}
    for history in histories:
        if history:
            rows, uses, drops = walk(history, WINDOWS, KINDS, as_of=AS_OF)
            expected |= rows
            used.update(uses)
            dropped.update(drops)
    frame = pl.DataFrame([e | {"body": json.dumps(e["body"])} for e in events])
    joined = tt.join(tt.read_events(frame), SPEC, as_of_us=AS_OF)
    rows = {
        (r["user"], r["period"], r["scope"]): {n: r[n] for n in ("sends_made", *WINDOWS)}
        for r in joined.table.iter_rows(named=True)
    }
    counted["histories"] += len(histories)
    counted["events"] += len(events)
    counted["decisions"] += len(rows)
    counted["dropped"] += sum(joined.dropped.values())
    counted["rows that differ"] += sum(rows.get(k) != row for k, row in expected.items())
    counted["rows that differ"] += len(rows.keys() - expected)
    counted["counts that differ"] += Counter(joined.used) != used or Counter(joined.dropped) != dropped
    counted["events not counted"] += abs(len(events) - sum(joined.used.values()) - sum(joined.dropped.values()))
    counted["scopes"] = max(counted["scopes"], len(scopes))


if __name__ == "__main__":
    options = parser(__doc__, seed=20261122).parse_args()
    chance, counted, walk = random.Random(options.seed), Counter[str](), load_reference("join").join  # noqa: S311
    start = time.perf_counter()
    total = 2000 if options.small else 100_000
    for first in range(0, total, BATCH):
        compare([History(chance, h).draw() for h in range(first, first + BATCH)], walk, counted)
        show_progress(f"{counted['histories']:,} of {total:,} histories")
    print(f"{json.dumps(counted)} ({time.perf_counter() - start:.0f} s)")
    sys.exit(1 if any(counted[failure] for failure in FAILURES) else 0)
