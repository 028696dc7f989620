"""Does `check` find every fault that is put into a log, and stay silent on sound ones?

Run: python experiments/007_ope/health.py [--small]; results/health.json and the fragment that the README includes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from health_faults import FAULTS, survivors
from health_logs import KINDS, SHARES, simulate
from health_tables import fragment

import tactful as tt

HERE = Path(__file__).parent
# Faults, and the thresholds of survivorship, were tried on seed 77; the reported seed was run once, after.
FULL = {"seed": 177, "sound": 800, "alone": 4000, "faulty": 60, "users": 2500, "periods": 8, "world": 100}
SMALL = {"seed": 77, "sound": 6, "alone": 4, "faulty": 2, "users": 2500, "periods": 8, "world": 2}
CHANCE = {"overrides", "calibration", "weights", "propensities", "sticky", "sample-ratio", "survivorship", "attrition",
          "policy-drift"}  # fmt: skip
CALIBRATION = {"mismatch", "overrides", "calibration"}
TESTS = 10  # into how many parts `check` divides its rate of false alarms


def codes(log: tt.Log) -> set[str]:
    """The tests that raise an alarm."""
    return {f.code for f in tt.check(log, arms=SHARES).findings}


def sound(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Alarms on sound logs of every kind, with and without vectors."""
    results: dict[str, Any] = {}
    for i, kind in enumerate(KINDS):
        alarms: dict[str, int] = {}
        any_alarm = logs = 0
        for seed in range(settings["sound"] // (2 * len(KINDS)) or 1):
            log = simulate(kind, settings, np.random.default_rng((settings["seed"], i, seed)))
            for variant in (log, replace(log, propensities=None)):
                raised = codes(variant) & (CHANCE | {"mismatch"})
                any_alarm, logs = any_alarm + bool(raised), logs + 1
                alarms |= {c: alarms.get(c, 0) + 1 for c in raised}
        results[kind] = {"logs": logs, "with an alarm": any_alarm, "alarms": alarms}
        print(f"health, sound {kind}: {results[kind]}", file=sys.stderr, flush=True)
    return results


def alone(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Alarms of the test for overrides alone, on many sound logs."""
    alarms = 0
    for seed in range(settings["alone"]):
        log = simulate(KINDS[seed % len(KINDS)], settings, np.random.default_rng((settings["seed"], 99, seed)))
        alarms += bool(codes_of(log) & CALIBRATION)
    print(f"health, overrides alone: {alarms} of {settings['alone']}", file=sys.stderr, flush=True)
    return {"logs": settings["alone"], "with an alarm": alarms}


def faulty(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Logs of some 20,000 decisions in which each fault was found, by any of its tests."""
    results: dict[str, Any] = {}
    for i, (name, (kind, tests, fault)) in enumerate(FAULTS.items()):
        hits, size = 0, 0
        for seed in range(settings["faulty"]):
            rng = np.random.default_rng((settings["seed"], 100 + i, seed))
            log = fault(simulate(kind, settings, rng, sticky="sticky" in name), rng)
            hits, size = hits + bool(codes(log) & set(tests)), size + log.n
        results[name] = {"logs": settings["faulty"], "found": hits, "decisions": size // settings["faulty"]}
        print(f"health, {name}: {results[name]}", file=sys.stderr, flush=True)
    return results


def worlds(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The simulated world: sound, and with its opted-out users dropped."""
    quiet = dropped = size = 0
    for seed in range(settings["world"]):
        log = tt.World().simulate(settings["users"] * 11 // 10, settings["periods"], seed=seed, truth=False).log
        quiet += not codes_of(log) & CHANCE
        dropped += "survivorship" in codes_of(survivors(log, np.random.default_rng(0)))
        size += log.n
    count = settings["world"]
    return {"logs": count, "sound and quiet": quiet, "dropped and found": dropped, "decisions": size // count}


def codes_of(log: tt.Log) -> set[str]:
    """The tests that raise an alarm; the arms' shares are not known."""
    return {f.code for f in tt.check(log).findings}


def run(small: bool = False) -> dict[str, Any]:
    """Measure, and write results/health.json (not in a small run)."""
    settings, start = SMALL if small else FULL, time.perf_counter()
    results = {"sound": sound(settings), "faults": faulty(settings), "world": worlds(settings)}
    results["overrides alone"] = alone(settings)
    rate = tt.check(simulate("table", SMALL, np.random.default_rng(0))).false_alarm
    result = {"settings": settings, "false_alarm": rate, "tests": TESTS, **results}
    result["seconds"] = round(time.perf_counter() - start)
    if not small:
        path = HERE / "results" / "health.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(fragment(result), encoding="utf-8")
    return result


if __name__ == "__main__":
    print(fragment(run(small="--small" in sys.argv)))
