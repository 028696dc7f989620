"""Forked children: polars' threads do not live on in them, and a child that asks for them waits for ever."""

from __future__ import annotations

import os

from tactful.errors import TactfulError


class _Process:
    """What polars' threads have to do with this process."""

    has_begun = False  # whether it, or one that it was forked from, has used polars here
    is_orphan = False  # whether it was forked from one that had


def refuse_forked() -> None:
    """Refuse to use polars in a child that was forked after polars was used; otherwise note that it is used now.

    Raises
    ------
    TactfulError
        The process is such a child.
    """
    if _Process.is_orphan:
        what = "this process was forked after its parent had read or written data with polars, whose threads are gone"
        raise TactfulError(what, "polars", 'use the spawn start method: multiprocessing.get_context("spawn")')
    _Process.has_begun = True


def _after_fork() -> None:
    _Process.is_orphan = _Process.has_begun


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_after_fork)
