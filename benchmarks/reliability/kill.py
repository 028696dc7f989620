"""A journal whose writer is killed, whose disk is full, whose writes fail: is an acknowledged event ever lost?

Run: python benchmarks/reliability/kill.py            (1,000 kills; some minutes)
     python benchmarks/reliability/kill.py --small    (20 kills; some seconds)
With SQLite always; with PostgreSQL where its server programs are installed (Debian: postgresql) and psycopg is. Failing
writes are injected one call at a time by failing_writes.c, which gcc compiles, where there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import find_harness  # noqa: F401
from harness.command import parser, show_progress
from harness.postgres import postgres

from tactful import JournalError
from tactful.journal import Event, Journal

SHIM = Path(__file__).with_name("failing_writes.c")
QUIET_RUNS = 20  # without a failure that was noticed, after which no call is left to fail
FAILURES = ("acknowledged and lost", "partial or altered", "twice")


def event(run: str, i: int) -> Event:
    """Decisions and outcomes, with bodies of any size."""
    body = {"i": i, "run": run, "pad": "x" * (i * 37 % 900)}
    if i % 3:
        return Event(id=f"{run}-{i}", kind="outcome", user=f"u{i % 50}", at_us=i, body={"name": "opened"} | body)
    return Event(id=f"{run}-{i}", kind="decision", user=f"u{run}-{i}", at_us=i, period=2900, body=body)


def fork(work: Callable[[int], None]) -> tuple[int, int]:
    """Work in a child process that is given a pipe to write to: its id, and the end to read from."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(writing)
        except BaseException:  # a child must not go on as if it were its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    return child, reading


def write_until_killed(url: str, run: str, pipe: int) -> None:
    """Record events and tell which are acknowledged, one line each, for ever."""
    journal, i = Journal(url), 0
    while True:
        pending = [(j, journal.submit(event(run, j))) for j in range(i, i + 8)]
        for j, future in pending:
            future.result()
            os.write(pipe, f"{j}\n".encode())
        i += 8


def kill_writers(url: str, times: int, seed: int) -> Counter[str]:
    """Kill the writer at random moments; then look for what it had acknowledged."""
    chance, counted, acknowledged = random.Random(seed), Counter[str](), set[str]()  # noqa: S311
    for run in range(times):
        child, pipe = fork(lambda pipe, run=run: write_until_killed(url, str(run), pipe))
        time.sleep(chance.uniform(0.01, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(pipe) as lines:
            acknowledged |= {f"{run}-{int(line)}" for line in lines if line.endswith("\n")}
        counted["kills"] += 1
        show_progress(f"kill {run + 1:,} of {times:,}")
    with Journal(url) as journal:
        stored: set[str] = set()
        for row in journal.read():
            run_name, i = row.event.id.rsplit("-", 1)
            counted["partial or altered"] += row.event != event(run_name, int(i))
            counted["twice"] += row.event.id in stored
            stored.add(row.event.id)
    counted["acknowledged"] = len(acknowledged)
    counted["stored"] = len(stored)
    counted["acknowledged and lost"] = len(acknowledged - stored)
    return counted


def fail_writes(folder: Path, error: str, step: int) -> Counter[str]:
    """Let the n-th call that writes to the journal fail, for every ``step``-th n until none is left to fail."""
    shim = folder / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, SHIM, "-ldl"], check=True)  # noqa: S607
    env = os.environ | {"LD_PRELOAD": str(shim), "FAIL_WITH": error}
    command = [sys.executable, __file__, "--faults", str(folder), str(step)]
    return Counter(json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout))


def run_below_shim(folder: Path, step: int) -> Counter[str]:
    """What :func:`fail_writes` runs below the shim: a process for every n."""
    counted, n, quiet_runs = Counter[str](), 1, 0
    while quiet_runs < QUIET_RUNS or n < 100:  # some calls may fail unnoticed: SQLite does without them
        path = folder / f"{n}-shimmed.db"
        os.environ["FAIL_AT"] = str(n)
        child, pipe = fork(lambda pipe, path=path: record_some(path, pipe))
        del os.environ["FAIL_AT"]
        with os.fdopen(pipe) as file:
            lines = file.read().splitlines()
        counted["crashed"] += os.waitpid(child, 0)[1] != 0
        acknowledged = {line.split()[1] for line in lines if line.startswith("ok ")}
        with Journal(path) as journal:
            stored = {row.event.id: row.event for row in journal.read()}
        counted["runs"] += 1
        counted["surfaced"] += "surfaced" in lines
        counted["acknowledged and lost"] += len(acknowledged - set(stored))
        counted["partial or altered"] += sum(e != event("f", int(i.split("-")[1])) for i, e in stored.items())
        for file in folder.glob(f"{n}-shimmed.db*"):
            file.unlink()
        quiet_runs = 0 if "surfaced" in lines else quiet_runs + 1
        n += step
    return counted


def record_some(path: Path, pipe: int) -> None:
    """Twelve events; each is acknowledged, or an error says that it is not."""
    try:
        journal = Journal(path, linger_ms=0)
        for i in range(12):
            try:
                os.write(pipe, f"ok {journal.record(event('f', i))[0].id}\n".encode())
            except JournalError:
                os.write(pipe, b"surfaced\n")
    except JournalError:
        os.write(pipe, b"surfaced\n")


def record_until_full(path: Path, pipe: int) -> None:
    """2,000 events in files of 400,000 bytes at most."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    for i in range(2000):
        try:
            journal.record(event("full", i))
            os.write(pipe, f"ok {i}\n".encode())
        except JournalError:
            os.write(pipe, b"refused\n")


def fill_disk(folder: Path) -> Counter[str]:
    """A limit on the size of files stands for the end of the disk: what is refused is not acknowledged."""
    counted, path = Counter[str](), folder / "full.db"
    child, pipe = fork(lambda pipe: record_until_full(path, pipe))
    with os.fdopen(pipe) as file:
        lines = [line.split() for line in file]
    os.waitpid(child, 0)
    with Journal(path) as journal:
        stored = {row.event.id for row in journal.read()}
    acknowledged = {f"full-{line[1]}" for line in lines if line[0] == "ok"}
    counted["acknowledged"], counted["refused"] = len(acknowledged), sum(line[0] == "refused" for line in lines)
    counted["acknowledged and lost"] = len(acknowledged - stored)
    return counted


def report(title: str, counted: Counter[str]) -> bool:
    """Print what was counted. Returns whether nothing was lost."""
    print(f"{title}: {json.dumps(counted)}", flush=True)
    return not any(counted[failure] for failure in FAILURES)


def main(small: bool, seed: int) -> bool:
    times, sound = 20 if small else 1000, True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        sound &= report("SQLite, killed", kill_writers(str(folder / "killed.db"), times, seed))
        sound &= report("SQLite, no room on the disk", fill_disk(folder))
        if shutil.which("gcc"):
            for error in ("full", "error"):
                counted = fail_writes(folder, error, 25 if small else 1)
                sound &= report(f"SQLite, the n-th write or flush fails ({error})", counted)
        else:
            print("no gcc: failing calls were not injected")
        server = folder / "postgres"
        server.mkdir()
        with postgres(server) as url:
            if url is None:
                print("no PostgreSQL server or no psycopg: not tried")
            else:
                sound &= report("PostgreSQL, killed", kill_writers(url, times, seed + 1))
    return sound


if __name__ == "__main__":
    options = parser(__doc__, seed=20261122)
    options.add_argument("--faults", nargs=2, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.faults:
        print(json.dumps(run_below_shim(Path(arguments.faults[0]), int(arguments.faults[1]))))
        sys.exit()
    sys.exit(0 if main(arguments.small, arguments.seed) else 1)
