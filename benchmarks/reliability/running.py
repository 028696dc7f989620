"""``tactful serve`` in a process of its own, on a free port of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY = "reliability-key-of-32-characters"


@contextmanager
def service(*options: str | Path) -> Iterator[str]:
    """The address of a service with these options of ``tactful serve``; it asks for ``KEY`` and ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("tactful"), "serve", "--port", str(port), *options]
    server = subprocess.Popen(command, env=os.environ | {"TACTFUL_API_KEY": KEY}, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/health").read()  # noqa: S310 - loopback
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(30)
