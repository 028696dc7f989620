"""The whole loop through the service: World users are decided for over HTTP, week after week, and the policy learns.

Run: python benchmarks/reliability/weeks.py            (4 weeks of 6,000 users; some minutes)
     python benchmarks/reliability/weeks.py --small    (3 weeks of 4,000 users)
Every week: decide in batches, live through the week in the World, post outcomes late, twice and out of order; join the
journal into a log, fit, publish into the folder that the service watches, and go on once the new policy is live. At the
end the whole log must pass `tactful check` without a warning or an error, and the last policy must be worth more in the
World than the first, uniform one, by two standard errors: on other people, over eight weeks, with common random
numbers.
The weeks are those to come by the machine's clock, so that every day tries other random numbers; even the small run is
large enough for a gain of thirty standard errors (two weeks of 1,500 users were not: they failed on some days).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import find_harness  # noqa: F401
import numpy as np
from harness.command import in_new_process, parser
from harness.service import call, service

import tactful as tt
from tactful.journal import Journal
from tactful.simulate import MEASURES, CadenceTable, Engine, lively

DAY = tt.DAY_US
BATCH = 500
SENDS, SESSIONS, OPT_OUTS = (MEASURES.index(name) for name in ("sends", "sessions", "opt_outs"))
OPT_OUT_VALUE = -15.0
SPEC = """
[actions]
slots = {slots}
frequencies = {frequencies}
none = true
period_days = 7
[outcomes]
engaged = {{ kind = "count", window_days = 6, null = "immature" }}
opted_out = {{ kind = "binary", absorbing = true, window_days = 6, null = "immature" }}
[objective]
engaged = 1.0
opted_out = -15.0
[log]
propensities_are = "logged"
"""

Event = dict[str, Any]


def iso(at_us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at_us))).isoformat()


class Audience:
    """People of a World, moved by the cadences that the service decided."""

    def __init__(self, world: tt.World, users: int, seed: int) -> None:
        self.world, self.seed = world, seed
        self.people = world.people(users, seed=seed)
        self.paths = [leaf.path for leaf in world.config.leaves]
        self.chance = np.random.default_rng(seed)

    def live(self, url: str, week: int, period: int) -> list[Event]:
        """Decide for everybody who is there, live through the week, and tell what happened."""
        people, alive = self.people, np.flatnonzero(self.people.alive)
        start = self.world.actions.period_start_us(period)
        decisions = self.decide(url, alive, period, start)
        action = np.zeros(people.n, np.int64)
        action[alive] = [self.world.actions.index(d["action"]) for d in decisions]
        table, out = CadenceTable.of(self.world.config), np.zeros((people.n, 1, len(MEASURES)))
        cadence, slot = table.cadence[action][:, None], table.slot[action][:, None]
        Engine(self.world.config, self.seed).cadences(people, 7 * week, cadence, slot, out)
        return self.events(alive, week, start, out[:, 0])

    def decide(self, url: str, alive: np.ndarray, period: int, start: int) -> list[Any]:
        """The service's decisions for the living, in batches; a retry must change nothing."""
        people, decisions = self.people, []
        for first in range(0, alive.size, BATCH):
            requests = [
                {
                    "user": f"u{i}",
                    "segment": self.paths[people.leaf[i]],
                    "period": period,
                    "at": iso(start + people.decides_us[i]),
                }
                for i in alive[first : first + BATCH]
            ]
            batch = call(url, "/decide/batch", {"requests": requests})["decisions"]
            retries = call(url, "/decide/batch", {"requests": requests[:3]})["decisions"]
            if [retry | {"repeated": False} for retry in retries] != batch[:3]:
                raise SystemExit("a retry got another decision")
            decisions += batch
        return decisions

    def events(self, alive: np.ndarray, week: int, start: int, out: np.ndarray) -> list[Event]:
        """Sends and outcomes of the week, with ids of their own."""
        events: list[Event] = []
        for i in alive:
            decided_us = start + int(self.people.decides_us[i])
            for s in range(int(out[i, SENDS])):
                sent_us = decided_us + int(self.chance.uniform(0, 5.5 * DAY))
                events.append({"id": f"s{week}-{i}-{s}", "kind": "send", "user": f"u{i}", "at": iso(sent_us)})
            for name, measure in (("engaged", SESSIONS), ("opted_out", OPT_OUTS)):
                if out[i, measure]:
                    at_us = decided_us + int(self.chance.uniform(0.5 * DAY, 6 * DAY - 1))
                    body = {"name": name, "value": float(out[i, measure])}
                    events.append({"id": f"{name}{week}-{i}", "user": f"u{i}", "at": iso(at_us)} | body)
        return events


def post(url: str, events: list[Event], chance: np.random.Generator) -> None:
    """In any order, and one in ten twice."""
    repeated = events + [events[i] for i in chance.integers(len(events), size=len(events) // 10)]
    for rows in np.array_split(chance.permutation(len(repeated)), -(-len(repeated) // BATCH)):
        call(url, "/outcomes", {"events": [repeated[i] for i in rows]})


def learn(folder: Path, spec: tt.LogSpec, as_of: int, from_period: int) -> tt.Table:
    """Journal → log → fit → publish, as a weekly job does it."""
    with Journal(folder / "journal.db") as journal:
        joined = tt.join(tt.events_of(journal.read()), spec, as_of_us=as_of)
    joined.table.write_parquet(folder / "log.parquet")
    log = tt.read_log(folder / "log.parquet", spec)
    posterior = tt.Hierarchical().fit(log)
    policy = tt.publish(posterior, spec.objective, uniform=0.1, seed=from_period, from_period=from_period)
    assert isinstance(policy, tt.Table)  # noqa: S101 - for readers and type checkers
    tt.save(policy, folder / "policy")
    print(f"  joined {joined.used}, left out {joined.dropped or 'nothing'}; policy {policy.version}", flush=True)
    return policy


def wait_for(url: str, version: str, period: int) -> None:
    for _ in range(600):
        if call(url, f"/policy?period={period}")["version"] == version:
            return
        time.sleep(0.1)
    raise SystemExit(f"policy {version} did not become live")


def gain(world: tt.World, policy: tt.Table, users: int, seed: int) -> tuple[float, float]:
    """(gain, its standard error) of the objective per user and week over the uniform policy, on other people."""
    policies = policy, tt.uniform_policy(world.actions)
    values = [world.value(p, 56, users, seed=seed) for p in policies]
    sessions, opt_outs = (values[0].minus(values[1], m) for m in ("expected_sessions", "expected_opt_outs"))
    value = sessions.value + OPT_OUT_VALUE * opt_outs.value
    return value / 8, float(np.hypot(sessions.se, OPT_OUT_VALUE * opt_outs.se)) / 8


def coming_world() -> tuple[tt.World, datetime]:
    """A lively World whose weeks are the next ones, since the decider's clock is that of the machine; its start."""
    day = datetime.now(UTC) + timedelta(days=14)
    monday = day - timedelta(days=day.weekday())
    return tt.World(replace(lively(), start=monday.date().isoformat())), monday


def prepare(folder: Path, world: tt.World) -> tt.LogSpec:
    """The log's spec, the uniform policy and the service's configuration, in files of the folder."""
    slots = list(dict.fromkeys(s for s in world.actions.slots if s))
    frequencies = list(dict.fromkeys(f for f in world.actions.frequencies if f))
    (folder / "spec.toml").write_text(SPEC.format(slots=json.dumps(slots), frequencies=json.dumps(frequencies)))
    (folder / "service.toml").write_text(
        f'[service]\npolicy = "{folder}/policy"\njournal = "{folder}/journal.db"\nwatch_s = 0.5\n'
    )
    tt.save(tt.uniform_policy(world.actions), folder / "policy")
    return tt.LogSpec.from_toml(folder / "spec.toml")


def run_weeks(folder: Path, audience: Audience, weeks: int, first_period: int, spec: tt.LogSpec) -> tt.Table:
    """The last policy, after so many weeks of the whole loop."""
    users, chance, actions = audience.people.n, audience.chance, audience.world.actions
    policy, delayed = tt.uniform_policy(actions), list[Event]()
    with service("--config", folder / "service.toml") as url:
        for week in range(weeks):
            period = first_period + week
            wait_for(url, policy.version, period)
            events = audience.live(url, week, period)
            is_late = chance.random(len(events)) < 0.1
            post(url, delayed + [e for e, late in zip(events, is_late, strict=True) if not late], chance)
            delayed = [e for e, late in zip(events, is_late, strict=True) if late]  # they come a week later
            print(f"week {week}: {audience.people.alive.sum():,} of {users:,} users left", flush=True)
            if week == weeks - 1:
                post(url, delayed, chance)
            policy = learn(folder, spec, actions.period_start_us(period + 1), period + 1)
    return policy


def check(folder: Path) -> list[Any]:
    """The warnings and errors of ``tactful check`` on the log."""
    files = str(folder / "log.parquet"), "--spec", str(folder / "spec.toml")
    findings = json.loads(in_new_process("-m", "tactful", "check", *files, "--json"))["findings"]
    odd = [f for f in findings if f["level"] != "note"]
    print(f"tactful check: {len(findings) - len(odd)} notes, {len(odd)} warnings or errors {odd or ''}")
    return odd


def main(small: bool, seed: int) -> bool:
    weeks, users = (3, 4000) if small else (4, 6000)
    world, monday = coming_world()
    first_period = world.actions.period(tt.time_us(monday.date().isoformat(), "start"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = prepare(folder, world)
        policy = run_weeks(folder, Audience(world, users, seed), weeks, first_period, spec)
        odd = check(folder)
    value, se = gain(world, policy, 5000 if small else 20_000, seed + 1)
    print(f"the last policy is worth {value:+.4f} ± {se:.4f} of the objective a user and week over the first")
    return not odd and value > 2 * se


if __name__ == "__main__":
    options = parser(__doc__, seed=20261122).parse_args()
    sys.exit(0 if main(options.small, options.seed) else 1)
