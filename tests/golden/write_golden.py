"""The script that made the golden files; run it with tactful at commit 662487b.

    git worktree add ../tactful-662487b 662487b      # with an environment of its own
    cd ../tactful-662487b && python …/tests/golden/write_golden.py …/tests/golden/662487b

It imports modules of that commit and is not meant to run with a later one: the files are read by later ones. Chance
comes from ``random.Random`` alone. The times of entry in the ledger are those of the run.
"""

# ruff: noqa: I001, S311 - it imports modules that are gone, and needs chance that can be repeated, not secret

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

import tactful as tt
from tactful.cli.main import main
from tactful.core.draw import ONE, draw_key, uniform, user_key, user_keys
from tactful.core.segments import Segments
from tactful.frames import events
from tactful.frames.join import join
from tactful.frames.join import plain as plain_of_join
from tactful.journal.event import Event
from tactful.journal.journal import Journal
from tactful.learn.explorers import Cautious, Softmax
from tactful.learn.serve import decide as decide_rows
from tactful.models.files import load as load_posterior
from tactful.models.files import save as save_posterior
from tactful.policies.base import Arms, Lineage
from tactful.policies.table import Table
from tactful.serving import Decider

DAY_US = 86_400_000_000
PATHS = ("ios/new", "ios/old", "web")
FIRST_PERIOD, PERIODS, USERS = 2900, 4, 160
CADENCES = tt.ActionSpace.grid(["08:00", "19:30"], [1, 3])
NAMES = tt.ActionSpace.named(["none", "morning", "evening"], period_days=7)
SCOPE = "push"

SPEC = """\
[actions]
slots = ["08:00", "19:30"]
frequencies = [1, 3]

[columns]
context = { dose = "x_dose", age = "x_age" }

[outcomes]
engaged = { column = "engaged", kind = "binary", window_days = 2 }
sessions = { column = "sessions", kind = "count", window_days = 2 }
opens = { column = "opens", kind = "count", trials = "opens_trials", window_days = 2 }
spend = { column = "spend", kind = "real", window_days = 2, range = [0, 20] }
opted_out = { column = "opted_out", kind = "binary", absorbing = true, window_days = 7, null = "immature" }

[objective]
engaged = 1.0
opted_out = -4.0

[limits]
opted_out = 0.12
sends_per_period = 1.9
slot_share = { "19:30" = 0.7 }

[log]
as_of = "AS_OF"
"""

# Two outcomes are enough for what is large: contextual posteriors, and evaluations.
TWO_OUTCOMES = ("engaged", "opted_out")

# The same decisions under other names, with expressions, a filter and a map of actions.
MAPPED_SPEC = """\
[actions]
slots = ["08:00", "19:30"]
frequencies = [1, 3]
map = { "0" = "none", "8x1" = "1x@08:00", "8x3" = "3x@08:00", "19x1" = "1x@19:30", "19x3" = "3x@19:30" }

[columns]
user = "customer"
period = "week"
decided_at = "sent"
segment = ["platform", "lifecycle"]
action = "cadence"
propensity = { expr = "percent / 100" }
context = { dose = "recent", adult = { expr = "age >= 18" } }

[outcomes]
active = { expr = "visits >= 2", kind = "binary", window_days = 2, null = "zero" }
visits = { column = "visits", kind = "count", window_days = 2, null = "zero" }
unsubscribed = { column = "unsubscribed", kind = "binary", absorbing = true, window_days = 7, null = "immature" }

[objective]
visits = 1.0

[log]
timezone = "Europe/Paris"
where = "available = 1"
as_of = "max"
propensities_are = "design"
rejoin = "spell"
"""

JOURNAL_SPEC = """\
[actions]
names = ["none", "morning", "evening"]
period_days = 7

[outcomes]
opened = { kind = "binary", window_days = 2, null = "immature" }
visits = { kind = "count", window_days = 7, null = "immature" }

[objective]
visits = 1.0
"""

ARRAYS = ("user", "user_key", "period", "segment", "action", "decided_at", "propensity")
MATRICES = ("propensities", "eligible", "context")


# ---------------------------------------------------------------------------------------------------------------- log


def logging_policy():
    """A table of given shares with all arms, a scope and bounds on its periods."""
    segments = Segments.of(PATHS)
    rows = {
        "": [0.2, 0.2, 0.2, 0.2, 0.2],
        "ios": [0.15, 0.25, 0.15, 0.3, 0.15],
        "ios/new": [0.1, 0.3, 0.2, 0.25, 0.15],
        "ios/old": [0.3, 0.2, 0.1, 0.3, 0.1],
        "web": [0.2, 0.1, 0.25, 0.2, 0.25],
    }
    return Table.of(
        CADENCES,
        segments,
        np.array([rows[path] for path in segments.paths]),
        uniform=0.05,
        salt="golden",
        scope=SCOPE,
        arms=Arms(0.08, 0.12, "golden-arms"),
        from_period=FIRST_PERIOD,
        valid_until=FIRST_PERIOD + PERIODS - 1,
    )


def log_frame(policy, seed=1):
    """Decisions of the logging policy, and what followed, until a user opts out."""
    chance = random.Random(seed)
    rows = []
    for i in range(USERS):
        user, path = f"ü-{i}" if i % 7 == 0 else f"u-{i}", PATHS[i % 3]
        taste, opted_out = chance.gauss(0, 0.08), False
        for period in range(FIRST_PERIOD, FIRST_PERIOD + PERIODS):
            if not opted_out:
                rows.append(decision_row(policy, chance, user, path, period, taste))
                opted_out = rows[-1]["opted_out"] == 1
    return pl.DataFrame(rows, infer_schema_length=None)


def decision_row(policy, chance, user, path, period, taste):
    eligible = [a == 0 or chance.random() < 0.85 for a in range(CADENCES.k)]
    key = user_keys([user])
    node = np.array([policy.segments.index(path)])
    drawn = decide_rows(policy, key, np.array([period]), node, np.array([eligible]), vectors=True)
    action = int(drawn.action[0])
    sends = CADENCES.frequencies[action]
    dose, age = float(chance.randrange(8)), round(chance.gauss(40, 12), 1)
    evening = CADENCES.slots[action] == "19:30"
    engaged = chance.random() < 0.3 + taste + 0.06 * sends + (0.12 if evening else 0.0) - 0.01 * dose
    opens = sum(chance.random() < 0.4 for _ in range(sends))
    at_us = CADENCES.period_start_us(period) + chance.randrange(3 * DAY_US)
    return {
        "user": user,
        "period": period,
        "decided_at": at_us,
        "segment": path,
        "arm": str(drawn.arm[0]),
        "action": CADENCES.names[action],
        "propensity": float(drawn.propensity[0]),
        "propensities": (drawn.shares[0] / ONE).tolist(),
        "eligible": eligible,
        "x_dose": dose,
        "x_age": age,
        "engaged": float(engaged),
        "sessions": float(sum(chance.random() < 0.25 + 0.05 * sends for _ in range(6))),
        "opens": float(opens),
        "opens_trials": float(sends),
        "spend": round(max(chance.gauss(3 + sends, 2), 0.0), 2),
        "opted_out": float(chance.random() < 0.01 + 0.015 * sends),
        "policy": policy.version,
        "scope": SCOPE,
    }


def written_frame(frame, as_of_us):
    """The canonical table: times as times, and opt-outs that are not known yet as null."""
    young = as_of_us - pl.col("decided_at") < 7 * DAY_US
    return frame.with_columns(
        pl.col("decided_at").cast(pl.Datetime("us", "UTC")),
        pl.when(young).then(None).otherwise(pl.col("opted_out")).alias("opted_out"),
    )


def write_logs(frame):
    Path("log").mkdir()
    late_us = CADENCES.period_start_us(FIRST_PERIOD + PERIODS) + 2 * DAY_US
    early_us = CADENCES.period_start_us(FIRST_PERIOD + PERIODS - 1)
    two_outcomes = "".join(
        line for line in SPEC.splitlines(keepends=True) if not line.startswith(("sessions", "opens", "spend"))
    )
    for name, text, at_us in (
        ("spec", SPEC, late_us),
        ("early", SPEC, early_us),
        ("few", two_outcomes, late_us),
        ("few-early", two_outcomes, early_us),
    ):
        as_of = np.datetime_as_string(np.datetime64(at_us, "us"), unit="s") + "Z"
        Path(f"log/{name}.toml").write_text(text.replace("AS_OF", as_of))
    written_frame(frame, late_us).write_parquet("log/log.parquet")
    Path("log/mapped.toml").write_text(MAPPED_SPEC)
    mapped_frame(frame.head(150)).write_csv("log/mapped.csv")
    recorded = {}
    for name, file, spec in (
        ("log", "log.parquet", "spec"),
        ("early", "log.parquet", "early"),
        ("mapped", "mapped.csv", "mapped"),
    ):
        log = tt.read_log(f"log/{file}", tt.LogSpec.from_toml(f"log/{spec}.toml"))
        if name != "early":  # its fingerprint tells
            np.savez_compressed(f"log/{name}.npz", **log_arrays(log))
        recorded[name] = {"file": file, "spec": f"{spec}.toml", "about": log_words(log)}
    dump("log/logs.json", recorded)


def mapped_frame(frame):
    code = {"none": "0", "1x@08:00": "8x1", "3x@08:00": "8x3", "1x@19:30": "19x1", "3x@19:30": "19x3"}
    paris = pl.col("decided_at").cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Europe/Paris")
    path = pl.col("segment").str.split("/")
    return frame.select(
        customer=pl.int_range(pl.len()) // 3 + 1,
        week=pl.col("period") - FIRST_PERIOD + 4 * (pl.int_range(pl.len()) % 3),
        sent=paris.dt.strftime("%Y-%m-%d %H:%M:%S"),
        platform=path.list.get(0),
        lifecycle=path.list.get(1, null_on_oob=True).fill_null("a/b"),
        cadence=pl.col("action").replace(code),
        percent=pl.col("propensity") * 100,
        recent=pl.col("x_dose"),
        age=pl.col("x_age"),
        visits=pl.when(pl.col("sessions") > 0).then(pl.col("sessions")),
        unsubscribed=pl.when(pl.int_range(pl.len()) % 3 == 2).then(pl.col("engaged").cast(pl.Int64)).otherwise(0),
        available=(pl.int_range(pl.len()) % 11 != 5).cast(pl.Int64),
    )


def log_arrays(log):
    """All that a log holds, as arrays of numbers."""
    arrays = {name: getattr(log, name) for name in (*ARRAYS, *MATRICES)}
    for name in ("arm", "policy", "scope"):
        arrays[name] = getattr(log, name).code
    for name, measured in log.outcomes.items():
        arrays |= {
            f"{name}.value": measured.value,
            f"{name}.mature": measured.mature,
            f"{name}.trials": measured.trials,
        }
    return {name: array for name, array in arrays.items() if array is not None}


def log_words(log):
    """All that a log holds, as texts and single numbers."""
    return {
        "n": log.n,
        "users": log.users,
        "user_ids": log.user_ids.tolist(),
        "segments": list(log.segments.paths),
        "actions": list(log.actions.names),
        "arm": list(log.arm.names),
        "policy": list(log.policy.names),
        "scope": list(log.scope.names),
        "context_names": list(log.context_names),
        "as_of": log.as_of,
        "provenance": log.provenance,
        "objective": dict(log.objective.values),
        "limits": log.limits.to_json(),
        "left_out": [list(entry) for entry in log.left_out],
        "fingerprint": log.fingerprint(),
    }


# ----------------------------------------------------------------------------------------------------------- policies


def policies(logging, train):
    """One policy of every kind; those that are learnt have limits that bind, prices and a lineage."""
    objective, limits = train.objective, train.limits
    terms = {"from_period": FIRST_PERIOD, "valid_until": FIRST_PERIOD + 99, "scope": SCOPE, "seed": 7}
    arms = Arms(0.1, 0.1, "golden-arms")
    names = Table.of(NAMES, Segments.of(["a/b", "c"]), np.array([[1, 2, 3], [3, 2, 1], [0, 1, 1], [1, 0, 0]]))
    yield "logging", logging
    yield "names", replace(names, lineage=Lineage(log="0123", model="by hand", package="0.1.0"))
    conjugate, hierarchical = tt.Conjugate().fit(train), tt.Hierarchical().fit(train)
    yield "table", tt.publish(conjugate, objective, limits, uniform=0.1, arms=arms, salt="s", **terms)
    yield "hierarchical", tt.publish(hierarchical, objective, limits, explorer=Cautious(), **terms)
    linear, logistic = tt.Linear().fit(train), tt.Logistic().fit(train)
    yield "linear", tt.publish(linear, objective, limits, uniform=0.1, arms=arms, **terms)
    explorers = {
        "greedy": tt.Greedy(),
        "epsilon-greedy": tt.EpsilonGreedy(0.2),
        "softmax": Softmax(0.2),
        "ucb": tt.UCB(0.5),
        "inverse-gap": tt.InverseGap(20.0),
    }
    for name, explorer in explorers.items():
        yield f"linear-{name}", tt.publish(linear, objective, explorer=explorer, seed=7)
    cautious = Cautious(tt.Thompson(draws=8))
    bank = tt.publish(logistic, objective, limits, explorer=cautious, uniform=0.1, arms=arms, **terms)
    yield "bank", replace(bank, base=bank.typical[::-1].copy(), share=0.25)
    many = tt.Objective({"engaged": 1.0, "sessions": 0.2, "opens": 0.1, "spend": 0.05, "opted_out": -4.0})
    yield "bank-links", tt.publish(logistic, many, explorer=tt.Thompson(draws=6, sharpen=1.0), seed=3)


def write_policies(published):
    recorded = {}
    for name, policy in published.items():
        tt.save(policy, f"policies/{name}")
        recorded[name] = {
            "version": policy.version,
            "kind": policy.kind,
            "prices": {k: v.hex() for k, v in policy.prices.items()},
            "expected": {k: v.hex() for k, v in policy.expected.items()},
            "lineage_log": policy.lineage.log if policy.lineage else None,
            "decisions": decisions_of(policy, random.Random(name), 8 if "linear-" in name else 18),
        }
    dump_lines("decisions.json", recorded)


def decisions_of(policy, chance, count):
    """Decisions with the integers that they were drawn from."""
    decider = Decider(policy)
    paths = [*policy.segments.paths, "ios/new/unseen", "elsewhere"]
    first = 0 if policy.from_period is None else policy.from_period
    periods = 50 if policy.valid_until is None else policy.valid_until - first + 1
    salt = draw_key(policy.salt, policy.scope)
    requests = []
    for i in range(count):
        user = i if i % 5 == 0 else f"u-{i}"
        eligible = [chance.random() < 0.6 for _ in range(policy.actions.k)] if i % 3 == 2 else None
        if eligible is not None and not any(eligible):
            eligible[-1] = True
        context = None
        if policy.features.names:
            stretch = 1e6 if i % 8 == 7 else 1.0
            context = [chance.gauss(4, 3) * stretch, chance.gauss(40, 15) * stretch]
        requests.append((user, first + i % periods, paths[i % len(paths)], context, eligible))
    users, periods, segments, contexts, masks = zip(*requests, strict=True)
    nodes = np.array([policy.segments.nearest(path) for path in segments])
    mask = np.array([[True] * policy.actions.k if m is None else m for m in masks])
    context = np.array(contexts) if policy.features.names else None
    drawn = decide_rows(policy, user_keys(users), np.array(periods), nodes, mask, context=context, vectors=True)
    out = []
    for (user, period, segment, point, eligible), shares in zip(requests, drawn.shares.tolist(), strict=True):
        d = decider.decide(user, period, segment, point, eligible)
        assert (d.policy, d.scope) == (policy.version, policy.scope)
        assert d.propensity == shares[policy.actions.index(d.action)] / ONE
        out.append(
            {
                "user": user,
                "period": period,
                "segment": segment,
                "context": None if point is None else [x.hex() for x in point],
                "eligible": eligible,
                "arm": d.arm,
                "shares": shares,
                "u": uniform(user_key(user), period, salt),
                "action": d.action,
                "propensity": d.propensity.hex(),
                "fallback": d.fallback,
            }
        )
    return out


def write_decide():
    """What ``tactful decide`` writes, in its three kinds of file."""
    Path("decide").mkdir()
    users = pl.DataFrame(
        {
            "user": [f"u-{i}" for i in range(16)],
            "segment": [("ios/new", "ios/old", "web", "web/unseen")[i % 4] for i in range(16)],
            "x_dose": [float(i % 6) for i in range(16)],
            "x_age": [20.0 + i for i in range(16)],
        }
    )
    users.write_parquet("decide/users.parquet")
    when = ("--period", 2910, "--at", "2026-11-02T08:00:00Z")
    for out in ("table.parquet", "table.ndjson", "table.csv", "bank.parquet"):
        policy, kind = out.split(".")
        vectors = () if kind == "csv" else ("--vectors",)
        run(
            "decide",
            "decide/users.parquet",
            "--policy",
            f"policies/{policy}",
            *when,
            "--out",
            f"decide/{out}",
            *vectors,
        )


# --------------------------------------------------------------------------------------------------------- posteriors


def write_posteriors(logs):
    """Each is fitted on the early log and saved; what it says there, and after the late log, is recorded."""
    models = {
        "conjugate": (tt.Conjugate(), "early", "spec", ("engaged", "opens", "spend")),
        "hierarchical": (tt.Hierarchical(), "early", "spec", ("engaged", "opens", "spend")),
        "conjugate-half-life": (tt.Conjugate(half_life_days=14.0), "few-early", "few", TWO_OUTCOMES),
        "linear": (tt.Linear(), "few-early", "few", TWO_OUTCOMES),
        "logistic": (tt.Logistic(), "few-early", "few", TWO_OUTCOMES),
    }
    recorded = {}
    for name, (model, early, late, outcomes) in models.items():
        save_posterior(model.fit(logs[early]), f"posteriors/{name}")
        posterior = load_posterior(f"posteriors/{name}")
        updated = posterior.update(logs[late])
        recorded[name] = {
            "late": f"{late}.toml",
            "saved": {o: moments_of(posterior, o) for o in outcomes},
            "updated": {o: hexadecimal(updated.mean(o)) for o in outcomes},
        }
    dump_lines("posteriors.json", recorded)


def moments_of(posterior, outcome):
    return {
        "mean": hexadecimal(posterior.mean(outcome)),
        "sd": hexadecimal(posterior.sd(outcome)),
        "draw": hexadecimal(posterior.draws(outcome, 1, 5)),
    }


def hexadecimal(array):
    """The numbers of an array, exactly, in the order of its memory."""
    return " ".join(float(x).hex() for x in np.asarray(array, float).ravel())


# ------------------------------------------------------------------------------------------------------------ journal


def write_journal():
    """Decisions of five users, what followed, a consent given and withdrawn, a retry, and an erasure."""
    Path("journal").mkdir()
    Path("journal/spec.toml").write_text(JOURNAL_SPEC)
    start = NAMES.period_start_us(FIRST_PERIOD)

    def day_us(days):
        return start + round(days * DAY_US)

    def decision(i, user, period, action, propensity):
        body = {"segment": "a/b", "arm": "policy", "action": action, "propensity": propensity, "policy": "golden"}
        return Event(f"d{i}", "decision", user, day_us(7 * period + 0.5), FIRST_PERIOD + period, SCOPE, body)

    def outcome(i, user, days, name, **more):
        return Event(f"o{i}", "outcome", user, day_us(days), None, SCOPE, {"name": name} | more)

    batch = [
        decision(0, "anna", 0, "morning", 0.5),
        decision(1, "anna", 1, "evening", 0.25),
        decision(2, "bert", 0, "none", 0.25),
        decision(3, "cleo", 0, "evening", 0.5),
        decision(4, "dora", 0, "morning", 0.5),
        decision(5, "emil", 1, "evening", 0.125),
        decision(6, "anna", 1, "none", 0.25),  # a second decision of the same period: the first one stands
        Event("s0", "send", "anna", day_us(0.6), None, SCOPE, {"decision": "d0"}),
        Event("s1", "send", "cleo", day_us(0.7), None, SCOPE, {}),
        outcome(0, "anna", 1.5, "opened", value=1),
        outcome(1, "anna", 4.0, "visits", value=2),
        outcome(2, "bert", 3.0, "visits"),
        outcome(3, "cleo", 9.0, "visits", value=4),
        outcome(4, "anna", 1.5, "opened", value=1, decision="d0"),
        outcome(5, "emil", 8.0, "opened", value=1),
        outcome(6, "dora", 1.0, "opened", value=1),
        outcome(0, "anna", 1.5, "opened", value=1),  # a retry
        Event("c0", "consent", "bert", day_us(0.1), None, "", {"granted": True}),
        Event("c1", "consent", "bert", day_us(5.0), None, "", {"granted": False}),
    ]
    with Journal("journal/journal.db", clock=lambda: day_us(20)) as journal:
        acks = [[ack.id, ack.status] for ack in journal.record(*batch)]
        erased = journal.erase("dora", day_us(10))
        counts = journal.count()
        rows = [[r.seq, r.event.id, r.event.kind, r.event.user, r.event.at_us, r.received_us] for r in journal.read()]
        joined = join(events.of_rows(journal.read()), tt.LogSpec.from_toml("journal/spec.toml"), as_of_us=day_us(12))
    joined.table.write_parquet("journal/joined.parquet")
    about = {"acks": acks, "erased": erased, "count": counts, "rows": rows, "as_of_us": day_us(12)}
    dump("journal/journal.json", about | {"joined": plain_of_join(joined)})


# ---------------------------------------------------------------------------------------------------------------- cli


def run(*arguments):
    """What a command prints on standard output, and its exit code."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            return stop.code, out.getvalue()
    raise AssertionError("a command ends with an exit code")


def write_evaluations():
    """What ``evaluate``, ``gate`` and ``monitor`` print, and the files that they keep beside the log.

    The last answer of each was made from the files as they are kept: a later version must give it again.
    """
    log = ("log/log.parquet", "--spec", "log/few.toml")
    recorded = {}

    def record(name, *arguments, without=()):
        code, text = run(*arguments, "--json")
        answer = {member: value for member, value in json.loads(text).items() if member not in without}
        recorded[name] = {"arguments": list(map(str, arguments)), "code": code, "json": answer}

    all_estimators = ("--estimators", "all", "--intervals")
    groups = ("by_segment", "by_period")
    Path("ledger").mkdir()
    ledger = ("--ledger", "ledger/log.parquet.ledger.json")
    evaluate = ("evaluate", *log, *ledger)
    record("every estimator", *evaluate, "--policy", "policies/table", *all_estimators, without=groups)
    bank = ("--policy", "policies/bank", "--baseline", "uniform", "--estimators", "snips")
    record("by segment and period", *evaluate, *bank)
    sequential = ("--policy", "policies/hierarchical", "--horizon", 3, "--estimators", "dr")
    record("sequentially", *evaluate, *sequential, without=groups)
    gate = ("gate", *log, *ledger, "--horizon", 2)
    record("first gate", *gate, "--candidate", "policies/table")
    record("second gate", *gate, "--candidate", "policies/hierarchical")
    file = Path("ledger/log.parquet.ledger.json").read_bytes()
    record("asked again", *gate, "--candidate", "policies/table")
    record("third gate", *gate, "--candidate", "policies/linear")
    Path("ledger/log.parquet.ledger.json").write_bytes(file)

    version = tt.load("policies/logging").version
    Path("monitor").mkdir()
    monitor = ("--policy", version, "--file", "monitor/log.monitor.json")
    record("first look", "monitor", "log/log.parquet", "--spec", "log/few-early.toml", *monitor)
    file = Path("monitor/log.monitor.json").read_bytes()
    record("second look", "monitor", *log, *monitor)
    Path("monitor/log.monitor.json").write_bytes(file)
    raw = json.dumps(recorded, indent=1, ensure_ascii=False).encode()
    Path("answers.json.gz").write_bytes(gzip.compress(raw, mtime=0))


def dump(path, value):
    Path(path).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def dump_lines(path, value, depth=2):
    """JSON with one line a member down to a depth, so that a difference can be read."""
    Path(path).write_text(lines(value, depth) + "\n", encoding="utf-8")


def lines(value, depth, indent=""):
    inner = indent + " "
    if depth and isinstance(value, dict):
        members = [f"{inner}{json.dumps(k)}: {lines(v, depth - 1, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"{inner}{json.dumps(v, ensure_ascii=False)}" for v in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def write(folder):
    """Everything, into a folder that does not exist yet."""
    Path(folder).mkdir(parents=True)
    os.chdir(folder)
    logging = logging_policy()
    write_logs(log_frame(logging))
    specs = {name: tt.LogSpec.from_toml(f"log/{name}.toml") for name in ("early", "spec", "few-early", "few")}
    logs = {name: tt.read_log("log/log.parquet", spec) for name, spec in specs.items()}
    train, _ = logs["spec"].split(0.5, "golden")
    write_policies(dict(policies(logging, train)))
    write_decide()
    write_posteriors(logs)
    write_journal()
    write_evaluations()


if __name__ == "__main__":
    write(sys.argv[1])
