"""Speed and memory of the simulated world: the kernel alone, the cost by number of users, and a log of a million.

python benchmarks/world.py [--users 1000000] [--weeks 12] [--out FOLDER] [--kernel]

Every part runs in a process of its own, so that peak memory is that part's. The machine's own speed (a Philox block,
an exponential) is timed in the same run: figures of a shared machine mean little without it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tactful.frames.partitions import write_partitions
from tactful.kernels import philox
from tactful.simulate.engine import MEASURES, Engine
from tactful.simulate.people import draw_people
from tactful.simulate.world import World

DAYS = 84
REPEATS = 5


def anchor() -> float:
    """Nanoseconds of one Philox uniform of this machine, now."""
    rows, out = np.arange(2_000_000, dtype=np.uint64), np.empty(2_000_000)
    philox.uniforms(np.uint64(1), rows, np.uint64(1), out)
    return (
        1e9 / rows.size * min(timed(lambda: philox.uniforms(np.uint64(1), rows, np.uint64(1), out)) for _ in range(3))
    )


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def kernel(users: int, threads: int, pace: int = 5) -> dict[str, float]:
    """Million user-days a second of the kernel under a cadence at any slot; the best and the median of repeats."""
    world = World()
    people = draw_people(world.config, users, 0, 1)
    shape = (users, DAYS // 7)
    cadence, slot = np.full(shape, 1000 * pace), np.full(shape, -1)
    engine = Engine(world.config, 1, threads)
    seconds, used = [], []
    for repeat in range(REPEATS + 1):
        moved, out = people.copy(), np.zeros((users, 1, len(MEASURES)))
        cpu = time.process_time()
        took = timed(lambda moved=moved, out=out: engine.cadences(moved, 0, cadence, slot, out))
        if repeat:
            seconds.append(took)
            used.append(time.process_time() - cpu)
    days = users * DAYS / 1e6
    return {
        "users": users, "threads": threads, "pace": pace, "best": days / min(seconds),
        "median": days / float(np.median(seconds)), "ns_cpu": 1e3 * min(used) / days, "philox_ns": anchor(),
    }  # fmt: skip


def log(users: int, weeks: int, out: str, events: bool) -> dict[str, float]:
    """Seconds and peak memory of writing a log in partitions, imports and compiled code included."""
    start = time.perf_counter()
    folder = Path(out) / "log"
    written = write_partitions(World(), users, weeks, folder, seed=1, events=events)
    took = time.perf_counter() - start
    size = sum(f.stat().st_size for f in folder.glob("*.parquet"))
    return {
        "users": users, "weeks": weeks, "rows": written.n, "sends": written.sends, "seconds": took,
        "mb": size / 1e6, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }  # fmt: skip


def apart(part: str, *values: object) -> dict[str, float]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", part, *map(str, values)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--users", type=int, default=1_000_000)
    options.add_argument("--weeks", type=int, default=12)
    options.add_argument("--out", type=Path, default=None, help="folder for the log; a temporary one by default")
    options.add_argument("--kernel", action="store_true", help="only the kernel")
    options.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.part:
        name, *values = asked.part
        made = (
            kernel(*map(int, values))
            if name == "kernel"
            else log(int(values[0]), int(values[1]), values[2], values[3] == "True")
        )
        print(json.dumps(made))
        return
    print(
        "kernel, 84 days                users  threads  sends/wk   M user-days/s: best  median   ns CPU each  philox ns"
    )
    cases = [(n, t, 5) for n in (10_000, 100_000, asked.users) for t in (1, 2)] + [(100_000, 2, 0), (100_000, 2, 21)]
    for case in cases:
        k = apart("kernel", *case)
        print(
            f"{k['users']:>36,} {k['threads']:>8} {k['pace']:>9} {k['best']:>20.1f} {k['median']:>7.1f} "
            f"{k['ns_cpu']:>13.1f} {k['philox_ns']:>10.1f}"
        )
    if asked.kernel:
        return
    folder = Path(tempfile.mkdtemp(dir=asked.out))
    try:
        for events in (False, True):
            (folder / str(events)).mkdir()
            made = apart("log", asked.users, asked.weeks, folder / str(events), events)
            print(
                f"log{' and events' if events else '':<11} {made['users']:,} users × {made['weeks']} weeks: "
                f"{made['rows']:,} rows, {made['sends']:,} sends, {made['seconds']:.1f} s, "
                f"{made['mb']:.0f} MB of log, peak {made['peak_gb']:.2f} GB"
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
