"""``check`` with all its options, and ``replay``, end to end."""

from __future__ import annotations

import json
from shutil import copytree

import polars as pl
import pytest

import tactful as tt
from tactful.models.files import save

LOG = ("log.parquet", "--spec", "log.spec.toml")


@pytest.fixture
def place(shop, tmp_path, monkeypatch):
    """A copy of the shop, as the working directory."""
    folder = copytree(shop, tmp_path / "shop")
    monkeypatch.chdir(folder)
    return folder


def good(done):
    assert (done.code, done.err) == (0, "")
    return done.out


def test_check_says_that_nothing_is_wrong_and_what_an_opt_out_costs(tactful, place):
    out = good(tactful("check", *LOG))
    assert "no test raised an alarm; of sound logs 1 in 1,000 would" in out
    assert "An opt-out costs at most" in out
    said = json.loads(good(tactful("check", *LOG, "--json")))
    assert said["false_alarm"] == 0.001
    assert said["price"]["assumed"]
    assert {f["code"] for f in said["findings"]} == {"zero-under-none"}


def test_check_draws(tactful, place):
    good(tactful("check", *LOG, "--figures", "figures"))
    assert (place / "figures" / "overlap.png").read_bytes().startswith(b"\x89PNG")


def test_check_against_a_posterior(tactful, place):
    log = tt.read_log("log.parquet", tt.LogSpec.from_toml("log.spec.toml"))
    save(tt.Conjugate().fit(log.take(log.period < log.period.max())), "posterior")
    out = good(tactful("check", *LOG, "--posterior", "posterior"))
    assert "can  fit a policy" in out
    said = json.loads(good(tactful("check", *LOG, "--posterior", "posterior", "--json")))
    assert isinstance(said["drift"], list)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arms", "policy"], "are no shares"),
        (["--arms", "nobody=0.5"], "no arm 'nobody'"),
        (["--posterior", "nowhere"], "no posterior"),
    ],
)
def test_options_of_check_that_are_none(tactful, place, words, message):
    done = tactful("check", *LOG, *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_arms_with_the_right_shares(tactful, place):
    assert "sample-ratio" not in good(tactful("check", *LOG, "--arms", "policy=1"))


def test_replay(tactful, place):
    out = good(tactful("replay", *LOG, "--learner", "conjugate", "--uniform", 0.5, "--figures", "figures"))
    assert "this simulates a company of" in out
    assert "dr-ns" in out
    assert (place / "figures" / "replay.png").exists()
    words = ("replay", *LOG, "--learner", "conjugate", "--uniform", 0.5, "--explorer", "greedy", "--json")
    said = json.loads(good(tactful(*words)))
    assert said == json.loads(good(tactful(*words)))
    assert {v["estimator"] for v in said["values"]} == {"rejection", "dr-ns", "logging"}
    assert len(said["curve"]) == 4
    assert said["learner"] == "conjugate"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--learner", "magic"], 2, "choose one of hierarchical"),
        (["--explorer", "magic"], 2, "choose one of thompson"),
        (["--temperature", "nan"], 2, "choose a positive one"),
        (["--half-life", "0"], 2, "positive number of days"),
        (["--batch-days", "-1"], 2, "positive number of days"),
        (["--uniform", "2"], 2, "uniform"),
    ],
)
def test_options_of_replay_that_are_none(tactful, place, words, code, message):
    done = tactful("replay", *LOG, *words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_log_without_propensities_cannot_be_replayed(tactful, place):
    spec = (place / "log.spec.toml").read_text().splitlines()
    (place / "bare.toml").write_text("\n".join(line for line in spec if not line.startswith("propensit")))
    pl.read_parquet("log.parquet").drop("propensity", "propensities").write_parquet("bare.parquet")
    done = tactful("replay", "bare.parquet", "--spec", "bare.toml")
    assert (done.code, done.out) == (4, "")
    assert "needs logged propensities" in done.err
