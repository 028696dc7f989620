"""The commands of the issue on real logs, and their numbers again from the files with numpy alone."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from tactful.cli.main import main

ROOT = Path(__file__).parents[2]
DATA = "../shared/data"
HEARTSTEPS = f"{DATA}/heartsteps_log.csv.gz"
OPEN_BANDIT = f"{DATA}/obd_small_core.csv.gz"
BANK = f"{DATA}/bank_additional_full.csv.gz"

pytestmark = pytest.mark.skipif(
    not (ROOT / DATA).is_dir(), reason=f"no {DATA} beside the repository: the real logs are not part of it"
)


@pytest.fixture
def tactful(monkeypatch, capsys):
    """Runs the command line at the root of the repository: (exit code, stdout, stderr)."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        return stopped.value.code, *capsys.readouterr()

    return run


def rows_of(path, **equal):
    with gzip.open(ROOT / path, "rt", encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[c] == v for c, v in equal.items())]


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def entries(estimates, role="target", estimator=None):
    return {
        (e["outcome"], e["estimator"]): e
        for e in estimates
        if e["policy"] == role and estimator in (None, e["estimator"])
    }


def clustered_se(influence, user):
    total = np.array([influence[user == u].sum() for u in np.unique(user)])
    return np.sqrt(total.size / (total.size - 1) * np.sum(total**2)) / user.size


class TestHeartSteps:
    ARGUMENTS = ("--spec", "experiments/001_heartsteps/spec.toml")
    EVALUATE = (
        *("evaluate", HEARTSTEPS, *ARGUMENTS),
        *("--policy", "always:send", "--baseline", "always:none", "--json"),
    )

    @pytest.fixture
    def report(self, tactful):
        code, out, _ = tactful(*self.EVALUATE)
        assert code == 0
        return json.loads(out)

    def test_both_outcomes_have_intervals_by_user(self, report):
        assert (report["n"], report["users"]) == (6061, 37)
        assert report["left_out"] == {"where: available = 1": 7540 - 6061}
        for role in ("target", "baseline", "difference"):
            for (_, estimator), e in entries(report["estimates"], role).items():
                assert np.isfinite(e["value"])
                if estimator != "dm":
                    assert e["interval"] == "cluster-t"
                    assert 0 < e["se"] < np.inf
                    assert e["low"] < e["value"] < e["high"]
            assert {"log_steps", "active"} <= {o for o, _ in entries(report["estimates"], role)}

    def test_37_users_are_weak(self, report):
        assert {e["verdict"] for e in report["estimates"]} == {"weak"}
        assert all("37 users" in e["why"] for e in report["estimates"])

    @pytest.mark.parametrize("outcome", ["log_steps", "active"])
    def test_the_differences_are_those_of_numpy(self, report, outcome):
        rows = rows_of(HEARTSTEPS, available="1")
        user, sent, steps = (column(rows, c) for c in ("user", "send", "steps_post30"))
        r = np.log(steps + 0.5) if outcome == "log_steps" else (steps >= 100).astype(float)
        send, none = sent / 0.6, (1 - sent) / 0.4

        by_row = (send - none) * r
        means = (send @ r / send.sum(), none @ r / none.sum())
        influence = send * (r - means[0]) / send.mean() - none * (r - means[1]) / none.mean()
        by_hand = {
            "ips": (by_row.mean(), clustered_se(by_row - by_row.mean(), user)),
            "snips": (means[0] - means[1], clustered_se(influence, user)),
        }
        reach = t.ppf(0.975, 36)
        for estimator, (value, se) in by_hand.items():
            e = entries(report["estimates"], "difference")[outcome, estimator]
            assert e["value"] == pytest.approx(value, rel=0, abs=1e-9)
            assert e["se"] == pytest.approx(se, rel=0, abs=1e-9)
            assert e["low"] == pytest.approx(value - reach * se, rel=0, abs=1e-9)
            assert e["high"] == pytest.approx(value + reach * se, rel=0, abs=1e-9)

    def test_segments_are_those_of_the_file(self, report):
        rows = rows_of(HEARTSTEPS, available="1")
        weekend, hour = column(rows, "weekday") >= 5, column(rows, "local_hour")
        part = weekend & (hour >= 11) & (hour < 17)
        steps, sent = column(rows, "steps_post30")[part], column(rows, "send")[part]
        e = entries(report["by_segment"]["weekend/midday"], "difference")["active", "snips"]
        assert e["n"] == part.sum()
        means = [(steps[sent == a] >= 100).mean() for a in (0, 1)]
        assert e["value"] == pytest.approx(means[1] - means[0], rel=0, abs=1e-9)

    def test_check_promises_no_reliable_interval_at_37_users(self, tactful):
        code, out, _ = tactful("check", HEARTSTEPS, *self.ARGUMENTS, "--json")
        report = json.loads(out)
        assert code == 0
        assert not [text for text in report["can"] if "reliable" in text]
        assert [text for text in report["can"] if "weakly: always:none, always:send" in text]


ITEMS = {"all": 80, "men": 34, "women": 46}


class TestOpenBandit:
    @staticmethod
    def evaluate(tactful, campaign):
        spec = f"experiments/002_open_bandit/{campaign}.toml"
        code, out, _ = tactful("evaluate", OPEN_BANDIT, "--spec", spec, "--policy", "uniform", "--json")
        assert code == 0
        return json.loads(out)

    @pytest.mark.parametrize("campaign", ["all", "men"])
    def test_all_and_men_have_every_estimator(self, tactful, campaign):
        report = self.evaluate(tactful, campaign)
        assert report["n"] == 10_000
        target = entries(report["estimates"])
        for estimator in ("ips", "snips", "dm", "dr"):
            e = target["click", estimator]
            assert np.isfinite(e["value"])
            assert e["verdict"] == "weak"
            assert (e["interval"] is None) == (estimator == "dm")

    @pytest.mark.parametrize("campaign", ["all", "men", "women"])
    def test_values_and_weights_are_those_of_numpy(self, tactful, campaign):
        rows = rows_of(OPEN_BANDIT, policy="bts", campaign=campaign)
        click = column(rows, "click")
        w = 1 / ITEMS[campaign] / column(rows, "propensity")
        report = entries(self.evaluate(tactful, campaign)["estimates"])
        e = report["click", "ips"]
        assert e["ess"] == pytest.approx(w.sum() ** 2 / (w @ w), rel=1e-7)
        assert e["max_weight"] == pytest.approx(w.max(), rel=1e-7)
        assert e["mean_weight"] == pytest.approx(w.mean(), rel=1e-7)
        if campaign != "women":  # a table's shares are integers of 2^32: 1/80 is met to 4e-9
            assert e["value"] == pytest.approx((w * click).mean(), rel=1e-7)
            assert e["se"] == pytest.approx((w * click).std(ddof=1) / np.sqrt(w.size), rel=1e-7)
            assert report["click", "snips"]["value"] == pytest.approx(w @ click / w.sum(), rel=1e-7)

    def test_women_is_refused_for_starved_weights(self, tactful):
        for e in entries(self.evaluate(tactful, "women")["estimates"]).values():
            assert e["verdict"] == "refused"
            assert e["why"].startswith("starved: 2.1 effective rows")
            assert [e[k] for k in ("value", "se", "low", "high")] == [None] * 4
            assert e["max_weight"] > 20_000

    def test_people_are_told_why_women_is_refused(self, tactful):
        spec = "experiments/002_open_bandit/women.toml"
        code, out, err = tactful("evaluate", OPEN_BANDIT, "--spec", spec, "--policy", "uniform")
        assert (code, err) == (0, "")
        assert "refused: starved" in out

    def test_check_shows_a_tiny_propensity_and_promises_nothing_reliable(self, tactful):
        code, out, _ = tactful("check", OPEN_BANDIT, "--spec", "experiments/002_open_bandit/women.toml")
        assert code == 0
        assert "1e-06" in out
        assert "reliable interval" not in out


class TestBank:
    SPEC = "experiments/000_bank/spec.toml"
    ESTIMATED = "experiments/000_bank/spec_estimated.toml"
    POLICIES = ("--policy", "always:1", "--baseline", "always:4+")

    def test_check_says_why_nothing_can_be_evaluated(self, tactful):
        code, out, _ = tactful("check", BANK, "--spec", self.SPEC, "--json")
        report = json.loads(out)
        assert code == 0
        assert report["propensities_are"] == "absent"
        assert [text for text in report["cannot"] if "off-policy" in text and "no propensities" in text]

    def test_evaluate_exits_4_with_one_line(self, tactful):
        code, out, err = tactful("evaluate", BANK, "--spec", self.SPEC, *self.POLICIES)
        assert (code, out) == (4, "")
        assert err.count("\n") == 1
        assert "no propensities" in err
        assert "randomise" in err

    def test_estimated_propensities_are_at_best_weak(self, tactful):
        code, out, _ = tactful("evaluate", BANK, "--spec", self.ESTIMATED, *self.POLICIES, "--json")
        assert code == 0
        for e in json.loads(out)["estimates"]:
            assert e["verdict"] == "weak"
            assert "confounding" in e["why"]
