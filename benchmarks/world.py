"""Speed and memory of the simulated world: its days alone, the cost by number of users, and a log of a million.

python benchmarks/world.py [--users 1000000] [--weeks 12] [--out FOLDER] [--kernel]

Every part runs in a process of its own, so that peak memory is that part's. The machine's own speed (a uniform of
numpy's Philox) is timed in the same run: figures of a shared machine mean little without it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
from harness.command import in_new_process
from harness.timing import fastest, timed

import tactful as tt
from tactful.simulate import MEASURES, Engine, draw_people

DAYS = 84
REPEATS = 5
UNIFORMS = 2_000_000


def philox_ns() -> float:
    """Nanoseconds of one Philox uniform on this machine as it is at this moment."""
    rng, out = np.random.Generator(np.random.Philox(1)), np.empty(UNIFORMS)
    return 1e9 / UNIFORMS * fastest(lambda: rng.random(out=out), 3).wall


def time_days(users: int, threads: int, pace: int = 5) -> dict[str, float]:
    """Million user-days a second under a cadence at any slot; the best and the median of repeats."""
    world = tt.World()
    people = draw_people(world.config, users, 0, 1)
    shape = (users, DAYS // 7)
    cadence, slot = np.full(shape, 1000 * pace), np.full(shape, -1)
    engine, repeats = Engine(world.config, 1, threads), []
    for _ in range(REPEATS + 1):
        population, out = people.copy(), np.zeros((users, 1, len(MEASURES)))
        repeats.append(timed(lambda p=population, out=out: engine.cadences(p, 0, cadence, slot, out)))
    wall, cpu = np.array(repeats[1:]).T  # the first one compiles
    days = users * DAYS / 1e6
    return {
        "users": users,
        "threads": threads,
        "pace": pace,
        "best": days / wall.min(),
        "median": days / float(np.median(wall)),
        "ns_cpu": 1e3 * cpu.min() / days,
        "philox_ns": philox_ns(),
    }


def time_log(users: int, weeks: int, out: str, events: bool) -> dict[str, float]:
    """Seconds and peak memory of writing a log in partitions, imports and compiled code included."""
    folder, counts = Path(out) / "log", []
    wall = timed(
        lambda: counts.append(tt.write_partitions(tt.World(), users, weeks, folder, seed=1, events=events))
    ).wall
    return {
        "users": users,
        "weeks": weeks,
        "rows": counts[0].n,
        "sends": counts[0].sends,
        "seconds": wall,
        "mb": sum(f.stat().st_size for f in folder.glob("*.parquet")) / 1e6,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def run_part(name: str, *values: str) -> dict[str, float]:
    """One part, in this process."""
    if name == "days":
        return time_days(*map(int, values))
    users, weeks, out, events = values
    return time_log(int(users), int(weeks), out, events == "True")


def in_own_process(name: str, *values: object) -> dict[str, float]:
    return json.loads(in_new_process(__file__, "--part", name, *map(str, values)))


def report_days(users: int) -> None:
    print(
        "kernel, 84 days                users  threads  sends/wk   M user-days/s: best  median   ns CPU each  philox ns"
    )
    sizes = [(n, threads, 5) for n in (10_000, 100_000, users) for threads in (1, 2)]
    for case in [*sizes, (100_000, 2, 0), (100_000, 2, 21)]:
        k = in_own_process("days", *case)
        print(
            f"{k['users']:>36,} {k['threads']:>8} {k['pace']:>9} {k['best']:>20.1f} {k['median']:>7.1f} "
            f"{k['ns_cpu']:>13.1f} {k['philox_ns']:>10.1f}"
        )


def report_logs(users: int, weeks: int, out: Path | None) -> None:
    folder = Path(tempfile.mkdtemp(dir=out))
    try:
        for events in (False, True):
            (folder / str(events)).mkdir()
            log = in_own_process("log", users, weeks, folder / str(events), events)
            print(
                f"log{' and events' if events else '':<11} {log['users']:,} users × {log['weeks']} weeks: "
                f"{log['rows']:,} rows, {log['sends']:,} sends, {log['seconds']:.1f} s, "
                f"{log['mb']:.0f} MB of log, peak {log['peak_gb']:.2f} GB"
            )
    finally:
        shutil.rmtree(folder)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--users", type=int, default=1_000_000)
    options.add_argument("--weeks", type=int, default=12)
    options.add_argument("--out", type=Path, default=None, help="folder for the log; a temporary one by default")
    options.add_argument("--kernel", action="store_true", help="only the days, without a log")
    options.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.part:
        print(json.dumps(run_part(*arguments.part)))
        return
    report_days(arguments.users)
    if not arguments.kernel:
        report_logs(arguments.users, arguments.weeks, arguments.out)


if __name__ == "__main__":
    main()
