"""The HTTP service under load, under fuzzing and without a key: throughput, latencies, errors, lost decisions.

Run: python benchmarks/reliability/load.py            (a minute of load, then schemathesis; about three minutes)
     python benchmarks/reliability/load.py --small    (three seconds of load, a short run of schemathesis)
Clients in processes of their own keep connections open and ask for a decision of a new user each time; what was
acknowledged is then looked up in the journal. wrk, where it is installed (Debian: wrk), loads the service once more.
Service and clients share the machine's cores.
"""

from __future__ import annotations

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
from typing import NamedTuple

import find_harness  # noqa: F401
import numpy as np
from harness.command import parser
from harness.service import KEY, call, service

import tactful as tt
from tactful.journal import Journal

SPACE = tt.ActionSpace.grid(["08:00", "12:00", "18:00", "21:30"], [1, 2, 3, 5, 7])
WORKERS, CONNECTIONS = 2, 16  # processes, and connections of each
PERIOD = 2960
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
    tree = tt.Segments.of(["ios", "ios/new", "web"])
    pmf = np.random.default_rng(0).dirichlet(np.ones(SPACE.k), len(tree))
    tt.save(tt.Table.of(SPACE, tree, pmf, tt.Terms(uniform=0.03)), folder / "policy")


class Answers(NamedTuple):
    """What a client was told."""

    ids: list[str]
    """Of the decisions that were acknowledged."""
    seconds: list[float]
    """From each question to its answer."""
    errors: int


def ask(port: int, worker: int, seconds: float) -> Answers:
    """Questions on several connections for so many seconds, one after the other on each."""
    ids: list[str] = []
    latencies: list[float] = []
    errors = 0

    async def ask_on_one(connection: int) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        i = 0
        while time.perf_counter() < until:
            i += 1
            question = {"user": f"{worker}-{connection}-{i}", "segment": "ios/new", "period": PERIOD}
            body = json.dumps(question).encode()
            head = f"POST /decide HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {len(body)}\r\n"
            start = time.perf_counter()
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            header = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", header)
            answer = await reader.readexactly(int(length.group(1))) if length else b""
            latencies.append(time.perf_counter() - start)
            if " 200 " in header.partition("\r\n")[0]:
                ids.append(json.loads(answer)["id"])
            else:
                errors += 1
        writer.close()

    async def ask_on_all() -> None:
        await asyncio.gather(*(ask_on_one(c) for c in range(CONNECTIONS)))

    until = time.perf_counter() + seconds
    asyncio.run(ask_on_all())
    return Answers(ids, latencies, errors)


def load(url: str, folder: Path, seconds: float) -> bool:
    port = int(url.rpartition(":")[2])
    start = time.perf_counter()
    with Pool(WORKERS) as pool:
        answers = pool.starmap(ask, [(port, worker, seconds) for worker in range(WORKERS)])
    duration = time.perf_counter() - start
    ids = {i for answer in answers for i in answer.ids}
    latencies_ms = np.array([s for answer in answers for s in answer.seconds]) * 1000
    errors = sum(answer.errors for answer in answers)
    with Journal(folder / "journal.db") as journal:
        stored = {row.event.id for row in journal.read()}
    p50, p99 = np.quantile(latencies_ms, [0.5, 0.99])
    print(
        f"{WORKERS} × {CONNECTIONS} connections for {duration:.0f} s: {len(ids):,} decisions,"
        f" {len(ids) / duration:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {errors} errors,"
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
        decisions = journal.count()["decision"]
        command = [program, "-t2", "-c32", f"-d{seconds:.0f}s", "--latency", "-s", str(script), url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        requests = re.search(r"(\d+) requests in", output)
        answered = int(requests.group(1)) if requests else 0
        journaled = journal.count()["decision"] - decisions
    pattern = re.compile(r"50%|99%|requests in|Requests/sec|Non-2xx|Socket")
    lines = [line.strip() for line in output.splitlines() if pattern.search(line)]
    print(f"wrk: {'; '.join(lines)}; {journaled:,} journaled")
    return "Non-2xx" not in output and journaled >= answered > 0


def keyless(url: str) -> bool:
    """Every path of the API without a key."""
    statuses: dict[str, int] = {}
    for path, methods in call(url, "/openapi.json")["paths"].items():
        for method in methods:
            data = b"{}" if method == "post" else None
            request = urllib.request.Request(url + path, method=method.upper(), data=data)  # noqa: S310
            try:
                statuses[f"{method} {path}"] = urllib.request.urlopen(request).status  # noqa: S310
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
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if run.returncode:
        print(run.stdout[-4000:])
    summary = [line.strip() for line in run.stdout.splitlines() if re.search(r"cases|generated|passed|failed", line)]
    print(f"schemathesis, {examples} examples an operation: exit {run.returncode}; {'; '.join(summary[-3:])}")
    return run.returncode == 0


if __name__ == "__main__":
    small = parser(__doc__).parse_args().small
    with tempfile.TemporaryDirectory() as name:
        folder, sound = Path(name), True
        publish(folder)
        with service("--policy", folder / "policy", "--journal", folder / "journal.db") as url:
            sound &= load(url, folder, 3 if small else 60)
            sound &= wrk(url, folder, 3 if small else 60)
            sound &= keyless(url)
            sound &= fuzz(url, folder, 10 if small else 200)
    sys.exit(0 if sound else 1)
