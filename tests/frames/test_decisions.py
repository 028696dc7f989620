"""Batch decisions are the decider's, row by row, and what they write is a decision log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful as tt
from logs import ABSORBING, GRID, PLAIN, log_of, measured, on_terms, random_log, table
from tactful.core.actions import ActionSpace
from tactful.errors import LogError, PolicyError, SpecError
from tactful.frames.decisions import users_of, write_decisions
from tactful.policies.arms import Arms
from tactful.policies.table import always, uniform
from tactful.serving import Decider

COLUMNS = ["user", "period", "decided_at", "segment", "arm", "action", "slot", "frequency", "propensity", "eligible"]
LAST = ["policy", "scope", "fallback"]
PATHS = ["", "ios", "ios/new", "ios/new/beta", "web", "web/old", "android/é"]
ARMS = table(3, actions=GRID, uniform=0.03, arms=Arms(0.3, 0.3), scope="push", salt="s")


def people(n, seed=1, k=None):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"user": [f"u-{i}" for i in range(n)], "segment": rng.choice(PATHS, n)})
    if k is None:
        return frame
    eligible = rng.random((n, k)) < 0.5
    eligible[np.arange(n), rng.integers(k, size=n)] = True
    return frame.with_columns(eligible=pl.Series(eligible.tolist()))


def assert_as_decider(policy, users, decisions, period):
    decider = Decider(policy)
    assert decisions.height == users.height
    for given_, row in zip(users.iter_rows(named=True), decisions.iter_rows(named=True), strict=True):
        path = given_.get("segment") or ""
        decision = decider.decide(given_["user"], period, path, eligible=given_.get("eligible"))
        assert {c: row[c] for c in decision._fields} == decision._asdict() | {
            "user": str(given_["user"]),
            "segment": path,
        }
        assert row["eligible"] == (given_.get("eligible") or [True] * policy.actions.k)


# Equal to the decider


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize(
    "policy",
    [ARMS, table(4), table(5, actions=GRID, uniform=1.0), uniform(GRID), always(PLAIN, "evening")],
    ids=["arms", "plain", "all uniform", "uniform", "always"],
)
def test_every_row_is_what_the_decider_decides(policy, masks):
    users = people(300, k=policy.actions.k if masks else None)
    decisions = tt.decide(policy, users, 2960, at="2026-11-02T08:00:00+01:00")
    assert_as_decider(policy, users, decisions, 2960)
    assert decisions.columns == [*COLUMNS, *LAST]
    assert decisions["decided_at"].unique().to_list() == [datetime(2026, 11, 2, 7, tzinfo=UTC)]
    assert set(decisions["policy"]) == {policy.version}


@given(
    st.integers(0, 2**32),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(min_size=1), min_size=1, max_size=8, unique_by=str),
    st.integers(-(2**63), 2**63 - 1),
)
@settings(max_examples=40)
def test_any_ids_and_periods(seed, ids, period):
    policy = table(seed, uniform=0.03, arms=Arms(0.3, 0.3))
    users = pl.DataFrame({"user": [str(i) for i in ids], "segment": (PATHS * 2)[: len(ids)]})
    assert_as_decider(policy, users, tt.decide(policy, users, period), period)


def test_unknown_segments_say_who_was_served_for_them():
    users = pl.DataFrame({"user": ["a", "b", "c"], "segment": ["ios/new/beta", "mac", "ios/new"]})
    fallback = tt.decide(table(1), users, 1)["fallback"].to_list()
    assert fallback == ["unknown segment, served 'ios/new'", "unknown segment, served ''", None]


def test_arms_are_sticky_and_control_gets_none():
    first, second = (tt.decide(ARMS, people(500), period) for period in (1, 2))
    assert first["arm"].to_list() == second["arm"].to_list()
    assert set(first["arm"]) == {"policy", "control", "uniform"}
    control = first.filter(pl.col("arm") == "control")
    assert set(control["action"]) == {"none"}
    assert set(control["propensity"]) == {1.0}


def test_numbers_and_texts_are_one_user_and_a_missing_segment_is_the_root():
    as_numbers = tt.decide(ARMS, pl.DataFrame({"user": [42, 7]}), 5, at="2026-11-02")
    as_texts = tt.decide(ARMS, pl.DataFrame({"user": ["42", "7"], "segment": [None, ""]}), 5, at="2026-11-02")
    assert as_numbers.equals(as_texts)


def test_the_order_and_the_company_of_users_do_not_matter():
    users = people(200, k=GRID.k)
    decisions = tt.decide(ARMS, users, 5, at="2026-11-02")
    assert tt.decide(ARMS, users.reverse(), 5, at="2026-11-02").reverse().equals(decisions)
    assert tt.decide(ARMS, users[60:61], 5, at="2026-11-02").equals(decisions[60:61])


def test_vectors_are_the_whole_pmf():
    users = people(200, k=GRID.k)
    decisions = tt.decide(ARMS, users, 5, vectors=True)
    assert decisions.columns == [*COLUMNS, *LAST, "propensities"]
    pmf, mask = np.array(decisions["propensities"].to_list()), np.array(users["eligible"].to_list())
    action = [GRID.index(a) for a in decisions["action"]]
    assert (pmf.sum(1) == 1).all()
    assert (pmf[~mask] == 0).all()
    assert (pmf[np.arange(200), action] == decisions["propensity"].to_numpy()).all()


def test_context_is_passed_on_and_other_columns_are_not():
    users = people(3).with_columns(x_recent=pl.Series([0.5, 1.5, 2.5]), secret=1)
    decisions = tt.decide(ARMS, users, 1)
    assert decisions.columns == [*COLUMNS, "x_recent", *LAST]
    assert decisions["x_recent"].to_list() == [0.5, 1.5, 2.5]


@pytest.mark.parametrize("extension", ["parquet", "csv", "ndjson", "csv.gz"])
def test_users_come_from_files_and_keep_leading_zeros(tmp_path, extension):
    users = pl.DataFrame({"user": ["007", "07", "7"], "segment": ["ios", "web", "1"]})
    path = tmp_path / f"users.{extension}"
    (tmp_path / "users.csv.gz").write_bytes(b"")
    if extension.startswith("csv"):
        users.write_csv(path, compression="gzip" if extension.endswith("gz") else "uncompressed")
    else:
        getattr(users, f"write_{extension}")(path)
    decisions = tt.decide(ARMS, path, 1, at="2026-11-02")
    assert decisions.equals(tt.decide(ARMS, users, 1, at="2026-11-02"))


def test_refusals():
    refused = {
        "no column 'user'": (LogError, pl.DataFrame({"id": [1]})),
        "no users": (LogError, pl.DataFrame({"user": []}, schema={"user": pl.String})),
        "repeated in 2 rows": (LogError, pl.DataFrame({"user": ["a", "b", "a"]})),
        "no eligible action": (PolicyError, pl.DataFrame({"user": ["a"], "eligible": [[False] * GRID.k]})),
        "list of 5 booleans": (LogError, pl.DataFrame({"user": ["a"], "eligible": [[True]]})),
    }
    for says, (error, users) in refused.items():
        with pytest.raises(error, match=says):
            tt.decide(ARMS, users, 1)
    with pytest.raises(SpecError, match="not a time"):
        tt.decide(ARMS, people(1), 1, at="noon")
    with pytest.raises(PolicyError, match="decides periods 3 to 9"):
        tt.decide(on_terms(ARMS, from_period=3, valid_until=9), people(1), 10)


# What deciding writes, joined with outcomes, is the training schema

SPEC = tt.LogSpec.from_dict(
    {
        "actions": {"slots": ["08:00", "19:30"], "frequencies": [1, 3], "period_days": 7},
        "columns": {"eligible": "eligible", "context": ["x_recent"]},
        "outcomes": {
            "engaged": {"kind": "count", "window_days": 7, "null": "zero"},
            "opted_out": {"kind": "binary", "absorbing": True, "window_days": 7, "null": "zero"},
        },
        "objective": {"engaged": 1.0, "opted_out": -15.0},
        "log": {"as_of": "2026-12-31"},
    }
)


def joined(decisions):
    """Outcomes by (user, period), as they stand in another system, joined on."""
    rng = np.random.default_rng(2)
    keys = decisions.select("user", "period").sample(fraction=1, shuffle=True, seed=3)
    outcomes = keys.with_columns(engaged=pl.Series(rng.poisson(1.0, keys.height)), opted_out=0)
    return decisions.join(outcomes, on=["user", "period"], how="left", maintain_order="left")


@pytest.mark.parametrize("extension", ["parquet", "ndjson", "jsonl.gz"])
@pytest.mark.parametrize("vectors", [False, True])
def test_decisions_joined_with_outcomes_are_a_log(tmp_path, extension, vectors):
    users = people(400, k=GRID.k).with_columns(x_recent=pl.Series(np.linspace(0, 3, 400)))
    weeks = {2960: "2026-09-21T08:00:00Z", 2961: "2026-09-28T08:00:00Z"}
    decisions = pl.concat([tt.decide(ARMS, users, p, at=at, vectors=vectors) for p, at in weeks.items()])
    write_decisions(decisions, tmp_path / f"decisions.{extension}")
    scan = pl.read_parquet if extension == "parquet" else pl.read_ndjson
    path = tmp_path / f"log.{extension}"
    write_decisions(joined(scan(tmp_path / f"decisions.{extension}")), path)
    log = tt.read_log(path, SPEC)
    assert (log.n, log.users, log.provenance) == (800, 400, "logged")
    assert log.propensity.tolist() == decisions["propensity"].to_list()
    assert [GRID.names[a] for a in log.action] == decisions["action"].to_list()
    assert log.eligible.tolist() == decisions["eligible"].to_list()
    assert [log.arm.names[c] for c in log.arm.code] == decisions["arm"].to_list()
    assert [log.segments.paths[s] for s in log.segment] == decisions["segment"].to_list()
    assert [log.fallback.names[c] or None for c in log.fallback.code] == decisions["fallback"].to_list()
    assert log.policy.names == (ARMS.version,)
    assert log.scope.names == ("push",)
    assert log.context[:, 0].tolist() == decisions["x_recent"].to_list()
    assert log.period.tolist() == decisions["period"].to_list()
    assert (log.propensities is not None) == vectors
    assert log.decided_at.tolist() == decisions["decided_at"].dt.epoch("us").to_list()
    report = tt.check(log)
    assert not [f for f in report.findings if f.level == "error"]
    policy = tt.publish(tt.Conjugate().fit(log), SPEC.objective)
    assert tt.evaluate(log, uniform(GRID)).n == 800 - report.arms["control"]
    assert tt.decide(policy, users_of(log), 2962).height == 400


def test_decisions_in_csv_joined_with_outcomes_are_a_log(tmp_path):
    policy = uniform(GRID)
    decisions = pl.concat(
        [tt.decide(policy, people(50).with_columns(x_recent=1.0), p, at="2026-09-21") for p in (1, 2)]
    )
    write_decisions(decisions, tmp_path / "decisions.csv")
    # CSV writes the root as an empty field, which CSV readers take for a missing one.
    read = pl.read_csv(tmp_path / "decisions.csv").with_columns(pl.col("segment").fill_null("web"))
    joined(read).write_csv(tmp_path / "log.csv")
    spec = replace(
        SPEC, columns=replace(SPEC.columns, roles={k: v for k, v in SPEC.columns.roles.items() if k != "eligible"})
    )
    log = tt.read_log(tmp_path / "log.csv", spec)
    assert log.propensity.tolist() == decisions["propensity"].to_list()


def test_csv_refuses_what_it_cannot_hold(tmp_path):
    with pytest.raises(LogError, match="CSV cannot hold lists"):
        write_decisions(tt.decide(ARMS, people(9, k=GRID.k), 1), tmp_path / "d.csv")
    with pytest.raises(LogError, match="CSV cannot hold lists"):
        write_decisions(tt.decide(ARMS, people(9), 1, vectors=True), tmp_path / "d.csv.gz")
    assert not list(tmp_path.iterdir())


def test_two_actions_are_enough():
    policy = uniform(ActionSpace.named(["none", "send"]))
    assert_as_decider(policy, people(20), tt.decide(policy, people(20), 1), 1)


# Who is next


def test_the_users_of_a_log_without_those_who_left():
    opted_out = measured(ABSORBING, [0, 0, 1, 0, np.nan, 0])
    log = log_of(
        users=["b", "b", "a", "c", "d", "c"],
        period=[2, 1, 1, 2, 1, 1],
        action=[0] * 6,
        segment=["ios", "web", "web", "web/old", "ios/new", "ios"],
        outcomes=[opted_out],
    )
    assert users_of(log).rows() == [("b", "ios"), ("c", "web/old"), ("d", "ios/new")]


def test_users_of_a_log_without_absorbing_outcomes_are_all():
    assert users_of(random_log(1, users=7)).height == 7
    assert tt.decide(table(1), users_of(random_log(1, users=7)), 1).height == 7


def test_the_users_of_a_part_are_its_own():
    train, holdout = random_log(1, users=40).split(0.3)
    assert set(users_of(train)["user"]) & set(users_of(holdout)["user"]) == set()
    assert users_of(train).height + users_of(holdout).height == 40
