"""Every command, end to end, on a small simulated log: what it prints, what it writes, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest
import typer
from files import snapshot

from tactful.cli.main import COMMANDS, app
from tactful.policies.artifact import load
from tactful.serving import Decider

ROOT = Path(__file__).parents[2]
GROUP = typer.main.get_command(app)
ENTRY = {"policy", "outcome", "estimator", "value", "se", "low", "high", "interval", "ess", "max_weight", "mean_weight"}
ENTRY |= {"verdict", "why", "n", "users", "parameter"}
VERDICTS = {"ok", "weak", "refused", "in-sample"}


@pytest.fixture
def place(shop, tmp_path, monkeypatch):
    """A copy of the shop, as the working directory."""
    folder = copytree(shop, tmp_path / "shop")
    people = {"user": [*range(1, 9)], "segment": ["ios/new/early", "android/core/night", "web", ""] * 2}
    pl.DataFrame(people).write_csv(folder / "users.csv")
    monkeypatch.chdir(folder)
    return folder


def good(done):
    """What a command printed; it succeeded, and said nothing on stderr, which is no terminal here."""
    assert (done.code, done.err) == (0, "")
    return done.out


def plain(done):
    """The JSON document that a command printed, and nothing besides."""
    return json.loads(good(done))


LOG = ("log.parquet", "--spec", "log.spec.toml")


def evaluate(tactful, policy, *more):
    return tactful("evaluate", *LOG, "--policy", policy, *more)


# Help


def test_help_lists_the_commands_in_the_order_of_the_journey(tactful):
    out = good(tactful("--help"))
    assert re.findall(r"^  (\w+)  +\w", out[out.index("Commands:") :], re.MULTILINE) == list(COMMANDS)
    journey = "demo init simulate rollup check fit evaluate replay report join power gate "
    journey += "promote decide monitor serve explain"
    assert list(COMMANDS) == journey.split()
    assert "4 nothing can be said" in " ".join(out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_help(tactful, name):
    out = good(tactful(name, "--help"))
    command = GROUP.get_command(None, name)
    assert command.name == name
    assert f"Example: tactful {name} " in out
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.help.rstrip().endswith("."), parameter.name
    assert ("--json" in out) == (name != "serve")  # a service answers in JSON and prints nothing


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_mentions_every_command(name):
    assert f"tactful {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_version(tactful):
    assert re.fullmatch(r"tactful \d+\.\d+\.\d+\n", good(tactful("--version")))


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], {"numpy", "polars", "numba", "scipy", "matplotlib", "mlflow", "rich"}),
        (["explain", "policy"], {"polars", "numba", "scipy", "matplotlib", "mlflow"}),
        (["check", "log.parquet", "--spec", "log.spec.toml"], {"matplotlib", "mlflow"}),
        (["evaluate", *LOG, "--policy", "uniform"], {"matplotlib", "mlflow"}),
        (["decide", "users.csv", "--policy", "policy", "--period", "1", "--out", "d.csv"], {"matplotlib", "mlflow"}),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_a_command_imports_what_it_needs(place, words, absent):
    code = "import sys; from tactful.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print(*{m.partition('.')[0] for m in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout
    assert not set(done.stderr.split()) & absent


# Each command


def test_simulate(tactful, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ("simulate", "--users", 20, "--periods", 3, "--seed", 2)
    out = good(tactful(*command, "--out", "a.parquet"))
    assert "20 users over 3 weeks: a.parquet" in out
    assert "--spec a.spec.toml" in out
    said = plain(tactful(*command, "--out", "b.ndjson", "--json"))
    assert said == {"log": "b.ndjson", "spec": "b.spec.toml", "n": said["n"], "users": 20, "periods": 3}
    assert set(snapshot(tmp_path)) == {"a.parquet", "a.spec.toml", "b.ndjson", "b.spec.toml"}
    assert snapshot(tmp_path)["a.spec.toml"] == snapshot(tmp_path)["b.spec.toml"]
    first = plain(tactful("check", "a.parquet", "--spec", "a.spec.toml", "--json"))
    assert first == plain(tactful("check", "b.ndjson", "--spec", "b.spec.toml", "--json"))


def test_check(tactful, place):
    before = snapshot(place)
    out = good(tactful("check", *LOG))
    for text in (
        "300 users",
        "Outcomes",
        "Support",
        "can  fit a policy",
        "cannot  evaluate",
        "note: opens is always 0",
    ):
        assert text in out
    said = plain(tactful("check", *LOG, "--json"))
    assert {"n", "users", "outcomes", "support", "uniform", "findings", "can", "cannot", "left_out"} <= set(said)
    assert [s["action"] for s in said["support"]][:2] == ["none", "1x@08:00"]
    assert snapshot(place) == before


def test_fit(tactful, place):
    said = plain(tactful("fit", *LOG, "--out", "again", "--json"))
    keys = {"policy", "version", "n", "users", "held_out_users", "dispersion", "expected", "limits"}
    assert keys <= set(said)
    assert said["users"] + said["held_out_users"] == 300
    assert (place / "again" / "policy.json").read_bytes() == (place / "policy" / "policy.json").read_bytes()
    out = good(tactful("fit", *LOG, "--out", "greedy", "--explorer", "greedy", "--uniform", 0.1, "--split", 0))
    policy = load("greedy")
    assert f"policy {policy.version} in greedy" in out
    assert "sends_per_period" in out
    assert (policy.uniform, policy.lineage.split_share) == (0.1, 0.0)
    assert [p.name for p in (place / "greedy").iterdir()] == ["policy.json"]


@pytest.mark.parametrize(
    "options",
    [
        ("epsilon-greedy", "--epsilon", 0.2),
        ("softmax", "--temperature", 0.5),
        ("thompson", "--draws", 64),
        ("ucb", "--width", 2),
        ("inverse-gap", "--gamma", 50),
        ("thompson", "--draws", 64, "--cautious", "opted_out", "--hazard-ratio", 1.2),
        ("thompson", "--model", "linear"),
        ("inverse-gap", "--model", "logistic"),
    ],
)
def test_fit_with_other_explorers(tactful, place, options):
    said = plain(tactful("fit", *LOG, "--out", "p", "--json", "--seed", 2**63 - 1, "--explorer", *options))
    assert load("p").version == said["version"]


@pytest.mark.parametrize("policy", ["policy", "uniform", "always:5x@12:00", "logging"])
def test_evaluate(tactful, place, policy):
    said = plain(evaluate(tactful, policy, "--json"))
    assert {"n", "users", "estimates", "by_segment", "by_period", "intervals", "left_out", "notes"} <= set(said)
    entries = said["estimates"]
    keys = {(e["policy"], e["outcome"], e["estimator"]) for e in entries}
    outcomes = {"engaged", "opens", "opted_out", "objective"}
    roles = {"target", "baseline", "difference"}
    assert keys == {(r, o, e) for r in roles for o in outcomes for e in ("ips", "snips", "dm", "dr")}
    assert len(keys) == len(entries)
    for entry in entries:
        assert set(entry) == ENTRY
        assert entry["verdict"] in VERDICTS
        assert bool(entry["why"]) == (entry["verdict"] != "ok")
        numbers = [entry[k] for k in ("value", "se", "low", "high")]
        if entry["verdict"] == "refused":
            assert numbers == [None] * 4
            assert entry["ess"] > 0
        elif entry["estimator"] != "dm":
            assert entry["low"] <= entry["value"] <= entry["high"]
            assert entry["interval"] == "cluster-t"
    whole = pl.scan_parquet(place / "log.parquet").select(pl.len()).collect().item()
    assert 0 < said["n"] < whole if policy == "policy" else said["n"] == whole


def test_evaluate_for_people(tactful, place):
    out = good(evaluate(tactful, "uniform", "--baseline", "always:5x@12:00", "--level", 0.9))
    for text in (
        "90 % intervals",
        "Difference, uniform less always:5x@12:00, per decision",
        "verdict",
        "note: one-step",
    ):
        assert text in out
    assert any(verdict in out for verdict in VERDICTS)


def test_names_with_brackets_and_colons_are_printed_as_they_are(tactful, place):
    copytree("policy", "runs[bold]:smile:")
    assert "Difference, runs[bold]:smile: less logging" in good(evaluate(tactful, "runs[bold]:smile:"))


def test_long_lines_are_whole_where_there_is_no_terminal(tactful, place):
    name = "x" * 150
    assert f"read it with --spec {name}.spec.toml\n" in good(
        tactful("simulate", "--users", 2, "--periods", 2, "--out", f"{name}.parquet")
    )


def test_the_ledger_is_written_for_looks_at_a_holdout_alone(tactful, place):
    ledger = place / "log.parquet.ledger.json"
    good(tactful("fit", *LOG, "--out", "everybody", "--split", 0))
    for policy in ("uniform", "logging", "always:none"):
        good(evaluate(tactful, policy))
    said = plain(evaluate(tactful, "everybody", "--json"))
    kept = {e["verdict"] for e in said["estimates"] if e["policy"] == "target"}
    assert kept == {"in-sample"}
    assert "in-sample" in good(evaluate(tactful, "everybody"))
    assert not ledger.exists()
    for look in (1, 2):
        before = snapshot(place)
        good(evaluate(tactful, "policy"))
        entries = json.loads(ledger.read_text())["holdouts"]["split:0.3"]["looks"]
        assert [e["policy"] for e in entries] == [load("policy").version] * look
        assert set(entries[0]) == {"at", "command", "policy"}
        assert set(snapshot(place)) - set(before) <= {ledger.name}
    good(tactful("fit", *LOG, "--out", "other", "--split", 0.4))
    good(evaluate(tactful, "other"))
    assert set(json.loads(ledger.read_text())["holdouts"]) == {"split:0.3", "split:0.4"}


def test_the_ledger_may_stand_elsewhere(tactful, place):
    before = set(snapshot(place))
    good(evaluate(tactful, "policy", "--ledger", "looks.json"))
    assert set(snapshot(place)) - before == {"looks.json"}


@pytest.mark.parametrize("extension", ["parquet", "ndjson", "csv"])
def test_decide(tactful, place, extension):
    command = ("decide", "users.csv", "--policy", "policy", "--period", 2960, "--at", "2026-11-02")
    out = good(tactful(*command, "--out", f"d.{extension}"))
    assert "8 decisions for period 2960" in out
    assert "2 users are in segments that the policy does not know" in out
    said = plain(tactful(*command, "--out", f"e.{extension}", "--json"))
    assert set(said) == {"decisions", "n", "policy", "fallbacks", "actions"}
    assert (sum(said["actions"].values()), said["fallbacks"]) == (8, 2)
    assert (place / f"d.{extension}").read_bytes() == (place / f"e.{extension}").read_bytes()
    read = {"parquet": pl.read_parquet, "ndjson": pl.read_ndjson, "csv": pl.read_csv}[extension]
    rows = read(place / f"d.{extension}")
    columns = [
        "user",
        "period",
        "decided_at",
        "segment",
        "arm",
        "action",
        "slot",
        "frequency",
        "propensity",
        "eligible",
        "policy",
        "scope",
        "fallback",
    ]
    assert rows.columns == [c for c in columns if c != "eligible" or extension != "csv"]
    decider = Decider.open("policy")
    for row in rows.iter_rows(named=True):
        one = decider.decide(row["user"], 2960, row["segment"] or "")
        assert (row["action"], row["propensity"]) == (one.action, one.propensity)


def test_decide_with_vectors(tactful, place):
    good(tactful("decide", "users.csv", "--policy", "policy", "--period", 1, "--out", "d.parquet", "--vectors"))
    rows = pl.read_parquet("d.parquet")
    assert rows["propensities"].list.sum().to_list() == [1.0] * 8


def test_explain(tactful, place):
    out = good(tactful("explain", "policy", "--segment", "ios/new/early/beta"))
    assert "unknown: served as ios/new/early" in out
    assert "30 % of users held out" in out
    said = plain(tactful("explain", "policy", "--segment", "ios/new/early", "--json"))
    assert said["served"] == said["segment"]
    assert said["pmf"] == Decider.open("policy").pmf("ios/new/early")
    assert sum(said["pmf"].values()) == pytest.approx(1)
    assert said["lineage"]["split"] == 0.3
    probabilities = [float(p) for p in re.findall(r"([\d.]+) %\s*$", out, re.MULTILINE)]
    assert probabilities == sorted(probabilities, reverse=True)


def test_init_without_a_spec(tactful, place):
    out = good(tactful("init", "--out", "start"))
    assert "Decisions needed to see one action change by 20 %" in out
    assert set(snapshot(place / "start")) == {"spec.toml", "policy/policy.json"}
    assert load("start/policy").shares.max() - load("start/policy").shares.min() <= 1
    said = plain(tactful("init", "--out", "more", "--json"))
    assert set(said) == {"spec", "policy", "version", "needs"}
    assert [n["outcome"] for n in said["needs"]] == ["engaged", "opted_out"]
    assert said["needs"][1]["mean"] == 0.004  # the limit


def test_what_init_writes_can_be_served_and_read(tactful, place):
    good(tactful("init", "--out", "start"))
    for period in (2958, 2959):
        good(
            tactful(
                "decide",
                "users.csv",
                "--policy",
                "start/policy",
                "--period",
                period,
                "--out",
                f"{period}.parquet",
                "--at",
                "2026-09-07" if period == 2958 else "2026-09-14",
            )
        )
    rows = pl.concat([pl.read_parquet(f"{p}.parquet") for p in (2958, 2959)])
    rows.with_columns(sessions=1, opted_out=0).write_parquet("own.parquet")
    said = plain(tactful("check", "own.parquet", "--spec", "start/spec.toml", "--json"))
    assert (said["n"], said["users"], said["propensities_are"]) == (16, 8, "logged")


def test_init_with_a_spec_and_a_safe_action(tactful, place):
    command = ("init", "--out", "start", "--spec", "log.spec.toml", "--safe", "3x@16:00", "--explore", 0.1, "--json")
    said = plain(tactful(*command))
    assert (place / "start/spec.toml").read_bytes() == (place / "log.spec.toml").read_bytes()
    pmf = Decider.open("start/policy").pmf()
    assert pmf["3x@16:00"] == pytest.approx(0.9 + 0.1 / 26, abs=1e-9)
    assert pmf["none"] == pytest.approx(0.1 / 26, abs=1e-9)
    uniform = plain(tactful("init", "--out", "other", "--spec", "log.spec.toml", "--json"))
    assert said["needs"][0]["decisions"] == pytest.approx(10 * uniform["needs"][0]["decisions"], rel=1e-3)


def test_init_where_the_limit_is_zero(tactful, place):
    spec = (place / "log.spec.toml").read_text().replace("opted_out = 0.05", "opted_out = 0.0")
    (place / "strict.toml").write_text(spec)
    said = plain(tactful("init", "--out", "start", "--spec", "strict.toml", "--rate", 0.01, "--json"))
    assert [n["mean"] for n in said["needs"] if n["outcome"] == "opted_out"] == [0.01]


# Tracking


def test_runs_are_recorded_only_where_asked(tactful, place, monkeypatch):
    from mlflow.tracking import MlflowClient

    before = set(snapshot(place))
    good(tactful("fit", *LOG, "--out", "policy"))
    good(evaluate(tactful, "uniform"))
    assert set(snapshot(place)) == before
    uri = f"sqlite:///{place}/runs/mlflow.db"
    fitted = plain(tactful("fit", *LOG, "--out", "policy", "--tracking-uri", uri, "--json"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    looked = plain(evaluate(tactful, "uniform", "--json"))
    assert {p.split("/")[0] for p in set(snapshot(place)) - before} == {"runs"}
    assert [p.name for p in (place / "policy").iterdir()] == ["policy.json"]
    client = MlflowClient(tracking_uri=uri)
    fit, look = client.get_run(fitted["run"]), client.get_run(looked["run"])
    assert fit.data.tags["policy_version"] == fitted["version"]
    assert fit.data.params["model"] == "hierarchical"
    assert fit.data.metrics["expected/engaged/model/value"] == fitted["expected"]["engaged"]
    assert {f.path for f in client.list_artifacts(fitted["run"], "policy")} == {"policy/policy.json"}
    assert {f.path for f in client.list_artifacts(fitted["run"], "figures")} == {"figures/cadence.png"}
    by_key = {(e["policy"], e["outcome"], e["estimator"]): e for e in looked["estimates"]}
    entry = by_key["target", "objective", "snips"]
    assert look.data.metrics["target/objective/snips/value"] == entry["value"]
    assert look.data.params["policy"] == "uniform"
    assert look.data.tags["log_fingerprint"] == fit.data.tags["log_fingerprint"]


def test_a_missing_extra_is_one_line(tactful, place, monkeypatch):
    for name in [x for x in sys.modules if x == "mlflow" or x.startswith("mlflow.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    done = evaluate(tactful, "uniform", "--tracking-uri", f"sqlite:///{place}/mlflow.db")
    assert (done.code, done.out) == (2, "")
    assert "pip install 'tactful[mlflow]'" in done.err
    assert done.err.count("\n") == 1


# The demo


def test_demo(tactful, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ("demo", "--users", 2000, "--periods", 6)
    out = good(tactful(*command))
    for text in ("What policy", "one-step truth of the world", "difference", "tactful evaluate demo/log.parquet"):
        assert text in out
    left = {"log.parquet", "spec.toml", "policy", "decisions.parquet", "mlflow.db", "cadence.png", "mlartifacts"}
    assert {p.name for p in (tmp_path / "demo").iterdir()} == left
    assert [p.name for p in tmp_path.iterdir()] == ["demo"]
    said = plain(tactful(*command, "--out", "twice", "--json"))
    keys = {"out", "n", "users", "policy", "expected", "segments", "evaluation", "truth", "decisions", "period", "run"}
    assert keys <= set(said)
    assert said["policy"] == load("demo/policy").version
    assert set(said["truth"]["objective"]) == {"target", "baseline", "difference"}
    assert len(said["segments"]) == 24
    again = [line for line in out.splitlines() if line.startswith("  tactful ")]
    assert [line.split()[1] for line in again] == ["check", "evaluate", "explain"]
    for line in again:
        good(tactful(*line.split()[1:]))
