"""Work on blocks of nodes in threads; the blocks are the same for any number of threads, and so are the results."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

THREADS = min(os.cpu_count() or 1, 8)


def blocks(n: int, size: int) -> list[slice]:
    """Slices of ``size`` that cover n.

    >>> blocks(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def each(work: Callable[[slice], None], n: int, size: int) -> None:
    """Do ``work`` on every block of n; it must write to places of its own.

    The first block goes alone, so that a kernel compiles once.
    """
    first, *rest = blocks(n, size) or [slice(0, 0)]
    work(first)
    if len(rest) < 2 or THREADS == 1:
        for block in rest:
            work(block)
        return
    with ThreadPoolExecutor(min(THREADS, len(rest))) as pool:
        for _ in pool.map(work, rest):
            pass
