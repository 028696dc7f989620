"""A PostgreSQL server of a study's own, where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tactful import JournalError
from tactful.journal import Journal


@contextmanager
def postgres(folder: Path) -> Iterator[str | None]:
    """The address of a server on a socket in the folder, or None where there is none to start."""
    initdb = shutil.which("initdb")
    programs = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *([Path(initdb)] if initdb else [])]
    try:
        import psycopg  # noqa: F401
    except ImportError:
        programs = []
    if not programs:
        yield None
        return
    try:
        server, url = _start(programs[0].parent, folder)
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
    quiet = {
        "preexec_fn": _other_user(folder, data) if os.geteuid() == 0 else None,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
    }
    subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "tactful"], check=True, **quiet)
    server = subprocess.Popen([programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="], **quiet)
    url = f"postgresql+psycopg://tactful@/postgres?host={folder}"
    for _ in range(100):
        try:
            Journal(url).close()
            break
        except JournalError:
            time.sleep(0.1)
    return server, url


def _other_user(*folders: Path) -> Callable[[], None]:
    """What makes a child process the user ``postgres``, who owns the folders: the server refuses to run as root."""
    user = pwd.getpwnam("postgres")
    for folder in folders:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def become() -> None:
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return become
