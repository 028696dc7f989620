"""The whole loop through the service: World users are decided for over HTTP, week after week, and the policy learns.

Run: python benchmarks/reliability/weeks.py            (4 weeks of 6,000 users; some minutes)
     python benchmarks/reliability/weeks.py --small    (2 weeks of 1,500 users)
Every week: decide in batches, live through the week in the World, post outcomes late, twice and out of order; join the
journal into a log, fit, publish into the folder that the service watches, and go on once the new policy is live. At the
end the whole log must pass `tactful check` without a warning or an error, and the last policy must be worth more in the
World than the first, uniform one: on other people, over eight weeks, with common random numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from running import KEY, service

import tactful as tt
from tactful.core.actions import time_us
from tactful.frames.building.event_frames import events_of
from tactful.frames.building.join import join
from tactful.journal.journal import Journal
from tactful.kernels import world as kernel
from tactful.policies.table import Table, uniform
from tactful.simulate.engine import MEASURES, Engine
from tactful.simulate.plans import CadenceTable
from tactful.simulate.world import World
from tactful.simulate.world_config import lively

DAY = 86_400_000_000
WEEK = 7 * DAY
BATCH = 500
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


def call(url: str, path: str, body: Any = None) -> Any:
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers)) as answer:  # noqa: S310
        return json.loads(answer.read())


def iso(at_us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at_us))).isoformat()


class Audience:
    """People of a World, moved by the cadences that the service decided."""

    def __init__(self, world: World, users: int, seed: int) -> None:
        self.world, self.seed = world, seed
        self.people = world.people(users, seed=seed)
        self.paths = [leaf.path for leaf in world.config.leaves]
        self.chance = np.random.default_rng(seed)

    def week(self, url: str, week: int, period: int) -> list[dict[str, Any]]:
        """Decide for everybody who is there, live through the week, and tell what happened."""
        people, alive = self.people, np.flatnonzero(self.people.alive)
        start = self.world.actions.period_start_us(period)
        made: list[Any] = []
        for at in range(0, alive.size, BATCH):
            requests = [
                {
                    "user": f"u{i}",
                    "segment": self.paths[people.leaf[i]],
                    "period": period,
                    "at": iso(start + people.decides_us[i]),
                }
                for i in alive[at : at + BATCH]
            ]
            made += call(url, "/decide/batch", {"requests": requests})["decisions"]
            again = call(url, "/decide/batch", {"requests": requests[:3]})["decisions"]  # a retry changes nothing
            if [a | {"repeated": False} for a in again] != made[-len(requests) :][:3]:
                raise SystemExit("a retry got another decision")
        names = {name: a for a, name in enumerate(self.world.actions.names)}
        action = np.zeros(people.n, np.int64)
        action[alive] = [names[d["action"]] for d in made]
        geometry, out = CadenceTable.of(self.world.config), np.zeros((people.n, 1, len(MEASURES)))
        cadence, slot = geometry.cadence[action][:, None], geometry.slot[action][:, None]
        Engine(self.world.config, self.seed).cadences(people, 7 * week, cadence, slot, out)
        return self._told(alive, week, start, out[:, 0])

    def _told(self, alive: np.ndarray, week: int, start: int, out: np.ndarray) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        for i in alive:
            decided = start + int(self.people.decides_us[i])
            for s in range(int(out[i, kernel.SENDS])):
                sent = decided + int(self.chance.uniform(0, 5.5 * DAY))
                events.append({"id": f"s{week}-{i}-{s}", "kind": "send", "user": f"u{i}", "at": iso(sent)})
            for name, measure in (("engaged", kernel.SESSIONS), ("opted_out", kernel.OPT_OUTS)):
                if out[i, measure]:
                    at = decided + int(self.chance.uniform(0.5 * DAY, 6 * DAY - 1))
                    body = {"name": name, "value": float(out[i, measure])}
                    events.append({"id": f"{name}{week}-{i}", "user": f"u{i}", "at": iso(at)} | body)
        return events


def post(url: str, events: list[dict[str, Any]], chance: np.random.Generator) -> None:
    """In any order, and one in ten twice."""
    every = events + [events[i] for i in chance.integers(len(events), size=len(events) // 10)]
    for at in np.array_split(chance.permutation(len(every)), -(-len(every) // BATCH)):
        call(url, "/outcomes", {"events": [every[i] for i in at]})


def learn(folder: Path, spec: tt.LogSpec, as_of: int, from_period: int) -> Table:
    """Journal → log → fit → publish, as a weekly job does it."""
    with Journal(folder / "journal.db") as journal:
        joined = join(events_of(journal.read()), spec, as_of_us=as_of)
    joined.table.write_parquet(folder / "log.parquet")
    log = tt.read_log(folder / "log.parquet", spec)
    posterior = tt.Hierarchical().fit(log)
    policy = tt.publish(posterior, spec.objective, uniform=0.1, seed=from_period, from_period=from_period)
    tt.save(policy, folder / "policy")
    print(f"  joined {joined.used}, left out {joined.dropped or 'nothing'}; policy {policy.version}", flush=True)
    return policy


def wait_for(url: str, version: str, period: int) -> None:
    for _ in range(600):
        if call(url, f"/policy?period={period}")["version"] == version:
            return
        time.sleep(0.1)
    raise SystemExit(f"policy {version} did not become live")


def worth(world: World, policy: Table, users: int, seed: int) -> tuple[float, float]:
    """(gain, its standard error) of the objective per user and week over the uniform policy, on other people."""
    values = [world.value(p, 56, users, seed=seed) for p in (policy, uniform(world.actions))]
    gain = [values[0].minus(values[1], m) for m in ("expected_sessions", "expected_opt_outs")]
    value = gain[0].value - 15 * gain[1].value
    return value / 8, float(np.hypot(gain[0].se, 15 * gain[1].se)) / 8


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    weeks, users = (2, 1500) if options.small else (4, 6000)
    # The decider's clock is that of the machine: the simulated weeks are the next ones.
    monday = (datetime.now(UTC) + timedelta(days=14)).date()
    monday -= timedelta(days=monday.weekday())
    world = World(replace(lively(), start=monday.isoformat()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slots = list(dict.fromkeys(s for s in world.actions.slots if s))
        frequencies = list(dict.fromkeys(f for f in world.actions.frequencies if f))
        (folder / "spec.toml").write_text(SPEC.format(slots=json.dumps(slots), frequencies=json.dumps(frequencies)))
        spec = tt.LogSpec.from_toml(folder / "spec.toml")
        tt.save(uniform(world.actions), folder / "policy")
        audience, first = (
            Audience(world, users, options.seed),
            world.actions.period(time_us(monday.isoformat(), "start")),
        )
        held: list[dict[str, Any]] = []
        policy = uniform(world.actions)
        (folder / "service.toml").write_text(
            f'[service]\npolicy = "{folder}/policy"\njournal = "{folder}/journal.db"\nwatch_s = 0.5\n'
        )
        with service("--config", folder / "service.toml") as url:
            for week in range(weeks):
                wait_for(url, policy.version, first + week)
                events = audience.week(url, week, first + week)
                late = audience.chance.random(len(events)) < 0.1
                post(url, held + [e for e, is_late in zip(events, late, strict=True) if not is_late], audience.chance)
                held = [e for e, is_late in zip(events, late, strict=True) if is_late]  # they come a week late
                print(f"week {week}: {audience.people.alive.sum():,} of {users:,} users left", flush=True)
                if week == weeks - 1:
                    post(url, held, audience.chance)
                as_of = world.actions.period_start_us(first + week + 1)
                policy = learn(folder, spec, as_of, first + week + 1)
        command = [Path(sys.executable).with_name("tactful"), "check", folder / "log.parquet"]
        said = subprocess.run(
            [*command, "--spec", folder / "spec.toml", "--json"], capture_output=True, text=True, check=True
        )
        found = json.loads(said.stdout)["findings"]
        odd = [f for f in found if f["level"] != "note"]
        print(f"tactful check: {len(found) - len(odd)} notes, {len(odd)} warnings or errors {odd or ''}")
        gain, se = worth(world, policy, 2000 if options.small else 20_000, options.seed + 1)
        print(f"the last policy is worth {gain:+.4f} ± {se:.4f} of the objective a user and week over the first")
        sys.exit(0 if not odd and gain > 2 * se else 1)
