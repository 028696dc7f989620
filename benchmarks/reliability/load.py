"""The HTTP service under load, under fuzzing and without a key: throughput, latencies, errors, lost decisions.

Run: python benchmarks/reliability/load.py            (a minute of load, then schemathesis; about three minutes)
     python benchmarks/reliability/load.py --small    (three seconds of load, a short run of schemathesis)
Clients in processes of their own keep connections open and ask for a decision of a new user each time; what was
acknowledged is then looked up in the journal. wrk, where it is installed (Debian: wrk), loads the service once more.
Service and clients share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from running import KEY, service

from tactful.core.actions import ActionSpace
from tactful.core.segments import Segments
from tactful.journal.journal import Journal
from tactful.policies.artifact import save
from tactful.policies.table import Table
from tactful.policies.terms import Terms

SPACE = ActionSpace.grid(["08:00", "12:00", "18:00", "21:30"], [1, 2, 3, 5, 7])
LUA = """
local n = 0
local me = tostring({}):gsub("[^%w]", "")
request = function()
  n = n + 1
  local body = string.format('{"user":"w%s-%d","segment":"ios/new","period":2960}', me, n)
  return wrk.format("POST", "/decide", {["X-API-Key"]="KEY", ["Content-Type"]="application/json"}, body)
end
"""


def publish(folder: Path) -> None:
    """A random policy for three segments."""
    tree = Segments.of(["ios", "ios/new", "web"])
    pmf = np.random.default_rng(0).dirichlet(np.ones(SPACE.k), len(tree))
    save(Table.of(SPACE, tree, pmf, Terms(uniform=0.03)), folder / "policy")


def client(port: int, worker: int, connections: int, seconds: float) -> tuple[list[str], list[float], int]:
    """(ids that were acknowledged, latencies in seconds, errors) of some connections."""
    ids: list[str] = []
    took: list[float] = []
    errors = 0

    async def one(c: int) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        i = 0
        while time.perf_counter() < until:
            i += 1
            body = json.dumps({"user": f"{worker}-{c}-{i}", "segment": "ios/new", "period": 2960}).encode()
            head = f"POST /decide HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {len(body)}\r\n"
            start = time.perf_counter()
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            top = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", top)
            answer = await reader.readexactly(int(length.group(1))) if length else b""
            took.append(time.perf_counter() - start)
            if " 200 " in top.partition("\r\n")[0]:
                ids.append(json.loads(answer)["id"])
            else:
                errors += 1
        writer.close()

    async def every() -> None:
        await asyncio.gather(*(one(c) for c in range(connections)))

    until = time.perf_counter() + seconds
    asyncio.run(every())
    return ids, took, errors


def load(url: str, folder: Path, seconds: float) -> bool:
    port, workers, connections = int(url.rpartition(":")[2]), 2, 16
    start = time.perf_counter()
    with Pool(workers) as pool:
        results = pool.starmap(client, [(port, w, connections, seconds) for w in range(workers)])
    lasted = time.perf_counter() - start
    ids = {i for found, _, _ in results for i in found}
    took = np.array([t for _, times, _ in results for t in times]) * 1000
    errors = sum(e for *_, e in results)
    with Journal(folder / "journal.db") as journal:
        stored = {row.event.id for row in journal.read()}
    p50, p99 = np.quantile(took, [0.5, 0.99])
    print(
        f"{workers} × {connections} connections for {lasted:.0f} s: {len(ids):,} decisions,"
        f" {len(ids) / lasted:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {errors} errors,"
        f" {len(ids - stored)} acknowledged and not in the journal"
    )
    return not errors and ids <= stored


def wrk(url: str, folder: Path, seconds: float) -> bool:
    program = shutil.which("wrk")
    if program is None:
        print("no wrk: one kind of client only")
        return True
    script = folder / "decide.lua"
    script.write_text(LUA.replace("KEY", KEY))
    with Journal(folder / "journal.db") as journal:
        before = journal.count()["decision"]
        command = [program, "-t2", "-c32", f"-d{seconds:.0f}s", "--latency", "-s", str(script), url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        done = re.search(r"(\d+) requests in", said)
        answered = int(done.group(1)) if done else 0
        journaled = journal.count()["decision"] - before
    wanted = re.compile(r"50%|99%|requests in|Requests/sec|Non-2xx|Socket")
    kept = [line.strip() for line in said.splitlines() if wanted.search(line)]
    print(f"wrk: {'; '.join(kept)}; {journaled:,} journaled")
    return "Non-2xx" not in said and journaled >= answered > 0


def keyless(url: str) -> bool:
    """Every path of the API without a key."""
    asked = urllib.request.Request(f"{url}/openapi.json", headers={"X-API-Key": KEY})  # noqa: S310
    paths: dict[str, Any] = json.loads(urllib.request.urlopen(asked).read())["paths"]  # noqa: S310
    statuses: dict[str, int] = {}
    for path, methods in paths.items():
        for method in methods:
            data = b"{}" if method == "post" else None
            request = urllib.request.Request(url + path, method=method.upper(), data=data)  # noqa: S310
            try:
                statuses[f"{method} {path}"] = urllib.request.urlopen(request).status  # noqa: S310  # noqa: S310
            except urllib.error.HTTPError as error:
                statuses[f"{method} {path}"] = error.code
    odd = {k: v for k, v in statuses.items() if v != (200 if k == "get /health" else 401)}
    print(f"without a key: 401 on {len(statuses) - 1} of {len(statuses)} operations; odd: {odd or 'none'}")
    return not odd


def fuzz(url: str, folder: Path, examples: int) -> bool:
    program = Path(sys.executable).with_name("schemathesis")
    if not program.exists():
        print("no schemathesis: not fuzzed")
        return True
    command = [program, "run", f"{url}/openapi.json", "-H", f"X-API-Key: {KEY}", "--checks", "not_a_server_error"]
    command += ["--max-examples", str(examples), "--phases", "examples,coverage,fuzzing", "--no-color", "--seed", "1"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if said.returncode:
        print(said.stdout[-4000:])
    summary = [line.strip() for line in said.stdout.splitlines() if re.search(r"cases|generated|passed|failed", line)]
    print(f"schemathesis, {examples} examples an operation: exit {said.returncode}; {'; '.join(summary[-3:])}")
    return said.returncode == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    small = parser.parse_args().small
    with tempfile.TemporaryDirectory() as name:
        here, kept = Path(name), True
        publish(here)
        with service("--policy", here / "policy", "--journal", here / "journal.db") as url:
            kept &= load(url, here, 3 if small else 60)
            kept &= wrk(url, here, 3 if small else 60)
            kept &= keyless(url)
            kept &= fuzz(url, here, 10 if small else 200)
    sys.exit(0 if kept else 1)
