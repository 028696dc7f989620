"""A simulated log of any size, as a folder of Parquet files by user range, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import polars as pl

from tactful.core.arrays import I64
from tactful.errors import LogError, SpecError
from tactful.frames.forks import refuse_forked
from tactful.frames.reading.folders import holds_parquet_files
from tactful.frames.simulated_log import SendEvents, SimulatedLog, SimulatesLogs
from tactful.frames.write import to_frame, write_frame
from tactful.policies.protocol import Policy

PARTITION_USERS = 50_000
EVENTS_SUFFIX = ".events"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionedLog:
    """A simulated log that was written as a folder of Parquet files.

    Examples
    --------
    >>> PartitionedLog(folder=Path("log"), partitions=2, n=80, users=20, as_of=0).partitions
    2
    """

    folder: Path
    """The log."""
    partitions: int
    """The number of its files."""
    n: int
    """The number of its decisions."""
    users: int
    """The number of its users."""
    as_of: int
    """The time that is now for maturity, in µs UTC."""
    events: Path | None = None
    """The folder of the sends one by one, where it was asked for."""
    sends: int = 0
    """The number of sends in it."""


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
    size: int = PARTITION_USERS,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PartitionedLog:
    """Simulate and write a weekly log, ``size`` users at a time: the rows of ``world.simulate`` for any ``size``.

    Parameters
    ----------
    world
        Simulates a range of its users.
    users, periods
        How many of each.
    folder
        Gets ``part-00000.parquet`` and so on; each file is whole or absent. A log is the folder.
    events
        Also write sends one by one into the folder beside it, named ``….events``.
    seed
        Of the world; the same seed gives the same rows.
    policy
        Decides; None is the status quo with exploration.
    salt
        Of the users' draws.
    as_of
        The time that is now for maturity, in µs UTC; None takes the end of the simulation.
    size
        Users a file. Memory is O(size · periods).
    threads
        Threads of the simulation; None uses all cores.
    progress
        Called with (users done, users).

    Returns
    -------
    PartitionedLog
        Where it is, and how large.

    Raises
    ------
    LogError
        The folder already holds Parquet files, or cannot be written to.
    SpecError
        No users, periods or size.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from tactful.simulate.world import World
    >>> written = write_partitions(World(), 20, 2, mkdtemp() + "/log", seed=1, size=10)
    >>> written.partitions, written.users, sorted(path.name for path in written.folder.iterdir())
    (2, 20, ['part-00000.parquet', 'part-00001.parquet'])
    """
    refuse_forked()
    if users < 1 or periods < 1 or size < 1:
        raise SpecError(f"{users} users, {periods} periods, {size} a part", "simulate", "ask for at least one of each")
    log_folder = Path(folder)
    events_folder = log_folder.with_name(log_folder.name + EVENTS_SUFFIX) if events else None
    for path in filter(None, (log_folder, events_folder)):
        _create_empty(path)
    n = sends = newest = 0
    starts = range(0, users, size)
    for index, start in enumerate(starts):
        simulated = world.simulate(
            min(size, users - start), periods, policy, seed=seed, salt=salt, first_user=start, as_of=as_of,
            truth=False, vectors=False, events=events, threads=threads,
        )  # fmt: skip
        name = f"part-{index:05d}.parquet"
        write_frame(to_frame(simulated.log), log_folder / name)
        n, newest = n + simulated.log.n, simulated.log.as_of or 0
        if events_folder is not None and simulated.events is not None:
            write_frame(events_frame(simulated), events_folder / name)
            sends += simulated.events.user.size
        if progress:
            progress(start + min(size, users - start), users)
    return PartitionedLog(
        folder=log_folder,
        partitions=len(starts),
        n=n,
        users=users,
        as_of=newest,
        events=events_folder,
        sends=sends,
    )


def events_frame(simulated: SimulatedLog) -> pl.DataFrame:
    """Sends as rows: user, segment, sent_at, slot (local time), opened_at, opted_out_at, session_added.

    Raises
    ------
    SpecError
        The simulation kept no events.

    Examples
    --------
    >>> from tactful.simulate.world import World
    >>> events_frame(World().simulate(20, 2, seed=1, events=True)).columns[:4]
    ['user', 'segment', 'sent_at', 'slot']
    """
    refuse_forked()
    if simulated.events is None:
        raise SpecError("the simulation kept no events", "events", "simulate with events=True")
    return _sort_events(simulated.events, simulated)


def _sort_events(events: SendEvents, simulated: SimulatedLog) -> pl.DataFrame:
    """The sends by user and time."""
    log = simulated.log
    segment = np.zeros(log.user_key.size, np.int64)
    segment[log.user] = log.segment
    order = np.lexsort((events.sent_at, events.user))
    user = events.user[order]
    paths = pl.Series(log.segments.paths, dtype=pl.String)

    def as_times(times_us: I64) -> pl.Series:
        times = pl.Series(times_us[order])
        return times.set(times < 0, None).cast(pl.Datetime("us", "UTC"))

    return pl.DataFrame(
        {
            "user": pl.Series(log.user_ids.tolist(), dtype=pl.String).gather(user),
            "segment": paths.gather(segment[user]),
            "sent_at": as_times(events.sent_at),
            "slot": pl.Series(simulated.slots, dtype=pl.String).gather(events.slot[order]),
            "opened_at": as_times(events.opened_at),
            "opted_out_at": as_times(events.opted_out_at),
            "session_added": pl.Series(events.added[order]),
        }
    )


def _create_empty(folder: Path) -> None:
    """Make a folder, or refuse one that already holds Parquet files."""
    if folder.is_dir() and holds_parquet_files(folder):
        raise LogError("the folder already holds Parquet files", str(folder), "name a new folder, or remove it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        do = "choose a folder that can be written to"
        raise LogError(f"cannot be written: {error.strerror}", str(folder), do) from None
