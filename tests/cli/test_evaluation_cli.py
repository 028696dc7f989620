"""``evaluate`` over a horizon and with pictures, ``rollup`` and ``report``, as a user calls them."""

from __future__ import annotations

import json
from shutil import copytree

import pytest

import tactful as tt


@pytest.fixture
def place(shop, tmp_path, monkeypatch):
    copytree(shop, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LOG = ("log.parquet", "--spec", "log.spec.toml")


def said(done):
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_evaluate_over_a_horizon(tactful, place):
    command = ("evaluate", *LOG, "--policy", "uniform", "--horizon", 2, "--state", "x_fatigue,segment:1")
    long = said(tactful(*command, "--json"))["sequential"]
    assert (long["horizon"], long["states"]) == (2, 8)
    keys = {(e["policy"], e["outcome"], e["estimator"]) for e in long["estimates"]}
    outcomes = ("engaged", "opens", "opted_out", "objective")
    estimators = ("mis", "wpdis", "pdis", "seq-dr")
    roles = ("target", "baseline", "difference")
    assert keys == {(r, o, e) for r in roles for o in outcomes for e in estimators}
    for entry in long["estimates"]:
        assert (entry["interval"], entry["valid_for"]) in (("cluster-t", "asymptotic in users"), (None, None))
    assert set(long["markov"]) == set(outcomes)
    out = tactful(*command).out
    for text in (
        "Per user over 2 periods",
        "Markov test of the state",
        "x_fatigue cut at",
        "(one-step)",
        "× segment:1",
    ):
        assert text in out


def test_the_table_is_short_and_all_has_everything(tactful, place):
    short = tactful("evaluate", *LOG, "--policy", "uniform").out
    whole = tactful("evaluate", *LOG, "--policy", "uniform", "--all").out
    assert "--all prints every outcome" in short
    assert len(short.splitlines()) < 40 < 150 < len(whole.splitlines())
    for text in ("By segment, per decision", "By period, per decision", "max weight"):
        assert text in whole
        assert text not in short


def test_mips_and_reward_models(tactful, place):
    command = ("evaluate", *LOG, "--policy", "uniform", "--estimators", "mips,dr", "--json")
    one = said(tactful(*command, "--slot-bands", "00:00", "--frequency-bands", 9))
    other = said(tactful(*command, "--reward-model", "hierarchical"))
    assert one["label"] == other["label"] == "one-step"
    value = [
        {(e["outcome"], e["estimator"]): e["value"] for e in x["estimates"] if e["policy"] == "target"}
        for x in (one, other)
    ]
    assert value[0]["engaged", "mips"] != value[1]["engaged", "mips"]
    assert value[0]["engaged", "dr"] != value[1]["engaged", "dr"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--horizon", 9), "horizon of 9 periods"),
        (("--horizon", 0), "--horizon"),
        (("--state", "segment"), "state without a horizon"),
        (("--horizon", 2, "--state", "tiredness"), "'tiredness'"),
        (("--reward-model", "oracle"), "choose one of"),
        (("--slot-bands", "noon"), "not a time of day: 'noon'"),
        (("--frequency-bands", "few"), "not frequencies: 'few'"),
        (("--figures", "log.parquet/x"), "log.parquet"),
    ],
)
def test_mistakes_are_one_line(tactful, place, words, text):
    done = tactful("evaluate", *LOG, "--policy", "uniform", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert text in done.err


def test_pictures_and_a_report(tactful, place):
    pytest.importorskip("matplotlib")
    found = said(tactful("evaluate", *LOG, "--policy", "uniform", "--figures", "pictures", "--json"))
    assert found["figures"] == [f"pictures/{name}.png" for name in ("estimates", "weights", "reach")]
    assert all((place / f).stat().st_size > 5000 for f in found["figures"])
    done = tactful("report", *LOG, "--out", "report.html", "--model", "conjugate")
    assert done.code == 0
    assert done.out.startswith("report.html: learnt against logging on ")
    page = (place / "report.html").read_text(encoding="utf-8")
    for text in ("What it would earn", "How far the log reaches", "What fewer opted_out cost", "Is the log sound?"):
        assert f"<h2>{text}</h2>" in page
    for words, text in (
        (("--model", "oracle"), "choose one of"),
        (("--level", 3), "a level of 3"),
        (("--cost", "price"), "no frontier of value against 'price'"),
    ):
        done = tactful("report", *LOG, "--out", "no.html", "--model", "conjugate", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert text in done.err
    assert not (place / "no.html").exists()


def test_rollup(tactful, place):
    made = said(tactful("simulate", "--users", 150, "--periods", 5, "--out", "sim.parquet", "--events", "--json"))
    spec = made["events_spec"]
    command = ("rollup", "sim.events.parquet", "--spec", spec)
    out = tactful(*command, "--out", "rolled.parquet").out
    assert "sends in" in out
    assert "no propensities" in out
    plain = said(tactful(*command, "--out", "rolled.csv", "--json"))
    assert sum(plain["actions"].values()) == plain["counts"]["decisions"]
    log = tt.read_log("rolled.parquet", tt.LogSpec.from_toml(spec))
    assert log.n == plain["counts"]["decisions"] - plain["counts"]["other"]
    assert (log.provenance, log.outcomes["opens"].spec.has_trials) == ("absent", True)
    assert tactful("check", "rolled.csv", "--spec", spec).code == 0
    assert tactful("evaluate", "rolled.csv", "--spec", spec, "--policy", "uniform").code == 4
    for words, text in (
        (("rollup", "sim.events.parquet", "--spec", "sim.spec.toml", "--out", "x.parquet"), "[rollup]"),
        (("rollup", "sim.events.parquet", "--spec", spec, "--out", "x.xls"), "unknown kind of file"),
        (("rollup", "nowhere.csv", "--spec", spec, "--out", "x.csv"), "no such file"),
    ):
        done = tactful(*words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert text in done.err
