"""Random histories of events, against a plain walk: does the join ever differ, and is every event counted?

Run: python benchmarks/reliability/histories.py            (100,000 histories; some minutes)
     python benchmarks/reliability/histories.py --small    (2,000)
Histories are joined many at once, each with users of its own. The walk is tests/reference/join.py.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import polars as pl

import tactful as tt
from tactful.frames.building.event_frames import read
from tactful.frames.building.join import join

DAY = 86_400_000_000
NAMES = {"opened": ("binary", 2), "visits": ("count", 7), "spend": ("real", 5)}
SPEC = tt.LogSpec.from_dict(
    {
        "actions": {"names": ["none", "send"], "period_days": 7},
        "outcomes": {n: {"kind": k, "window_days": w, "null": "immature"} for n, (k, w) in NAMES.items()},
    }
)
WINDOWS = {n: w * DAY for n, (_, w) in NAMES.items()}
KINDS = {n: k for n, (k, _) in NAMES.items()}
AS_OF = 40 * DAY
BATCH = 200


def walk() -> Any:
    path = Path(__file__).parents[2] / "tests" / "reference" / "join.py"
    spec = spec_from_file_location("reference_join", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"no {path}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.join


def history(chance: random.Random, h: int) -> list[dict[str, Any]]:
    """Decisions of a few users, sends and outcomes at any time, unknown ids, skewed clocks, erasures; shuffled."""
    events: list[dict[str, Any]] = []
    users, scopes = [f"h{h}u{u}" for u in range(chance.randrange(1, 4))], ["", "push"][: chance.randrange(1, 3)]

    def add(kind: str, user: str, at: float, period: int | None = None, scope: str = "", **body: Any) -> str:
        name = f"h{h}e{len(events)}" if chance.random() < 0.95 or not events else chance.choice(events)["id"]
        at_us = round(at * DAY)
        events.append(
            {"id": name, "kind": kind, "user": user, "at_us": at_us, "period": period, "scope": scope} | {"body": body}
        )
        return name

    for user in users:
        for period in range(chance.randrange(4)):
            for scope in scopes:
                at = 7 * period + chance.uniform(0, 1)
                name = add("decision", user, at, period, scope, action="send", propensity=0.5)
                for _ in range(chance.randrange(3)):
                    add("send", user, at + chance.uniform(-0.1, 7), None, chance.choice(["", scope]))
                for _ in range(chance.randrange(5)):
                    named = chance.choice([{}, {}, {"decision": name}, {"decision": f"h{h}e{chance.randrange(99)}"}])
                    later = chance.choice([chance.uniform(-0.01, 9), chance.uniform(-3, 30), -0.003])
                    what = chance.choice([*NAMES, "bought"])
                    value = round(chance.uniform(-1, 3)) if what != "spend" else chance.randrange(8) / 4
                    where = chance.choice(["", scope, "mail"])
                    add("outcome", user, at + later, None, where, name=what, value=value, **named)
        if chance.random() < 0.1:
            add(chance.choice(["erase", "consent"]), user, chance.uniform(0, 20))
    events += chance.sample(events, chance.randrange(len(events) + 1))
    chance.shuffle(events)
    return events


def compare(histories: list[list[dict[str, Any]]], reference: Any, counted: Counter[str]) -> None:
    expected: dict[Any, Any] = {}
    used, dropped = Counter[str](), Counter[str]()
    every = [e for events in histories for e in events]
    scopes = {e["scope"] for e in every if e["kind"] == "decision"}
    for events in histories:
        if not events:
            continue
        rows, some_used, some_dropped = reference(events, WINDOWS, KINDS, as_of=AS_OF)
        expected |= rows
        used.update(some_used)
        dropped.update(some_dropped)
    joined = join(read(pl.DataFrame([e | {"body": json.dumps(e["body"])} for e in every])), SPEC, as_of_us=AS_OF)
    found = {
        (r["user"], r["period"], r["scope"]): {n: r[n] for n in ("sends_made", *WINDOWS)}
        for r in joined.table.iter_rows(named=True)
    }
    counted["histories"] += len(histories)
    counted["events"] += len(every)
    counted["decisions"] += len(found)
    counted["dropped"] += sum(joined.dropped.values())
    counted["rows that differ"] += sum(found.get(k) != row for k, row in expected.items()) + len(
        found.keys() - expected
    )
    counted["counts that differ"] += Counter(joined.used) != used or Counter(joined.dropped) != dropped
    counted["events not counted"] += abs(len(every) - sum(joined.used.values()) - sum(joined.dropped.values()))
    counted["scopes"] = max(counted["scopes"], len(scopes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    chance, counted, reference = random.Random(options.seed), Counter[str](), walk()  # noqa: S311
    start = time.perf_counter()
    total = 2000 if options.small else 100_000
    for first in range(0, total, BATCH):
        compare([history(chance, h) for h in range(first, first + BATCH)], reference, counted)
        if sys.stderr.isatty():
            print(f"\r{counted['histories']:,} of {total:,} histories", end="", file=sys.stderr)
    print(f"{json.dumps(counted)} ({time.perf_counter() - start:.0f} s)")
    sys.exit(1 if any(counted[k] for k in ("rows that differ", "counts that differ", "events not counted")) else 0)
