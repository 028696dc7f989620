"""Eight threads decide while policies are swapped and rolled back: every decision belongs to exactly one of them.

Run: python benchmarks/reliability/swaps.py            (about two minutes)
     python benchmarks/reliability/swaps.py --small    (smoke, some seconds)

Threads decide for random users in the running and the next two periods. The clock moves on a period every ten moves;
every seventh move is a rollback. Afterwards every logged (version, propensity) is recomputed in batch: a row that its
version does not make is *torn*; none may be made by two versions (salts differ and propensities have 32 bits, so that
is once in some millions of rows for one pair of policies: those found are counted, and are not errors of serving).
After every move, ``live`` must equal a plain model of the rules.
"""

from __future__ import annotations

import sys
import threading
import time
from array import array

import find_harness  # noqa: F401
import numpy as np
from harness.command import parser
from harness.policies import ACTIONS, PATHS, TREE, table
from harness.timing import timed

import tactful as tt
from tactful.serving import Decider, ServingConfig

FIRST_PERIOD = 2900
KEEP = 12
THREADS = 8
USERS = 1_000_000
POLICIES = 40


class Run:
    """What the threads share: the clock's period, how far each side is, and what went wrong."""

    def __init__(self, policies: list[tt.Table], n: int, moves: int) -> None:
        self.period, self.moves_made, self.n, self.moves = FIRST_PERIOD, 0, n, moves
        self.policies = policies
        self.version = {p.version: i for i, p in enumerate(policies)}
        self.names = [f"u-{u:06d}" for u in range(USERS)]
        self.errors: list[str] = []
        self.mismatches: list[str] = []

    def clock(self) -> int:
        return ACTIONS.period_start_us(self.period) + 1


def decide(decider: Decider, run: Run, seed: int, out: dict[int, list[np.ndarray]]) -> None:
    """One thread: its decisions, as columns."""
    n = run.n // THREADS
    rng = np.random.default_rng(seed)
    users, ahead, where = (rng.integers(high, size=n).tolist() for high in (USERS, 3, len(PATHS)))
    columns = [array("q") for _ in range(5)] + [array("d")]
    action = {name: i for i, name in enumerate(ACTIONS.names)}
    try:
        for i in range(n):
            d = decider.decide(run.names[users[i]], run.period + ahead[i], PATHS[where[i]])
            if d.fallback is not None:
                run.errors.append(d.fallback)
            row = (users[i], d.period, where[i], run.version[d.policy], action[d.action], d.propensity)
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            while i * run.moves > (run.moves_made + 2) * n:  # the moves are spread over the decisions
                time.sleep(1e-3)
    except Exception as error:
        run.errors.append(repr(error))
    out[seed] = [np.array(c) for c in columns]


def move(decider: Decider, run: Run) -> None:
    """The swaps and rollbacks, against the plain model: a dict of periods, and a stack."""
    live, stack = {}, [run.policies[0].version]
    for i in range(run.moves):
        if i % 10 == 9:
            run.period += 1
        if i % 7 == 6 and len(stack) > 1:
            stack.pop()
            decider.rollback()
        else:
            policy = run.policies[(i + 1) % len(run.policies)]
            if policy.version != stack[-1]:
                stack.append(policy.version)
            decider.swap(policy)
        stack = stack[-(KEEP + 1) :]
        for period in range(run.period + 1, run.period + 5):
            live[period] = stack[-1]
        for period in range(run.period - 2, run.period + 5):
            if decider.live(period).version != live.get(period, run.policies[0].version):
                run.mismatches.append(f"move {i}, period {period}")
        run.moves_made = i + 1


def recompute(policies: list[tt.Table], columns: list[np.ndarray]) -> tuple[int, int]:
    """Rows that their version does not make, and rows that another version makes too."""
    user, period, where, version, action, propensity = columns
    keys = tt.user_keys(f"u-{u:06d}" for u in range(USERS))[user]
    nodes = np.array([TREE.index(p) for p in PATHS])[where]
    sound, ambiguous = np.zeros(user.size, np.bool_), np.zeros(user.size, np.bool_)
    for i, policy in enumerate(policies):
        drawn = tt.decide_rows(policy, keys, period, nodes)
        matches = (drawn.action == action) & (drawn.propensity == propensity)
        sound |= matches & (version == i)
        ambiguous |= matches & (version != i)
    return int((~sound).sum()), int(ambiguous.sum())


def run_threads(decider: Decider, run: Run) -> list[np.ndarray]:
    """All decisions as columns, made while the policies move."""
    out: dict[int, list[np.ndarray]] = {}
    workers = [threading.Thread(target=decide, args=(decider, run, seed, out)) for seed in range(THREADS)]
    sys.setswitchinterval(1e-4)  # fifty times as many changes of thread as usual
    for worker in workers:
        worker.start()
    move(decider, run)
    for worker in workers:
        worker.join()
    return [np.concatenate([out[seed][c] for seed in range(THREADS)]) for c in range(6)]


def main(n: int, moves: int) -> bool:
    policies = [table(seed, salt=f"p{seed}") for seed in range(POLICIES)]
    run = Run(policies, n, moves)
    decider = Decider(policies[0], ServingConfig(keep=KEEP), clock=run.clock)
    columns: list[np.ndarray] = []
    wall = timed(lambda: columns.extend(run_threads(decider, run))).wall
    torn, ambiguous = recompute(policies, columns)
    print(f"{THREADS} threads, {columns[0].size:,} decisions, {run.moves_made:,} swaps and rollbacks in {wall:.0f} s")
    versions, periods = (np.unique(columns[c]).size for c in (3, 1))
    print(
        f"{versions} versions, {periods} periods: {torn} torn, {ambiguous} of two versions, {len(run.errors)} errors;"
    )
    print(f"who is live was wrong {len(run.mismatches)} times")
    for line in [*run.errors[:3], *run.mismatches[:3]]:
        print("  ", line)
    return not (torn or ambiguous or run.errors or run.mismatches)


if __name__ == "__main__":
    small = parser(__doc__).parse_args().small
    sys.exit(not (main(200_000, 200) if small else main(10_000_000, 1_000)))
