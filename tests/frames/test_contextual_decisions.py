"""Batch decisions of contextual policies: the decider's, row by row, with the columns found by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tactful as tt
from contexts import bank, linear
from logs import GRID, JIT, random_log
from tactful.cli.main import main
from tactful.errors import LogError
from tactful.frames.decisions import users_of
from tactful.policies.arms import Arms
from tactful.policies.exploration_rules import Rule
from tactful.serving import Decider

SERVING_TERMS = {"uniform": 0.03, "arms": Arms(0.1, 0.1), "salt": "s"}
POLICIES = [
    linear(**SERVING_TERMS),
    linear(Rule("greedy"), **SERVING_TERMS),
    bank(**SERVING_TERMS),
    bank(Rule("ucb", 1.0), **SERVING_TERMS),
]
N = 400 if JIT else 40


def users(n=N, seed=1):
    rng = np.random.default_rng(seed)
    eligible = rng.random((n, GRID.k)) < 0.7
    eligible[np.arange(n), rng.integers(GRID.k, size=n)] = True
    return pl.DataFrame(
        {
            "user": [f"u-{i}" for i in range(n)],
            "segment": rng.choice(["a/x", "a/y", "b", "c/new"], n),
            "x_age": rng.normal(40, 15, n),  # not in the policy's order
            "x_dose": rng.integers(0, 5, n),
            "x_other": rng.normal(size=n),
            "eligible": eligible.tolist(),
        }
    )


@pytest.mark.parametrize("policy", POLICIES, ids=["thompson", "greedy", "bank", "bank ucb"])
def test_every_row_is_what_the_decider_decides(policy):
    """Propensities to one unit of 2⁻³², actions in every row: a rounding tie may move a unit, and nothing more."""
    decider, frame = Decider(policy), users()
    for row in tt.decide(policy, frame, 12).iter_rows(named=True):
        context = {"dose": row["x_dose"], "age": row["x_age"]}
        decision = decider.decide(row["user"], 12, row["segment"], context, eligible=row["eligible"])
        assert (decision.action, decision.arm, decision.fallback) == (row["action"], row["arm"], row["fallback"])
        assert decision.propensity == pytest.approx(row["propensity"], rel=0, abs=2 / 2**32)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [POLICIES[0], POLICIES[2]], ids=["linear", "bank"])
def test_scalar_is_batch_over_many_decisions(policy):
    """A unit of 2⁻³² that rounds the other way moves an action once in 10⁹ decisions; banks have the same bits."""
    n = 100_000 if JIT else 1000
    frame = users(n, 2)
    decider, batch = Decider(policy), tt.decide(policy, frame, 3)
    columns = [batch[c].to_list() for c in ("user", "segment", "x_dose", "x_age", "eligible", "action", "propensity")]
    worst = 0.0
    for user, segment, dose, age, eligible, action, propensity in zip(*columns, strict=True):
        decision = decider.decide(user, 3, segment, (dose, age), eligible=eligible)
        assert decision.action == action
        worst = max(worst, abs(decision.propensity - propensity))
    assert worst <= (2 / 2**32 if policy is POLICIES[0] else 0.0)


@pytest.mark.parametrize("policy", POLICIES[::2])
def test_the_order_and_the_company_of_users_do_not_matter(policy):
    frame = users()
    decisions = tt.decide(policy, frame, 5, at="2026-11-02", vectors=True)
    turned = tt.decide(policy, frame.reverse(), 5, at="2026-11-02", vectors=True).reverse()
    assert turned.equals(decisions)
    assert tt.decide(policy, frame[20:33], 5, at="2026-11-02", vectors=True).equals(decisions[20:33])
    pmf = np.array(decisions["propensities"].to_list())
    assert (pmf.sum(1) == 1).all()


FAULTY_CONTEXTS = {
    "no column 'x_age', and the policy depends on it": lambda u: u.drop("x_age"),
    r"column 'x_dose': has no finite value in 2 rows \(row 4, 7\)": lambda u: u.with_columns(
        x_dose=pl.when(pl.int_range(pl.len()).is_in([3, 6])).then(None).otherwise(pl.col("x_dose"))
    ),
    r"column 'x_age': has no finite value in 1 rows \(row 1\)": lambda u: u.with_columns(
        x_age=pl.when(pl.int_range(pl.len()) == 0).then(float("inf")).otherwise(pl.col("x_age"))
    ),
    "column 'x_age': holds String, not numbers": lambda u: u.with_columns(pl.col("x_age").cast(pl.String)),
}


@pytest.mark.parametrize("says", FAULTY_CONTEXTS)
def test_contexts_that_are_not_whole_are_refused(says):
    with pytest.raises(LogError, match=says):
        tt.decide(POLICIES[0], FAULTY_CONTEXTS[says](users(20)), 1)


def test_the_users_of_a_log_bring_their_latest_context():
    log = random_log(3, users=20, actions=GRID, paths=("a/x", "b"))
    log = replace(log, context=np.random.default_rng(1).normal(size=(log.n, 2)), context_names=("dose", "age"))
    users = users_of(log)
    assert users.columns == ["user", "segment", "x_dose", "x_age"]
    last = {log.user_ids[u]: log.context[i] for i, u in enumerate(log.user.tolist())}  # by period within a user
    for row in users.iter_rows(named=True):
        assert [row["x_dose"], row["x_age"]] == last[row["user"]].tolist()
    assert tt.decide(POLICIES[0], users, 2910).height == 20


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code


def test_the_command_line_decides_and_explains(tmp_path, capsys):
    tt.save(POLICIES[0], tmp_path / "p")
    users(30).write_parquet(tmp_path / "users.parquet")
    out = tmp_path / "d.parquet"
    assert run("decide", tmp_path / "users.parquet", "--policy", tmp_path / "p", "--period", 3, "--out", out) == 0
    written = pl.read_parquet(out)
    columns = ["user", "action", "propensity", "x_age", "x_dose"]
    assert written[columns].equals(tt.decide(POLICIES[0], users(30), 3)[columns])
    assert run("explain", tmp_path / "p", "--segment", "a/x") == 0
    printed = capsys.readouterr().out
    assert "depends on dose, age: what follows are means over the contexts of its log" in printed
    users(30).drop("x_age", "eligible").write_csv(tmp_path / "bad.csv")
    assert run("decide", tmp_path / "bad.csv", "--policy", tmp_path / "p", "--period", 3, "--out", out) == 2
    assert "no column 'x_age'" in capsys.readouterr().err
