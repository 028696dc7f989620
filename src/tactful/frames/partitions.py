"""A simulated log of any size, as a folder of Parquet files by user range, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from tactful.core.arrays import I64, Bool
from tactful.core.log import Log
from tactful.errors import LogError, SpecError
from tactful.frames.write import to_frame, write_frame
from tactful.policies.protocol import Policy

SIZE = 50_000
EVENTS = ".events"


class SendEvents(Protocol):
    """Sends one by one; the columns (e,) are those of ``simulate.simulated.Events``."""

    @property
    def user(self) -> I64: ...
    @property
    def sent_at(self) -> I64: ...
    @property
    def slot(self) -> I64: ...
    @property
    def opened_at(self) -> I64: ...
    @property
    def opted_out_at(self) -> I64: ...
    @property
    def added(self) -> Bool: ...


class SimulatedLog(Protocol):
    """A log with the sends behind it, where they were asked for; ``slots`` names the local times of the sends."""

    @property
    def log(self) -> Log: ...
    @property
    def events(self) -> SendEvents | None: ...
    @property
    def slots(self) -> tuple[str, ...]: ...


class SimulatesLogs(Protocol):
    """A world that can simulate a range of its users; reading and writing logs know no world of their own."""

    def simulate(
        self,
        users: int,
        periods: int,
        policy: Policy | None = None,
        *,
        seed: int,
        salt: str = ...,
        first_user: int = ...,
        as_of: int | None = ...,
        truth: bool = ...,
        vectors: bool = ...,
        events: bool = ...,
        threads: int | None = ...,
    ) -> SimulatedLog:
        """The log of users from ``first_user`` on."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows and users of the log, sends in ``events`` (None where nobody asked), and "now"."""

    folder: Path
    parts: int
    n: int
    users: int
    as_of: int
    events: Path | None = None
    sends: int = 0


def write_partitions(
    world: SimulatesLogs,
    users: int,
    periods: int,
    folder: str | PathLike[str],
    *,
    seed: int,
    policy: Policy | None = None,
    salt: str = "simulate",
    as_of: int | None = None,
    events: bool = False,
    size: int = SIZE,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Simulate and write a weekly log, ``size`` users at a time: the rows of ``world.simulate`` for any ``size``.

    Parameters
    ----------
    folder
        Gets ``part-00000.parquet`` and so on; each file is whole or absent. A log is the folder.
    events
        Also write sends one by one into the folder beside it, named ``….events``.
    size
        Users a part. Memory is O(size · periods).
    progress
        Called with (users done, users).

    Raises
    ------
    LogError
        The folder already holds Parquet files, or cannot be written to.
    SpecError
        No users, periods or size.
    """
    if users < 1 or periods < 1 or size < 1:
        raise SpecError(f"{users} users, {periods} periods, {size} a part", "simulate", "ask for at least one of each")
    place = Path(folder)
    beside = place.with_name(place.name + EVENTS) if events else None
    for path in filter(None, (place, beside)):
        _empty(path)
    rows = sends = 0
    now = 0
    starts = range(0, users, size)
    for part, first in enumerate(starts):
        made = world.simulate(
            min(size, users - first), periods, policy, seed=seed, salt=salt, first_user=first, as_of=as_of,
            truth=False, vectors=False, events=events, threads=threads,
        )  # fmt: skip
        name = f"part-{part:05d}.parquet"
        write_frame(to_frame(made.log), place / name)
        rows, now = rows + made.log.n, made.log.as_of or 0
        if beside is not None and made.events is not None:
            write_frame(events_frame(made), beside / name)
            sends += made.events.user.size
        if progress:
            progress(first + min(size, users - first), users)
    return Written(place, len(starts), rows, users, now, beside, sends)


def events_frame(made: SimulatedLog) -> pl.DataFrame:
    """Sends as rows: user, segment, sent_at, slot (local time), opened_at, opted_out_at, session_added."""
    events = made.events
    if events is None:
        raise SpecError("the simulation kept no events", "events", "simulate with events=True")
    return _in_order(events, made)


def _in_order(events: SendEvents, made: SimulatedLog) -> pl.DataFrame:
    log = made.log
    segment = np.zeros(log.user_key.size, np.int64)
    segment[log.user] = log.segment
    order = np.lexsort((events.sent_at, events.user))
    user = events.user[order]
    paths = pl.Series(log.segments.paths, dtype=pl.String)

    def time(at: np.ndarray) -> pl.Series:
        known = pl.Series(at[order])
        return known.set(known < 0, None).cast(pl.Datetime("us", "UTC"))

    return pl.DataFrame(
        {
            "user": pl.Series(log.user_ids.tolist(), dtype=pl.String).gather(user),
            "segment": paths.gather(segment[user]),
            "sent_at": time(events.sent_at),
            "slot": pl.Series(made.slots, dtype=pl.String).gather(events.slot[order]),
            "opened_at": time(events.opened_at),
            "opted_out_at": time(events.opted_out_at),
            "session_added": pl.Series(events.added[order]),
        }
    )


def _empty(folder: Path) -> None:
    place = "choose a folder that can be written to"
    if folder.is_dir() and any(folder.rglob("*.parquet")):
        raise LogError("the folder already holds Parquet files", str(folder), "name a new folder, or remove it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogError(f"cannot be written: {error.strerror}", str(folder), place) from None
