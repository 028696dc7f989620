"""A journal whose writer is killed, whose disk is full, whose writes fail: is an acknowledged event ever lost?

Run: python benchmarks/reliability/kill.py            (1,000 kills; some minutes)
     python benchmarks/reliability/kill.py --small    (20 kills; some seconds)
With SQLite always; with PostgreSQL where its server programs are installed (Debian: postgresql) and psycopg is. Failing
writes are injected one call at a time by a shim that gcc compiles, where there is one.
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
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tactful.errors import JournalError
from tactful.journal.event import Event
from tactful.journal.journal import Journal

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static long seen = 0;
static int fails(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    if (!strstr(path, "shimmed.db")) return 0;
    const char *at = getenv("FAIL_AT"), *how = getenv("FAIL_WITH");
    if (!at || ++seen != atol(at)) return 0;
    errno = how && !strcmp(how, "full") ? ENOSPC : EIO;
    return 1;
}
#define WRAP(type, name, args, call) type name args { \
    static type (*real) args; if (!real) real = dlsym(RTLD_NEXT, #name); \
    if (fails(fd)) return -1; return real call; }
WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n))
"""


def event(run: str, i: int) -> Event:
    """Decisions and outcomes, with bodies of any size."""
    body = {"i": i, "run": run, "pad": "x" * (i * 37 % 900)}
    if i % 3:
        return Event(f"{run}-{i}", "outcome", f"u{i % 50}", i, body={"name": "opened"} | body)
    return Event(f"{run}-{i}", "decision", f"u{run}-{i}", i, period=2900, body=body)


def write_until_killed(url: str, run: str, pipe: int) -> None:
    """Record events and tell which are acknowledged, one line each, for ever."""
    journal, i = Journal(url), 0
    while True:
        waiting = [(j, journal.submit(event(run, j))) for j in range(i, i + 8)]
        for j, future in waiting:
            future.result()
            os.write(pipe, f"{j}\n".encode())
        i += 8


def kills(url: str, times: int, seed: int) -> Counter[str]:
    """Kill the writer at random moments; then look for what it had acknowledged."""
    chance, counted, acknowledged = random.Random(seed), Counter[str](), set[str]()  # noqa: S311
    for run in range(times):
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            write_until_killed(url, str(run), into)
        os.close(into)
        time.sleep(chance.uniform(0.01, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(out) as lines:
            told = [line for line in lines if line.endswith("\n")]
        acknowledged |= {f"{run}-{int(line)}" for line in told}
        counted["kills"] += 1
        if sys.stderr.isatty():
            print(f"\rkill {run + 1:,} of {times:,}", end="", file=sys.stderr)
    with Journal(url) as journal:
        stored: dict[str, Event] = {}
        for row in journal.read():
            run_, i = row.event.id.rsplit("-", 1)
            counted["partial or altered"] += row.event != event(run_, int(i))
            counted["twice"] += row.event.id in stored
            stored[row.event.id] = row.event
    counted["acknowledged"] = len(acknowledged)
    counted["stored"] = len(stored)
    counted["acknowledged and lost"] = len(acknowledged - set(stored))
    return counted


def faults(folder: Path, how: str, step: int) -> Counter[str]:
    """Let the n-th call that writes to the journal fail, for every ``step``-th n until none is left to fail."""
    shim = folder / "shim.so"
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, folder / "shim.c", "-ldl"], check=True)  # noqa: S607
    env = os.environ | {"LD_PRELOAD": str(shim), "FAIL_WITH": how}
    command = [sys.executable, __file__, "--faults", str(folder), str(step)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return Counter(json.loads(ran.stdout))


def faulty(folder: Path, step: int) -> Counter[str]:
    """What :func:`faults` runs below the shim: a process for every n."""
    counted, n, quiet = Counter[str](), 1, 0
    while quiet < 20 or n < 100:  # some calls may fail unseen: SQLite does without them
        path = folder / f"{n}-shimmed.db"
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.environ["FAIL_AT"] = str(n)
            _attempt(path, into)
        os.close(into)
        with os.fdopen(out) as file:
            lines = file.read().splitlines()
        counted["crashed"] += os.waitpid(child, 0)[1] != 0
        said = {line.split()[1] for line in lines if line.startswith("ok ")}
        with Journal(path) as journal:
            stored = {row.event.id: row.event for row in journal.read()}
        counted["runs"] += 1
        counted["surfaced"] += "surfaced" in lines
        counted["acknowledged and lost"] += len(said - set(stored))
        counted["partial or altered"] += sum(e != event("f", int(i.split("-")[1])) for i, e in stored.items())
        for old in folder.glob(f"{n}-shimmed.db*"):
            old.unlink()
        quiet = 0 if "surfaced" in lines else quiet + 1
        n += step
    return counted


def _attempt(path: Path, into: int) -> None:
    try:
        journal = Journal(path, linger_ms=0)
        for i in range(12):
            try:
                os.write(into, f"ok {journal.record(event('f', i))[0].id}\n".encode())
            except JournalError:
                os.write(into, b"surfaced\n")
    except JournalError:
        os.write(into, b"surfaced\n")
    os._exit(0)


def full_disk(folder: Path) -> Counter[str]:
    """A limit on the size of files stands for the end of the disk: what is refused is not acknowledged."""
    counted, path = Counter[str](), folder / "full.db"
    out, into = os.pipe()
    if os.fork() == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        for i in range(2000):
            try:
                journal.record(event("full", i))
                os.write(into, f"ok {i}\n".encode())
            except JournalError:
                os.write(into, b"refused\n")
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as lines:
        told = [line.split() for line in lines]
    os.wait()
    with Journal(path) as journal:
        stored = {row.event.id for row in journal.read()}
    said = {f"full-{line[1]}" for line in told if line[0] == "ok"}
    counted["acknowledged"], counted["refused"] = len(said), sum(line[0] == "refused" for line in told)
    counted["acknowledged and lost"] = len(said - stored)
    return counted


@contextmanager
def postgres(folder: Path) -> Iterator[str | None]:
    """A server of its own on a socket in the folder, or None where there is none to start."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *map(Path, filter(None, [shutil.which("initdb")]))]
    try:
        import psycopg  # noqa: F401
    except ImportError:
        found = []
    if not found:
        yield None
        return
    try:
        server, url = _start(found[0].parent, folder)
    except (OSError, KeyError, subprocess.CalledProcessError) as error:
        print(f"PostgreSQL could not be started ({error})")
        yield None
        return
    try:
        yield url
    finally:
        server.terminate()
        server.wait()


def _start(programs: Path, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    data = folder / "data"
    data.mkdir()
    become: Callable[[], None] | None = None
    if os.geteuid() == 0:  # the server refuses to run as root
        import pwd

        who = pwd.getpwnam("postgres")
        for path in (folder, data):
            os.chown(path, who.pw_uid, who.pw_gid)

        def become() -> None:
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)

    quiet = {"preexec_fn": become, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "tactful"], check=True, **quiet)
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="],
        **quiet,
    )
    url = f"postgresql+psycopg://tactful@/postgres?host={folder}"
    for _ in range(100):
        try:
            Journal(url).close()
            break
        except JournalError:
            time.sleep(0.1)
    return server, url


def report(title: str, counted: Counter[str]) -> bool:
    print(f"{title}: {json.dumps(counted)}", flush=True)
    return not (counted["acknowledged and lost"] or counted["partial or altered"] or counted["twice"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--faults", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.faults:
        print(json.dumps(faulty(Path(options.faults[0]), int(options.faults[1]))))
        sys.exit()
    times, kept = 20 if options.small else 1000, True
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        here.chmod(0o755)
        kept &= report("SQLite, killed", kills(str(here / "killed.db"), times, options.seed))
        kept &= report("SQLite, no room on the disk", full_disk(here))
        if shutil.which("gcc"):
            for how in ("full", "error"):
                kept &= report(
                    f"SQLite, the n-th write or flush fails ({how})", faults(here, how, 25 if options.small else 1)
                )
        else:
            print("no gcc: failing calls were not injected")
        server = here / "postgres"
        server.mkdir()
        with postgres(server) as url:
            if url is None:
                print("no PostgreSQL server or no psycopg: not tried")
            else:
                kept &= report("PostgreSQL, killed", kills(url, times, options.seed + 1))
    sys.exit(0 if kept else 1)
