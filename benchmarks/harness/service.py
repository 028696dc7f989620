"""``tactful serve`` in a process of its own, on a free port of loopback, and calls to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


def call(url: str, path: str, body: Any = None) -> Any:
    """The answer to a request with the key: GET without a body, POST with one."""
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers)) as answer:  # noqa: S310
        return json.loads(answer.read())
