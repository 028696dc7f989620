"""How long something takes, and how much memory."""

from __future__ import annotations

import os
import platform
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Seconds(NamedTuple):
    """What a piece of work took: by the clock on the wall, and of processors, all threads together."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Seconds:
    """What one run takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def runs_in_turn(works: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[Seconds]]:
    """What each of some runs takes, all works in turn, since the load of a machine drifts; after one to warm up."""
    for work in works.values():
        work()
    seconds: dict[str, list[Seconds]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            seconds[name].append(timed(work))
    return seconds


def fastest_in_turn(works: Mapping[str, Callable[[], object]], runs: int) -> dict[str, Seconds]:
    """The smallest wall time and the smallest processor time of each work, which need not be of one run."""
    return {
        name: Seconds(min(s.wall for s in seconds), min(s.cpu for s in seconds))
        for name, seconds in runs_in_turn(works, runs).items()
    }


def fastest(work: Callable[[], object], runs: int) -> Seconds:
    """Of the fastest run by the clock, after one to warm up."""
    return min(runs_in_turn({"": work}, runs)[""])


def call_times(call: Callable[[int], object], n: int, warm_up: int = 50) -> NDArray[np.float64]:
    """Microseconds of each of the calls 0, 1, … n − 1."""
    clock, times = time.perf_counter_ns, np.empty(n)
    for i in range(min(n, warm_up)):
        call(i)
    for i in range(n):
        start = clock()
        call(i)
        times[i] = clock() - start
    return times / 1e3


def allocated_mb(work: Callable[[], Any]) -> float:
    """Peak megabytes that numpy allocates during the work."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process to one core for the length of a block."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def print_machine() -> None:
    """What the figures below were taken on, and how busy it was."""
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print(f"load {os.getloadavg()[0]:.1f}")
