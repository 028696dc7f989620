"""``gate``, ``power`` and ``monitor`` as they are called: exit codes, what is printed and kept, one-line errors."""

from __future__ import annotations

import json
from shutil import copytree

import numpy as np
import polars as pl
import pytest
from files import snapshot

from tactful.policies.artifact import load, save
from tactful.policies.table import Table

LOG = ("log.parquet", "--spec", "log.spec.toml")
GATE = ("gate", *LOG)


@pytest.fixture
def place(shop, tmp_path, monkeypatch):
    folder = copytree(shop, tmp_path / "shop")
    monkeypatch.chdir(folder)
    return folder


def version():
    return pl.read_parquet("log.parquet", columns=["policy"])["policy"][0]


def respec(*changes):
    with open("log.spec.toml") as file:
        text = file.read()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with open("log.spec.toml", "w") as file:
        file.write(text)


def refused(done, code, *says):
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done.err
    assert all(text in done.err for text in says), done.err


# gate


def test_a_policy_that_is_logging_is_held_for_want_of_a_gain(tactful, place):
    done = tactful(*GATE, "--candidate", "logging")
    assert (done.code, done.err) == (3, "")
    for text in ("Hold. logging: it earns between", "Claims of logging", "opted_out", "cluster-t", "betting", "δ: 5 %"):
        assert text in done.out
    ledger = json.loads((place / "log.parquet.ledger.json").read_text())
    (gate,) = ledger["holdouts"]["whole log"]["gates"]
    assert (gate["spent"], gate["verdict"], gate["candidates"]) == (0.025, "hold", ["logging"])


def test_a_change_of_frequency_is_held_and_spends_nothing(tactful, place):
    before = set(snapshot(place))
    done = tactful(*GATE, "--candidate", "always:none", "--json")
    plain = json.loads(done.out)
    assert (done.code, plain["verdict"], plain["spent"], plain["exit_code"]) == (3, "hold", 0.0, 3)
    assert "one-step only" in plain["sentence"]
    assert set(snapshot(place)) == before


def test_a_starved_candidate_is_refused(tactful, place):
    done = tactful(*GATE, "--candidate", "always:5x@12:00", "--horizon", 2, "--state", "x_recent_dose")
    assert done.code == 4
    assert done.out.startswith("Refuse: nothing can be said from this log. always:5x@12:00: gain: ")


def test_a_better_candidate_is_promoted(tactful, place):
    """Sends of the first two slots bring five sessions more, and opting out is priced by its limit alone."""
    respec(("opted_out = -15.0\n", ""))
    rows = pl.read_parquet("log.parquet")
    better = pl.col("action").str.ends_with("@08:00") | pl.col("action").str.ends_with("@12:00")
    rows.with_columns(engaged=pl.col("engaged") + 5.0 * better, opted_out=pl.col("opted_out") * 0).write_parquet(
        "log.parquet"
    )
    logged = load("policy")
    tilt = [1.3 if name.endswith(("@08:00", "@12:00")) else 0.8 for name in logged.actions.names]
    pmf = np.mean(rows["propensities"].to_list(), axis=0) * tilt
    candidate = Table.of(logged.actions, logged.segments, np.tile(pmf, (len(logged.segments), 1)))
    save(candidate, "candidate")
    done = tactful(*GATE, "--candidate", "candidate", "--candidate", "always:none", "--spend", 1, "--json")
    plain = json.loads(done.out)
    assert (done.code, plain["verdict"], plain["promoted"], plain["left"]) == (0, "promote", candidate.version, 0.0)
    assert plain["sentence"].startswith("Promote candidate: on the ")
    assert plain["sentence"].endswith("passes this gate with a chance of at most 5 %.")
    assert plain["candidates"][1]["verdict"] == "hold"


def test_held_out_users_alone_are_used(tactful, place):
    plain = json.loads(tactful(*GATE, "--candidate", "policy", "--ledger", "own.json", "--horizon", 2, "--json").out)
    assert plain["holdout"] == "split:0.3"
    assert plain["users"] < 150
    assert plain["left_out"]


def test_a_log_without_propensities_is_refused(tactful, place):
    respec(('propensity = "propensity"\n', ""), ('propensities_are = "logged"', 'propensities_are = "absent"'))
    rows = pl.read_parquet("log.parquet").drop("propensity", "propensities")
    rows.write_parquet("log.parquet")
    done = tactful(*GATE, "--candidate", "uniform")
    assert done.code == 4
    assert "randomise a slice" in done.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--candidate", "nowhere"), "no policy"),
        (("--candidate", "uniform", "--delta", "0.7"), "delta"),
        (("--candidate", "uniform", "--spend", "2"), "spend"),
        (("--candidate", "uniform", "--state", "x_fatigue"), "horizon"),
        (("--candidate", "uniform", "--horizon", "2", "--state", "x_mood"), "x_mood"),
        (("--candidate", "uniform", "--estimator", "dm"), "no interval"),
        ((), "--candidate"),
    ],
)
def test_mistakes_at_the_gate_are_one_line(tactful, place, words, says):
    before = snapshot(place)
    refused(tactful(*GATE, *words), 2, says)
    assert snapshot(place) == before


def test_a_damaged_ledger_is_one_line(tactful, place):
    (place / "log.parquet.ledger.json").write_text(
        '{"holdouts": {"whole log": {"looks": [], "gates": [{"spent": 1}]}}}'
    )
    refused(tactful(*GATE, "--candidate", "logging"), 2, "ledger is damaged")


# power


def test_power_before_a_log(tactful, place):
    done = tactful("power", "--spec", "log.spec.toml", "--weight", 5, "--ratio", 0.5, "--users", 500)
    assert (done.code, done.err) == (0, "")
    for text in (
        "To prove that a limit is kept; and the chance with 500 users",
        "To see a gain",
        "0.5 × the limit: 0.025",
    ):
        assert text in done.out
    plain = json.loads(tactful("power", "--spec", "log.spec.toml", "--weight", 5, "--ratio", 0.5, "--json").out)
    assert {p["verdict"] for p in plain["prospects"]} == {"limit", "gain"}
    assert {p["chance"] for p in plain["prospects"]} == {None}


def test_power_from_a_log(tactful, place):
    command = ("power", "--spec", "log.spec.toml", "--log", "log.parquet", "--candidate", "uniform", "--ratio", 0.5)
    plain = json.loads(tactful(*command, "--json").out)
    assert plain["users"] == 300
    assert all(0 <= p["chance"] <= 1 for p in plain["prospects"])


def test_mistakes_of_power_are_one_line(tactful, place):
    refused(tactful("power", "--spec", "log.spec.toml", "--users", 1), 2, "at least 2 users")
    refused(tactful("power", "--spec", "log.spec.toml", "--log", "log.parquet"), 2, "without a candidate")
    refused(tactful("power", "--spec", "nowhere.toml"), 2, "nowhere.toml")


# monitor


def test_a_monitor_counts_a_log_once(tactful, place):
    command = ("monitor", *LOG, "--policy", version(), "--json")
    first = json.loads(tactful(*command).out)
    raw = (place / "log.parquet.monitor.json").read_bytes()
    assert first["outcomes"]["opted_out"]["n"] > 0
    assert json.loads(tactful(*command).out) == first
    assert (place / "log.parquet.monitor.json").read_bytes() == raw


def test_roll_back_exits_3(tactful, place):
    respec(("opted_out = 0.05 ", "opted_out = 0.00001 "))
    done = tactful("monitor", *LOG, "--policy", version(), "--file", "m.json")
    assert done.code == 3
    assert done.out.startswith("Roll back: a limit is passed. Policy ")
    respec(("opted_out = 0.00001 ", "opted_out = 0.9 "))
    refused(tactful("monitor", *LOG, "--policy", version(), "--file", "m.json"), 2, "limits are not those of the spec")
    done = tactful("monitor", *LOG, "--policy", version(), "--file", "n.json")
    assert done.code == 0
    assert done.out.startswith("Widen: every limit is kept. Policy ")


def test_shards_are_merged_in_what_is_shown(tactful, place):
    rows = pl.read_parquet("log.parquet")
    half = pl.col("user").hash() % 2 == 0
    rows.filter(half).write_parquet("a.parquet")
    rows.filter(~half).write_parquet("b.parquet")
    end = ("--spec", "log.spec.toml", "--policy", version(), "--json")
    whole = json.loads(tactful("monitor", "log.parquet", *end).out)
    tactful("monitor", "a.parquet", *end)
    both = json.loads(tactful("monitor", "b.parquet", *end, "--merge", "a.parquet.monitor.json").out)
    found, expected = both["outcomes"]["opted_out"], whole["outcomes"]["opted_out"]
    assert (found["n"], found["rate"]) == (expected["n"], pytest.approx(expected["rate"]))
    assert found["e_widen"] == pytest.approx(expected["e_widen"])
    refused(tactful("monitor", "b.parquet", *end, "--merge", "b.parquet.monitor.json"), 2, "counted the same rows")


def test_mistakes_of_monitors_are_one_line(tactful, place):
    refused(tactful("monitor", *LOG, "--policy", "nobody"), 4, "no decision of policy nobody")
    (place / "m.json").write_text("[]")
    refused(tactful("monitor", *LOG, "--policy", version(), "--file", "m.json"), 2, "m.json", "no watch can be read")
    tactful("monitor", *LOG, "--policy", version(), "--file", "n.json")
    refused(tactful("monitor", *LOG, "--policy", "policy", "--file", "n.json"), 2, "it watches policy")
    respec(("opted_out = 0.05 ", "# "))
    refused(tactful("monitor", *LOG, "--policy", version()), 2, "nothing can be watched")
