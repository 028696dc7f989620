"""How long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def best(work: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest run, after one to warm up."""
    work()
    times: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
