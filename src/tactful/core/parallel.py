"""Work on blocks of rows in threads, for kernels, which release the interpreter.

The blocks are the same for any number of threads, and so are the results.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

THREADS = min(os.cpu_count() or 1, 8)


def blocks(n: int, size: int) -> list[slice]:
    """Slices of ``size`` that cover n.

    >>> blocks(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def each(work: Callable[[slice], None], n: int, size: int, threads: int | None = None) -> None:
    """Do ``work`` on every block of n; it must write to places of its own. ``threads`` None uses all cores."""
    _do(work, blocks(n, size), threads or THREADS)


def in_threads(work: Callable[[slice], None], n: int, least: int) -> None:
    """Do ``work`` on slices that cover n, as many as there are threads but of ``least`` rows.

    For work whose results do not depend on how rows are cut.
    """
    parts = max(1, min(THREADS, n // least))
    cuts = [n * i // parts for i in range(parts + 1)]
    _do(work, [slice(a, b) for a, b in pairwise(cuts)], THREADS)


def _do(work: Callable[[slice], None], parts: list[slice], threads: int) -> None:
    if len(parts) < 2 or threads == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        for _ in pool.map(work, parts):
            pass
