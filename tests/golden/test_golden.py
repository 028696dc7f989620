"""What tactful wrote at commit 662487b loads, decides and goes on as it did then.

Everything integer, textual or hashed must be equal. Floats that a saved policy or posterior holds are equal too; those
that are sums over rows may differ between processors (another order of additions, fused multiplications, another BLAS),
so they are compared to ``RELATIVE``.
"""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from shutil import copytree

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tactful as tt
from tactful.batch.decide import decide as decide_rows
from tactful.cli.main import main
from tactful.journal.event import Event
from tactful.journal.journal import Journal
from tactful.models.files import load as load_posterior
from tactful.models.files import save as save_posterior
from tactful.serving import Decider

GOLDEN = Path(__file__).parent / "662487b"
RELATIVE = 1e-12
TOTAL_SHARES = 1 << 32


def recorded(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


DECISIONS, POSTERIORS, LOGS = (recorded(name) for name in ("decisions.json", "posteriors.json", "log/logs.json"))
ANSWERS = json.loads(gzip.decompress((GOLDEN / "answers.json.gz").read_bytes()))


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """A copy of the golden files as the current folder: commands write beside what they read."""
    copytree(GOLDEN, tmp_path / "golden")
    monkeypatch.chdir(tmp_path / "golden")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def answer(golden, capsys):
    """What a command prints as JSON, and its exit code."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([*map(str, arguments), "--json"])
        return stop.value.code, json.loads(capsys.readouterr().out)

    return run


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def exact(text):
    """The floats of a text of ``float.hex``."""
    return np.array([float.fromhex(x) for x in text.split()])


def assert_same(value, expected, where="answer"):
    """Equal, but for floats to ``RELATIVE``; members that a later version adds are allowed."""
    if isinstance(expected, dict):
        assert expected.keys() <= value.keys(), f"{where}: missing {expected.keys() - value.keys()}"
        for name in expected:
            assert_same(value[name], expected[name], f"{where} {name}")
    elif isinstance(expected, list):
        assert len(value) == len(expected), where
        for i, (x, y) in enumerate(zip(value, expected, strict=True)):
            assert_same(x, y, f"{where} {i}")
    elif type(expected) is float:
        assert type(value) is float, where
        # A difference of two like means has lost digits: its error is relative to the means, which are about 1.
        assert math.isclose(value, expected, rel_tol=RELATIVE, abs_tol=RELATIVE), f"{where}: {value} ≠ {expected}"
    else:
        assert value == expected, where


# policies and their decisions


def drawn_uniform(policy, user, period):
    """The uniform of a decision, by the standard library alone."""
    key = blake2b(f"{policy.salt}\x1f{policy.scope}".encode(), digest_size=32).digest()
    message = blake2b(str(user).encode(), digest_size=8).digest() + period.to_bytes(8, "little", signed=True)
    return int.from_bytes(blake2b(message, key=key, digest_size=8).digest(), "little") >> 32


def context_of(decision):
    return decision["context"] and [float.fromhex(x) for x in decision["context"]]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_policy_has_its_version_prices_and_lineage(name):
    policy, expected = tt.load(GOLDEN / "policies" / name), DECISIONS[name]
    assert (policy.version, policy.kind) == (expected["version"], expected["kind"])
    assert {k: v.hex() for k, v in policy.prices.items()} == expected["prices"]
    assert {k: v.hex() for k, v in policy.expected.items()} == expected["expected"]
    assert (policy.lineage.log if policy.lineage else None) == expected["lineage_log"]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_policy_saved_again_has_the_same_bytes(name, tmp_path):
    tt.save(tt.load(GOLDEN / "policies" / name), tmp_path / name)
    assert files_of(tmp_path / name) == files_of(GOLDEN / "policies" / name)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decider_decides_as_it_did(name):
    decider = Decider.open(GOLDEN / "policies" / name)
    names = decider.actions.names
    for expected in DECISIONS[name]["decisions"]:
        user, period, segment = expected["user"], expected["period"], expected["segment"]
        context, shares = context_of(expected), expected["shares"]
        d = decider.decide(user, period, segment, context, expected["eligible"])
        assert (d.arm, d.action, d.fallback) == (expected["arm"], expected["action"], expected["fallback"])
        assert d.propensity.hex() == expected["propensity"]
        assert (d.policy, d.scope) == (decider.policy.version, decider.policy.scope)
        assert drawn_uniform(decider.policy, user, period) == expected["u"]
        cumulative = np.cumsum(shares)
        assert (sum(shares), names[int(np.searchsorted(cumulative, expected["u"], "right"))]) == (
            TOTAL_SHARES,
            d.action,
        )
        if d.arm == "policy":
            pmf = decider.pmf(segment, expected["eligible"], context=context, period=period)
            assert [pmf[name] * TOTAL_SHARES for name in names] == shares


@pytest.mark.parametrize("name", DECISIONS)
def test_a_batch_has_the_same_integers(name):
    policy, expected = tt.load(GOLDEN / "policies" / name), DECISIONS[name]["decisions"]
    key = [int.from_bytes(blake2b(str(e["user"]).encode(), digest_size=8).digest(), "little") for e in expected]
    drawn = decide_rows(
        policy,
        np.array(key, np.uint64),
        np.array([e["period"] for e in expected]),
        np.array([policy.segments.nearest(e["segment"]) for e in expected]),
        np.array([e["eligible"] or [True] * policy.actions.k for e in expected]),
        context=np.array([context_of(e) for e in expected]) if policy.features.names else None,
        vectors=True,
    )
    assert drawn.shares.tolist() == [e["shares"] for e in expected]
    assert drawn.arm.tolist() == [e["arm"] for e in expected]
    assert [policy.actions.names[a] for a in drawn.action] == [e["action"] for e in expected]
    assert [p.hex() for p in drawn.propensity.tolist()] == [e["propensity"] for e in expected]


@pytest.mark.parametrize("out", ["table.parquet", "table.ndjson", "table.csv", "bank.parquet"])
def test_a_file_of_users_gets_the_same_decisions(out, answer):
    policy, kind = out.split(".")
    vectors = () if kind == "csv" else ("--vectors",)
    when = ("--period", 2910, "--at", "2026-11-02T08:00:00Z")
    arguments = ("decide/users.parquet", "--policy", f"policies/{policy}", *when, "--out", f"again.{kind}", *vectors)
    assert answer("decide", *arguments)[0] == 0
    if kind == "parquet":
        assert_frame_equal(pl.read_parquet("again.parquet"), pl.read_parquet(f"decide/{out}"), check_exact=True)
    else:
        assert Path(f"again.{kind}").read_bytes() == Path(f"decide/{out}").read_bytes()


# logs


@pytest.mark.parametrize("name", LOGS)
def test_a_log_reads_to_the_same_arrays(name):
    about = LOGS[name]
    log = tt.read_log(GOLDEN / "log" / about["file"], tt.LogSpec.from_toml(GOLDEN / "log" / about["spec"]))
    assert log_words(log) == about["about"]
    if not (GOLDEN / "log" / f"{name}.npz").exists():
        return
    with np.load(GOLDEN / "log" / f"{name}.npz") as arrays:
        for field, expected in arrays.items():
            head, _, tail = field.partition(".")
            column = log.outcomes[head] if tail else getattr(log, head)
            array = getattr(column, tail) if tail else getattr(column, "code", column)
            assert array.dtype == expected.dtype, field
            np.testing.assert_array_equal(array, expected, err_msg=field)


def log_words(log):
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


# posteriors


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_says_the_same(name):
    posterior = load_posterior(GOLDEN / "posteriors" / name)
    for outcome, expected in POSTERIORS[name]["saved"].items():
        for array, text in (
            (posterior.mean(outcome), expected["mean"]),
            (posterior.sd(outcome), expected["sd"]),
            (posterior.draws(outcome, 1, 5), expected["draw"]),
        ):
            # What is saved are sums; linear algebra makes means and draws of them, and differs between processors.
            np.testing.assert_allclose(array.ravel(), exact(text), rtol=RELATIVE, atol=0)


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_saved_again_has_the_same_bytes(name, tmp_path):
    save_posterior(load_posterior(GOLDEN / "posteriors" / name), tmp_path / name)
    assert files_of(tmp_path / name) == files_of(GOLDEN / "posteriors" / name)


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_goes_on_with_what_came_later(name):
    late = tt.LogSpec.from_toml(GOLDEN / "log" / POSTERIORS[name]["late"])
    posterior = load_posterior(GOLDEN / "posteriors" / name).update(tt.read_log(GOLDEN / "log" / "log.parquet", late))
    for outcome, text in POSTERIORS[name]["updated"].items():
        np.testing.assert_allclose(posterior.mean(outcome).ravel(), exact(text), rtol=RELATIVE, atol=0)


# journal


def test_a_journal_opens_and_goes_on(golden):
    about = recorded("journal/journal.json")
    with Journal("journal/journal.db") as journal:
        assert journal.count() == about["count"]
        rows = [[r.seq, r.event.id, r.event.kind, r.event.user, r.event.at_us, r.received_us] for r in journal.read()]
        assert rows == about["rows"]
        assert journal.is_erased("dora")
        assert [e.body["granted"] for e in journal.of_user("bert", "consent")] == [True, False]
        anna = journal.decided("anna", 2900, "push")
        assert anna.body["action"] == "morning"
        second_decision = Event(
            "d9", "decision", "anna", anna.at_us + 1, period=2900, scope="push", body={"action": "none"}
        )
        event_of_the_erased = Event(
            "o9", "outcome", "dora", about["as_of_us"] - 7 * 86_400_000_000, scope="push", body={"name": "visits"}
        )
        assert journal.decide(second_decision) == anna
        new_event = Event("o10", "outcome", "anna", about["as_of_us"], scope="push", body={"name": "visits"})
        assert [a.status for a in journal.record(event_of_the_erased, new_event)] == ["erased", "stored"]
        assert [r.event for r in journal.read(rows[-1][0])] == [new_event]


def test_a_journal_joins_to_the_same_log(answer):
    about = recorded("journal/journal.json")
    as_of = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=about["as_of_us"])).isoformat()
    code, printed = answer(
        "join", "journal/journal.db", "--spec", "journal/spec.toml", "--as-of", as_of, "--out", "joined.parquet"
    )
    assert code == 0
    assert_same(printed, about["joined"])
    assert_frame_equal(pl.read_parquet("joined.parquet"), pl.read_parquet("journal/joined.parquet"), check_exact=True)


# evaluate, gate, monitor


@pytest.mark.parametrize("name", [name for name, a in ANSWERS.items() if a["arguments"][0] == "evaluate"])
def test_an_evaluation_says_the_same(name, answer):
    code, printed = answer(*ANSWERS[name]["arguments"])
    assert code == ANSWERS[name]["code"]
    assert_same(printed, ANSWERS[name]["json"])


def test_a_ledger_goes_on_with_what_is_left(answer):
    path = Path("ledger/log.parquet.ledger.json")
    old_entry = json.loads(path.read_text())["holdouts"]["golden:0.5"]
    for name in ("asked again", "third gate"):
        code, printed = answer(*ANSWERS[name]["arguments"])
        assert code == ANSWERS[name]["code"]
        assert_same(printed, ANSWERS[name]["json"], name)
    new_entry = json.loads(path.read_text())["holdouts"]["golden:0.5"]
    assert (new_entry["looks"], new_entry["gates"][:2]) == (old_entry["looks"], old_entry["gates"])
    assert [gate["spent"] for gate in new_entry["gates"]] == pytest.approx([0.025, 0.0125, 0.00625], rel=RELATIVE)


def test_a_look_is_entered_beside_the_others(answer):
    answer(*ANSWERS["by segment and period"]["arguments"])
    ledger = json.loads(Path("ledger/log.parquet.ledger.json").read_text())
    assert [look["policy"] for look in ledger["holdouts"]["golden:0.5"]["looks"]] == [
        *(DECISIONS[name]["version"] for name in ("table", "bank", "hierarchical")),
        DECISIONS["bank"]["version"],
    ]


def test_a_monitor_goes_on_and_says_the_same(answer):
    for name in ("first look", "second look", "second look"):  # what was counted is never counted again
        code, printed = answer(*ANSWERS[name]["arguments"])
        assert code == ANSWERS[name]["code"]
        expected = ANSWERS[name]["json"]
        assert_same(printed, expected, name)


def test_a_limit_that_is_passed_still_says_so(answer):
    """The evidence of the file, and of a log that is bad throughout."""
    log = (
        pl.read_parquet("log/log.parquet")
        .unique("user")
        .with_columns(pl.col("period") + 100, pl.col("decided_at") + pl.duration(days=700), opted_out=pl.lit(1.0))
    )
    log.write_parquet("log/bad.parquet")
    spec = Path("log/few.toml").read_text()
    Path("log/bad.toml").write_text(spec[: spec.index("as_of")] + 'as_of = "2028-01-01T00:00:00Z"\n')
    arguments = ANSWERS["second look"]["arguments"]
    arguments = [x.replace("log/log.parquet", "log/bad.parquet").replace("few.toml", "bad.toml") for x in arguments]
    code, printed = answer(*arguments)
    assert (code, printed["advice"]) == (3, "roll back")
