"""Reading: every format gives the same log, every default holds, and maturity is as the slow reference has it."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bad_inputs import SPEC, START, frame, stored
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import frames as reference
from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.draw import user_keys
from tactful.core.log import Coded, Log, Measured
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.frames import LogSpec, canonical_spec, read_log, to_frame, write_log

DATA = Path(__file__).parents[3] / "../shared/data"
SMALLEST_SPEC = {"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}}
FORMATS = ("parquet", "csv", "csv.gz", "ndjson", "jsonl", "ndjson.gz", "jsonl.gz")


def spec_of(**tables):
    return LogSpec.from_dict(SMALLEST_SPEC | tables)


def small(**edits):
    columns = {"user": ["a", "a", "b"], "period": [0, 1, 0], "action": ["none", "send", "send"], "opened": [0, 1, 1]}
    return pl.DataFrame({c: v for c, v in (columns | edits).items() if v is not None}, strict=False)


def toml(tmp_path, text=SPEC):
    path = tmp_path / "spec.toml"
    path.write_text(text)
    return LogSpec.from_toml(path)


# Formats


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_is_the_same_log(extension, tmp_path):
    spec = toml(tmp_path)
    path = tmp_path / f"log.{extension}"
    path.write_bytes(stored(frame(), path.name.replace("jsonl", "ndjson")))
    log, direct = read_log(path, spec), read_log(frame(), spec)
    assert log.fingerprint() == direct.fingerprint()
    assert log.decided_at.tolist() == [int((START + timedelta(weeks=w)).timestamp()) * 10**6 for w in [0, 1, 2] * 2]
    assert [a.dtype for a in (log.user, log.period, log.segment, log.action)] == [np.int64] * 4
    assert log.context.flags.c_contiguous


def test_lazy_frames_and_text_paths(tmp_path):
    spec = toml(tmp_path)
    frame().write_parquet(tmp_path / "log.parquet")
    assert read_log(str(tmp_path / "log.parquet"), spec).fingerprint() == read_log(frame().lazy(), spec).fingerprint()


@pytest.mark.parametrize("hive", [True, False])
def test_a_folder_of_partitions(hive, tmp_path):
    spec = toml(tmp_path)
    for week, rows in sorted(frame().partition_by("week", as_dict=True).items()):
        folder = tmp_path / "log" / (f"week={week[0]}" if hive else str(week[0]))
        folder.mkdir(parents=True)
        (rows.drop("week") if hive else rows).write_parquet(folder / "part.parquet")
    log = read_log(tmp_path / "log", spec)
    assert log.period.tolist() == [0, 0, 1, 1, 2, 2]
    assert log.user.tolist() == [0, 1] * 3


def test_a_folder_without_partitions(tmp_path):
    with pytest.raises(LogError, match="without Parquet files"):
        read_log(tmp_path, spec_of())


def test_identifiers_are_text_whatever_the_file_makes_of_them(tmp_path):
    numbers = read_log(small(user=[42, 42, 7]), spec_of())
    texts = read_log(small(user=["42", "42", "7"]), spec_of())
    assert numbers.user_ids.tolist() == texts.user_ids.tolist() == ["42", "7"]
    assert (numbers.user_key == user_keys(["42", "7"])).all()
    path = tmp_path / "log.csv"
    path.write_text(
        "user,period,action,opened\n007,0,send,1\n7,0,send,1\n99999999999999999999999999999999999999999,0,none,0\n"
    )
    assert read_log(path, spec_of()).user_ids.tolist() == ["007", "7", "9" * 41]
    path = tmp_path / "log.ndjson"
    path.write_text(
        '{"user":42,"period":0,"action":"send","opened":1}\n{"user":"42","period":1,"action":"send","opened":1}\n'
    )
    assert read_log(path, spec_of()).user_ids.tolist() == ["42"]


def test_users_have_codes_by_first_appearance():
    log = read_log(small(user=["z", "a", "z"], period=[0, 0, 1]), spec_of())
    assert log.user.tolist() == [0, 1, 0]
    assert log.user_ids.tolist() == ["z", "a"]


@pytest.mark.parametrize("name", ["a[1]*.csv", "a[1].ndjson", "a b?.parquet"])
def test_names_of_files_are_no_patterns(name, tmp_path):
    (tmp_path / name).write_bytes(stored(small(), name))
    assert read_log(tmp_path / name, spec_of()).n == 3


def test_columns_named_like_sql_words_are_quoted(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,period,action,opened\n1,0,send,1\n2,0,none,0\n")
    assert read_log(path, spec_of(log={"where": '"user" = 1'})).user_ids.tolist() == ["1"]


# Defaults and special columns


def test_canonical_columns_need_no_mapping():
    log = read_log(
        small(
            segment=["ios/new", "ios", ""],
            arm=["policy", "control", "policy"],
            propensity=[0.5, 1.0, 0.5],
            eligible=[[True, True], [False, True], [True, True]],
            propensities=[[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]],
            x_dose=[1, 2, 3],
            policy=["v1", None, "v1"],
            scope=["mail", "mail", None],
            fallback=[None, "timeout", None],
            opened_trials=[3, 3, 3],
        ),
        spec_of(outcomes={"opened": {"kind": "count"}}),
    )
    assert [log.segments.paths[s] for s in log.segment] == ["ios/new", "ios", ""]
    assert log.arm.equals("control").tolist() == [False, True, False]
    assert log.provenance == "logged"
    assert log.propensities.shape == log.eligible.shape == (3, 2)
    assert log.context_names == ("dose",)
    assert log.policy.names == ("v1", "")
    assert log.scope.names == ("mail", "")
    assert log.fallback.equals("timeout").tolist() == [False, True, False]
    assert log.outcomes["opened"].trials.tolist() == [3, 3, 3]
    assert log.outcomes["opened"].spec.has_trials


def test_what_is_absent_has_its_default():
    log = read_log(small(), spec_of())
    assert log.segments.paths == ("",)
    assert (log.arm.names, log.policy.names, log.scope.names) == (("policy",), ("",), ("",))
    assert log.propensity is log.propensities is log.eligible is log.context is log.decided_at is log.as_of is None
    assert log.provenance == "absent"
    assert log.outcomes["opened"].mature.all()


def test_propensities_alone_give_the_propensity():
    log = read_log(small(propensities=[[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), spec_of())
    assert log.propensity.tolist() == [0.9, 0.2, 0.3]


@pytest.mark.parametrize(
    ("kind", "has_propensities"), [("logged", True), ("design", True), ("estimated", False), ("absent", False)]
)
def test_provenance(kind, has_propensities):
    log = read_log(small(propensity=[0.5] * 3), spec_of(log={"propensities_are": kind}))
    assert log.provenance == kind
    assert (log.propensity is not None) == has_propensities


def test_context_by_name_prefix_and_expression():
    rows = small(x_dose=[1, 2, 3], tenure=[4, 5, 6])
    assert read_log(rows, spec_of(columns={"context": ["dose", "tenure"]})).context.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert read_log(rows, spec_of(columns={"context": []})).context is None
    log = read_log(rows, spec_of(columns={"context": {"long": {"expr": "tenure > 4"}, "dose": "x_dose"}}))
    assert log.context_names == ("long", "dose")
    assert log.context.tolist() == [[0, 1], [1, 2], [1, 3]]


def test_segments_join_escaped_parts():
    rows = small(os=["a/b", "a/b", "50%"], tier=[1, 2, 1])
    log = read_log(rows, spec_of(columns={"segment": ["os", {"expr": "tier + 1"}]}))
    assert [log.segments.paths[s] for s in log.segment] == ["a%2Fb/2", "a%2Fb/3", "50%25/2"]
    assert "a%2Fb" in log.segments.paths


def test_actions_are_mapped_from_text():
    actions = {"names": ["none", "send"], "map": {"0": "none", "1": "send"}}
    for values in ([0, 1, 1], ["0", "1", "1"], [0.0, 1.0, 1.0]):
        assert read_log(small(action=values), spec_of(actions=actions)).action.tolist() == [0, 1, 1]
    truths = {"names": ["none", "send"], "map": {"true": "send", "false": "none"}}
    assert read_log(small(action=[False, True, True]), spec_of(actions=truths)).action.tolist() == [0, 1, 1]


def test_every_row_its_own_user_counted_before_where():
    spec = spec_of(columns={"user": "@row"}, log={"where": "opened = 1"})
    log = read_log(small(user=None), spec)
    assert log.user_ids.tolist() == ["2", "3"]
    assert log.left_out == (("where: opened = 1", 1),)


def test_where_leaves_out_nulls_and_counts_rows_of_the_file():
    rows = small(opened=[None, 1, 5])
    with pytest.raises(LogError, match=r"binary .* in 1 row \(row 3: 5\)"):
        read_log(rows, spec_of(log={"where": "opened >= 0"}))
    log = read_log(rows, spec_of(log={"where": "opened < 5"}))
    assert (log.n, log.left_out) == (1, (("where: opened < 5", 2),))


def test_expressions_fail_only_on_rows_that_are_read():
    rows = small(sessions=["x", "1", "2"])
    spec = spec_of(
        outcomes={"active": {"expr": "CAST(sessions AS INT) > 1", "kind": "binary"}},
        log={"where": "period + opened > 0"},
    )
    assert read_log(rows, spec).outcomes["active"].value.tolist() == [0, 1]


# Times


TIMES = ["2026-11-02T08:00:00Z", "2026-11-02 09:30:00.5+01:00", "2026-11-02T08:00+0100"]
TIMES_US = [time_us(t, "") for t in ("2026-11-02T08:00:00Z", "2026-11-02T08:30:00.500000Z", "2026-11-02T07:00:00Z")]


def test_iso_texts_with_offsets():
    assert read_log(small(decided_at=TIMES), spec_of()).decided_at.tolist() == TIMES_US


@pytest.mark.parametrize("as_text", [True, False])
def test_naive_times_have_the_given_zone(as_text):
    naive = [datetime(2026, 7, 1, 8), datetime(2026, 12, 1, 8), datetime(2026, 10, 25, 2, 30)]
    spec = spec_of(log={"timezone": "Europe/Berlin"})
    log = read_log(small(decided_at=[t.isoformat() for t in naive] if as_text else naive), spec)
    expected = ["2026-07-01T06:00:00Z", "2026-12-01T07:00:00Z", "2026-10-25T00:30:00Z"]  # the first of two 02:30
    assert log.decided_at.tolist() == [time_us(t, "") for t in expected]


def test_dates_and_mixed_offsets():
    spec = spec_of(log={"timezone": "UTC"})
    days = read_log(small(decided_at=[date(2026, 11, 2)] * 3), spec)
    assert days.decided_at.tolist() == [time_us("2026-11-02", "")] * 3
    mixed = read_log(small(decided_at=[TIMES[1], "2026-11-02T08:00", "2026-11-02"]), spec)
    assert mixed.decided_at.tolist() == [TIMES_US[1], TIMES_US[0], time_us("2026-11-02", "")]


def test_epochs_by_expression():
    spec = spec_of(columns={"decided_at": {"expr": "CAST(s * 1000000 AS TIMESTAMP)"}}, log={"timezone": "UTC"})
    seconds = [1_780_304_400 + i for i in range(3)]
    assert read_log(small(s=seconds), spec).decided_at.tolist() == [s * 10**6 for s in seconds]


def test_periods_follow_from_times_and_times_from_periods():
    weekly = {"names": ["none", "send"], "period_days": 7}
    starts = ["2026-11-02T00:00Z", "2026-11-09T00:00Z", "2026-11-01T23:00Z"]
    log = read_log(small(period=None, decided_at=starts), spec_of(actions=weekly))
    assert log.period.tolist() == [2965, 2966, 2964]
    log = read_log(small(period=[0, 1, 2]), spec_of(actions=weekly))
    assert log.decided_at.tolist() == [4 * DAY_US, 11 * DAY_US, 18 * DAY_US]
    assert log.as_of == 18 * DAY_US
    log = read_log(small(period=[20261101, 20261108, 20261108]), spec_of(actions=weekly))
    assert log.decided_at is None  # such an index is no number of weeks


def test_ranks():
    times = [START + timedelta(days=d) for d in (2, 1, 5)]
    rows = small(period=None, user=["a"] * 3)
    spec = spec_of(columns={"period": "@rank"})
    assert read_log(rows, spec).period.tolist() == [0, 1, 2]
    assert read_log(rows.with_columns(decided_at=pl.Series(times)), spec).period.tolist() == [1, 0, 2]
    assert read_log(rows.with_columns(scope=pl.Series(["x", "y", "x"])), spec).period.tolist() == [0, 0, 1]


# Maturity


def windowed(null="refuse", days=2, log=None, **outcome):
    entry = {"kind": "binary", "window_days": days, "null": null} | outcome
    return spec_of(outcomes={"opened": entry}, log={"as_of": "2026-11-10"} | (log or {}))


def aged(*days):
    return [datetime(2026, 11, 10, tzinfo=UTC) - timedelta(days=d) for d in days]


def test_immature_is_unknown_even_if_something_arrived_early():
    log = read_log(small(decided_at=aged(1, 0, 2), opened=[1, None, 1]), windowed())
    assert log.outcomes["opened"].mature.tolist() == [False, False, True]
    np.testing.assert_array_equal(log.outcomes["opened"].value, [np.nan, np.nan, 1])


@pytest.mark.parametrize(("null", "value"), [("zero", 0.0), ("immature", np.nan)])
def test_null_past_its_window(null, value):
    outcome = read_log(small(decided_at=aged(1, 3, 4), opened=[None, None, 1]), windowed(null)).outcomes["opened"]
    assert outcome.mature.tolist() == [False, True, True]
    np.testing.assert_array_equal(outcome.value, [np.nan, value, 1])


def test_trials_of_nothing_are_nothing():
    rows = small(decided_at=aged(1, 3, 4), opened=[None, None, 1], sends=[None, None, 2])
    outcome = read_log(rows, windowed("zero", kind="count", trials="sends")).outcomes["opened"]
    np.testing.assert_array_equal(outcome.trials, [np.nan, 0, 2])
    np.testing.assert_array_equal(outcome.value, [np.nan, 0, 1])


def test_rows_after_as_of_are_left_out_and_counted():
    log = read_log(small(decided_at=aged(3, -1, 4)), windowed())
    assert log.n == 2
    assert log.left_out == (("decided after as_of 2026-11-10T00:00:00+00:00", 1),)
    assert log.as_of == time_us("2026-11-10", "")


def test_the_newest_time_after_where_is_now():
    spec = windowed(log={"as_of": "max", "where": "period = 0"})
    log = read_log(small(decided_at=aged(3, 0, 1)), spec)
    assert log.as_of == log.decided_at.max()
    assert log.outcomes["opened"].mature.tolist() == [True, False]


def test_an_opt_out_may_arrive_after_the_next_decision():
    rows = small(user=["a"] * 3, period=[0, 1, 2], decided_at=aged(9, 7, 6), opened=[1, 0, 0])
    inside = windowed(days=3, absorbing=True)
    assert read_log(rows, inside).n == 3
    with pytest.raises(LogError, match=r"in 1 row \(row 3"):
        read_log(rows, windowed(days=2, absorbing=True))
    assert read_log(rows, windowed(days=2, absorbing=True, log={"rejoin": "spell"})).n == 3
    assert read_log(rows.with_columns(scope=pl.Series(["x", "x", "y"])), windowed(days=2, absorbing=True)).n == 3


decisions = st.lists(
    st.builds(
        reference.Decision,
        user=st.sampled_from("ab"),
        scope=st.sampled_from("xy"),
        at=st.integers(0, 12),
        value=st.sampled_from([0.0, 0.0, 1.0, None]),
    ),
    min_size=1,
    max_size=8,
)


def as_frame(rows):
    return pl.DataFrame(
        {
            "user": [d.user for d in rows],
            "scope": [d.scope for d in rows],
            "decided_at": [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=d.at) for d in rows],
            "action": ["send"] * len(rows),
            "opened": pl.Series([d.value for d in rows], dtype=pl.Float64),
        }
    )


@settings(max_examples=150, deadline=None)
@given(decisions, st.integers(0, 4), st.sampled_from(["refuse", "zero", "immature"]), st.sampled_from([None, 12]))
def test_maturity_is_that_of_the_reference(rows, window, null, as_of):
    as_of_day = max(d.at for d in rows) if as_of is None else as_of
    expected = [reference.outcome(d, as_of_day, window, null) for d in rows]
    log = {} if as_of is None else {"as_of": "2026-01-13"}
    spec = spec_of(
        columns={"period": "@rank"},
        outcomes={"opened": {"kind": "binary", "window_days": window, "null": null}},
        log=log,
    )
    refused = expected.count(reference.REFUSED)
    if refused:
        with pytest.raises(LogError, match=f"older than its window in {refused} row"):
            read_log(as_frame(rows), spec)
        return
    read = read_log(as_frame(rows), spec)
    assert read.period.tolist() == reference.ranks(rows)
    assert read.outcomes["opened"].mature.tolist() == [mature for mature, _ in expected]
    np.testing.assert_array_equal(
        read.outcomes["opened"].value, [np.nan if value is None else value for _, value in expected]
    )


@settings(max_examples=150, deadline=None)
@given(decisions, st.integers(0, 4))
def test_the_absorbing_rule_is_that_of_the_reference(rows, window):
    late = reference.after_the_end(rows, window)
    entry = {"kind": "binary", "window_days": window, "null": "immature", "absorbing": True}
    spec = spec_of(columns={"period": "@rank"}, outcomes={"opened": entry})
    if not late:
        assert read_log(as_frame(rows), spec).n == len(rows)
        return
    with pytest.raises(LogError, match=rf"absorbing .* in {len(late)} row.* \(rows? {late[0] + 1}:"):
        read_log(as_frame(rows), spec)


# Writing


@st.composite
def logs(draw, vectors=True):
    """Logs as reading would make them."""
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    space = draw(st.sampled_from([ActionSpace.named(["none", "send"]), ActionSpace.grid(["08:00"], [1, 3])]))
    paths = [draw(st.sampled_from(["", "ios", "ios/new", "a%2Fb", "wéb"])) for _ in range(n)]
    segments = Segments.of(paths)
    action = rng.integers(0, space.k, n)
    decided_at = time_us("2026-11-02", "") + rng.integers(0, 20 * DAY_US, n)
    age = (as_of := int(decided_at.max()) + draw(st.integers(0, DAY_US))) - decided_at
    mature = age >= 3 * DAY_US
    is_known = mature & (rng.random(n) < draw(st.sampled_from([0.5, 1.0])))
    trials = rng.integers(0, 5, n).astype(float)
    pmf = rng.dirichlet(np.ones(space.k), n)
    with_vectors = vectors and draw(st.booleans())
    ids = [f"u{i}" if i else " " for i in range(n)]
    scope = Coded(np.arange(n), tuple(f"s,{i}\n\"'" if i else "" for i in range(n)))
    return Log(
        actions=space,
        segments=segments,
        user=np.arange(n),
        user_ids=np.array(ids, object),
        user_key=user_keys(ids),
        period=rng.integers(-(2**40), 2**40, n),
        segment=np.array([segments.index(p) for p in paths]),
        action=action,
        arm=Coded.constant("policy", n),
        policy=Coded.constant("", n),
        scope=scope,
        outcomes={
            "opens": Measured(
                Outcome("opens", "count", window_us=3 * DAY_US, has_trials=True),
                np.where(is_known, np.floor(trials / 2), np.nan),
                mature,
                np.where(is_known, trials, np.nan),
            ),
            "spent": Measured(Outcome("spent", "real"), rng.normal(size=n) * 1e-9, np.ones(n, bool)),
        },
        decided_at=decided_at,
        propensity=pmf[np.arange(n), action],
        propensities=pmf if with_vectors else None,
        eligible=np.ones((n, space.k), bool) if with_vectors else None,
        context=rng.normal(size=(n, 2)),
        context_names=("dose", "age"),
        fallback=Coded.constant("", n),
        as_of=as_of,
        provenance="logged",
    )


def say_the_same(a: Log, b: Log) -> bool:
    """Whether two logs say the same; codes may differ."""
    arrays = ("period", "action", "decided_at", "propensity", "propensities", "eligible", "context")
    pairs = [(getattr(a, name), getattr(b, name)) for name in arrays]
    for o, m in a.outcomes.items():
        twin = b.outcomes[o]
        pairs += [(m.value, twin.value), (m.trials, twin.trials), (m.mature, twin.mature)]
        assert m.spec == twin.spec
    for x, y in pairs:
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)
    names = ("actions", "segments", "context_names", "as_of", "provenance")
    assert [getattr(a, p) for p in names] == [getattr(b, p) for p in names]
    assert (a.fallback is None) == (b.fallback is None)
    for name in ("arm", "policy", "scope", *(("fallback",) if a.fallback else ())):
        x, y = getattr(a, name), getattr(b, name)
        assert [x.names[c] for c in x.code] == [y.names[c] for c in y.code]
    return a.fingerprint() == b.fingerprint()


@settings(max_examples=40, deadline=None)
@given(logs())
@pytest.mark.parametrize("extension", ["parquet", "ndjson", "jsonl.gz"])
def test_round_trip(extension, tmp_path_factory, log):
    path = tmp_path_factory.mktemp("log") / f"log.{extension}"
    write_log(log, path)
    assert say_the_same(read_log(path, canonical_spec(log)), log)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@settings(max_examples=40, deadline=None)
@given(logs(vectors=False))
@pytest.mark.parametrize("extension", ["csv", "csv.gz"])
def test_round_trip_of_csv(extension, tmp_path_factory, log):
    path = tmp_path_factory.mktemp("log") / f"log.{extension}"
    write_log(log, path)
    assert say_the_same(read_log(path, canonical_spec(log)), log)


def test_a_read_log_reads_again(tmp_path):
    spec = toml(tmp_path)
    log = read_log(frame(), spec)
    assert say_the_same(read_log(to_frame(log), canonical_spec(log)), log)


def test_csv_holds_no_vectors(tmp_path):
    log = read_log(small(eligible=[[True, True]] * 3), spec_of())
    with pytest.raises(LogError, match="CSV cannot hold lists, and the log has eligible"):
        write_log(log, tmp_path / "log.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"), [("log.xlsx", "unknown kind of file"), ("no/log.csv", "No such file or directory; choose")]
)
def test_what_cannot_be_written(name, message, tmp_path):
    with pytest.raises(LogError, match=message):
        write_log(read_log(small(), spec_of()), tmp_path / name)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "log.parquet"
    log = read_log(small(), spec_of())
    write_log(log, path)
    old_bytes = path.read_bytes()

    def fail(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(LogError, match="disk full"):
        write_log(replace(log, provenance="design"), path)
    assert path.read_bytes() == old_bytes
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_equal_logs_give_equal_files(tmp_path):
    log = read_log(small(), spec_of())
    for name in ("a.csv.gz", "b.csv.gz"):
        write_log(log, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).startswith(b"user,period,segment")


# Real data


@pytest.mark.skipif(not (DATA / "heartsteps_log.csv.gz").exists(), reason="../shared/data is not here")
def test_heartsteps():
    spec = LogSpec.from_dict(
        {
            "actions": {"names": ["none", "send"], "map": {"0": "none", "1": "send"}},
            "columns": {
                "period": "decision",
                "decided_at": "select_utc",
                "segment": {"expr": "CASE WHEN weekday >= 5 THEN 'weekend' ELSE 'workday' END"},
                "action": "send",
                "propensity": {"expr": "CASE WHEN send = 1 THEN p_send ELSE 1 - p_send END"},
                "context": ["steps_pre30"],
            },
            "outcomes": {
                "log_steps": {"expr": "LN(steps_post30 + 0.5)", "kind": "real"},
                "active": {"expr": "steps_post30 >= 100", "kind": "binary"},
            },
            "log": {
                "where": "available = 1 AND steps_pre30 IS NOT NULL",
                "timezone": "UTC",
                "propensities_are": "design",
            },
        }
    )
    log = read_log(DATA / "heartsteps_log.csv.gz", spec)
    assert log.users == 37
    assert log.n + log.left_out[0][1] == 7540
    assert log.provenance == "design"
    assert set(np.round(log.propensity, 12)) == {0.4, 0.6}
    assert log.segments.paths == ("", "weekend", "workday")
