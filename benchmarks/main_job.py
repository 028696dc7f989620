"""The main job, measured: a log of 1,000,000 rows × 21 actions, one scalar decision, and the cost of an import.

Run: python benchmarks/main_job.py            (about a minute)
     python benchmarks/main_job.py --small    (smoke, some seconds)
Every ratio is taken in this run, against a limit timed beside it: the machine is shared and drifts.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from harness.command import in_new_process, parser
from harness.timing import timed

SLOTS = ["08:00", "12:00", "18:00", "21:30"]
FREQUENCIES = [1, 2, 3, 5, 7]
PERIOD = 12
SPEC = """
[actions]
slots = ["08:00", "12:00", "18:00", "21:30"]
frequencies = [1, 2, 3, 5, 7]
[outcomes]
engaged = { kind = "count", window_days = 7 }
opted_out = { kind = "binary", window_days = 7 }
[objective]
engaged = 1.0
opted_out = -15.0
"""


def write_log(path: Path, rows: int, per_user: int = 10) -> None:
    """A log of repeating users in 24 segments, uniformly randomised over 21 actions."""
    import polars as pl

    import tactful as tt

    rng = np.random.default_rng(7)
    names = np.array(tt.ActionSpace.grid(SLOTS, FREQUENCIES).names)
    users = rows // per_user
    segment = np.array([f"{p}/{s}/{c}" for p in "ab" for s in "xyz" for c in "1234"])[rng.integers(0, 24, users)]
    user, week = np.repeat(np.arange(users), per_user), np.tile(np.arange(per_user), users)
    action = rng.integers(0, 21, rows)
    frame = {
        "user": [f"u-{u:07d}" for u in user],
        "period": week,
        "decided_at": pl.Series(week * 7 * 86_400_000_000 + 4 * 86_400_000_000).cast(pl.Datetime("us", "UTC")),
        "segment": segment[user],
        "action": names[action],
        "propensity": np.full(rows, 1 / 21),
        "engaged": rng.poisson(1 + 0.02 * action).astype(float),
        "opted_out": np.where(week == per_user - 1, np.nan, rng.random(rows) < 0.003),
    }
    pl.DataFrame(frame).with_columns(pl.col("engaged", "opted_out").fill_nan(None)).with_columns(
        pl.when(pl.col("period") == per_user - 1).then(None).otherwise(pl.col("engaged")).alias("engaged")
    ).write_parquet(path)


def main_job(log: Path, spec: Path) -> None:
    """Child process: the four steps in one process, with the time of a bare read of the same file beside them."""
    start = time.perf_counter()
    import polars as pl

    import tactful as tt

    seconds = {"import": time.perf_counter() - start}

    def lap(name: str, since: float) -> float:
        clock = time.perf_counter()
        seconds[name] = clock - since
        return clock

    clock = time.perf_counter()
    parsed = tt.LogSpec.from_toml(spec)
    rows = tt.read_log(log, parsed)
    clock = lap("read", clock)
    tt.check(rows)
    clock = lap("check", clock)
    train, holdout = rows.split(0.3, "bench")
    policy = tt.publish(tt.Conjugate().fit(train), parsed.objective)
    clock = lap("fit", clock)
    tt.evaluate(holdout, policy)
    clock = lap("evaluate", clock)
    seconds["total"] = clock - start
    seconds["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    clock = time.perf_counter()
    pl.read_parquet(log)
    lap("bare read", clock)
    print(json.dumps(seconds))


def report_main_job(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, spec = Path(folder) / "log.parquet", Path(folder) / "spec.toml"
        write_log(log, rows)
        spec.write_text(SPEC)
        cold, *warm = [json.loads(in_new_process(__file__, "--job", str(log), str(spec))) for _ in range(4)]
        best = min(warm, key=lambda r: r["total"])
        print(
            f"\n{rows:,} rows × 21 actions, one process (best of 3; the first run, {cold['total']:.1f} s, may compile)"
        )
        for step in ("import", "read", "check", "fit", "evaluate", "total"):
            print(f"  {step:<10}{best[step]:7.2f} s")
        print(f"  peak      {best['peak_mb']:7.0f} MB;  aim: under 6 s and 1,024 MB")
        print(f"  read / bare polars read of the same file: {best['read'] / best['bare read']:.1f} ×")
        wall = timed(lambda: run_commands(str(log), str(spec), str(Path(folder) / "policy"))).wall
        print(f"  as three commands: {wall:.2f} s")


def run_commands(log: str, spec: str, policy: str) -> None:
    """The same on the command line."""
    for command in (
        ["check", log, "--spec", spec],
        ["fit", log, "--spec", spec, "--out", policy],
        ["evaluate", log, "--spec", spec, "--policy", policy],
    ):
        in_new_process("-m", "tactful", *command)


def report_decide(count: int) -> None:
    """One scalar decision, beside the bare two hashes, bisection and division that it cannot do without."""
    from harness.policies import bare_decision

    import tactful as tt
    from tactful.serving import Decider

    actions = tt.ActionSpace.grid(SLOTS, FREQUENCIES)
    tree = tt.Segments.of(f"{p}/{s}/{c}" for p in ("ios", "android") for s in ("new", "old", "core") for c in "1234")
    pmf = np.random.default_rng(7).dirichlet(np.full(actions.k, 0.3), len(tree))
    decider = Decider(tt.Table.of(actions, tree, pmf, tt.Terms(uniform=0.03)))
    users = [f"u-{i:07d}" for i in range(count)]
    decide_bare = bare_decision(users, PERIOD, actions.k)
    times: dict[str, list[int]] = {"decide": [], "bare": []}
    clock = time.perf_counter_ns
    for i, user in enumerate(users):
        start = clock()
        decide_bare(i)
        middle = clock()
        decider.decide(user, PERIOD, "ios/new/1")
        times["bare"].append(middle - start)
        times["decide"].append(clock() - middle)
    p50, p99 = (np.percentile(times["decide"], q) / 1000 for q in (50, 99))
    limit = statistics.median(times["bare"]) / 1000
    print(f"\nDecider.decide, {count:,} users: p50 {p50:.2f} µs, p99 {p99:.2f} µs;  aim: p50 ≤ 2.5 µs")
    print(f"  bare hash, bisection and propensity: p50 {limit:.2f} µs; ratio {p50 / limit:.2f}")


def report_import(runs: int) -> None:
    """`from tactful.serving import Decider` against `import numpy`, in turn, in fresh processes."""

    def seconds(statement: str) -> float:
        code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
        return float(in_new_process("-c", code))

    pairs = [(seconds("from tactful.serving import Decider"), seconds("import numpy")) for _ in range(runs)]
    ours, numpy = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"\nimport tactful.serving {ours * 1000:.0f} ms, import numpy {numpy * 1000:.0f} ms: median ratio {ratio:.2f}"
    )
    print("  aim: ≤ 1.3")


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--job", nargs=2, metavar=("LOG", "SPEC"), help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.job:
        main_job(*map(Path, arguments.job))
    else:
        print(f"Python {platform.python_version()}, {platform.machine()}")
        report_main_job(20_000 if arguments.small else 1_000_000)
        report_decide(2_000 if arguments.small else 100_000)
        report_import(3 if arguments.small else 15)
